/* Places in the journal by time, and the caller's state as it was there. */
#include "base/buf.h"
#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>

/* The next frame that is no checkpoint; what is damaged is stepped over. */
static bool next_frame(struct walk *w, struct frame_header *h)
{
	struct journal_damage d;
	enum walk_result got;

	while ((got = segment_next(w, h, &d)) == WALK_FRAME || got == WALK_DAMAGE)
		if (got == WALK_FRAME && (h->flags & FRAME_CHECKPOINT) == 0)
			return true;
	return false;
}

/* 1: found, in *m; 0: all of s is older. */
static int first_in(struct journal *j, const struct segment *s, uint64_t time_us,
    struct journal_moment *m, struct err *e)
{
	struct frame_header h;
	struct walk w;
	int rc = 0;

	if (view_walk(j, s, &w, e) != 0)
		return e->code == ENOENT ? 0 : -1; /* removed since */
	while (rc == 0 && next_frame(&w, &h)) {
		if (h.time_us < time_us)
			continue;
		*m = (struct journal_moment){ h.seq, h.time_us, h.rec_seq,
			segment_counts_before(&h) };
		rc = 1;
	}
	j->io->close(j->io->ctx, w.fd);
	return rc;
}

/* Does s begin before that time? Then all segments before it end before it. */
static bool begins_before(struct journal *j, const struct segment *s, uint64_t time_us)
{
	struct frame_header h;
	struct walk w;
	struct err ignored;
	bool before;

	if (s->dead || view_walk(j, s, &w, &ignored) != 0)
		return false;
	before = next_frame(&w, &h) && h.time_us < time_us;
	j->io->close(j->io->ctx, w.fd);
	return before;
}

int journal_since(struct journal *j, uint64_t time_us, struct journal_moment *m, struct err *e)
{
	struct journal_stats st;
	struct view v;
	size_t i;
	int rc = 0;

	journal_stats(j, &st);
	*m = (struct journal_moment){ st.durable_seq + 1, 0, st.next_rec, journal_counts_now(&st) };
	if (view_open(j, &v, e) != 0)
		return -1;
	for (i = v.n; i > 1 && !begins_before(j, &v.seg[i - 1], time_us);)
		i--;
	for (i = i > 0 ? i - 1 : 0; i < v.n && rc == 0; i++)
		if (!v.seg[i].dead)
			rc = first_in(j, &v.seg[i], time_us, m, e);
	view_close(&v);
	return rc < 0 ? -1 : 0;
}

/* ---- the state at a frame ---- */

struct state {
	struct journal *j;
	const struct journal_look *look;
	uint64_t seq, covers;
	struct buf block;
	bool seen; /* frame seq itself */
	struct err *e;
};

static int give(struct state *s, const struct walk *w, const struct frame_header *h)
{
	bool checkpoint = (h->flags & FRAME_CHECKPOINT) != 0;
	struct frame_place p;
	char *to;

	if (!checkpoint && h->seq <= s->covers && h->seq != s->seq)
		return 0;
	format_place(h, &p);
	buf_reset(&s->block);
	to = buf_room(&s->block, h->control_len + 1);
	if (to == NULL)
		return err_set(s->e, ENOMEM, "journal: out of memory");
	if (h->control_len > 0 &&
	    segment_block(w->io, w->fd, p.control, h->control_len, h->control_crc, to) != BLOCK_OK)
		return err_set(s->e, EBADMSG, "frame %llu is damaged", (unsigned long long)h->seq);
	if (checkpoint)
		s->covers = h->covers;
	s->seen = s->seen || h->seq == s->seq;
	return (checkpoint ? s->look->restore : s->look->replay)(
	    s->look->ctx, h, (struct slice){ to, h->control_len }, s->e);
}

static int state_in(struct state *s, const struct segment *seg)
{
	struct journal_damage d;
	struct frame_header h;
	struct walk w;
	enum walk_result got = WALK_FRAME;
	int rc = 0;

	if (view_walk(s->j, seg, &w, s->e) != 0)
		return -1;
	while (rc == 0 && w.seq <= s->seq && (got = segment_next(&w, &h, &d)) == WALK_FRAME)
		rc = give(s, &w, &h);
	if (rc == 0 && got == WALK_DAMAGE)
		rc =
		    err_set(s->e, EBADMSG, "frame %llu is damaged", (unsigned long long)d.seq_from);
	s->j->io->close(s->j->io->ctx, w.fd);
	return rc;
}

int journal_state_at(
    struct journal *j, uint64_t seq, const struct journal_look *look, struct err *e)
{
	struct state s = { .j = j, .look = look, .seq = seq, .e = e };
	struct view v;
	int rc = 0;

	s.block.max = JOURNAL_PAYLOAD_MAX + 1;
	if (view_open(j, &v, e) != 0)
		return -1;
	for (size_t i = 0; i < v.n && rc == 0; i++) {
		if (v.seg[i].dead || v.seg[i].first_seq > seq || v.seg[i].last_seq < seq)
			continue;
		if (!v.seg[i].checkpoint && v.seg[i].first_seq != 1)
			rc = err_set(e, EBADMSG, "the checkpoint before frame %llu is damaged",
			    (unsigned long long)seq);
		else
			rc = state_in(&s, &v.seg[i]);
	}
	view_close(&v);
	buf_free(&s.block);
	if (rc == 0 && !s.seen)
		return err_set(
		    e, ENOENT, "frame %llu is not in the journal", (unsigned long long)seq);
	return rc;
}
