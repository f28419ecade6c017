/* The rows of a journal: where each was left, and what there is of it now. */
#include "agent/reader_journald.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
	LOOK_EVERY_US = 50000, /* at the files' headers */
	SETTLE_US = 2000000,   /* from a header's change to its entries' being there */
	SAVE_US = 60000000,    /* a position moves that often without an event, too */
};

/* ---- rows ---- */

static uint64_t head_hash(const struct agent *a, const uint64_t row[2])
{
	uint64_t in[3] = { a->host.id, row[0], row[1] };

	return XXH3_64bits(in, sizeof(in));
}

static struct row *row_of(struct agent *a, struct reader_journald *s, const uint64_t id[2])
{
	struct row *oldest = &s->rows[0];
	struct row *w;
	struct tail_position p;

	for (unsigned i = 0; i < s->n_rows; i++) {
		w = &s->rows[i];
		if (w->last.row[0] == id[0] && w->last.row[1] == id[1])
			return w;
		if (w->turn < oldest->turn)
			oldest = w;
	}
	w = s->n_rows < READER_MAX_ROWS ? &s->rows[s->n_rows++] : oldest;
	*w = (struct row){ .last = { .row = { id[0], id[1] } },
		.head_hash = head_hash(a, id),
		.turn = ++s->turn };
	if (positions_saved(a->positions, w->head_hash, 0, &p) && p.offset > 0) {
		w->last.seqnum = p.offset - 1;
		w->last.realtime_us = (int64_t)p.before_hash;
		w->moved_us = p.time_us;
	}
	return w;
}

struct load {
	struct agent *a;
	struct reader_journald *s;
	uint64_t (*ids)[2];
	unsigned n;
};

static void load_one(void *ctx, struct slice payload)
{
	struct load *l = ctx;
	struct position_move m;

	if (!position_load(payload, &m) || strcmp(m.to.path, l->s->path) != 0)
		return;
	if (m.to.dev == 0 && m.to.ino == 0)
		l->s->floor_us = (int64_t)m.to.before_hash;
	else if (l->n < READER_MAX_ROWS)
		memcpy(l->ids[l->n], (uint64_t[2]){ m.to.dev, m.to.ino }, sizeof(*l->ids));
	l->n++;
}

bool reader_rows_load(struct agent *a, struct reader_journald *s)
{
	struct load l = { .a = a, .s = s, .ids = calloc(READER_MAX_ROWS, sizeof(*l.ids)) };

	if (l.ids == NULL)
		return true;
	positions_each(a->positions, load_one, &l);
	for (unsigned i = 0; i < l.n && i < READER_MAX_ROWS; i++)
		if (l.ids[i][0] != 0 || l.ids[i][1] != 0)
			row_of(a, s, l.ids[i]);
	free(l.ids);
	return l.n > 0;
}

/* The row that moved last; NULL: nothing was read yet. */
static struct row *newest_row(struct reader_journald *s)
{
	struct row *best = NULL;

	for (struct row *w = s->rows; w < s->rows + s->n_rows; w++)
		if (w->last.seqnum > 0 && (best == NULL || w->moved_us > best->moved_us))
			best = w;
	return best;
}

/* ---- positions ---- */

void reader_rows_move(
    struct batch *b, const struct reader_journald *s, const struct row *w, uint64_t from)
{
	b->moved = true;
	b->move = (struct position_move){ .from = from,
		.to = { .head_hash = w->head_hash,
		    .offset = w->last.seqnum + 1,
		    .before_hash = (uint64_t)w->last.realtime_us,
		    .dev = w->last.row[0],
		    .ino = w->last.row[1],
		    .time_us = w->moved_us } };
	snprintf(b->move.to.path, sizeof(b->move.to.path), "%s", s->path);
}

void reader_rows_save_floor(struct reader *r, struct reader_journald *s)
{
	struct row none = { .last = { .realtime_us = s->floor_us }, .moved_us = clock_now_us() };
	uint64_t in[2] = { r->a->host.id, XXH3_64bits(s->path, strlen(s->path)) };

	none.head_hash = XXH3_64bits(in, sizeof(in));
	pipeline_begin(&r->pipeline);
	r->pipeline.n_hits = 0;
	reader_rows_move(reader_put(r, s->input, s->path, none.head_hash), s, &none, 0);
	reader_send(r, 0);
}

void reader_rows_report(
    struct reader *r, const struct reader_journald *s, const char *what, uint64_t n)
{
	log_warn("entries of the journal may be lost", "what=%s journal=%s records_at_most=%llu",
	    what, s->path, (unsigned long long)n);
	reader_report(
	    r, &(struct ledger_row){
		   .what = what, .source = s->path, .lost_records = n, .time_us = clock_now_us() });
}

/* ---- what there is ---- */

/* An empty batch that moves the row's position to its tail: what it has was looked at. */
static void move_to_tail(struct reader *r, struct reader_journald *s, struct row *w)
{
	struct journald_mark tail = { .row = { w->last.row[0], w->last.row[1] },
		.seqnum = w->tail,
		.realtime_us = w->tail_realtime_us };
	uint64_t from = w->last.seqnum > 0 ? w->last.seqnum + 1 : w->tail;

	/* a header may be damaged: the entry must be there, or all before it would be skipped */
	if (!journald_has(s->j, &tail))
		return;
	w->last = tail;
	w->moved_us = clock_now_us();
	pipeline_begin(&r->pipeline);
	r->pipeline.n_hits = 0;
	reader_rows_move(reader_put(r, s->input, s->path, w->head_hash), s, w, from);
	reader_send(r, 0);
}

/*
 * A header names its tail before the entry is linked into all indexes. Only what is not found
 * a while after that is not there.
 */
void reader_rows_pass_ended(struct reader *r, struct reader_journald *s, struct row *w)
{
	s->pass = NULL;
	s->pending = false;
	w->todo = false;
	if (w->last.seqnum >= w->tail || w->pass_us < w->tail_us + SETTLE_US)
		return;
	if (s->source.n_units > 0 || w->last.seqnum == 0) {
		if (clock_now_us() - w->moved_us >= SAVE_US)
			move_to_tail(r, s, w);
	} else if (!w->reported) {
		/* without a filter every number is an entry, of this file or another user's */
		uint64_t n = w->tail - w->last.seqnum;

		w->reported = true;
		reader_rows_report(r, s, "unreadable", n > UINT32_MAX ? 0 : n);
	}
}

/*
 * Were entries removed (vacuumed) before they were read? The number is the most that can be: the
 * missing ones may have been of other units, or in another user's file.
 */
static void check_vacuumed(
    struct reader *r, const struct reader_journald *s, struct row *w, const struct journald_row *f)
{
	if (w->last.seqnum == 0 || w->last.seqnum + 1 >= f->head || w->reported)
		return;
	w->reported = true;
	reader_rows_report(r, s, "vacuumed", f->head - w->last.seqnum - 1);
}

static void take_found(struct reader *r, struct reader_journald *s, const struct journald_row *f)
{
	struct row *w = row_of(r->a, s, f->id);
	int64_t now = clock_boot_us();

	check_vacuumed(r, s, w, f);
	if (w->tail != f->tail)
		w->tail_us = now;
	w->tail = f->tail;
	w->tail_realtime_us = f->tail_realtime_us;
	if (w->last.seqnum == 0 && f->tail_realtime_us < s->floor_us)
		move_to_tail(r, s, w); /* all of it is older than what is asked for */
	w->todo = w->tail > w->last.seqnum && w->pass_us < w->tail_us + SETTLE_US;
	if (w->todo && s->settle_us == 0)
		s->settle_us = now + SETTLE_US + LOOK_EVERY_US;
}

void reader_rows_look(struct reader *r, struct reader_journald *s)
{
	unsigned n = journald_rows(&s->source, s->found, READER_MAX_ROWS);
	struct row *newest = newest_row(s);
	bool gone = newest != NULL && !newest->reported;

	s->changed = false;
	s->settle_us = 0;
	s->look_us = clock_boot_us() + LOOK_EVERY_US;
	for (unsigned i = 0; i < n && i < READER_MAX_ROWS; i++)
		if (gone && s->found[i].id[0] == newest->last.row[0] &&
		    s->found[i].id[1] == newest->last.row[1])
			gone = false;
	if (gone) {
		newest->reported = true;
		reader_rows_report(r, s, "gone", 0);
	}
	for (unsigned i = 0; i < n && i < READER_MAX_ROWS; i++)
		take_found(r, s, &s->found[i]);
	if (n > READER_MAX_ROWS && !s->said_rows)
		log_error("more origins in the journal than can be followed",
		    "journal=%s rows=%u max=%d", s->path, n, READER_MAX_ROWS);
	s->said_rows = n > READER_MAX_ROWS;
}

struct row *reader_rows_next(struct reader_journald *s)
{
	struct row *best = NULL;

	for (struct row *w = s->rows; w < s->rows + s->n_rows; w++)
		if (w->todo && (best == NULL || w->turn < best->turn))
			best = w;
	return best;
}
