/* Entries of the systemd journal into batches; see reader_journald.h. */
#include "agent/reader_journald.h"
#include "agent/assemble.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MAX_PASSED = 8192,   /* entries passed over before others get their turn */
	MAX_ERRORS = 1000,   /* in a row: then the journal is opened anew, later */
	RETRY_US = 30000000, /* to open it */
};

/* ---- opening, and files that come and go ---- */

static void failed(struct reader_journald *s, const struct err *e)
{
	if (!s->said)
		log_error("journald can't be read; the other inputs go on",
		    "journal=%s retry_s=%d why=\"%s\"", s->path, RETRY_US / 1000000, e->msg);
	s->said = true;
	journald_close(s->j);
	s->j = NULL;
	s->pending = false;
	s->pass = NULL;
	s->retry_us = clock_boot_us() + RETRY_US;
}

static bool open_journal(struct reader_journald *s)
{
	struct err e = { 0, "" };

	if (clock_boot_us() < s->retry_us)
		return false;
	s->j = journald_open(&s->source, &e);
	if (s->j == NULL) {
		failed(s, &e);
		return false;
	}
	s->said = false;
	s->errors = 0;
	s->changed = true;
	s->look_us = 0;
	log_info("reading the journal", "journal=%s", s->path);
	return true;
}

/* To the entries of a row that were not read. */
static bool begin_pass(struct reader_journald *s, struct row *w)
{
	struct journald_mark from = w->last;
	struct err e = { 0, "" };
	int64_t since = w->last.seqnum == 0 ? s->floor_us : 0;

	from.seqnum++;
	s->pending = false;
	if (journald_seek(s->j, &from, since, &e) != 0) {
		failed(s, &e);
		return false;
	}
	s->pass = w;
	w->turn = ++s->turn;
	w->pass_us = clock_boot_us();
	return true;
}

/* ---- entries ---- */

enum { ENTRY_FOUND, ENTRY_NONE, ENTRY_LATER };

/* The next entry of the row. None: the pass has ended. Later: others have their turn first. */
static int next_entry(struct reader_journald *s, unsigned *passed)
{
	struct row *w = s->pass;
	struct err e = { 0, "" };

	while (!s->pending) {
		int rc = journald_next(s->j, &s->at, &e);

		if (rc == 0)
			return ENTRY_NONE;
		if (++*passed > MAX_PASSED)
			return ENTRY_LATER;
		if (rc < 0) {
			s->unreadable++;
			if (++s->errors < MAX_ERRORS)
				continue;
			failed(s, &e);
			return ENTRY_LATER;
		}
		s->errors = 0;
		if (s->at.row[0] != w->last.row[0] || s->at.row[1] != w->last.row[1])
			continue;
		if (s->at.seqnum > w->tail) /* came after the seek, maybe not in order */
			return ENTRY_NONE;
		s->pending = s->at.seqnum > w->last.seqnum &&
			     (w->last.seqnum > 0 || s->at.realtime_us >= s->floor_us);
	}
	return ENTRY_FOUND;
}

static void put(
    struct reader *r, struct reader_journald *s, const struct line_rules *lr, uint64_t *bytes)
{
	struct entry x;
	struct err e;
	struct group g = { .offset = s->at.seqnum, .span = 1, .n_lines = 1 };

	if (journald_read(s->j, &r->pipeline.arena, PIPELINE_LINE_MAX, &x, &e) != 0) {
		s->unreadable++;
		return;
	}
	g.body = x.message.p != NULL ? x.message : SLICE("");
	g.true_n = x.message_bytes;
	g.flags = x.message_bytes > x.message.n ? EVENT_CUT : 0;
	g.crc20 = pipeline_crc20(g.body);
	pipeline_put(&r->pipeline, lr, &g, &x);
	*bytes += x.message_bytes;
}

/* Entries of the pass, as many as fit into a batch. */
static void fill_batch(struct reader *r, struct reader_journald *s)
{
	struct line_rules *lr = &r->rules[s->input];
	struct row *w = s->pass;
	uint64_t from = 0;
	uint64_t bytes = 0;
	unsigned passed = 0;
	int rc = ENTRY_FOUND;

	lr->ref_us = lr->no_time_us = clock_now_us();
	pipeline_begin(&r->pipeline);
	while (pipeline_has_room(&r->pipeline) && bytes < PIPELINE_WINDOW &&
	       (rc = next_entry(s, &passed)) == ENTRY_FOUND) {
		if (from == 0)
			from = w->last.seqnum > 0 ? w->last.seqnum + 1 : s->at.seqnum;
		put(r, s, lr, &bytes);
		w->last = s->at;
		s->pending = false;
	}
	if (s->unreadable > 0)
		reader_rows_report(r, s, "unreadable", s->unreadable);
	s->unreadable = 0;
	if (from > 0) {
		w->moved_us = clock_now_us();
		w->reported = false;
		pipeline_end(&r->pipeline, lr);
		reader_rows_move(reader_put(r, s->input, s->path,
				     identity_origin(r->a->host.id, w->head_hash, 0)),
		    s, w, from);
		reader_send(r, bytes);
	}
	if (rc == ENTRY_NONE)
		reader_rows_pass_ended(r, s, w);
}

static bool read_one(struct reader *r, struct reader_journald *s)
{
	enum journald_change change;
	struct row *w;

	if (s->j == NULL && !open_journal(s))
		return false;
	change = journald_process(s->j);
	if (change != JOURNALD_NOTHING)
		s->changed = true;
	if (change == JOURNALD_FILES_CHANGED && s->pass != NULL && !begin_pass(s, s->pass))
		return false;
	if (s->settle_us > 0 && clock_boot_us() >= s->settle_us)
		s->changed = true;
	if (s->pass == NULL) {
		if (s->changed && clock_boot_us() >= s->look_us)
			reader_rows_look(r, s);
		w = reader_rows_next(s);
		if (w == NULL || !begin_pass(s, w))
			return false;
	}
	fill_batch(r, s);
	return true;
}

bool reader_journald_read(struct reader *r)
{
	bool any = false;

	for (struct reader_journald *s = r->journald; s != NULL; s = s->next)
		any = read_one(r, s) || any;
	return any;
}

/* ---- the reader's ---- */

unsigned reader_journald_poll(const struct reader *r, struct pollfd *p, unsigned max, int *wait_ms)
{
	unsigned n = 0;

	for (const struct reader_journald *s = r->journald; s != NULL; s = s->next) {
		int ms = s->j != NULL ? journald_wait_ms(s->j) : -1;

		if (s->changed)
			ms = 50; /* look() waits for its time */
		if (s->j != NULL && n < max)
			p[n++] = (struct pollfd){ .fd = journald_fd(s->j), .events = POLLIN };
		if (ms >= 0 && (*wait_ms < 0 || ms < *wait_ms))
			*wait_ms = ms;
	}
	return n;
}

int reader_journald_open(struct reader *r, unsigned input, struct err *e)
{
	const struct input_config *in = config_input(&r->a->cfg, input);
	struct reader_journald *s = calloc(1, sizeof(*s));
	bool known;

	if (s == NULL)
		return err_set(e, ENOMEM, "no memory for journald");
	s->input = input;
	s->source = (struct journald_source){ .dir = in->journald.dir,
		.files = in->journald.files.v,
		.n_files = in->journald.files.n,
		.units = in->journald.units.v,
		.n_units = in->journald.units.n };
	snprintf(s->path, sizeof(s->path), "journald%s%s",
	    in->journald.dir != NULL || in->journald.files.n > 0 ? ":" : "",
	    in->journald.dir != NULL   ? in->journald.dir
	    : in->journald.files.n > 0 ? in->journald.files.v[0]
				       : "");
	s->next = r->journald;
	r->journald = s;
	known = reader_rows_load(r->a, s);
	if (!known && (in->from_end || in->start_span_us > 0)) {
		s->floor_us = r->a->started_us - in->start_span_us;
		reader_rows_save_floor(r, s);
	}
	return 0;
}

void reader_journald_close(struct reader *r)
{
	while (r->journald != NULL) {
		struct reader_journald *s = r->journald;

		r->journald = s->next;
		journald_close(s->j);
		free(s);
	}
}
