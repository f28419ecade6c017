/* Events of an sqlite sink's database. See event_store.h. */
#include "agent/event_store.h"

#include "base/schema.h"
#include "base/timefmt.h"
#include "libs/sqlite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { NUMBER_MAX = 32, TEXTS_BYTES = EVENT_MAX_ATTRS * NUMBER_MAX };

struct store {
	struct event_store *s;
	sqlite3 *db;
	sqlite3_stmt *order; /* numbers of the rows, by time: only those are sorted */
	sqlite3_stmt *row;
	const struct table *table;
	struct attr attrs[EVENT_MAX_ATTRS];
	json_t *rest;		 /* of the row: the column of attributes without one */
	char texts[TEXTS_BYTES]; /* numbers of it */
	size_t n_texts;
};

static struct slice column_text(sqlite3_stmt *st, int i)
{
	const char *p = (const char *)sqlite3_column_text(st, i);

	return p != NULL ? (struct slice){ p, (size_t)sqlite3_column_bytes(st, i) }
			 : (struct slice){ 0 };
}

/* A member's value as it was logged. */
static struct slice value_text(struct store *st, const json_t *v)
{
	char *to = st->texts + st->n_texts;
	int n = 0;

	if (json_is_string(v))
		return (struct slice){ json_string_value(v), json_string_length(v) };
	if (json_is_boolean(v))
		return json_is_true(v) ? SLICE("true") : SLICE("false");
	if (sizeof(st->texts) - st->n_texts < NUMBER_MAX)
		return (struct slice){ 0 };
	if (json_is_integer(v))
		n = snprintf(to, NUMBER_MAX, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		n = snprintf(to, NUMBER_MAX, "%.9g", json_real_value(v));
	st->n_texts += NUMBER_MAX;
	return n > 0 ? (struct slice){ to, (size_t)n } : (struct slice){ 0 };
}

static void add_rest(struct store *st, struct slice text, struct event *ev)
{
	const char *name;
	json_t *v;

	json_decref(st->rest);
	st->rest = text.n > 0 ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	st->n_texts = 0;
	json_object_foreach(st->rest, name, v)
	{
		struct slice value = value_text(st, v);

		if (value.p != NULL)
			event_add_named(ev, slice_of(name), value);
	}
}

/* A row's columns are those of the table in base/schema, in its order. */
static void put_row(struct store *st)
{
	struct event ev = { .attrs = st->attrs };
	struct slice path = { 0 };

	for (unsigned i = 0; i < st->table->n; i++) {
		const struct column *c = &st->table->c[i];
		struct slice v = column_text(st->row, (int)i);

		if (v.p == NULL)
			continue;
		if (c->source == FROM_TIME)
			timefmt_parse_rfc3339(v, 0, &ev.time_us);
		else if (c->source == FROM_BODY)
			ev.body = v;
		else if (c->source == FROM_PATH)
			path = v;
		else if (c->source == FROM_ATTR)
			event_add(&ev, (enum attr_key)c->key, v);
		else if (c->source == FROM_ATTRIBUTES)
			add_rest(st, v, &ev);
	}
	event_store_put(st->s, &ev, (uint64_t)sqlite3_column_int64(st->row, 0), path);
}

static int failed(struct store *st, const char *path)
{
	fprintf(stderr, "sekisho: %s: %s\n", path,
	    st->db != NULL ? sqlite3_errmsg(st->db) : "out of memory");
	return EX_IOERR;
}

/* The columns that a database of an earlier version does not have are NULL. */
static bool prepare(struct store *st)
{
	struct buf b = { 0 };
	bool ok;

	buf_str(&b, "SELECT seq");
	for (unsigned i = 1; i < st->table->n; i++) {
		const char *name = st->table->c[i].name;
		bool has = sqlite3_table_column_metadata(st->db, NULL, st->table->name, name, NULL,
			       NULL, NULL, NULL, NULL) == SQLITE_OK;

		buf_printf(&b, has ? ",\"%s\"" : ",NULL", name);
	}
	buf_printf(&b, " FROM %s WHERE seq = ?1", st->table->name);
	ok = sqlite3_prepare_v2(st->db, b.p, (int)b.n, &st->row, NULL) == SQLITE_OK;
	buf_reset(&b);
	buf_printf(&b, "SELECT seq FROM %s WHERE time >= ?1 AND time <= ?2 ORDER BY time, seq",
	    st->table->name);
	ok = ok && sqlite3_prepare_v2(st->db, b.p, (int)b.n, &st->order, NULL) == SQLITE_OK;
	buf_free(&b);
	return ok;
}

static void bind_time(struct store *st, int at, int64_t time_us)
{
	/* years of four digits: text compares as time does */
	const int64_t last = INT64_C(253402300799) * US_PER_S;
	char text[TIMEFMT_MAX];
	size_t n = timefmt_rfc3339(time_us < 0 ? 0 : time_us > last ? last : time_us, text);

	sqlite3_bind_text(st->order, at, text, (int)n, SQLITE_TRANSIENT);
}

/* A row that was deleted since (by age or size) is passed over: the order was found at once. */
static bool read_all(struct store *st)
{
	int rc;

	bind_time(st, 1, st->s->from_us);
	bind_time(st, 2, st->s->to_us);
	while ((rc = sqlite3_step(st->order)) == SQLITE_ROW) {
		sqlite3_bind_int64(st->row, 1, sqlite3_column_int64(st->order, 0));
		rc = sqlite3_step(st->row);
		if (rc == SQLITE_ROW)
			put_row(st);
		sqlite3_reset(st->row);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			break;
	}
	event_store_end(st->s);
	return rc == SQLITE_DONE;
}

int event_store_sqlite(struct event_store *s, const char *path)
{
	struct store *st = calloc(1, sizeof(*st));
	int rc = 0;

	if (st == NULL)
		return EX_OSERR;
	st->s = s;
	st->table = schema_table(TABLE_EVENTS);
	if (sqlite3_open_v2(path, &st->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		failed(st, path);
		rc = EX_NOINPUT;
	} else {
		sqlite3_busy_timeout(st->db, 5000);
		/* one snapshot; the agent goes on writing */
		if (sqlite3_exec(st->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK || !prepare(st) ||
		    !read_all(st))
			rc = failed(st, path);
	}
	sqlite3_finalize(st->order);
	sqlite3_finalize(st->row);
	sqlite3_close(st->db);
	json_decref(st->rest);
	free(st);
	return rc;
}
