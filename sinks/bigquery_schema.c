#include "sinks/bigquery_schema.h"

#include "base/err.h"
#include "base/json.h"
#include "base/schema.h"
#include "sinks/google_api.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 1024, NAME_MAX_BYTES = 256 };

struct compare {
	const struct bigquery_schema *s;
	struct google_api api;
	struct buf *report;
	struct buf body;
	char name[NAME_MAX_BYTES]; /* of the dataset in SQL */
	char url[URL_MAX];	   /* of its tables */
	bool differs;		   /* after what was applied */
	struct err *e;
};

/* ---- requests ---- */

/* The live one; NULL and true: there is none. */
static bool get(struct compare *c, const char *name, json_t **live)
{
	char url[URL_MAX + 100];
	const struct http_reply *reply = &google_api_last(&c->api)->reply;
	const struct buf *body = &reply->body;

	snprintf(url, sizeof(url), "%s/%s", c->url, name);
	*live = NULL;
	if (google_api_call(&c->api, &(struct google_request){ .method = "GET", .url = url },
		c->e) != ANSWER_OK) {
		if (reply->status == 404)
			return true;
		err_wrap(c->e, "%s", name);
		return false;
	}
	*live = json_loadb(body->p != NULL ? body->p : "", body->n, 0, NULL);
	if (*live == NULL)
		err_set(c->e, 0, "%s: the reply is no JSON", name);
	return *live != NULL;
}

/* The body: a new table or view, or a change of the one that is named. */
static bool send_body(struct compare *c, const char *patch)
{
	char url[URL_MAX + 100];
	struct google_request q = {
		.method = "POST", .url = c->url, .body = buf_as_slice(&c->body)
	};
	long status;
	const char *hint = "";

	if (c->body.full) {
		err_set(c->e, 0, "a request that is too long");
		return false;
	}
	if (patch != NULL) {
		snprintf(url, sizeof(url), "%s/%s", c->url, patch);
		q.method = "PATCH";
		q.url = url;
	}
	if (google_api_call(&c->api, &q, c->e) == ANSWER_OK)
		return true;
	status = google_api_last(&c->api)->reply.status;
	if (status == 403)
		hint = "grant roles/bigquery.dataEditor on the dataset: ";
	else if (status == 404 && patch == NULL)
		hint = "make the dataset first (bq mk --dataset --location=REGION): ";
	err_wrap(c->e, "%s%s.%s", hint, c->name, patch != NULL ? patch : "");
	return false;
}

static void begin_body(struct compare *c, struct json *j, const char *table)
{
	buf_reset(&c->body);
	*j = (struct json){ .out = &c->body };
	json_open(j, '{');
	if (table == NULL)
		return;
	JSON_KEY(j, "tableReference");
	json_open(j, '{');
	json_member_text(j, "projectId", slice_of(c->s->project));
	json_member_text(j, "datasetId", slice_of(c->s->dataset));
	json_member_text(j, "tableId", slice_of(table));
	json_close(j, '}');
}

/* ---- tables ---- */

static void put_field(struct json *j, const struct column *col)
{
	json_open(j, '{');
	json_member_text(j, "name", slice_of(col->name));
	json_member_text(j, "type", slice_of(schema_bigquery_type(col->type)));
	json_member_text(j, "mode", SLICE("NULLABLE"));
	json_member_text(j, "description", slice_of(col->help));
	json_close(j, '}');
}

static void put_clusters(struct json *j, enum schema_table t)
{
	struct slice rest = slice_of(schema_bigquery_clusters(t));

	JSON_KEY(j, "clustering");
	json_open(j, '{');
	JSON_KEY(j, "fields");
	json_open(j, '[');
	while (rest.n > 0) {
		struct slice one;

		slice_cut(rest, ',', &one, &rest);
		json_text(j, slice_trim(one));
	}
	json_close(j, ']');
	json_close(j, '}');
}

static bool make_table(struct compare *c, enum schema_table t)
{
	const struct table *table = schema_table(t);
	struct json j;

	buf_printf(c->report, "%s table %s\n", c->s->apply ? "made" : "missing", table->name);
	if (!c->s->apply) {
		c->differs = true;
		return true;
	}
	begin_body(c, &j, table->name);
	JSON_KEY(&j, "schema");
	json_open(&j, '{');
	JSON_KEY(&j, "fields");
	json_open(&j, '[');
	for (unsigned i = 0; i < table->n; i++)
		put_field(&j, &table->c[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	JSON_KEY(&j, "timePartitioning");
	json_open(&j, '{');
	json_member_text(&j, "type", SLICE("DAY"));
	json_member_text(&j, "field", SLICE("time"));
	json_close(&j, '}');
	put_clusters(&j, t);
	json_close(&j, '}');
	return send_body(c, NULL);
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *v = json_string_value(json_object_get(o, name));

	return v != NULL ? v : "";
}

/* REST has names of its own for some types. */
static bool is_type(const char *live, enum column_type type)
{
	static const char *const other[] = { [COLUMN_TEXT] = "STRING",
		[COLUMN_INT] = "INTEGER",
		[COLUMN_REAL] = "FLOAT",
		[COLUMN_BOOL] = "BOOLEAN",
		[COLUMN_TIME] = "TIMESTAMP",
		[COLUMN_JSON] = "JSON" };

	return strcmp(live, schema_bigquery_type(type)) == 0 || strcmp(live, other[type]) == 0;
}

static const json_t *find(const json_t *fields, const char *name)
{
	size_t i;
	const json_t *f;

	json_array_foreach(fields, i, f)
	{
		if (slice_eq_nocase(slice_of(text_of(f, "name")), slice_of(name)))
			return f;
	}
	return NULL;
}

static void cannot(struct compare *c, const char *table, const char *what)
{
	c->differs = true;
	buf_printf(
	    c->report, "differs table %s: %s; this can't be changed in place\n", table, what);
}

static void compare_column(
    struct compare *c, const char *table, const struct column *col, const json_t *live)
{
	const char *mode = text_of(live, "mode");
	char what[NAME_MAX_BYTES];

	snprintf(what, sizeof(what), "column %s is %.32s %.16s, not %s", col->name,
	    text_of(live, "type"), mode, schema_bigquery_type(col->type));
	if (!is_type(text_of(live, "type"), col->type) ||
	    (mode[0] != '\0' && strcmp(mode, "NULLABLE") != 0))
		cannot(c, table, what);
}

/* A column of somebody else's that must have a value would refuse every row of ours. */
static void compare_others(struct compare *c, const struct table *t, const json_t *fields)
{
	size_t i;
	const json_t *f;

	json_array_foreach(fields, i, f)
	{
		char what[NAME_MAX_BYTES];
		bool ours = false;

		for (unsigned k = 0; k < t->n; k++)
			ours = ours || slice_eq_nocase(
					   slice_of(text_of(f, "name")), slice_of(t->c[k].name));
		if (ours || strcmp(text_of(f, "mode"), "REQUIRED") != 0)
			continue;
		snprintf(what, sizeof(what),
		    "column %.100s is not ours and REQUIRED, which no row fits",
		    text_of(f, "name"));
		cannot(c, t->name, what);
	}
}

static void compare_layout(struct compare *c, enum schema_table t, const json_t *live)
{
	const json_t *part = json_object_get(live, "timePartitioning");
	const json_t *fields = json_object_get(json_object_get(live, "clustering"), "fields");
	struct buf have = { .max = 1024 };
	size_t i;
	const json_t *f;

	if (strcmp(text_of(part, "type"), "DAY") != 0 ||
	    strcmp(text_of(part, "field"), "time") != 0)
		cannot(c, schema_table(t)->name, "it is not partitioned by day of time");
	json_array_foreach(fields, i, f)
	{
		const char *name = json_string_value(f);

		buf_printf(&have, "%s%s", i > 0 ? ", " : "", name != NULL ? name : "");
	}
	if (!slice_eq(buf_as_slice(&have), slice_of(schema_bigquery_clusters(t))))
		cannot(c, schema_table(t)->name, "it is clustered by other columns");
	buf_free(&have);
}

/* The whole list of fields goes along: those that are there, as they are, and ours behind them. */
static bool add_columns(struct compare *c, const struct table *t, json_t *fields)
{
	struct json j;

	begin_body(c, &j, NULL);
	JSON_KEY(&j, "schema");
	json_open(&j, '{');
	JSON_KEY(&j, "fields");
	json_open(&j, '[');
	for (size_t i = 0; i < json_array_size(fields); i++) {
		char *one = json_dumps(json_array_get(fields, i), JSON_COMPACT);

		json_raw(&j, slice_of(one != NULL ? one : "{}"));
		free(one);
	}
	for (unsigned i = 0; i < t->n; i++)
		if (find(fields, t->c[i].name) == NULL)
			put_field(&j, &t->c[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	return send_body(c, t->name);
}

static bool compare_table(struct compare *c, enum schema_table k)
{
	const struct table *t = schema_table(k);
	unsigned missing = 0;
	json_t *live;
	json_t *fields;
	bool ok;

	if (!get(c, t->name, &live))
		return false;
	if (live == NULL)
		return make_table(c, k);
	fields = json_object_get(json_object_get(live, "schema"), "fields");
	for (unsigned i = 0; i < t->n; i++) {
		const json_t *f = find(fields, t->c[i].name);

		if (f != NULL) {
			compare_column(c, t->name, &t->c[i], f);
			continue;
		}
		missing++;
		buf_printf(c->report, "%s column %s of table %s\n",
		    c->s->apply ? "added" : "missing", t->c[i].name, t->name);
	}
	compare_others(c, t, fields);
	compare_layout(c, k, live);
	c->differs = c->differs || (missing > 0 && !c->s->apply);
	ok = missing == 0 || !c->s->apply || add_columns(c, t, fields);
	json_decref(live);
	return ok;
}

/* ---- views ---- */

/* Equal but for white space, and a semicolon at the end. */
static bool same_text(struct slice a, struct slice b)
{
	size_t i = 0;
	size_t k = 0;

	for (;;) {
		while (i < a.n && strchr(" \t\r\n;", a.p[i]) != NULL)
			i++;
		while (k < b.n && strchr(" \t\r\n;", b.p[k]) != NULL)
			k++;
		if (i == a.n || k == b.n)
			return i == a.n && k == b.n;
		if (a.p[i++] != b.p[k++])
			return false;
	}
}

static bool put_view(struct compare *c, const char *name, struct slice query, bool is_new)
{
	struct json j;

	begin_body(c, &j, is_new ? name : NULL);
	JSON_KEY(&j, "view");
	json_open(&j, '{');
	json_member_text(&j, "query", query);
	JSON_KEY(&j, "useLegacySql");
	json_bool(&j, false);
	json_close(&j, '}');
	json_close(&j, '}');
	return send_body(c, is_new ? NULL : name);
}

static bool compare_view(struct compare *c, unsigned i)
{
	const char *name = schema_bigquery_view_name(i);
	struct buf query = { .max = 65536 };
	const char *had;
	json_t *live;
	bool ok = true;

	if (!get(c, name, &live))
		return false;
	had = text_of(json_object_get(live, "view"), "query");
	schema_bigquery_view(&query, i, c->name);
	if (live != NULL && json_object_get(live, "view") == NULL) {
		cannot(c, name, "it should be a view");
	} else if (live == NULL || !same_text(slice_of(had), buf_as_slice(&query))) {
		buf_printf(c->report, "%s view %s\n",
		    live == NULL ? (c->s->apply ? "made" : "missing")
				 : (c->s->apply ? "changed" : "differs"),
		    name);
		c->differs = c->differs || !c->s->apply;
		ok = !c->s->apply || put_view(c, name, buf_as_slice(&query), live == NULL);
	}
	buf_free(&query);
	json_decref(live);
	return ok;
}

enum bigquery_schema_result bigquery_schema_compare(
    const struct bigquery_schema *s, struct buf *report, struct err *e)
{
	struct sink_settings set = {
		.name = "schema", .endpoint = s->endpoint, .credentials = s->credentials
	};
	struct compare c = { .s = s, .report = report, .e = e };
	bool ok;

	snprintf(c.name, sizeof(c.name), "%s.%s", s->project, s->dataset);
	snprintf(c.url, sizeof(c.url), "%s/bigquery/v2/projects/%s/datasets/%s/tables",
	    s->endpoint != NULL ? s->endpoint : "https://bigquery.googleapis.com", s->project,
	    s->dataset);
	c.body.max = 4 << 20;
	ok = google_api_open(&c.api, &set, e) == 0;
	for (unsigned t = 0; ok && t < TABLE_N; t++)
		ok = compare_table(&c, (enum schema_table)t);
	for (unsigned i = 0; ok && i < SCHEMA_VIEWS; i++)
		ok = compare_view(&c, i);
	google_api_close(&c.api);
	buf_free(&c.body);
	return !ok	   ? BIGQUERY_SCHEMA_FAILED
	       : c.differs ? BIGQUERY_SCHEMA_DIFFERS
			   : BIGQUERY_SCHEMA_SAME;
}
