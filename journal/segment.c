#include "journal/segment.h"

#include "base/crc32c.h"
#include "journal/journal_io.h"

#include <string.h>

struct journal_counts segment_counts_before(const struct frame_header *h)
{
	return (struct journal_counts){ h->cum_control, h->cum_bulk, h->cum_bytes };
}

struct journal_counts segment_counts_after(const struct frame_header *h)
{
	return (struct journal_counts){
		h->cum_control + h->n_control,
		h->cum_bulk + h->n_bulk,
		h->cum_bytes + h->bytes_in,
	};
}

struct journal_counts segment_counts_diff(struct journal_counts a, struct journal_counts b)
{
	if (a.control_records < b.control_records || a.bulk_records < b.bulk_records ||
	    a.bytes_in < b.bytes_in)
		return (struct journal_counts){ 0 };
	return (struct journal_counts){
		a.control_records - b.control_records,
		a.bulk_records - b.bulk_records,
		a.bytes_in - b.bytes_in,
	};
}

void segment_walk(struct walk *w, const struct journal_io *io, int fd, const struct segment *s)
{
	memset(w, 0, offsetof(struct walk, window));
	w->io = io;
	w->fd = fd;
	w->salt = s->salt;
	w->segment = s->first_seq;
	w->off = FORMAT_FIRST_FRAME;
	w->size = s->end;
	w->seq = s->first_seq;
	w->rec = s->first_rec;
	w->cum = s->cum;
	w->below = s->last_seq + 1;
}

void segment_refresh(struct walk *w)
{
	w->window_n = 0;
}

/* The bytes at off, at most a sector and at most up to w->size; *n says how many. */
static const uint8_t *look(struct walk *w, uint64_t off, size_t *n)
{
	uint64_t left = off < w->size ? w->size - off : 0;
	size_t want = left < FORMAT_SECTOR ? (size_t)left : FORMAT_SECTOR;

	if (off < w->window_off || off + want > w->window_off + w->window_n) {
		size_t ask = left < sizeof(w->window) ? (size_t)left : sizeof(w->window);
		ssize_t r = w->io->pread(w->io->ctx, w->fd, w->window, ask, off);

		if (r < 0 && ask > want) /* one bad sector must not hide its neighbours */
			r = w->io->pread(w->io->ctx, w->fd, w->window, want, off);
		if (r < 0)
			w->saw_eio = true;
		w->window_off = off;
		w->window_n = r > 0 ? (size_t)r : 0;
	}

	size_t have = w->window_n - (size_t)(off - w->window_off);

	*n = have < want ? have : want;
	return w->window + (off - w->window_off);
}

/* FORMAT_OK: at off stands a frame of this segment that may come next. */
static enum format_result frame_at(struct walk *w, uint64_t off, struct frame_header *h)
{
	struct frame_place place;
	size_t n;
	const uint8_t *p = look(w, off, &n);
	enum format_result r = format_frame_decode(p, n, w->salt, off, h, &w->why);

	if (r != FORMAT_OK)
		return r;
	format_place(h, &place);
	if (h->seq < w->seq || h->seq >= w->below || place.end > w->size)
		return FORMAT_BAD;
	return FORMAT_OK;
}

enum walk_result segment_next(struct walk *w, struct frame_header *h, struct journal_damage *d)
{
	struct frame_place place;
	uint64_t off = w->off;
	enum format_result r = FORMAT_BAD;

	if (w->seq >= w->below)
		return WALK_END;
	for (; off < w->size; off += FORMAT_SECTOR) {
		r = frame_at(w, off, h);
		if (r != FORMAT_BAD)
			break;
	}
	if (r == FORMAT_FOREIGN)
		return WALK_FOREIGN;
	if (r == FORMAT_BAD)
		return WALK_END;
	if (h->seq > w->seq) {
		*d = (struct journal_damage){
			.segment = w->segment,
			.offset = w->off,
			.seq_from = w->seq,
			.seq_to = h->seq - 1,
			.rec_from = w->rec,
			.rec_to = h->rec_seq > w->rec ? h->rec_seq : w->rec,
			.lost = segment_counts_diff(segment_counts_before(h), w->cum),
			.why = w->saw_eio ? "read error" : "frame header damaged",
		};
		w->off = off;
		w->seq = h->seq;
		w->rec = h->rec_seq;
		w->cum = segment_counts_before(h);
		w->saw_eio = false;
		return WALK_DAMAGE;
	}
	format_place(h, &place);
	w->off = place.next;
	w->seq = h->seq + 1;
	w->rec = h->rec_seq + format_records(h);
	w->cum = segment_counts_after(h);
	w->saw_eio = false;
	return WALK_FRAME;
}

enum format_result segment_header(const struct journal_io *io, int fd, struct segment_header *h,
    bool *blank, bool *eio, const char **why)
{
	static const uint8_t zeros[FORMAT_SECTOR];

	*blank = true;
	*eio = false;
	for (unsigned copy = 0; copy < 2; copy++) {
		uint8_t sector[FORMAT_SECTOR] = { 0 };
		ssize_t r =
		    io->pread(io->ctx, fd, sector, sizeof(sector), copy * (uint64_t)FORMAT_SECTOR);

		if (r < 0)
			*eio = true;
		if (r < 0 || memcmp(sector, zeros, sizeof(zeros)) != 0)
			*blank = false;
		if (r != FORMAT_SECTOR)
			continue;

		enum format_result f = format_segment_decode(sector, h, why);

		if (f != FORMAT_BAD)
			return f;
	}
	return FORMAT_BAD;
}

enum block_result segment_block(
    const struct journal_io *io, int fd, uint64_t off, size_t n, uint32_t crc, void *buf)
{
	uint8_t part[16384];
	uint32_t sum = 0;

	if (buf != NULL) {
		ssize_t r = io->pread(io->ctx, fd, buf, n, off);

		if (r < 0)
			return BLOCK_EIO;
		return (size_t)r == n && crc32c(0, buf, n) == crc ? BLOCK_OK : BLOCK_BAD;
	}
	while (n > 0) {
		size_t ask = n < sizeof(part) ? n : sizeof(part);
		ssize_t r = io->pread(io->ctx, fd, part, ask, off);

		if (r < 0)
			return BLOCK_EIO;
		if ((size_t)r != ask)
			return BLOCK_BAD;
		sum = crc32c(sum, part, ask);
		off += ask;
		n -= ask;
	}
	return sum == crc ? BLOCK_OK : BLOCK_BAD;
}

enum block_result segment_check(const struct journal_io *io, int fd, const struct frame_header *h)
{
	struct frame_place p;
	enum block_result r;

	format_place(h, &p);
	r = segment_block(io, fd, p.control, h->control_len, h->control_crc, NULL);
	if (r == BLOCK_OK)
		r = segment_block(io, fd, p.bulk, h->bulk_len, h->bulk_crc, NULL);
	return r;
}
