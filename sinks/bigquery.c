/*
 * bigquery.c - Google BigQuery by REST (tabledata.insertAll, v2): for hosts without Pub/Sub.
 *
 * Rows go to DATASET.events_raw, alerts_raw and so on, as `sekisho schema bigquery` makes them,
 * with the event's id as insertId. A reply of 200 may refuse rows: its insertErrors are read.
 */
#include "base/err.h"
#include "sinks/google_api.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 500, REQUEST_MAX = 9 << 20, ROW_FORM = 80, URL_MAX = 1024, ROW_MAX = 8 << 20 };

struct bigquery {
	struct google_api api;
	struct outbox out;
	struct buf body;
	char base[URL_MAX - 256]; /* up to the table's name */
};

static void bigquery_close(void *self)
{
	struct bigquery *b = self;

	if (b == NULL)
		return;
	google_api_close(&b->api);
	outbox_free(&b->out);
	buf_free(&b->body);
	free(b);
}

static void *bigquery_open(const struct sink_settings *s, struct err *e)
{
	const char *emulator = getenv("BIGQUERY_EMULATOR_HOST");
	struct sink_settings set = *s;
	struct bigquery *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		err_set(e, 0, "no memory");
		return NULL;
	}
	if (s->endpoint == NULL && emulator != NULL && emulator[0] != '\0')
		set.endpoint = emulator;
	if (s->project == NULL || s->dataset == NULL) {
		err_set(e, 0, "a sink of type bigquery needs `project` and `dataset`");
		free(b);
		return NULL;
	}
	if (google_api_open(&b->api, &set, e) != 0 || outbox_init(&b->out, e) != 0) {
		bigquery_close(b);
		return NULL;
	}
	b->out.json_as_text = true;
	b->out.row_max = ROW_MAX;
	b->out.keep_body = s->keep_body;
	b->body.max = REQUEST_MAX + (1 << 20);
	snprintf(b->base, sizeof(b->base), "%s/bigquery/v2/projects/%s/datasets/%s/tables/",
	    set.endpoint != NULL ? set.endpoint : "https://bigquery.googleapis.com", s->project,
	    s->dataset);
	return b;
}

static bool passes(const char *reason)
{
	static const char *const names[] = { "stopped", "timeout", "backendError", "internalError",
		"rateLimitExceeded" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(reason, names[i]) == 0)
			return true;
	return false;
}

/* insertErrors: rows by index, each with its reasons. A row that is not listed is in. */
static void read_errors(struct bigquery *b, struct outbox_row *rows, unsigned n, struct err *e)
{
	json_t *j = json_loadb(
	    b->api.reply.body.p != NULL ? b->api.reply.body.p : "", b->api.reply.body.n, 0, NULL);
	const json_t *errors = json_object_get(j, "insertErrors");

	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *one = json_array_get(errors, i);
		json_int_t at = json_integer_value(json_object_get(one, "index"));
		const json_t *why = json_array_get(json_object_get(one, "errors"), 0);
		const char *reason = json_string_value(json_object_get(why, "reason"));
		const char *message = json_string_value(json_object_get(why, "message"));
		char text[OUTBOX_WHY];

		if (at < 0 || at >= (json_int_t)n)
			continue;
		reason = reason != NULL ? reason : "invalid";
		snprintf(text, sizeof(text), "%s: %s", reason, message != NULL ? message : "");
		if (passes(reason)) {
			rows[at].retry = true;
			err_set(e, 0, "BigQuery: %s", text);
		} else {
			outbox_refuse(&b->out, &rows[at], text);
		}
	}
	json_decref(j);
}

static enum outbox_answer insert(
    void *self, struct outbox *o, struct outbox_row *rows, unsigned n, struct err *e)
{
	struct bigquery *b = self;
	enum outbox_answer answer;
	char url[URL_MAX];

	buf_reset(&b->body);
	buf_str(&b->body, "{\"skipInvalidRows\":true,\"rows\":[");
	for (unsigned i = 0; i < n; i++) {
		rows[i].retry = false;
		buf_printf(&b->body, "%s{\"insertId\":\"%s-%llu\",\"json\":", i > 0 ? "," : "",
		    rows[i].id, (unsigned long long)rows[i].seq);
		buf_slice(&b->body, outbox_text(o, &rows[i]));
		buf_char(&b->body, '}');
	}
	buf_str(&b->body, "]}");
	if (b->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	snprintf(url, sizeof(url), "%s%s/insertAll", b->base, schema_table(rows[0].table)->name);
	answer = google_api_post(&b->api, url, buf_as_slice(&b->body), e);
	if (answer == ANSWER_OK)
		read_errors(b, rows, n, e);
	return answer;
}

static enum sink_result bigquery_begin(void *self, struct err *e)
{
	struct bigquery *b = self;

	(void)e;
	outbox_begin(&b->out);
	return SINK_OK;
}

static enum sink_result bigquery_put(void *self, const struct record *r, struct err *e)
{
	return outbox_put(&((struct bigquery *)self)->out, r, e);
}

static enum sink_result bigquery_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	static const struct outbox_limits limits = { ROWS_MAX, REQUEST_MAX, ROW_FORM };
	struct bigquery *b = self;

	(void)cursor;
	return outbox_send(&b->out, &limits, insert, b, e);
}

static void bigquery_abort(void *self)
{
	outbox_begin(&((struct bigquery *)self)->out);
}

/* Has the live table our columns, in types that take our values? What it lacks, into text. */
static bool compare(const struct table *t, const json_t *fields, char *text, size_t n)
{
	size_t used = (size_t)snprintf(text, n, "table %s: ", t->name);
	bool same = true;

	for (unsigned i = 0; i < t->n && used < n; i++) {
		const char *have = NULL;
		const json_t *f;
		size_t k;

		json_array_foreach(fields, k,
		    f) if (strcmp(json_string_value(json_object_get(f, "name")), t->c[i].name) == 0)
		    have = json_string_value(json_object_get(f, "type"));
		if (have != NULL)
			continue;
		used += (size_t)snprintf(
		    text + used, n - used, "%s%s", same ? "no column " : ", ", t->c[i].name);
		same = false;
	}
	if (same)
		snprintf(text + used, n - used, "%u columns, as they should be", t->n);
	else if (used < n)
		snprintf(text + used, n - used, "; `sekisho schema bigquery` prints them");
	return same;
}

static void bigquery_check(void *self, sink_say *say, void *ctx)
{
	struct bigquery *b = self;

	if (!google_api_check(&b->api, say, ctx))
		return;
	for (unsigned i = 0; i < TABLE_N; i++) {
		const struct table *t = schema_table((enum schema_table)i);
		char url[URL_MAX];
		char text[512];
		struct err e = { 0, "" };
		bool ok = false;

		snprintf(url, sizeof(url), "%s%s", b->base, t->name);
		if (google_api_get(&b->api, url, &e) != ANSWER_OK) {
			snprintf(text, sizeof(text), "table %s: %s%s", t->name, e.msg,
			    b->api.reply.status == 404
				? "; `sekisho schema bigquery` prints what makes it"
			    : b->api.reply.status == 403 ? "; grant roles/bigquery.dataEditor on it"
							 : "");
		} else {
			json_t *j = json_loadb(b->api.reply.body.p, b->api.reply.body.n, 0, NULL);

			ok = compare(t, json_object_get(json_object_get(j, "schema"), "fields"),
			    text, sizeof(text));
			json_decref(j);
		}
		say(ctx, ok, text);
	}
}

const struct sink sink_bigquery = {
	.name = "bigquery",
	.max_records = 2000,
	.max_bytes = 6 << 20,
	.open = bigquery_open,
	.begin = bigquery_begin,
	.put = bigquery_put,
	.commit = bigquery_commit,
	.abort = bigquery_abort,
	.check = bigquery_check,
	.close = bigquery_close,
};
