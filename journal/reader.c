#include "journal/reader.h"

#include "base/clock.h"
#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EIO_RETRIES 2u

struct journal_reader {
	struct journal *j;
	enum journal_lane lane;
	uint64_t seq;		   /* last frame passed */
	uint64_t rec;		   /* record number after it, 0 unknown */
	struct journal_counts cum; /* of everything up to seq */
	bool cum_known;
	bool open; /* walk.fd is ours */
	struct walk walk;
	uint64_t skip_before; /* commit time, µs */
	unsigned eio;	      /* read errors of the frame after seq */
	char *buf;
	size_t cap;
};

int journal_reader_open(struct journal *j, enum journal_lane lane, uint64_t after_seq,
    struct journal_reader **out, struct err *e)
{
	struct journal_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set(e, ENOMEM, "journal reader: out of memory");
	r->j = j;
	r->lane = lane;
	r->seq = after_seq;
	*out = r;
	return 0;
}

void journal_reader_skip(struct journal_reader *r, int64_t before_us)
{
	r->skip_before = before_us > 0 ? (uint64_t)before_us : 0;
}

static void close_segment(struct journal_reader *r)
{
	if (r->open)
		r->j->io->close(r->j->io->ctx, r->walk.fd);
	r->open = false;
}

void journal_reader_close(struct journal_reader *r)
{
	if (r == NULL)
		return;
	close_segment(r);
	free(r->buf);
	free(r);
}

static uint64_t lane_count(const struct journal_reader *r, struct journal_counts c)
{
	return journal_lane_records(&c, r->lane);
}

/* Be after frame seq, and say so in the item. */
static void pass(struct journal_reader *r, uint64_t seq, uint64_t rec, struct journal_item *item)
{
	r->seq = seq;
	r->rec = rec;
	r->eio = 0;
	item->seq = seq;
	item->next_rec = rec;
}

static enum journal_read give_damage(
    struct journal_reader *r, const struct journal_damage *d, struct journal_item *item)
{
	item->damage = *d;
	item->n = lane_count(r, d->lost);
	pass(r, d->seq_to, d->rec_to, item);
	return JOURNAL_READ_DAMAGE;
}

/* Wait until a frame after r->seq is durable. Called and returns with mu held. */
static enum journal_read wait_durable(struct journal_reader *r, const struct timespec *until)
{
	struct journal *j = r->j;

	while (j->durable <= r->seq) {
		if (j->stopping)
			return JOURNAL_READ_STOPPED;
		if (pthread_cond_timedwait(&j->changed, &j->mu, until) == ETIMEDOUT &&
		    j->durable <= r->seq)
			return j->stopping ? JOURNAL_READ_STOPPED : JOURNAL_READ_TIMEOUT;
	}
	return JOURNAL_READ_FRAME;
}

/* The segment that holds the frame after r->seq, or what is missing before it. mu is held. */
static bool find_segment(struct journal_reader *r, struct segment *s, struct journal_damage *d)
{
	const struct journal *j = r->j;
	uint64_t want = r->seq + 1;

	*d = (struct journal_damage){
		.segment = want,
		.seq_from = want,
		.seq_to = j->durable,
		.rec_from = r->rec,
		.rec_to = j->stats.next_rec,
		.why = "frames missing",
	};
	for (size_t i = 0; i < j->n_seg; i++) {
		*s = j->seg[i];
		if (s->dead || s->last_seq < s->first_seq || s->last_seq < want)
			continue;
		if (s->first_seq <= want)
			return true;
		d->segment = s->first_seq;
		d->seq_to = s->first_seq - 1;
		d->rec_to = s->first_rec;
		if (r->cum_known)
			d->lost = segment_counts_diff(s->cum, r->cum);
		r->cum = s->cum;
		r->cum_known = true;
		break;
	}
	if (d->rec_from == 0 || d->rec_from > d->rec_to)
		d->rec_from = d->rec_to;
	return false;
}

/* Go on in segment s: newly open it, or see how far it reaches now. -ENOENT, -EIO... */
static int enter_segment(struct journal_reader *r, const struct segment *s, struct err *e)
{
	const struct journal_io *io = r->j->io;
	char path[SLOTS_PATH_MAX];

	if (r->open && r->walk.segment == s->first_seq) {
		r->walk.size = s->end;
		r->walk.below = s->last_seq + 1;
		segment_refresh(&r->walk);
		return 0;
	}
	close_segment(r);
	if (commit_segment_path(r->j, s->first_seq, path, e) != 0)
		return -1;

	int fd = io->open(io->ctx, path, O_RDONLY);

	if (fd < 0)
		return err_set(e, -fd, "%s: %s", path, strerror(-fd));
	segment_walk(&r->walk, io, fd, s);
	r->open = true;
	return 0;
}

/* Have a walk that may yield the frame after r->seq. FRAME: yes; else the item says what. */
static enum journal_read locate(struct journal_reader *r, const struct timespec *until,
    struct journal_item *item, struct err *e)
{
	struct journal *j = r->j;
	struct journal_damage d;
	struct segment s;
	bool found = false;

	pthread_mutex_lock(&j->mu);

	enum journal_read got = wait_durable(r, until);

	if (got == JOURNAL_READ_FRAME)
		found = find_segment(r, &s, &d);
	pthread_mutex_unlock(&j->mu);

	if (got != JOURNAL_READ_FRAME) {
		item->seq = r->seq;
		item->next_rec = r->rec;
		return got;
	}
	if (!found)
		return give_damage(r, &d, item);
	return enter_segment(r, &s, e) == 0 ? JOURNAL_READ_FRAME : JOURNAL_READ_ERROR;
}

/* What the walk's end means: frames that should have come before it did not. */
static bool tail_missing(struct journal_reader *r, struct journal_damage *d)
{
	struct walk *w = &r->walk;
	struct segment s = { 0 };
	struct journal *j = r->j;

	if (w->seq >= w->below || w->below - 1 <= r->seq)
		return false;
	pthread_mutex_lock(&j->mu);
	for (size_t i = 0; i < j->n_seg; i++)
		if (j->seg[i].first_seq == w->segment)
			s = j->seg[i];
	pthread_mutex_unlock(&j->mu);
	*d = (struct journal_damage){
		.segment = w->segment,
		.offset = w->off,
		.seq_from = w->seq,
		.seq_to = w->below - 1,
		.rec_from = w->rec,
		.rec_to = w->rec,
		.why = "frame header damaged",
	};
	if (s.last_seq + 1 == w->below) { /* else it has grown: the later headers will tell */
		d->rec_to = s.next_rec > w->rec ? s.next_rec : w->rec;
		d->lost = segment_counts_diff(s.next_cum, w->cum);
		w->cum = s.next_cum;
		w->rec = d->rec_to;
	}
	w->seq = w->below;
	return true;
}

static bool is_shed(struct journal_reader *r, const struct frame_header *h)
{
	if (r->lane == JOURNAL_CONTROL)
		return false;
	if (h->bulk_len == 0 || h->time_us < r->skip_before)
		return true;
	pthread_mutex_lock(&r->j->mu);

	bool shed = h->seq < r->j->floor;

	pthread_mutex_unlock(&r->j->mu);
	return shed;
}

static int grow(struct journal_reader *r, size_t n, struct err *e)
{
	if (n <= r->cap)
		return 0;

	char *grown = realloc(r->buf, n);

	if (grown == NULL)
		return err_set(e, ENOMEM, "journal reader: out of memory");
	r->buf = grown;
	r->cap = n;
	return 0;
}

/* The lane's block of frame h. ERROR leaves the reader before the frame. */
static enum journal_read read_block(struct journal_reader *r, const struct frame_header *h,
    struct journal_item *item, struct err *e)
{
	bool control = r->lane == JOURNAL_CONTROL;
	size_t n = control ? h->control_len : h->bulk_len;
	uint32_t crc = control ? h->control_crc : h->bulk_crc;
	struct frame_place p;
	struct journal_damage d = {
		.segment = r->walk.segment,
		.offset = h->offset,
		.seq_from = h->seq,
		.seq_to = h->seq,
		.rec_from = item->rec_seq,
		.rec_to = item->rec_seq + item->n,
		.lost = { .control_records = item->n, .bulk_records = item->n },
		.why = "block damaged",
	};

	if (is_shed(r, h))
		return JOURNAL_READ_SHED;
	if (grow(r, n, e) != 0)
		return JOURNAL_READ_ERROR;
	format_place(h, &p);

	enum block_result b =
	    segment_block(r->j->io, r->walk.fd, control ? p.control : p.bulk, n, crc, r->buf);

	if (b == BLOCK_OK) {
		item->payload = (struct slice){ r->buf, n };
		return JOURNAL_READ_FRAME;
	}
	if (is_shed(r, h)) /* freed while it was being read */
		return JOURNAL_READ_SHED;
	if (b == BLOCK_EIO && r->eio < EIO_RETRIES) {
		r->eio++;
		err_set(
		    e, EIO, "%s: frame %llu: read error", r->j->dir, (unsigned long long)h->seq);
		return JOURNAL_READ_ERROR;
	}
	if (b == BLOCK_EIO)
		d.why = "read error";
	item->damage = d;
	return JOURNAL_READ_DAMAGE;
}

/* Give frame h if it has records in the lane. TIMEOUT stands for "nothing to give here". */
static enum journal_read give_frame(struct journal_reader *r, const struct frame_header *h,
    struct journal_item *item, struct err *e)
{
	enum journal_read got = JOURNAL_READ_TIMEOUT;

	item->frame = *h;
	item->n = r->lane == JOURNAL_CONTROL ? h->n_control : h->n_bulk;
	item->rec_seq = r->lane == JOURNAL_CONTROL ? h->rec_seq : h->rec_seq + h->n_control;
	if (item->n > 0)
		got = read_block(r, h, item, e);
	if (got != JOURNAL_READ_ERROR) {
		pass(r, h->seq, h->rec_seq + format_records(h), item);
		r->cum = segment_counts_after(h);
		r->cum_known = true;
	}
	return got;
}

/* One step of the walk. TIMEOUT: nothing to give, step again; STOPPED: the walk is at its end. */
static enum journal_read step(struct journal_reader *r, struct journal_item *item, struct err *e)
{
	struct walk *w = &r->walk;
	struct journal_damage d;
	struct frame_header h;
	uint64_t off = w->off;
	uint64_t rec = w->rec;
	struct journal_counts cum = w->cum;

	switch (segment_next(w, &h, &d)) {
	case WALK_FRAME:
		break;
	case WALK_DAMAGE:
		if (d.seq_to <= r->seq)
			return JOURNAL_READ_TIMEOUT;
		if (d.seq_from <= r->seq)
			d.seq_from = r->seq + 1;
		r->cum = w->cum;
		r->cum_known = true;
		return give_damage(r, &d, item);
	case WALK_END:
		if (!tail_missing(r, &d))
			return JOURNAL_READ_STOPPED;
		r->cum = w->cum;
		return give_damage(r, &d, item);
	case WALK_FOREIGN:
	default:
		err_set(e, ENOTSUP, "%s: %s", r->j->dir, w->why);
		return JOURNAL_READ_ERROR;
	}
	if (h.seq <= r->seq)
		return JOURNAL_READ_TIMEOUT;

	enum journal_read got = give_frame(r, &h, item, e);

	if (got == JOURNAL_READ_ERROR) { /* the same frame again next time */
		w->off = off;
		w->seq = h.seq;
		w->rec = rec;
		w->cum = cum;
	}
	return got;
}

enum journal_read journal_reader_next(
    struct journal_reader *r, unsigned timeout_ms, struct journal_item *item, struct err *e)
{
	struct timespec until = clock_in_ms(timeout_ms);
	enum journal_read got;

	memset(item, 0, sizeof(*item));
	for (;;) {
		while (r->open) {
			got = step(r, item, e);
			if (got == JOURNAL_READ_STOPPED)
				break;
			if (got != JOURNAL_READ_TIMEOUT)
				return got;
		}
		got = locate(r, &until, item, e);
		if (got != JOURNAL_READ_FRAME)
			return got;
	}
}
