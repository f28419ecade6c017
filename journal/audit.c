#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct audit {
	struct journal *j;
	struct journal_totals t;
	uint64_t floor;
	uint64_t seq; /* next frame expected */
	struct journal_counts cum;
	void (*report)(void *arg, const struct journal_damage *d);
	void *arg;
};

/* The segment list as it is now; later changes are not this reading's business. */
static struct segment *copy_segments(
    struct journal *j, size_t *n, uint64_t *floor, uint64_t *durable)
{
	struct segment *copy = NULL;

	pthread_mutex_lock(&j->mu);
	*n = j->n_seg;
	*floor = j->floor;
	*durable = j->durable;
	if (j->n_seg > 0)
		copy = malloc(j->n_seg * sizeof(*copy));
	if (copy != NULL)
		memcpy(copy, j->seg, j->n_seg * sizeof(*copy));
	pthread_mutex_unlock(&j->mu);
	return copy;
}

static void damaged(struct audit *a, const struct journal_damage *d)
{
	a->t.damaged_frames += d->seq_to - d->seq_from + 1;
	a->t.damaged_records += d->lost.control_records + d->lost.bulk_records;
	if (a->report != NULL)
		a->report(a->arg, d);
}

/* Frames from a->seq up to seq are missing. */
static void missing(
    struct audit *a, const struct segment *s, uint64_t seq, struct journal_counts cum)
{
	struct journal_damage d = {
		.segment = s->first_seq,
		.offset = s->end,
		.seq_from = a->seq,
		.seq_to = seq - 1,
		.lost = segment_counts_diff(cum, a->cum),
		.why = "frames missing",
	};

	if (seq > a->seq)
		damaged(a, &d);
}

static void bad_block(struct audit *a, const struct walk *w, const struct frame_header *h,
    bool control, enum block_result b)
{
	struct journal_damage d = {
		.segment = w->segment,
		.offset = h->offset,
		.seq_from = h->seq,
		.seq_to = h->seq,
		.rec_from = control ? h->rec_seq : h->rec_seq + h->n_control,
		.why = b == BLOCK_EIO ? "read error"
		       : control      ? "control block damaged"
				      : "bulk block damaged",
	};

	d.rec_to = d.rec_from + (control ? h->n_control : h->n_bulk);
	d.lost.control_records = control ? h->n_control : 0;
	d.lost.bulk_records = control ? 0 : h->n_bulk;
	damaged(a, &d);
}

static void audit_frame(struct audit *a, const struct walk *w, const struct frame_header *h)
{
	struct frame_place p;
	enum block_result b;

	format_place(h, &p);
	a->t.frames++;
	a->t.checkpoints += (h->flags & FRAME_CHECKPOINT) != 0;
	a->t.control_records += h->n_control;
	a->t.bulk_records += h->n_bulk;
	a->t.bytes_in += h->bytes_in;
	a->t.control_bytes += h->control_len;
	b = segment_block(w->io, w->fd, p.control, h->control_len, h->control_crc, NULL);
	if (b != BLOCK_OK)
		bad_block(a, w, h, true, b);
	if (h->n_bulk == 0 && h->bulk_len == 0)
		return;
	if (h->bulk_len == 0 || h->seq < a->floor) {
		a->t.shed_frames++;
		a->t.shed_records += h->n_bulk;
		return;
	}
	a->t.bulk_bytes += h->bulk_len;
	b = segment_block(w->io, w->fd, p.bulk, h->bulk_len, h->bulk_crc, NULL);
	if (b == BLOCK_OK)
		return;
	pthread_mutex_lock(&a->j->mu);
	a->floor = a->j->floor; /* it may have been freed since */
	pthread_mutex_unlock(&a->j->mu);
	if (h->seq < a->floor) {
		a->t.bulk_bytes -= h->bulk_len;
		a->t.shed_frames++;
		a->t.shed_records += h->n_bulk;
		return;
	}
	bad_block(a, w, h, false, b);
}

static int open_walk(struct journal *j, const struct segment *s, struct walk *w, struct err *e)
{
	char path[SLOTS_PATH_MAX];

	if (commit_segment_path(j, s->first_seq, path, e) != 0)
		return -1;

	int fd = j->io->open(j->io->ctx, path, O_RDONLY);

	if (fd < 0)
		return err_set(e, -fd, "%s: %s", path, strerror(-fd));
	segment_walk(w, j->io, fd, s);
	return 0;
}

static int audit_segment(struct audit *a, const struct segment *s, struct err *e)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	enum walk_result got;

	if (open_walk(a->j, s, &w, e) != 0)
		return e->code == ENOENT ? 0 : -1; /* removed since: it was passed by all */
	if (a->seq != 0)
		missing(a, s, s->first_seq, s->cum);
	while ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE) {
		if (got == WALK_FRAME)
			audit_frame(a, &w, &h);
		else
			damaged(a, &d);
	}
	a->seq = w.seq;
	a->cum = w.cum;
	if (w.seq <= s->last_seq)
		missing(a, s, s->last_seq + 1, s->next_cum);
	a->seq = s->last_seq + 1;
	a->cum = s->next_cum;
	a->j->io->close(a->j->io->ctx, w.fd);
	return 0;
}

int journal_audit(struct journal *j, struct journal_totals *t,
    void (*report)(void *arg, const struct journal_damage *d), void *arg, struct err *e)
{
	struct audit a = { .j = j, .report = report, .arg = arg };
	uint64_t durable;
	size_t n;
	int rc = 0;
	struct segment *seg = copy_segments(j, &n, &a.floor, &durable);

	if (seg == NULL && n > 0)
		return err_set(e, ENOMEM, "journal: out of memory");
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!seg[i].dead && seg[i].last_seq >= seg[i].first_seq)
			rc = audit_segment(&a, &seg[i], e);
	if (rc == 0 && a.seq != 0 && a.seq <= durable)
		missing(&a, &seg[n - 1], durable + 1, a.cum);
	free(seg);
	if (rc == 0)
		*t = a.t;
	return rc;
}

/* The counts before the first good frame of s after seq. */
static int counts_in(struct journal *j, const struct segment *s, uint64_t seq,
    struct journal_counts *c, struct err *e)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	enum walk_result got;

	if (open_walk(j, s, &w, e) != 0)
		return -1;
	*c = s->cum;
	while (
	    w.seq <= seq && ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE))
		*c = w.cum;
	j->io->close(j->io->ctx, w.fd);
	return 0;
}

int journal_counts_at(struct journal *j, uint64_t seq, struct journal_counts *c, struct err *e)
{
	uint64_t floor;
	uint64_t durable;
	size_t n;
	struct journal_stats stats;
	bool found = false;
	int rc = -1;
	struct segment *seg;

	journal_stats(j, &stats);
	if (seq >= stats.durable_seq) {
		*c = (struct journal_counts){ stats.control_records, stats.bulk_records,
			stats.bytes_in };
		return 0;
	}
	seg = copy_segments(j, &n, &floor, &durable);
	if (seg == NULL)
		return err_set(e, ENOMEM, "journal: out of memory");
	for (size_t i = 0; i < n; i++) {
		if (seg[i].dead || seg[i].last_seq <= seq)
			continue;
		found = seg[i].first_seq <= seq + 1 || i > 0;
		if (found)
			rc = counts_in(j, &seg[i], seq, c, e);
		break;
	}
	free(seg);
	if (!found)
		return err_set(
		    e, ENOENT, "frame %llu is no longer in the journal", (unsigned long long)seq);
	return rc;
}

static uint64_t records_of(const struct journal_counts *c, enum journal_lane lane)
{
	return lane == JOURNAL_CONTROL ? c->control_records : c->bulk_records;
}

static uint64_t oldest_in(
    struct journal *j, const struct segment *s, enum journal_lane lane, uint64_t seq)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	struct err ignored;
	enum walk_result got;
	uint64_t us = 0;

	if (open_walk(j, s, &w, &ignored) != 0)
		return 0;
	while (us == 0 && ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE))
		if (got == WALK_FRAME && h.seq > seq &&
		    (lane == JOURNAL_CONTROL ? h.n_control : h.n_bulk) > 0)
			us = h.time_us;
	j->io->close(j->io->ctx, w.fd);
	return us;
}

uint64_t journal_oldest_after(struct journal *j, enum journal_lane lane, uint64_t seq)
{
	uint64_t floor;
	uint64_t durable;
	size_t n;
	uint64_t us = 0;
	struct segment *seg = copy_segments(j, &n, &floor, &durable);

	for (size_t i = 0; seg != NULL && us == 0 && i < n; i++)
		if (!seg[i].dead && seg[i].last_seq > seq &&
		    records_of(&seg[i].next_cum, lane) > records_of(&seg[i].cum, lane))
			us = oldest_in(j, &seg[i], lane, seq);
	free(seg);
	return us;
}
