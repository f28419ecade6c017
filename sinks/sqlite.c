/*
 * sqlite.c - the embedded sink: the same tables and views as in BigQuery, on this host.
 *
 * Exactly once: rows are numbered by the journal (seq, INSERT OR IGNORE), and the cursor
 * is stored in the transaction that stores the rows. WAL mode: queries read while it
 * writes. Rows go from the low end of seq, by age and by size.
 *
 * A file that is no database (a crash of the disk), or that can't be written now, costs the agent
 * nothing but this sink: it is tried again and again. One that is removed while it is in use would
 * take rows that nobody ever sees: it gets none, so the journal keeps them.
 */
#include "libs/sqlite.h"
#include "base/err.h"
#include "base/schema.h"
#include "sinks/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DELETE_ROWS = 5000, SQLITE_PAGE = 4096 };

struct sqlite {
	const char *path;
	sqlite3 *db; /* NULL: it could not be opened yet */
	dev_t dev;   /* of the file that was opened */
	ino_t ino;
	sqlite3_stmt *insert[TABLE_N];
	sqlite3_stmt *cursor;
	struct buf scratch[SCHEMA_MAX_COLUMNS];
	int64_t keep_us;
	uint64_t max_size;
	int64_t next_idle_us;
};

static int failed(struct sqlite *q, const char *what, struct err *e)
{
	int rc = q->db != NULL ? sqlite3_errcode(q->db) : SQLITE_NOMEM;

	return err_set(e, rc == SQLITE_FULL ? ENOSPC : EIO, "%s: %s", what,
	    q->db != NULL ? sqlite3_errmsg(q->db) : "out of memory");
}

static int run(struct sqlite *q, const char *sql, struct err *e)
{
	return sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(q, sql, e);
}

static bool has_column(struct sqlite *q, const char *table, const char *column)
{
	return sqlite3_table_column_metadata(
		   q->db, NULL, table, column, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

/* A database of an earlier version gets the columns that are new; what is in it has no value there.
 */
static int add_columns(struct sqlite *q, enum schema_table k, struct err *e)
{
	static const char *const types[] = { "TEXT", "INTEGER", "REAL", "INTEGER", "TEXT", "TEXT" };
	const struct table *t = schema_table(k);
	char sql[256];

	for (unsigned i = 0; i < t->n; i++) {
		if (has_column(q, t->name, t->c[i].name))
			continue;
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN \"%s\" %s", t->name,
		    t->c[i].name, types[t->c[i].type]);
		if (run(q, sql, e) != 0)
			return -1;
	}
	return 0;
}

static int make_tables(struct sqlite *q, struct err *e)
{
	struct buf b = { 0 };
	int rc;

	schema_sqlite(&b);
	buf_char(&b, '\0');
	rc = run(q, b.p, e);
	buf_free(&b);
	for (unsigned k = 0; k < TABLE_N && rc == 0; k++)
		rc = add_columns(q, (enum schema_table)k, e);
	return rc;
}

static int prepare(struct sqlite *q, enum schema_table k, struct err *e)
{
	const struct table *t = schema_table(k);
	struct buf b = { 0 };
	int rc;

	buf_printf(&b, "INSERT OR IGNORE INTO %s (\"%s\"", t->name, t->c[0].name);
	for (unsigned i = 1; i < t->n; i++)
		buf_printf(&b, ",\"%s\"", t->c[i].name);
	buf_str(&b, ") VALUES (?");
	for (unsigned i = 1; i < t->n; i++)
		buf_str(&b, ",?");
	buf_str(&b, ")");
	rc = sqlite3_prepare_v3(
	    q->db, b.p, (int)b.n, SQLITE_PREPARE_PERSISTENT, &q->insert[k], NULL);
	buf_free(&b);
	return rc == SQLITE_OK ? 0 : failed(q, t->name, e);
}

static void close_db(struct sqlite *q)
{
	for (unsigned k = 0; k < TABLE_N; k++) {
		sqlite3_finalize(q->insert[k]);
		q->insert[k] = NULL;
	}
	sqlite3_finalize(q->cursor);
	sqlite3_close(q->db);
	q->cursor = NULL;
	q->db = NULL;
}

static void sqlite_close(void *self)
{
	struct sqlite *q = self;

	if (q == NULL)
		return;
	close_db(q);
	for (unsigned i = 0; i < SCHEMA_MAX_COLUMNS; i++)
		buf_free(&q->scratch[i]);
	free(q);
}

static int set_up(struct sqlite *q, struct err *e)
{
	struct stat st;

	if (sqlite3_open_v2(q->path, &q->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		return failed(q, q->path, e);
	sqlite3_busy_timeout(q->db, 5000);
	if (run(q, "PRAGMA auto_vacuum=INCREMENTAL", e) != 0 ||
	    run(q, "PRAGMA journal_mode=WAL", e) != 0 ||
	    run(q, "PRAGMA synchronous=FULL", e) != 0 ||
	    run(q, "PRAGMA cache_size=-4096", e) != 0 || make_tables(q, e) != 0)
		return -1;
	for (unsigned k = 0; k < TABLE_N; k++)
		if (prepare(q, (enum schema_table)k, e) != 0)
			return -1;
	if (sqlite3_prepare_v2(q->db, "INSERT OR REPLACE INTO sekisho_cursor VALUES (1, ?)", -1,
		&q->cursor, NULL) != SQLITE_OK)
		return failed(q, "cursor", e);
	if (stat(q->path, &st) != 0)
		return err_set(e, errno, "%s: %s", q->path, strerror(errno));
	q->dev = st.st_dev;
	q->ino = st.st_ino;
	return 0;
}

/* *wrong: it is the path that is wrong, which no time will mend. */
static int open_db(struct sqlite *q, bool *wrong, struct err *e)
{
	struct err why;
	int code;

	if (set_up(q, &why) == 0)
		return 0;
	code = q->db != NULL ? sqlite3_errcode(q->db) : SQLITE_NOMEM;
	*wrong = code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_READONLY;
	err_set(e, why.code, "%s: %s%s", q->path, why.msg,
	    code == SQLITE_NOTADB || code == SQLITE_CORRUPT
		? "; move it away, and what the journal has is written into a new one"
		: "");
	close_db(q);
	return -1;
}

static bool is_gone(const struct sqlite *q)
{
	struct stat st;

	return stat(q->path, &st) != 0 || st.st_dev != q->dev || st.st_ino != q->ino;
}

static void *sqlite_open(const struct sink_settings *s, struct err *e)
{
	struct sqlite *q = calloc(1, sizeof(*q));
	bool wrong = false;

	if (q == NULL) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	q->path = s->path;
	q->keep_us = s->keep_us;
	q->max_size = s->max_size;
	if (open_db(q, &wrong, e) != 0 && wrong) {
		sqlite_close(q);
		return NULL;
	}
	return q;
}

static int sqlite_load_cursor(
    void *self, uint8_t cursor[SINK_CURSOR_BYTES], bool *found, struct err *e)
{
	struct sqlite *q = self;
	sqlite3_stmt *st;
	int rc;

	*found = false;
	if (q->db == NULL) /* rows that are in it already will be passed over by their numbers */
		return 0;
	if (sqlite3_prepare_v2(q->db, "SELECT cursor FROM sekisho_cursor WHERE id = 1", -1, &st,
		NULL) != SQLITE_OK)
		return failed(q, "cursor", e);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(st, 0) == SINK_CURSOR_BYTES) {
		memcpy(cursor, sqlite3_column_blob(st, 0), SINK_CURSOR_BYTES);
		*found = true;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : failed(q, "cursor", e);
}

static enum sink_result sqlite_begin(void *self, struct err *e)
{
	struct sqlite *q = self;
	bool ignored;

	if (q->db == NULL && open_db(q, &ignored, e) != 0)
		return SINK_RETRY;
	if (is_gone(q)) {
		err_set(e, ENOENT,
		    "%s was removed or replaced while it was in use; a restart of the agent opens "
		    "what is there now, and writes what the journal has",
		    q->path);
		return SINK_RETRY;
	}
	return run(q, "BEGIN IMMEDIATE", e) == 0 ? SINK_OK : SINK_RETRY;
}

static void bind(
    struct sqlite *q, sqlite3_stmt *st, int at, const struct record *r, const struct column *c)
{
	struct cell cell;

	schema_cell(r, c, &q->scratch[at - 1], &cell);
	if (cell.is_null)
		sqlite3_bind_null(st, at);
	else if (cell.is_number)
		sqlite3_bind_int64(st, at, cell.number);
	else
		sqlite3_bind_text(st, at, cell.text.p != NULL ? cell.text.p : "", (int)cell.text.n,
		    SQLITE_STATIC);
}

static enum sink_result sqlite_put(void *self, const struct record *r, struct err *e)
{
	struct sqlite *q = self;
	enum schema_table k = schema_of(r->kind);
	int rc;

	if (k == TABLE_N)
		return SINK_OK;

	const struct table *t = schema_table(k);

	for (unsigned i = 0; i < t->n; i++)
		bind(q, q->insert[k], (int)i + 1, r, &t->c[i]);
	rc = sqlite3_step(q->insert[k]);
	sqlite3_reset(q->insert[k]);
	if (rc == SQLITE_DONE)
		return SINK_OK;
	failed(q, t->name, e);
	return rc == SQLITE_TOOBIG || rc == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH ? SINK_REJECT
										       : SINK_RETRY;
}

static void sqlite_abort(void *self)
{
	struct err ignored;

	run(self, "ROLLBACK", &ignored);
}

static enum sink_result sqlite_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	struct sqlite *q = self;
	int rc;

	sqlite3_bind_blob(q->cursor, 1, cursor, SINK_CURSOR_BYTES, SQLITE_STATIC);
	rc = sqlite3_step(q->cursor);
	sqlite3_reset(q->cursor);
	if (rc == SQLITE_DONE && run(q, "COMMIT", e) == 0)
		return SINK_OK;
	if (rc != SQLITE_DONE)
		failed(q, "cursor", e);
	sqlite_abort(self);
	return SINK_RETRY;
}

static int64_t ask(struct sqlite *q, const char *sql)
{
	sqlite3_stmt *st;
	int64_t v = 0;

	if (sqlite3_prepare_v2(q->db, sql, -1, &st, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* The oldest rows go, a few at a time, so that no query waits long. */
static void sqlite_idle(void *self, int64_t now_us)
{
	struct sqlite *q = self;
	char sql[256];
	char before[40];
	struct err ignored;

	if (q->db == NULL || now_us < q->next_idle_us)
		return;
	q->next_idle_us = now_us + 5 * 1000000;

	uint64_t used =
	    (uint64_t)(ask(q, "PRAGMA page_count") - ask(q, "PRAGMA freelist_count")) * SQLITE_PAGE;
	struct buf b = { 0 };
	struct record r = { .ev = { .time_us = now_us - q->keep_us } };
	struct column c = { .source = FROM_TIME };
	struct cell cell;

	schema_cell(&r, &c, &b, &cell);
	sqlite3_snprintf(sizeof(before), before, "%.*s", (int)cell.text.n, cell.text.p);
	buf_free(&b);
	sqlite3_snprintf(sizeof(sql), sql,
	    "DELETE FROM events_raw WHERE seq IN (SELECT seq FROM events_raw ORDER BY seq LIMIT "
	    "%d)%s%s%s",
	    DELETE_ROWS, used > q->max_size ? "" : " AND observed_time < '",
	    used > q->max_size ? "" : before, used > q->max_size ? "" : "'");
	run(q, sql, &ignored);
	run(q, "PRAGMA incremental_vacuum(1000)", &ignored);
}

const struct sink sink_sqlite = {
	.name = "sqlite",
	.library = &sqlite_late,
	.max_records = 20000,
	.max_bytes = 8 << 20,
	.open = sqlite_open,
	.load_cursor = sqlite_load_cursor,
	.begin = sqlite_begin,
	.put = sqlite_put,
	.commit = sqlite_commit,
	.abort = sqlite_abort,
	.idle = sqlite_idle,
	.close = sqlite_close,
};
