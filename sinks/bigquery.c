/*
 * bigquery.c - Google BigQuery, for hosts without Pub/Sub: by REST (tabledata.insertAll, v2), or
 * for busy ones by the Storage Write API (bigquery_write.h). The same rows either way.
 *
 * Rows go to DATASET.events_raw, alerts_raw and so on, as `sekisho schema bigquery` makes them;
 * insertAll gets the event's id as insertId. Its reply of 200 may refuse rows: insertErrors are
 * read.
 */
#include "base/err.h"
#include "libs/curl.h"
#include "sinks/bigquery_write.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ROWS_MAX = 500,
	REQUEST_MAX = 9 << 20,
	ROW_FORM = 80,
	APPEND_ROWS_MAX = 20000,
	APPEND_MAX = 3 << 20,
	APPEND_FORM = 6,
	URL_MAX = 1024,
	ROW_MAX = 8 << 20,
	PARENT_MAX = 400,
};

struct bigquery {
	struct google_api api;
	struct outbox out;
	struct buf body;
	char host[URL_MAX - PARENT_MAX - 100]; /* with the scheme */
	char parent[PARENT_MAX];	       /* projects/P/datasets/D */
	bool by_grpc;
	struct bigquery_write write;
};

static void bigquery_close(void *self)
{
	struct bigquery *b = self;

	if (b == NULL)
		return;
	google_api_close(&b->api);
	outbox_free(&b->out);
	bigquery_write_free(&b->write);
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
	b->by_grpc = s->mode == BIGQUERY_STORAGE_WRITE;
	/* the variable is about REST */
	if (s->endpoint == NULL && !b->by_grpc && emulator != NULL && emulator[0] != '\0')
		set.endpoint = emulator;
	if (s->project == NULL || s->dataset == NULL) {
		err_set(e, 0, "a sink of type bigquery needs `project` and `dataset`");
		free(b);
		return NULL;
	}
	if (set.endpoint == NULL)
		snprintf(b->host, sizeof(b->host), "https://bigquery%s.googleapis.com",
		    b->by_grpc ? "storage" : "");
	else
		snprintf(b->host, sizeof(b->host), "%s", set.endpoint);
	snprintf(b->parent, sizeof(b->parent), "projects/%s/datasets/%s", s->project, s->dataset);
	outbox_init(&b->out);
	if (google_api_open(&b->api, &set, e) != 0 ||
	    bigquery_write_init(&b->write, &b->api, b->host, e) != 0) {
		bigquery_close(b);
		return NULL;
	}
	b->out.rules.form = b->by_grpc ? ROW_PROTO : ROW_JSON_TEXT;
	b->out.wrap = b->by_grpc ? bigquery_in_row : "";
	b->out.rules.keep_body = s->keep_body;
	b->out.row_max = ROW_MAX;
	b->out.requests = s->requests > 0 ? s->requests : 1;
	b->body.max = REQUEST_MAX + (1 << 20);
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
static void read_errors(struct bigquery *b, const struct outbox_flight *f, struct err *e)
{
	const struct buf *body = &b->api.call[f->number].reply.body;
	json_t *j = json_loadb(body->p != NULL ? body->p : "", body->n, 0, NULL);
	const json_t *errors = json_object_get(j, "insertErrors");

	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *one = json_array_get(errors, i);
		json_int_t at = json_integer_value(json_object_get(one, "index"));
		const json_t *why = json_array_get(json_object_get(one, "errors"), 0);
		const char *reason = json_string_value(json_object_get(why, "reason"));
		const char *message = json_string_value(json_object_get(why, "message"));
		char text[OUTBOX_WHY];

		if (at < 0 || at >= (json_int_t)f->n)
			continue;
		reason = reason != NULL ? reason : "invalid";
		snprintf(text, sizeof(text), "%s: %s", reason, message != NULL ? message : "");
		if (passes(reason)) {
			f->rows[at]->state = ROW_LATER;
			err_set(e, 0, "BigQuery: %s", text);
		} else {
			outbox_refuse(&b->out, f->rows[at], text);
		}
	}
	json_decref(j);
}

static enum outbox_answer insert(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct bigquery *b = self;
	char url[URL_MAX];

	buf_reset(&b->body);
	buf_str(&b->body, "{\"skipInvalidRows\":true,\"rows\":[");
	for (unsigned i = 0; i < f->n; i++) {
		const struct outbox_row *row = f->rows[i];
		char id[RECORD_ID_TEXT + 1];

		record_id_text(row->id, id);
		buf_printf(&b->body, "%s{\"insertId\":\"%s-%llu\",\"json\":", i > 0 ? "," : "", id,
		    (unsigned long long)row->seq);
		buf_slice(&b->body, outbox_text(o, row));
		buf_char(&b->body, '}');
	}
	buf_str(&b->body, "]}");
	if (b->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	snprintf(url, sizeof(url), "%s/bigquery/v2/%s/tables/%s/insertAll", b->host, b->parent,
	    schema_table(f->rows[0]->table)->name);
	return google_api_start(&b->api, &b->api.call[f->number],
	    &(struct google_request){
		.method = "POST", .url = url, .body = buf_as_slice(&b->body) },
	    e);
}

static enum outbox_answer inserted(
    void *self, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	struct bigquery *b = self;
	unsigned number;
	enum outbox_answer answer = google_api_land(&b->api, &number, e);

	*f = &o->flight[number];
	if (answer == ANSWER_OK)
		read_errors(b, *f, e);
	return answer;
}

static enum outbox_answer append(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct bigquery *b = self;

	return bigquery_append(&b->write, b->parent, o, f, e);
}

static enum outbox_answer appended(
    void *self, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	return bigquery_appended(&((struct bigquery *)self)->write, o, f, e);
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
	static const struct outbox_way by_insert = { ROWS_MAX, REQUEST_MAX, ROW_FORM, insert,
		inserted };
	static const struct outbox_way by_append = { APPEND_ROWS_MAX, APPEND_MAX, APPEND_FORM,
		append, appended };
	struct bigquery *b = self;

	(void)cursor;
	return outbox_send(&b->out, b->by_grpc ? &by_append : &by_insert, b, e);
}

static void bigquery_abort(void *self)
{
	outbox_begin(&((struct bigquery *)self)->out);
}

/* The columns of the live table by REST: their names point into *j. */
static enum outbox_answer columns_rest(struct bigquery *b, enum schema_table t, struct slice *names,
    unsigned *n, json_t **j, struct err *e)
{
	const struct buf *body = &google_api_last(&b->api)->reply.body;
	char url[URL_MAX];
	const json_t *f;
	enum outbox_answer a;
	size_t k;

	snprintf(url, sizeof(url), "%s/bigquery/v2/%s/tables/%s", b->host, b->parent,
	    schema_table(t)->name);
	a = google_api_call(&b->api, &(struct google_request){ .method = "GET", .url = url }, e);
	if (a != ANSWER_OK)
		return a;
	*j = json_loadb(body->p, body->n, 0, NULL);
	json_array_foreach(json_object_get(json_object_get(*j, "schema"), "fields"), k, f)
	{
		const char *name = json_string_value(json_object_get(f, "name"));

		if (name != NULL && *n < BIGQUERY_COLUMNS_MAX)
			names[(*n)++] = slice_of(name);
	}
	return a;
}

/* Has the live table our columns? What it lacks, into text. */
static bool compare(
    const struct table *t, const struct slice *names, unsigned n_names, char *text, size_t n)
{
	size_t used = (size_t)snprintf(text, n, "table %s: ", t->name);
	bool same = true;

	for (unsigned i = 0; i < t->n && used < n; i++) {
		bool have = false;

		for (unsigned k = 0; k < n_names && !have; k++)
			have = slice_eq_nocase(names[k], slice_of(t->c[i].name));
		if (have)
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

static void check_table(struct bigquery *b, enum schema_table t, sink_say *say, void *ctx)
{
	struct slice names[BIGQUERY_COLUMNS_MAX];
	unsigned n = 0;
	json_t *j = NULL;
	const struct google_call *last = google_api_last(&b->api);
	char text[512];
	struct err e = { 0, "" };
	enum outbox_answer a = b->by_grpc ? bigquery_columns(&b->write, b->parent, t, names, &n, &e)
					  : columns_rest(b, t, names, &n, &j, &e);
	bool none = b->by_grpc ? last->grpc.code == GRPC_NOT_FOUND : last->reply.status == 404;
	bool denied =
	    b->by_grpc ? last->grpc.code == GRPC_PERMISSION_DENIED : last->reply.status == 403;
	bool ok = a == ANSWER_OK && compare(schema_table(t), names, n, text, sizeof(text));

	if (a != ANSWER_OK)
		snprintf(text, sizeof(text), "table %s: %s%s", schema_table(t)->name, e.msg,
		    none     ? "; `sekisho schema bigquery` prints what makes it"
		    : denied ? "; grant roles/bigquery.dataEditor on it"
			     : "");
	say(ctx, ok, text);
	json_decref(j);
}

static void bigquery_check(void *self, sink_say *say, void *ctx)
{
	struct bigquery *b = self;

	if (!google_api_check(&b->api, say, ctx))
		return;
	for (unsigned t = 0; t < TABLE_N; t++)
		check_table(b, (enum schema_table)t, say, ctx);
}

const struct sink sink_bigquery = {
	.name = "bigquery",
	.library = &curl_late,
	.max_records = 32000,
	.max_bytes = 12 << 20,
	.open = bigquery_open,
	.begin = bigquery_begin,
	.put = bigquery_put,
	.commit = bigquery_commit,
	.abort = bigquery_abort,
	.check = bigquery_check,
	.close = bigquery_close,
};
