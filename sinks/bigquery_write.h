/*
 * bigquery_write.h - BigQuery's Storage Write API (google.cloud.bigquery.storage.v1,
 * storage.proto): rows appended to a table's default stream, which takes any number of writers.
 *
 * A call is one AppendRows with one request: many rows at once, and an answer for sure. When
 * some rows are wrong nothing is taken; they are named, and the others are sent again at once.
 */
#ifndef SINKS_BIGQUERY_WRITE_H
#define SINKS_BIGQUERY_WRITE_H

#include "sinks/google_api.h"
#include "sinks/grpc.h"

enum { BIGQUERY_STREAM_MAX = 700, BIGQUERY_COLUMNS_MAX = 512 };

struct bigquery_write {
	struct google_api *api;
	const char *host; /* with the scheme */
	struct buf head, body;
	struct buf schema[TABLE_N];	  /* ProtoSchema */
	char stream[BIGQUERY_STREAM_MAX]; /* of the last call that was begun */
};

int bigquery_write_init(
    struct bigquery_write *w, struct google_api *api, const char *host, struct err *e);
void bigquery_write_free(struct bigquery_write *w);

/* What each of the outbox's rows is to be in: ProtoRows.serialized_rows. */
extern const char bigquery_in_row[];

/* The flight's rows, in the form ROW_PROTO, to PARENT/tables/T. See struct outbox_way. */
enum outbox_answer bigquery_append(struct bigquery_write *w, const char *parent, struct outbox *o,
    struct outbox_flight *f, struct err *e);
enum outbox_answer bigquery_appended(
    struct bigquery_write *w, struct outbox *o, struct outbox_flight **f, struct err *e);

/* The columns of the live table: their names point into the api's reply. */
enum outbox_answer bigquery_columns(struct bigquery_write *w, const char *parent,
    enum schema_table t, struct slice *names, unsigned *n, struct err *e);

/* ---- replies; each bounded by its input ---- */

struct append_reply {
	bool failed;
	struct grpc_status status;
	struct slice whole;
};

struct append_error {
	uint64_t index; /* of the row in the request */
	struct slice message;
};

bool append_reply_read(struct slice s, struct append_reply *to);

/* The next of its row errors; false: there is none. c begins as { .s = reply->whole }. */
bool append_reply_next(struct cut *c, struct append_error *to);

/* WriteStream: names of its table_schema; as many as there is room for. */
unsigned write_stream_columns(struct slice s, struct slice *names, unsigned max);

#endif
