/*
 * cloud_logging.c - Google Cloud Logging: entries.write (v2) by REST, for those who look at logs in
 * Google's viewer. Each byte there costs most of all sinks, so by default few events go.
 *
 * A log for each table: LOG-events, -alerts, -blocks, -ledger. The resource is the EC2 instance,
 * else a node of that name. With partialSuccess an error names the entries that were not taken;
 * all others are in.
 */
#include "sinks/cloud_logging.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "libs/curl.h"
#include "sinks/aws_instance.h"
#include "sinks/google_api.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ENTRIES_MAX = 1000,    /* of a request */
	REQUEST_MAX = 9000000, /* of 10 MB */
	ENTRY_MAX = 250 << 10, /* of 256 KiB "approximately" */
	LOG_MAX = 512,
	RESOURCE_MAX = 600,
	URL_MAX = 512,
	ASK_AGAIN_US = 600000000
};

#define DEFAULT_HOST "https://logging.googleapis.com"

struct cloud_logging {
	struct google_api api;
	struct outbox out;
	struct buf body;
	struct entry_rules rules;
	char url[URL_MAX];
	char prefix[LOG_MAX];	     /* projects/P/logs/NAME, encoded */
	char resource[RESOURCE_MAX]; /* a MonitoredResource, as JSON */
	int64_t ask_us;		     /* CLOCK_BOOTTIME: for the instance; INT64_MAX: it is known */
};

static void cloud_logging_close(void *self)
{
	struct cloud_logging *c = self;

	if (c == NULL)
		return;
	google_api_close(&c->api);
	outbox_free(&c->out);
	buf_free(&c->body);
	free(c);
}

static int set_up(struct cloud_logging *c, const struct sink_settings *s, struct err *e)
{
	struct buf id = { .max = LOG_MAX };
	size_t n;

	outbox_init(&c->out);
	if (s->project == NULL)
		return err_set(e, 0, "a sink of type cloud_logging needs `project`");
	if (google_api_open(&c->api, s, e) != 0)
		return -1;
	c->rules = (struct entry_rules){ s->project, s->keep_body, (enum log_entries)s->entries };
	c->out.form = entry_put;
	c->out.form_self = &c->rules;
	c->out.row_max = ENTRY_MAX;
	c->out.requests = s->requests > 0 ? s->requests : 1;
	c->body.max = REQUEST_MAX + (1 << 20);
	snprintf(c->url, sizeof(c->url), "%s/v2/entries:write",
	    s->endpoint != NULL ? s->endpoint : DEFAULT_HOST);
	google_percent(&id, slice_of(s->log != NULL ? s->log : "sekisho"));
	n = (size_t)snprintf(
	    c->prefix, sizeof(c->prefix), "projects/%s/logs/%.*s", s->project, (int)id.n, id.p);
	buf_free(&id);
	return n < sizeof(c->prefix) ? 0 : err_set(e, 0, "`project` or `log` is too long");
}

static void *cloud_logging_open(const struct sink_settings *s, struct err *e)
{
	struct cloud_logging *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set(e, 0, "no memory");
		return NULL;
	}
	if (set_up(c, s, e) != 0) {
		cloud_logging_close(c);
		return NULL;
	}
	return c;
}

/* ---- where we are ---- */

static void put_resource(struct cloud_logging *c, const char *type, const char *const pairs[3][2])
{
	struct buf b = { .max = RESOURCE_MAX - 1 };
	struct json j = { .out = &b };

	json_open(&j, '{');
	json_member_text(&j, "type", slice_of(type));
	JSON_KEY(&j, "labels");
	json_open(&j, '{');
	for (unsigned i = 0; i < 3; i++)
		json_member_text(&j, pairs[i][0], slice_of(pairs[i][1]));
	json_close(&j, '}');
	json_close(&j, '}');
	if (!b.full) {
		memcpy(c->resource, b.p, b.n);
		c->resource[b.n] = '\0';
	}
	buf_free(&b);
}

/* The labels of Google's own list of monitored resources. */
static void find_resource(struct cloud_logging *c)
{
	struct aws_instance at;
	char zone[sizeof(at.zone) + 8];
	char host[256] = "localhost";

	if (clock_boot_us() < c->ask_us)
		return;
	switch (aws_instance_find(c->api.http, &at)) {
	case AWS_INSTANCE:
		snprintf(zone, sizeof(zone), "aws:%s", at.zone);
		put_resource(c, "aws_ec2_instance",
		    (const char *const[3][2]){ { "instance_id", at.id }, { "region", zone },
			{ "aws_account", at.account } });
		c->ask_us = INT64_MAX;
		return;
	case AWS_NO_INSTANCE:
		c->ask_us = INT64_MAX;
		break;
	case AWS_NO_ANSWER: /* it may only be too early */
		c->ask_us = clock_boot_us() + ASK_AGAIN_US;
		break;
	}
	gethostname(host, sizeof(host) - 1);
	put_resource(c, "generic_node",
	    (const char *const[3][2]){
		{ "location", "global" }, { "namespace", "sekisho" }, { "node_id", host } });
}

/* ---- sending ---- */

/* code is a google.rpc.Code; the entry is refused, waits, or waits for a person. */
static enum outbox_answer settle(
    struct cloud_logging *c, struct outbox_row *row, const json_t *status, struct err *e)
{
	json_int_t code = json_integer_value(json_object_get(status, "code"));
	const char *message = json_string_value(json_object_get(status, "message"));
	enum outbox_answer a = google_api_answer(code > 0 ? (uint64_t)code : GRPC_UNKNOWN);
	char text[OUTBOX_WHY];

	snprintf(text, sizeof(text), "%s: %s",
	    code > 0 && code < GRPC_CODES ? grpc_name((unsigned)code) : "UNKNOWN",
	    message != NULL ? message : "");
	if (a == ANSWER_BAD) {
		outbox_refuse(&c->out, row, text);
		return row->state == ROW_LATER ? ANSWER_RETRY : ANSWER_OK;
	}
	row->state = ROW_LATER;
	err_set(e, 0, "Cloud Logging: %s", text);
	return a;
}

/*
 * google.logging.v2.WriteLogEntriesPartialErrors among the error's details: which entries were
 * not taken, by index. False: there is no such thing, so nothing was taken.
 */
static bool read_partial(struct cloud_logging *c, const struct outbox_flight *f,
    enum outbox_answer *answer, struct err *e)
{
	const struct buf *body = &c->api.call[f->number].reply.body;
	json_t *j = json_loadb(body->p != NULL ? body->p : "", body->n, 0, NULL);
	const json_t *details = json_object_get(json_object_get(j, "error"), "details");
	json_t *errors = NULL;
	const char *key;
	json_t *status;

	for (size_t i = 0; i < json_array_size(details) && errors == NULL; i++)
		errors = json_object_get(json_array_get(details, i), "logEntryErrors");
	if (json_object_size(errors) == 0) {
		json_decref(j);
		return false;
	}
	*answer = ANSWER_OK;
	json_object_foreach(errors, key, status)
	{
		uint64_t at;
		enum outbox_answer a;

		if (!slice_u64(slice_of(key), &at) || at >= f->n)
			continue;
		a = settle(c, f->rows[at], status, e);
		if (a == ANSWER_HOLD || *answer == ANSWER_OK)
			*answer = a;
	}
	for (unsigned i = 0; i < f->n; i++)
		if (f->rows[i]->state == ROW_SENT)
			f->rows[i]->state = ROW_DELIVERED;
	json_decref(j);
	return true;
}

static void begin_request(struct cloud_logging *c, enum schema_table t, bool dry_run)
{
	buf_reset(&c->body);
	buf_printf(&c->body, "{\"logName\":\"%s-%s\",\"resource\":%s,\"partialSuccess\":true,",
	    c->prefix, schema_table(t)->short_name, c->resource);
	buf_printf(&c->body, "%s\"entries\":[", dry_run ? "\"dryRun\":true," : "");
}

static enum outbox_answer start(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct cloud_logging *c = self;

	begin_request(c, f->rows[0]->table, false);
	for (unsigned i = 0; i < f->n; i++) {
		if (i > 0)
			buf_char(&c->body, ',');
		buf_slice(&c->body, outbox_text(o, f->rows[i]));
	}
	buf_str(&c->body, "]}");
	if (c->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	return google_api_start(&c->api, &c->api.call[f->number],
	    &(struct google_request){
		.method = "POST", .url = c->url, .body = buf_as_slice(&c->body) },
	    e);
}

static enum outbox_answer land(
    void *self, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	struct cloud_logging *c = self;
	unsigned number;
	enum outbox_answer answer = google_api_land(&c->api, &number, e);
	enum outbox_answer partial;

	*f = &o->flight[number];
	if (answer != ANSWER_OK && answer != ANSWER_FLYING && read_partial(c, *f, &partial, e))
		return partial;
	return answer;
}

/* ---- the sink ---- */

static enum sink_result cloud_logging_begin(void *self, struct err *e)
{
	struct cloud_logging *c = self;

	(void)e;
	outbox_begin(&c->out);
	return SINK_OK;
}

static enum sink_result cloud_logging_put(void *self, const struct record *r, struct err *e)
{
	struct cloud_logging *c = self;

	return entry_is_wanted(&c->rules, r) ? outbox_put(&c->out, r, e) : SINK_DROP;
}

static enum sink_result cloud_logging_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	static const struct outbox_way way = { ENTRIES_MAX, REQUEST_MAX, 1, start, land };
	struct cloud_logging *c = self;

	(void)cursor;
	if (c->out.n_rows > 0)
		find_resource(c);
	return outbox_send(&c->out, &way, c, e);
}

static void cloud_logging_abort(void *self)
{
	outbox_begin(&((struct cloud_logging *)self)->out);
}

/* dryRun: the request is judged, and nothing is kept. */
static void check_log(struct cloud_logging *c, enum schema_table t, sink_say *say, void *ctx)
{
	char text[LOG_MAX + 400];
	const char *name = schema_table(t)->short_name;
	struct err e = { 0, "" };
	enum outbox_answer a;

	begin_request(c, t, true);
	buf_str(&c->body, "{\"textPayload\":\"sekisho check\"}]}");
	a = google_api_call(&c->api,
	    &(struct google_request){
		.method = "POST", .url = c->url, .body = buf_as_slice(&c->body) },
	    &e);
	if (a == ANSWER_OK)
		snprintf(text, sizeof(text), "log %s-%s: may write", c->prefix, name);
	else
		snprintf(text, sizeof(text), "log %s-%s: %s%s", c->prefix, name, e.msg,
		    google_api_last(&c->api)->reply.status == 403
			? "; grant roles/logging.logWriter on the project"
			: "");
	say(ctx, a == ANSWER_OK, text);
}

static void cloud_logging_check(void *self, sink_say *say, void *ctx)
{
	static const enum schema_table tables[] = { TABLE_ALERTS, TABLE_BLOCKS, TABLE_EVENTS,
		TABLE_LEDGER };
	struct cloud_logging *c = self;
	char text[RESOURCE_MAX + 32];

	if (!google_api_check(&c->api, say, ctx))
		return;
	find_resource(c);
	snprintf(text, sizeof(text), "resource %s", c->resource);
	say(ctx, true, text);
	for (unsigned i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		check_log(c, tables[i], say, ctx);
}

const struct sink sink_cloud_logging = {
	.name = "cloud_logging",
	.library = &curl_late,
	.max_records = 7000, /* with a frame more than that still eight requests */
	.max_bytes = 6 << 20,
	.open = cloud_logging_open,
	.begin = cloud_logging_begin,
	.put = cloud_logging_put,
	.commit = cloud_logging_commit,
	.abort = cloud_logging_abort,
	.check = cloud_logging_check,
	.close = cloud_logging_close,
};
