#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct replay {
	struct journal *j;
	struct err *e;
	uint64_t covers; /* frames up to here are in the checkpoint */
	void *buf;
	size_t cap;
};

static void report(
    const struct replay *r, const struct walk *w, const struct frame_header *h, enum block_result b)
{
	struct journal_damage d = {
		.segment = w->segment,
		.offset = h->offset,
		.seq_from = h->seq,
		.seq_to = h->seq,
		.rec_from = h->rec_seq,
		.rec_to = h->rec_seq + h->n_control,
		.lost = { .control_records = h->n_control },
		.why = b == BLOCK_EIO ? "read error" : "control block damaged",
	};

	if (r->j->opt.report != NULL)
		r->j->opt.report(r->j->opt.ctx, &d);
}

/* The control block of h, borrowed from r->buf. 1: damaged and reported; -1: no memory. */
static int control_block(
    struct replay *r, const struct walk *w, const struct frame_header *h, struct slice *out)
{
	struct frame_place p;

	if (h->control_len > r->cap) {
		void *grown = realloc(r->buf, h->control_len);

		if (grown == NULL)
			return err_set(r->e, ENOMEM, "journal: out of memory");
		r->buf = grown;
		r->cap = h->control_len;
	}
	*out = (struct slice){ r->buf, h->control_len };
	if (h->control_len == 0)
		return 0;
	format_place(h, &p);

	enum block_result b =
	    segment_block(w->io, w->fd, p.control, h->control_len, h->control_crc, r->buf);

	if (b == BLOCK_OK)
		return 0;
	report(r, w, h, b);
	return 1;
}

static int open_segment(struct replay *r, const struct segment *s, struct walk *w)
{
	char path[SLOTS_PATH_MAX];

	if (commit_segment_path(r->j, s->first_seq, path, r->e) != 0)
		return -1;

	int fd = r->j->io->open(r->j->io->ctx, path, O_RDONLY);

	if (fd < 0)
		return err_set(r->e, -fd, "%s: %s", path, strerror(-fd));
	segment_walk(w, r->j->io, fd, s);
	return 0;
}

/* 0: restored; 1: this checkpoint is not whole; -1: *e. */
static int restore_from(struct replay *r, const struct segment *s)
{
	const struct journal_options *o = &r->j->opt;
	struct journal_damage d;
	struct frame_header h;
	struct slice state = { NULL, 0 };
	struct walk w;
	int rc = 1;

	if (open_segment(r, s, &w) != 0)
		return -1;
	if (segment_next(&w, &h, &d) == WALK_FRAME && (h.flags & FRAME_CHECKPOINT) != 0)
		rc = control_block(r, &w, &h, &state);
	if (rc == 0) {
		r->covers = h.covers;
		r->j->checkpoint_len = state.n;
		if (o->restore != NULL && o->restore(o->ctx, &h, state, r->e) != 0)
			rc = err_wrap(r->e, "checkpoint %llu", (unsigned long long)h.seq);
	}
	r->j->io->close(r->j->io->ctx, w.fd);
	return rc;
}

/* Damaged headers were reported by recovery: here they are only stepped over. */
static int replay_segment(struct replay *r, const struct segment *s)
{
	const struct journal_options *o = &r->j->opt;
	struct journal_damage d;
	struct frame_header h;
	struct slice control;
	struct walk w;
	enum walk_result got;
	int rc = 0;

	if (open_segment(r, s, &w) != 0)
		return -1;
	while (rc >= 0 && ((got = segment_next(&w, &h, &d)) == WALK_FRAME || got == WALK_DAMAGE)) {
		if (got == WALK_DAMAGE || h.seq <= r->covers || (h.flags & FRAME_CHECKPOINT) != 0)
			continue;
		rc = control_block(r, &w, &h, &control);
		if (rc == 0 && o->replay(o->ctx, &h, control, r->e) != 0)
			rc = err_wrap(r->e, "frame %llu", (unsigned long long)h.seq);
	}
	r->j->io->close(r->j->io->ctx, w.fd);
	return rc < 0 ? -1 : 0;
}

int replay_journal(struct journal *j, struct err *e)
{
	struct replay r = { .j = j, .e = e };
	int rc = 1;

	if (j->opt.restore == NULL && j->opt.replay == NULL)
		return 0;
	for (size_t i = j->n_seg; i > 0 && rc == 1; i--)
		if (!j->seg[i - 1].dead && j->seg[i - 1].checkpoint)
			rc = restore_from(&r, &j->seg[i - 1]);
	if (rc == 1) { /* only the journal's first segment needs none */
		j->stats.state_lost = j->n_seg > 0 && (j->seg[0].dead || j->seg[0].first_seq != 1);
		rc = 0;
	}
	for (size_t i = 0; i < j->n_seg && rc == 0 && j->opt.replay != NULL; i++)
		if (!j->seg[i].dead && j->seg[i].last_seq > r.covers)
			rc = replay_segment(&r, &j->seg[i]);
	free(r.buf);
	return rc;
}
