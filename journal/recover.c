#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What recovery learns on its way from the oldest segment to the newest. */
struct recovery {
	struct journal *j;
	struct err *e;
	uint64_t mark;	   /* highest sequence proven durable */
	uint64_t mark_rec; /* record number that must not be given again is below it */
	uint64_t seq;	   /* next sequence expected */
	uint64_t rec;	   /* next record number expected */
	bool have_id;
	struct frame_header last; /* newest good frame; seq 0: none */
	struct segment *newest;	  /* newest one whose header is good, or NULL */
	uint64_t newest_size;	  /* bytes of its file */
	bool eio_in_tail;	  /* its end could not be read */
	uint64_t before_end;	  /* newest->end without the last frame */
	uint64_t next_off;	  /* where the frame after the last one starts */
};

static void report(const struct journal *j, const struct journal_damage *d)
{
	if (j->opt.report != NULL)
		j->opt.report(j->opt.ctx, d);
}

static int found_name(void *arg, const char *name)
{
	struct recovery *r = arg;
	struct journal *j = r->j;
	struct segment s = { 0 };
	char path[SLOTS_PATH_MAX];
	size_t n = strlen(name);

	if (format_segment_number(name, &s.first_seq)) {
		s.last_seq = s.first_seq - 1;
		return commit_list_segment(j, &s, r->e) == 0 ? 0 : -ENOMEM;
	}
	if (n > 4 && strcmp(name + n - 4, ".tmp") == 0 && !j->opt.read_only &&
	    slots_path(path, j->dir, name, r->e) == 0)
		j->io->unlink(j->io->ctx, path); /* stays for the next start if that fails */
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	const struct segment *x = a;
	const struct segment *y = b;

	return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

/* Take over what a good header says. */
static int accept_header(
    struct recovery *r, struct segment *s, const struct segment_header *h, const char *path)
{
	struct journal *j = r->j;

	if (r->have_id && memcmp(j->id, h->journal_id, sizeof(j->id)) != 0)
		return err_set(r->e, EINVAL, "%s: belongs to another journal", path);
	if (!r->have_id) {
		memcpy(j->id, h->journal_id, sizeof(j->id));
		j->base_rec = h->base_rec;
		r->have_id = true;
	}
	s->salt = h->salt;
	s->first_rec = h->first_rec;
	s->next_rec = h->first_rec;
	s->cum = (struct journal_counts){ h->cum_control, h->cum_bulk, h->cum_bytes };
	s->next_cum = s->cum;
	return 0;
}

/* Header and size of one file. A blank one is left with dead set and disk 0. */
static int look_at(struct recovery *r, struct segment *s, bool *blank)
{
	const struct journal_io *io = r->j->io;
	struct segment_header h;
	struct journal_stat st = { 0 };
	char path[SLOTS_PATH_MAX];
	const char *why = "";
	bool eio = false;

	if (commit_segment_path(r->j, s->first_seq, path, r->e) != 0)
		return -1;

	int fd = io->open(io->ctx, path, O_RDONLY);

	if (fd == -ENOENT && r->j->opt.read_only) { /* its writer has just removed it */
		s->dead = true;
		return 0;
	}
	if (fd < 0)
		return err_set(r->e, -fd, "%s: %s", path, strerror(-fd));

	enum format_result f = segment_header(io, fd, &h, blank, &eio, &why);
	int rc = io->stat(io->ctx, fd, &st);

	io->close(io->ctx, fd);
	s->disk = st.disk;
	s->end = st.size; /* until the walk knows better */
	if (rc != 0 || (f == FORMAT_BAD && eio))
		return err_set(
		    r->e, EIO, "%s: cannot be read; move it away to go on without it", path);
	if (f == FORMAT_FOREIGN)
		return err_set(r->e, ENOTSUP, "%s: %s; nothing was changed", path, why);
	if (f == FORMAT_BAD || h.first_seq != s->first_seq) {
		s->dead = true;
		return 0;
	}
	return accept_header(r, s, &h, path);
}

static int look_at_all(struct recovery *r)
{
	struct journal *j = r->j;
	bool blank = false;

	for (size_t i = 0; i < j->n_seg; i++)
		if (look_at(r, &j->seg[i], &blank) != 0)
			return -1;
	while (j->n_seg > 0 && j->seg[j->n_seg - 1].dead) {
		struct segment *s = &j->seg[j->n_seg - 1];
		char path[SLOTS_PATH_MAX];

		if (look_at(r, s, &blank) != 0)
			return -1;
		if (!blank) {
			/* It held frames nobody can find: go on above all it had room for. */
			uint64_t room = s->end / FORMAT_SECTOR;

			if (s->first_seq + room > r->mark)
				r->mark = s->first_seq + room;
			return 0;
		}
		/* Never finished: the name became durable, the contents did not. */
		if (!j->opt.read_only && commit_segment_path(j, s->first_seq, path, r->e) == 0)
			j->io->unlink(j->io->ctx, path);
		j->n_seg--;
	}
	return 0;
}

static void cursor_mark(void *arg, const char *name, const struct journal_cursor *c)
{
	struct recovery *r = arg;

	(void)name;
	if (c == NULL || memcmp(c->journal_id, r->j->id, sizeof(c->journal_id)) != 0)
		return;
	for (unsigned i = 0; i < JOURNAL_LANES; i++) {
		if (c->lane[i].seq > r->mark)
			r->mark = c->lane[i].seq;
		if (c->lane[i].next_rec > r->mark_rec)
			r->mark_rec = c->lane[i].next_rec;
	}
}

/* Frames from r->seq up to next_seq are missing after those of r->newest. */
static void lost_between(
    struct recovery *r, uint64_t next_seq, uint64_t next_rec, const struct journal_counts *next_cum)
{
	struct journal_damage d = {
		.segment = r->newest->first_seq,
		.offset = r->newest->end,
		.seq_from = r->seq,
		.seq_to = next_seq - 1,
		.rec_from = r->rec,
		.rec_to = next_rec > r->rec ? next_rec : r->rec,
		.lost = segment_counts_diff(*next_cum, r->j->cum),
		.why = "frames missing at the end of the segment or after it",
	};

	report(r->j, &d);
	r->seq = next_seq;
	r->rec = d.rec_to;
	r->j->cum = *next_cum;
}

static void took_frame(struct recovery *r, struct segment *s, const struct frame_header *h)
{
	struct journal *j = r->j;
	struct frame_place place;
	uint64_t proven = h->flags & FRAME_CHECKPOINT ? h->covers : h->durable;

	if (proven > r->mark)
		r->mark = proven;
	if (h->floor > j->floor)
		j->floor = h->floor;
	if (h->seq == s->first_seq && (h->flags & FRAME_CHECKPOINT) != 0)
		s->checkpoint = true;
	format_place(h, &place);
	r->before_end = s->end;
	s->last_seq = h->seq;
	s->end = place.end;
	s->next_rec = h->rec_seq + format_records(h);
	s->next_cum = segment_counts_after(h);
	j->cum = s->next_cum;
	r->next_off = place.next;
	r->last = *h;
}

/* Go over the frames of one segment; `below` is where the next good one starts. */
static int walk_segment(struct recovery *r, struct segment *s, uint64_t below)
{
	const struct journal_io *io = r->j->io;
	struct journal_damage d;
	struct frame_header h;
	char path[SLOTS_PATH_MAX];
	struct walk w;
	enum walk_result got;

	if (commit_segment_path(r->j, s->first_seq, path, r->e) != 0)
		return -1;

	int fd = io->open(io->ctx, path, O_RDONLY);

	if (fd < 0)
		return err_set(r->e, -fd, "%s: %s", path, strerror(-fd));
	segment_walk(&w, io, fd, s);
	w.below = below;
	r->newest_size = s->end;
	s->end = FORMAT_FIRST_FRAME;
	r->next_off = FORMAT_FIRST_FRAME;
	r->newest = s;
	r->j->cum = s->cum;
	while ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE) {
		if (got == WALK_FRAME)
			took_frame(r, s, &h);
		else
			report(r->j, &d);
	}
	r->seq = w.seq;
	r->rec = w.rec;
	r->eio_in_tail = w.saw_eio;
	io->close(io->ctx, fd);
	if (got == WALK_FOREIGN)
		return err_set(r->e, ENOTSUP, "%s: %s; nothing was changed", path, w.why);
	return 0;
}

static int walk_all(struct recovery *r)
{
	struct journal *j = r->j;
	bool first = true;

	for (size_t i = 0; i < j->n_seg; i++) {
		struct segment *s = &j->seg[i];
		uint64_t below = UINT64_MAX;

		if (s->dead)
			continue;
		for (size_t k = i + 1; k < j->n_seg && below == UINT64_MAX; k++)
			if (!j->seg[k].dead)
				below = j->seg[k].first_seq;
		if (!first && s->first_seq > r->seq)
			lost_between(r, s->first_seq, s->first_rec, &s->cum);
		first = false;
		if (walk_segment(r, s, below) != 0)
			return -1;
		if (r->seq - 1 > r->mark && below != UINT64_MAX)
			r->mark = r->seq - 1;
	}
	return 0;
}

/* Write the bytes of the frame again and sync: they may be in the page cache only. */
static int write_again(const struct journal_io *io, int fd, const struct frame_header *h)
{
	struct frame_place p;
	uint8_t part[16384];

	format_place(h, &p);
	for (uint64_t off = h->offset; off < p.end;) {
		size_t n = p.end - off < sizeof(part) ? (size_t)(p.end - off) : sizeof(part);
		ssize_t got = io->pread(io->ctx, fd, part, n, off);

		if (got < 0 || (size_t)got != n)
			return got < 0 ? (int)got : -EIO;

		int rc = io->pwrite(io->ctx, fd, part, n, off);

		if (rc != 0)
			return rc;
		off += n;
	}
	return io->datasync(io->ctx, fd);
}

static void drop_last_frame(struct recovery *r)
{
	struct segment *s = r->newest;

	s->last_seq = r->last.seq - 1;
	s->end = r->before_end;
	s->next_rec = r->last.rec_seq;
	s->next_cum = segment_counts_before(&r->last);
	r->j->cum = s->next_cum;
	r->next_off = r->last.offset;
	r->seq = r->last.seq;
	r->rec = r->last.rec_seq;
}

/*
 * The end of the newest segment: prove the last frame or cut it, then cut what follows it.
 * Leaves j->fd open where appending may go on, -1 where a new segment is needed.
 */
static int settle_tail(struct recovery *r, int fd)
{
	struct journal *j = r->j;
	const struct journal_io *io = j->io;
	struct segment *s = r->newest;
	int rc = 0;

	if (r->last.seq > r->mark && r->last.seq == s->last_seq) {
		enum block_result b = segment_check(io, fd, &r->last);

		if (b == BLOCK_EIO)
			return -EIO;
		if (b == BLOCK_BAD)
			drop_last_frame(r);
		else if (!j->opt.read_only)
			rc = write_again(io, fd, &r->last);
		if (rc != 0)
			return rc;
	}
	if (r->mark >= r->seq) { /* frames that were durable are gone: cut nothing */
		j->fd = -1;
		return 0;
	}
	if (r->eio_in_tail)
		return -EIO;
	if (j->opt.read_only)
		return 0;
	if (r->newest_size > s->end) {
		rc = io->truncate(io->ctx, fd, s->end);
		if (rc == 0)
			rc = io->datasync(io->ctx, fd);
	}
	if (rc == 0)
		j->fd = fd; /* after a failed cut a new segment bounds this one instead */
	return 0;
}

static int finish_tail(struct recovery *r)
{
	struct journal *j = r->j;
	char path[SLOTS_PATH_MAX];

	if (commit_segment_path(j, r->newest->first_seq, path, r->e) != 0)
		return -1;

	int fd = j->io->open(j->io->ctx, path, j->opt.read_only ? O_RDONLY : O_RDWR);

	if (fd < 0)
		return err_set(r->e, -fd, "%s: %s", path, strerror(-fd));

	int rc = settle_tail(r, fd);

	if (j->fd != fd)
		j->io->close(j->io->ctx, fd);
	if (rc != 0)
		return err_set(r->e, -rc, "%s: end of the journal: %s", path, strerror(-rc));
	j->next_off = r->next_off;
	return 0;
}

/* A journal that has no readable segment: new, or everything in it is lost. */
static int begin(struct recovery *r)
{
	struct journal *j = r->j;

	if (j->opt.read_only)
		return err_set(r->e, ENOENT, "%s: no journal", j->dir);
	if (j->n_seg > 0)
		return err_set(r->e, EBADMSG,
		    "%s: no segment is readable; move them away to start anew", j->dir);

	int rc = j->io->random(j->io->ctx, j->id, sizeof(j->id));

	if (rc != 0)
		return err_set(r->e, -rc, "%s: no random bytes", j->dir);
	j->next_seq = 1;
	j->base_rec = j->io->now_us(j->io->ctx);
	j->next_rec = j->base_rec;
	return commit_new_segment(j, NULL, r->e);
}

int recover_journal(struct journal *j, struct err *e)
{
	struct recovery r = {
		.j = j, .e = e, .mark = j->opt.known_seq, .mark_rec = j->opt.known_rec
	};

	int rc = j->io->list(j->io->ctx, j->dir, found_name, &r);

	/* A name may be in the cache only, if the last process died after a failed sync. */
	if (rc == 0 && !j->opt.read_only)
		rc = j->io->sync_dir(j->io->ctx, j->dir);
	if (rc != 0)
		return err_set(e, -rc, "%s: %s", j->dir, strerror(-rc));
	if (j->n_seg > 0)
		qsort(j->seg, j->n_seg, sizeof(j->seg[0]), by_sequence);
	if (look_at_all(&r) != 0 || budget_load_floor(j, e) != 0)
		return -1;
	if (!r.have_id) {
		j->floor = 0;
		memset(&j->stats, 0, sizeof(j->stats));
		return begin(&r);
	}
	if (journal_cursor_list(j->io, j->dir, cursor_mark, &r, e) != 0)
		return -1;
	if (j->floor > 0 && j->floor - 1 > r.mark)
		r.mark = j->floor - 1;
	if (walk_all(&r) != 0 || finish_tail(&r) != 0)
		return -1;
	if (r.mark >= r.seq) {
		struct journal_counts cum = j->cum; /* of what is lost nobody can tell */
		uint64_t now = j->io->now_us(j->io->ctx);

		lost_between(&r, r.mark + 1, r.mark_rec > now ? r.mark_rec : now, &cum);
	}
	j->next_seq = r.seq;
	j->next_rec = r.rec > r.mark_rec ? r.rec : r.mark_rec;
	j->durable = r.seq - 1;
	j->stats.next_rec = j->next_rec;
	j->stats.control_records = j->cum.control_records;
	j->stats.bulk_records = j->cum.bulk_records;
	j->stats.bytes_in = j->cum.bytes_in;
	return 0;
}
