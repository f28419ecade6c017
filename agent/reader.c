/*
 * The reader thread: windows of logs in, batches out. It never waits for a sink, and
 * for the disk only through the number of batches there are.
 */
#include "agent/reader.h"
#include "agent/crawlers.h"
#include "agent/dedupe.h"
#include "agent/ship.h"
#include "agent/sight.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAR_MS = 1000, GATHER_MS = 40 };

/* ---- a batch ---- */

void reader_report(struct reader *r, const struct ledger_row *row)
{
	stats_add(&r->a->stats, possibly_lost_reports, 1);
	stats_add(&r->a->stats, possibly_lost_bytes, row->lost_bytes);
	stats_add(&r->a->stats, possibly_lost_records, row->lost_records);
	if (r->n_reports == READER_REPORTS)
		return;
	snprintf(r->report_paths[r->n_reports], TAIL_PATH_MAX, "%s", row->source);
	r->reports[r->n_reports] = *row;
	r->reports[r->n_reports].source = r->report_paths[r->n_reports];
	r->n_reports++;
}

static void on_sighting(void *ctx, const struct sighting *s)
{
	if (!batch_sight(ctx, s))
		log_error("no memory to count a detection", "alerts may be missing");
}

static void put_events(struct reader *r, unsigned input, const char *path, uint64_t origin_hash)
{
	const struct pipeline *p = &r->pipeline;
	const struct input_config *in = config_input(&r->a->cfg, input);
	struct record_origin o = { .hash = origin_hash,
		.path = slice_of(path),
		.parser = slice_of(r->rules[input].parser->name),
		.service = slice_of(in->service) };
	bool has_control = false;
	bool has_bulk = false;

	for (unsigned i = 0; i < p->n_events; i++) {
		const struct event *ev = &p->events[i];
		bool control = (ev->flags & EVENT_CONTROL) != 0 || event_is_suspicious(ev);
		struct record_writer *w = control ? &r->control : &r->bulk;
		bool *has = control ? &has_control : &has_bulk;

		if (!*has)
			record_put_origin(w, &o);
		*has = true;
		record_put_event(w, 0, ev);
		r->batch->n_events++;
		if (r->batch->n_successes < BATCH_SUCCESSES &&
		    success_of(r->successes, ev, &r->batch->successes[r->batch->n_successes]))
			r->batch->n_successes++;
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
	r->batch->n_ledger += r->n_reports;
	r->n_reports = 0;
}

static void count(struct reader *r, uint64_t used)
{
	struct stats *s = &r->a->stats;
	struct pipeline *p = &r->pipeline;

	stats_add(s, bytes_read, used);
	stats_add(s, events_read, p->n_events + p->copies);
	stats_add(s, duplicates_dropped, p->copies);
	r->batch->n_read = p->n_events + (unsigned)p->copies;
	r->batch->n_copies = (unsigned)p->copies;
	stats_add(s, lines_read, p->lines);
	stats_add(s, parse_errors, p->bad);
	stats_add(s, match_undecided, p->engine->undecided);
	stats_add(s, regex_calls, p->engine->regex_calls);
	stats_add(s, engine_checks, p->engine->checks);
	p->engine->checks = 0;
	p->lines = p->bad = p->copies = 0;
	p->engine->undecided = p->engine->regex_calls = 0;
}

static void send_batch(struct reader *r)
{
	struct batch *b = r->batch;

	b->n_control = r->control.n_records;
	b->n_bulk = r->bulk.n_records;
	if (b->n_control > 0)
		record_end(&r->control, r->packer, &b->control);
	if (b->n_bulk > 0)
		record_end(&r->bulk, r->packer, &b->bulk);
	b->read_us = clock_now_us();
	r->batch = NULL;
	batch_put(&r->a->queue, b);
}

/* The filters promise never to miss: that they did is worth waking somebody. */
static void put_differences(struct reader *r, uint64_t origin_hash)
{
	const struct pipeline *p = &r->pipeline;
	const size_t max = sizeof(r->batch->differences) / sizeof(*r->batch->differences);

	for (unsigned i = 0; i < p->n_differences; i++) {
		const struct rule *rule = &p->engine->rs->rules[p->differences[i].rule];
		struct batch_difference *d = &r->batch->differences[r->batch->n_differences];

		stats_add(&r->a->stats, engine_differences, 1);
		log_error("a filter missed what its rule matches; the rule goes without it now",
		    "rule=%.*s", SLICE_ARG(rule->name));
		if (r->batch->n_differences == max)
			continue;
		r->batch->n_differences++;
		snprintf(d->rule, sizeof(d->rule), "%.*s", SLICE_ARG(rule->name));
		record_event_id(origin_hash, &p->events[p->differences[i].event], d->event);
	}
}

struct batch *reader_put(struct reader *r, unsigned input, const char *path, uint64_t origin_hash)
{
	begin_batch(r);
	r->batch->input = input;
	put_events(r, input, path, origin_hash);
	put_differences(r, origin_hash);
	sight_window(&r->pipeline, r->a->correlator, origin_hash, on_sighting, r->batch);
	return r->batch;
}

void reader_send(struct reader *r, uint64_t bytes)
{
	r->batch->bytes_in = bytes;
	count(r, bytes);
	send_batch(r);
}

static void fill_batch(struct reader *r, struct tail_window *w, uint64_t used, uint64_t origin_hash)
{
	struct tail_file *f = w->file;
	struct batch *b = reader_put(r, f->input, f->path, origin_hash);

	b->more = w->text.n == PIPELINE_WINDOW;
	b->moved = true;
	b->move.from = f->offset;
	tail_used(r->tail, w, used, &b->move.to.before_hash);
	b->move.to.head_hash = f->head_hash;
	b->move.to.number = f->number;
	b->move.to.offset = f->offset;
	b->move.to.dev = f->dev;
	b->move.to.ino = f->ino;
	b->move.to.time_us = f->mtime_us;
	snprintf(b->move.to.path, sizeof(b->move.to.path), "%s", f->path);
	reader_send(r, used);
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

/*
 * Nothing of it can be used yet: an event of several lines is open. Its place is saved all the
 * same, or nobody would look for the log if it was rotated and the agent ended before the event.
 */
static void announce(struct reader *r, struct tail_window *w, uint64_t origin_hash)
{
	const struct tail_file *f = w->file;
	struct tail_position p;
	uint64_t ignored;
	bool saved = r->announced.head_hash == f->head_hash && r->announced.number == f->number;

	for (unsigned i = 0; !saved && positions_saved(r->a->positions, f->head_hash, i, &p); i++)
		saved = p.number == f->number && p.path[0] != '\0'; /* not only reserved */
	if (saved) {
		tail_used(r->tail, w, 0, &ignored);
		return;
	}
	r->announced.head_hash = f->head_hash;
	r->announced.number = f->number;
	fill_batch(r, w, 0, origin_hash);
}

static void use_dedupe(struct reader *r, bool on)
{
	r->pipeline.is_copy = on && r->dedupe != NULL ? dedupe_is_copy : NULL;
	r->pipeline.is_copy_ctx = r->dedupe;
}

static void one_window(struct reader *r, struct tail_window *w)
{
	struct line_rules *lr = &r->rules[w->file->input];
	uint64_t origin = identity_origin(r->a->host.id, w->file->head_hash, w->file->number);
	struct window_in in = { .text = w->text,
		.offset = w->file->offset,
		.origin_hash = origin,
		.padded = true,
		.final = w->last };
	bool full = w->text.n == PIPELINE_WINDOW;

	lr->ref_us = clock_now_us();
	lr->no_time_us = lr->ref_us;
	/* what skip_old() passes over is not kept, so nothing may be dropped as its copy */
	use_dedupe(r,
	    !w->file->first_start || config_input(&r->a->cfg, w->file->input)->start_span_us == 0);

	uint64_t used = pipeline_window(&r->pipeline, lr, &in);

	if (used == 0 && (full || w->idle)) {
		in.close_all = true;
		used = pipeline_window(&r->pipeline, lr, &in);
	}
	if (used == 0 && full) {
		in.long_span = tail_line_end(r->tail, w, &in.long_ended);
		if (in.long_span > 0) {
			in.nuls = tail_skip_nuls(r->tail, w, in.long_span - in.long_ended);
			in.text = w->text;
			used = pipeline_window(&r->pipeline, lr, &in);
		}
	}
	if (used == 0)
		announce(r, w, origin);
	else if (!skip_old(r, w, used))
		fill_batch(r, w, used, origin);
	use_dedupe(r, true);
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

/* The reader is who writes to the ledger: what sinks dropped of their dead letters is told by it.
 */
static void report_dead_letters(struct reader *r)
{
	for (unsigned i = 0; i < r->a->n_own; i++) {
		uint64_t gone = ship_dead_gone(r->a->ships[i]);

		const char *name = config_sink(&r->a->cfg, i)->name;

		if (gone == r->dead_gone[i])
			continue;
		log_warn("dead letters reached their budget: the oldest are gone",
		    "sink=%s records=%llu", name, (unsigned long long)(gone - r->dead_gone[i]));
		reader_report(r, &(struct ledger_row){ .what = "dead_letters",
				     .source = name,
				     .lost_records = gone - r->dead_gone[i],
				     .time_us = clock_now_us() });
		r->dead_gone[i] = gone;
	}
}

static void wait_for_change(struct reader *r, int wait_ms)
{
	struct pollfd p[16] = { { .fd = tail_fd(r->tail), .events = POLLIN },
		{ .fd = r->a->stop_fd, .events = POLLIN },
		{ .fd = reader_stdin_fd(r), .events = POLLIN },
		{ .fd = r->a->wake_fd, .events = POLLIN } };
	unsigned n = 4;
	uint64_t ignored;

	if (wait_ms < 0 || wait_ms > 60000)
		wait_ms = FAR_MS;
	n += reader_journald_poll(r, p + n, 16 - n, &wait_ms);
	atomic_store(&r->a->reader_ready, true);
	stats_set(&r->a->stats, open_files, tail_open_files(r->tail));
	report_dead_letters(r);
	if (r->n_reports > 0) { /* a report alone is worth a frame */
		begin_batch(r);
		send_batch(r);
	}
	/* A busy log is written line by line: a commit for each would cost half a core. */
	if (r->busy && poll(&p[1], 1, GATHER_MS) > 0)
		return;
	r->busy = false;
	poll(p, n, wait_ms);
	if ((p[3].revents & POLLIN) != 0 && read(r->a->wake_fd, &ignored, sizeof(ignored)) < 0)
		log_warn("the reader's wake-up can't be read", "code=%d", errno);
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
			.alive_us = a->alive_us,
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
			.max_ahead_us = READER_MAX_AHEAD_US };
		for (unsigned k = 0; k < in->files.n; k++)
			if (tail_add(r->tail, in->files.v[k], i, &s, e) != 0)
				return -1;
		if (in->from_journald && reader_journald_open(r, i, e) != 0)
			return -1;
		if (in->from_stdin && reader_stdin_open(r, i, e) != 0)
			return -1;
	}
	return 0;
}

/* Only where journald and files are read can a message come twice. */
static int open_dedupe(struct reader *r, struct err *e)
{
	bool files = false;

	for (unsigned i = 0; i < r->a->cfg.inputs.n; i++)
		files = files || config_input(&r->a->cfg, i)->files.n > 0;
	if (r->journald == NULL || !files)
		return 0;
	r->dedupe = dedupe_new(r->a->host.key, r->a->host.name, e);
	use_dedupe(r, true);
	return r->dedupe != NULL ? 0 : -1;
}

/* Only of an address that somebody we trust saw: a claimed one says nothing. */
static struct slice verify_crawler(void *ctx, const struct event *ev, const struct rule *rule)
{
	struct slice from = event_get(ev, ATTR_CLIENT_PROVENANCE);
	struct ip a;

	if (!ip_parse(event_get(ev, ATTR_CLIENT_ADDRESS), &a) ||
	    slice_eq(from, slice_of(provenance_names[PROVENANCE_CLAIMED])))
		return (struct slice){ 0 };
	return crawler_state_names[crawlers_ask(ctx, &a, rule)];
}

static int reader_open(struct reader *r, struct err *e)
{
	struct tail_callbacks cb = reader_tail_callbacks(r);

	r->tail = tail_new(&cb, PIPELINE_WINDOW, e);
	if (r->tail == NULL ||
	    pipeline_init(&r->pipeline, r->a->rules.plan, r->a->redactor, e) != 0)
		return -1;
	r->pipeline.engine->check_one_in = r->a->cfg.check_one_in;
	if (r->a->crawlers != NULL) {
		r->pipeline.engine->verify = verify_crawler;
		r->pipeline.engine->verify_ctx = r->a->crawlers;
	}
	r->packer = packer_new();
	if (r->packer == NULL)
		return err_set(e, 0, "no memory for compression");
	r->successes = success_news_new(r->a->host.id);
	if (r->successes == NULL)
		return err_set(e, 0, "no memory for who succeeded");
	return add_inputs(r, e) == 0 ? open_dedupe(r, e) : -1;
}

static void reader_close(struct reader *r)
{
	for (unsigned i = 0; r->rules != NULL && i < r->a->cfg.inputs.n; i++)
		free((void *)(uintptr_t)r->rules[i].identity);
	free(r->rules);
	tail_free(r->tail);
	reader_journald_close(r);
	reader_stdin_close(r);
	dedupe_free(r->dedupe);
	success_news_free(r->successes);
	if (r->pipeline.events != NULL)
		pipeline_free(&r->pipeline);
	packer_free(r->packer);
	record_writer_free(&r->control);
	record_writer_free(&r->bulk);
	if (r->batch != NULL)
		batch_recycle(&r->a->queue, r->batch);
	free(r);
}

/* Something of every source that has something, so that none waits for another. */
static bool one_turn(struct reader *r, int *wait_ms)
{
	struct tail_window w;
	bool any = tail_next(r->tail, &w, wait_ms);

	if (any)
		one_window(r, &w);
	any = reader_stdin_read(r) || any;
	return reader_journald_read(r) || any;
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
	while (r != NULL && !atomic_load(&a->stopping)) {
		int wait_ms = FAR_MS;

		take_rules(r);
		if (one_turn(r, &wait_ms))
			r->busy = true;
		else
			wait_for_change(r, wait_ms);
	}
	if (r != NULL)
		reader_close(r);
	batch_stop(&a->queue);
	return NULL;
}
