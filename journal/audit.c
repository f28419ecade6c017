#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
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

static int audit_segment(struct audit *a, const struct segment *s, struct err *e)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	enum walk_result got;

	if (view_walk(a->j, s, &w, e) != 0)
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
	struct view v;
	int rc = 0;

	if (view_open(j, &v, e) != 0)
		return -1;
	a.floor = v.floor;
	for (size_t i = 0; i < v.n && rc == 0; i++)
		if (!v.seg[i].dead && v.seg[i].last_seq >= v.seg[i].first_seq)
			rc = audit_segment(&a, &v.seg[i], e);
	if (rc == 0 && a.seq != 0 && a.seq <= v.durable)
		missing(&a, &v.seg[v.n - 1], v.durable + 1, a.cum);
	view_close(&v);
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

	if (view_walk(j, s, &w, e) != 0)
		return -1;
	view_resume(j, &w, seq + 1);
	*c = w.cum;
	while (
	    w.seq <= seq && ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE))
		*c = w.cum;
	view_remember(j, &w);
	j->io->close(j->io->ctx, w.fd);
	return 0;
}

int journal_counts_at(struct journal *j, uint64_t seq, struct journal_counts *c, struct err *e)
{
	struct journal_stats stats;
	bool found = false;
	int rc = -1;
	struct view v;

	journal_stats(j, &stats);
	if (seq >= stats.durable_seq) {
		*c = journal_counts_now(&stats);
		return 0;
	}
	if (view_open(j, &v, e) != 0)
		return -1;
	for (size_t i = 0; i < v.n; i++) {
		if (v.seg[i].dead || v.seg[i].last_seq <= seq)
			continue;
		found = v.seg[i].first_seq <= seq + 1 || i > 0;
		if (found)
			rc = counts_in(j, &v.seg[i], seq, c, e);
		break;
	}
	view_close(&v);
	if (!found)
		return err_set(
		    e, ENOENT, "frame %llu is no longer in the journal", (unsigned long long)seq);
	return rc;
}

/* The first frame of s behind seq that has records of the lane. False: none. */
static bool first_in(struct journal *j, const struct segment *s, enum journal_lane lane,
    uint64_t seq, struct lane_hint *out)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	struct err ignored;
	enum walk_result got;
	bool found = false;

	if (view_walk(j, s, &w, &ignored) != 0)
		return false;
	view_resume(j, &w, seq + 1);
	while (!found && ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE))
		found = got == WALK_FRAME && h.seq > seq &&
			(lane == JOURNAL_CONTROL ? h.n_control : h.n_bulk) > 0;
	if (found)
		*out = (struct lane_hint){ seq, h.seq, h.time_us };
	j->io->close(j->io->ctx, w.fd);
	return found;
}

static bool known_first(
    struct journal *j, enum journal_lane lane, uint64_t seq, struct lane_hint *out)
{
	bool found = false;

	pthread_mutex_lock(&j->mu);
	for (unsigned i = 0; i < LANE_HINTS && !found; i++) {
		const struct lane_hint *h = &j->first[lane][i];

		found = h->seq != 0 && h->after <= seq && seq < h->seq;
		if (found)
			*out = *h;
	}
	pthread_mutex_unlock(&j->mu);
	return found;
}

static void keep_first(struct journal *j, enum journal_lane lane, const struct lane_hint *h)
{
	pthread_mutex_lock(&j->mu);
	j->first[lane][j->next_first[lane]++ % LANE_HINTS] = *h;
	pthread_mutex_unlock(&j->mu);
}

uint64_t journal_oldest_after(struct journal *j, enum journal_lane lane, uint64_t seq)
{
	struct lane_hint h = { 0 };
	struct err ignored;
	struct view v;
	bool found = false;

	if (known_first(j, lane, seq, &h))
		return h.time_us;
	if (view_open(j, &v, &ignored) != 0)
		return 0;
	for (size_t i = 0; !found && i < v.n; i++)
		if (!v.seg[i].dead && v.seg[i].last_seq > seq &&
		    journal_lane_records(&v.seg[i].next_cum, lane) >
			journal_lane_records(&v.seg[i].cum, lane))
			found = first_in(j, &v.seg[i], lane, seq, &h);
	view_close(&v);
	if (found)
		keep_first(j, lane, &h);
	return h.time_us;
}
