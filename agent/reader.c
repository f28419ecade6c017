/*
 * The reader thread: windows of logs in, batches out. It never waits for a sink, and
 * for the disk only through the number of batches there are.
 */
#include "agent/agent.h"
#include "agent/sight.h"
#include "base/clock.h"
#include "base/deflate.h"
#include "base/err.h"
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_AHEAD_US = 300 * 1000000, FAR_MS = 1000 };

struct reader {
	struct agent *a;
	struct tail *tail;
	struct pipeline pipeline;
	struct line_rules *rules; /* one an input */
	struct deflater *deflater;
	struct record_writer control, bulk;
	struct batch *batch; /* the one being filled, or NULL */
	struct record_context context;
	struct ledger_row reports[64]; /* of the tail, for the next batch */
	char report_paths[64][TAIL_PATH_MAX];
	unsigned n_reports;
};

/* ---- what the tail asks and tells ---- */

static bool on_saved(void *ctx, uint64_t head, unsigned i, struct tail_position *out)
{
	return positions_saved(((struct reader *)ctx)->a->positions, head, i, out);
}

static bool on_saved_path(void *ctx, const char *path, struct tail_position *out)
{
	return positions_saved_path(((struct reader *)ctx)->a->positions, path, out);
}

static uint64_t on_new_number(void *ctx, uint64_t head)
{
	return positions_new_number(((struct reader *)ctx)->a->positions, head);
}

static void on_report(void *ctx, enum tail_report what, const char *path, uint64_t lost)
{
	static const char *const names[] = { "truncated", "rewritten", "shortened", "gone",
		"unreadable" };
	struct reader *r = ctx;

	log_warn("a log changed under the reader", "what=%s file=%s possibly_lost_bytes=%llu",
	    names[what], path, (unsigned long long)lost);
	stats_add(&r->a->stats, possibly_lost_reports, 1);
	stats_add(&r->a->stats, possibly_lost_bytes, lost);
	if (r->n_reports == sizeof(r->reports) / sizeof(*r->reports))
		return;
	snprintf(r->report_paths[r->n_reports], TAIL_PATH_MAX, "%s", path);
	r->reports[r->n_reports] = (struct ledger_row){ .what = names[what],
		.source = r->report_paths[r->n_reports],
		.lost_bytes = lost,
		.time_us = clock_now_us() };
	r->n_reports++;
}

/* ---- a batch ---- */

static void on_sighting(void *ctx, const struct sighting *s)
{
	struct batch *b = ctx;

	if (b->n_sightings == BATCH_MAX_SIGHTINGS)
		return;

	struct sighting *to = &b->sightings[b->n_sightings++];

	*to = *s;
	to->entity_value = arena_copy(&b->texts, s->entity_value);
}

static void put_events(struct reader *r, const struct tail_file *f, uint64_t origin_hash)
{
	const struct pipeline *p = &r->pipeline;
	const struct input_config *in = config_input(&r->a->cfg, f->input);
	struct record_origin o = { .hash = origin_hash,
		.path = slice_of(f->path),
		.parser = slice_of(r->rules[f->input].parser->name),
		.service = slice_of(in->service) };
	bool has_control = false;
	bool has_bulk = false;

	for (unsigned i = 0; i < p->n_events; i++) {
		const struct event *ev = &p->events[i];
		bool control = (ev->flags & EVENT_CONTROL) != 0 || ev->n_detections > 0;
		struct record_writer *w = control ? &r->control : &r->bulk;
		bool *has = control ? &has_control : &has_bulk;

		if (!*has)
			record_put_origin(w, &o);
		*has = true;
		record_put_event(w, 0, ev);
		stats_add(&r->a->stats, detections, ev->n_detections);
	}
}

static void begin_batch(struct reader *r)
{
	if (r->batch == NULL)
		r->batch = batch_take(&r->a->queue);
	agent_context(r->a, &r->context);
	record_begin(&r->control, &r->context);
	record_begin(&r->bulk, &r->context);
	for (unsigned i = 0; i < r->n_reports; i++)
		ledger_put(&r->control, &r->reports[i], r->a->host.id);
	r->n_reports = 0;
}

static void send_batch(struct reader *r)
{
	struct batch *b = r->batch;

	b->n_control = r->control.n_records;
	b->n_bulk = r->bulk.n_records;
	if (b->n_control > 0)
		record_end(&r->control, r->deflater, &b->control);
	if (b->n_bulk > 0)
		record_end(&r->bulk, r->deflater, &b->bulk);
	b->read_us = clock_now_us();
	r->batch = NULL;
	batch_put(&r->a->queue, b);
}

static void count(struct reader *r, uint64_t used)
{
	struct stats *s = &r->a->stats;
	struct pipeline *p = &r->pipeline;

	stats_add(s, bytes_read, used);
	stats_add(s, events, p->n_events);
	stats_add(s, lines_read, p->lines);
	stats_add(s, parse_errors, p->bad);
	stats_add(s, match_undecided, p->engine->undecided);
	stats_add(s, regex_calls, p->engine->regex_calls);
	p->lines = p->bad = 0;
	p->engine->undecided = p->engine->regex_calls = 0;
}

static void fill_batch(struct reader *r, struct tail_window *w, uint64_t used, uint64_t origin_hash)
{
	struct tail_file *f = w->file;
	struct batch *b;
	uint64_t from = f->offset;

	begin_batch(r);
	b = r->batch;
	put_events(r, f, origin_hash);
	sight_window(&r->pipeline, r->a->correlator, origin_hash, on_sighting, b);
	b->moved = true;
	b->bytes_in = used;
	b->move.from = from;
	tail_used(r->tail, w, used, &b->move.to.before_hash);
	b->move.to.head_hash = f->head_hash;
	b->move.to.number = f->number;
	b->move.to.offset = f->offset;
	b->move.to.dev = f->dev;
	b->move.to.ino = f->ino;
	b->move.to.time_us = clock_now_us();
	snprintf(b->move.to.path, sizeof(b->move.to.path), "%s", f->path);
	count(r, used);
	send_batch(r);
}

/* ---- a window ---- */

/* Is the window beyond where `start_at: SPAN` begins? Moves on without journalling what is before.
 */
static bool skip_old(struct reader *r, struct tail_window *w, uint64_t used)
{
	const struct input_config *in = config_input(&r->a->cfg, w->file->input);
	int64_t cutoff = r->a->started_us - in->start_span_us;
	uint64_t ignored;

	if (!w->file->first_start || in->start_span_us == 0 || r->pipeline.n_events == 0)
		return false;
	for (unsigned i = 0; i < r->pipeline.n_events; i++)
		if (r->pipeline.events[i].time_us >= cutoff) {
			w->file->first_start = false; /* from here on everything counts */
			used = r->pipeline.events[i].offset - w->file->offset;
			if (used == 0)
				return false;
			break;
		}
	tail_used(r->tail, w, used, &ignored);
	return true;
}

static void one_window(struct reader *r, struct tail_window *w)
{
	struct line_rules *lr = &r->rules[w->file->input];
	uint64_t origin = identity_origin(r->a->host.id, w->file->head_hash, w->file->number);
	struct window_in in = {
		.text = w->text,
		.offset = w->file->offset,
		.origin_hash = origin,
		.padded = true,
		.final = w->last
	};
	bool full = w->text.n == PIPELINE_WINDOW;
	uint64_t ignored;

	lr->ref_us = clock_now_us();
	lr->no_time_us = lr->ref_us;

	uint64_t used = pipeline_window(&r->pipeline, lr, &in);

	if (used == 0 && (full || w->idle)) {
		in.close_all = true;
		used = pipeline_window(&r->pipeline, lr, &in);
	}
	if (used == 0 && full) {
		in.long_span = tail_line_end(r->tail, w, &in.long_ended);
		if (in.long_span > 0)
			used = pipeline_window(&r->pipeline, lr, &in);
	}
	if (used == 0)
		tail_used(r->tail, w, 0, &ignored);
	else if (!skip_old(r, w, used))
		fill_batch(r, w, used, origin);
}

/* ---- the thread ---- */

/* Rules of a reload are taken between two windows. */
static void take_rules(struct reader *r)
{
	struct rules_in_use *next = atomic_exchange(&r->a->pending, NULL);
	struct err e;

	if (next == NULL)
		return;
	if (pipeline_use(&r->pipeline, next->plan, &e) != 0) {
		log_error("new rules could not be taken", "why=\"%s\"", e.msg);
		stats_add(&r->a->stats, reload_failures, 1);
	} else {
		struct rules_in_use old = r->a->rules;

		agent_rules_changed(r->a, next);
		trigger_plan_free(old.plan);
		ruleset_free(old.rs);
	}
	free(next);
}

static void wait_for_change(struct reader *r, int wait_ms)
{
	struct pollfd p[2] = { { .fd = tail_fd(r->tail), .events = POLLIN },
		{ .fd = r->a->stop_fd, .events = POLLIN } };

	atomic_store(&r->a->reader_ready, true);
	stats_set(&r->a->stats, open_files, tail_open_files(r->tail));
	if (r->n_reports > 0) { /* a report alone is worth a frame */
		begin_batch(r);
		send_batch(r);
	}
	poll(p, 2, wait_ms < 0 || wait_ms > 60000 ? FAR_MS : wait_ms);
}

static int add_inputs(struct reader *r, struct err *e)
{
	struct agent *a = r->a;

	r->rules = calloc(a->cfg.inputs.n, sizeof(*r->rules));
	if (r->rules == NULL)
		return err_set(e, 0, "no memory for inputs");
	for (unsigned i = 0; i < a->cfg.inputs.n; i++) {
		const struct input_config *in = config_input(&a->cfg, i);
		struct tail_start s = { .first_start = a->first_start,
			.from_end = in->from_end,
			.not_before_us =
			    in->start_span_us > 0 ? a->started_us - in->start_span_us : 0 };
		struct identity_map *map = calloc(in->identity.n + 1, sizeof(*map));

		for (unsigned k = 0; map != NULL && k < in->identity.n; k++) {
			const struct identity_config *c =
			    (const struct identity_config *)in->identity.v + k;

			map[k] =
			    (struct identity_map){ slice_of(c->attribute), slice_of(c->field) };
		}
		r->rules[i] = (struct line_rules){ .parser = in->parser,
			.client = in->client,
			.identity = map,
			.n_identity = map != NULL ? in->identity.n : 0,
			.start = in->start,
			.proxy = in->logsource != NULL,
			.control = in->control,
			.tz_s = in->tz_s,
			.max_ahead_us = MAX_AHEAD_US };
		for (unsigned k = 0; k < in->files.n; k++)
			if (tail_add(r->tail, in->files.v[k], i, &s, e) != 0)
				return -1;
	}
	return 0;
}

static int reader_open(struct reader *r, struct err *e)
{
	struct tail_callbacks cb = { .ctx = r,
		.saved = on_saved,
		.saved_path = on_saved_path,
		.new_number = on_new_number,
		.report = on_report };

	r->tail = tail_new(&cb, PIPELINE_WINDOW, e);
	if (r->tail == NULL ||
	    pipeline_init(&r->pipeline, r->a->rules.plan, r->a->redactor, e) != 0 ||
	    add_inputs(r, e) != 0)
		return -1;
	r->deflater = deflater_new();
	return r->deflater != NULL ? 0 : err_set(e, 0, "no memory for compression");
}

static void reader_close(struct reader *r)
{
	for (unsigned i = 0; r->rules != NULL && i < r->a->cfg.inputs.n; i++)
		free((void *)(uintptr_t)r->rules[i].identity);
	free(r->rules);
	tail_free(r->tail);
	if (r->pipeline.events != NULL)
		pipeline_free(&r->pipeline);
	deflater_free(r->deflater);
	record_writer_free(&r->control);
	record_writer_free(&r->bulk);
	if (r->batch != NULL)
		batch_recycle(&r->a->queue, r->batch);
	free(r);
}

void *reader_main(void *agent)
{
	struct agent *a = agent;
	struct reader *r = calloc(1, sizeof(*r));
	struct err e = { 0, "out of memory" };

	if (r != NULL)
		r->a = a;
	if (r == NULL || reader_open(r, &e) != 0) {
		log_error("can't read the inputs", "why=\"%s\"", e.msg);
		agent_stop(a);
	}
	while (!atomic_load(&a->stopping)) {
		struct tail_window w;
		int wait_ms = FAR_MS;

		take_rules(r);
		if (tail_next(r->tail, &w, &wait_ms))
			one_window(r, &w);
		else
			wait_for_change(r, wait_ms);
	}
	if (r != NULL)
		reader_close(r);
	batch_stop(&a->queue);
	return NULL;
}
