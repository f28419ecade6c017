#include "sinks/bigquery_write.h"

#include "base/err.h"
#include "base/protobuf.h"

#include <stdio.h>

#define SERVICE "/google.cloud.bigquery.storage.v1.BigQueryWrite/"

enum {
	REQUEST_MAX = 16 << 20, /* of less than 20 MB */
	URL_MAX = 1024,
};

int bigquery_write_init(
    struct bigquery_write *w, struct google_api *api, const char *host, struct err *e)
{
	*w = (struct bigquery_write){ .api = api, .host = host, .body = { .max = REQUEST_MAX } };
	for (unsigned t = 0; t < TABLE_N; t++) {
		struct buf *b = &w->schema[t];
		size_t at = pb_open(b, 1);

		schema_descriptor(b, schema_table((enum schema_table)t));
		pb_close(b, at);
		if (b->full)
			return err_set(e, 0, "no memory for a schema");
	}
	return 0;
}

void bigquery_write_free(struct bigquery_write *w)
{
	buf_free(&w->head);
	buf_free(&w->body);
	for (unsigned t = 0; t < TABLE_N; t++)
		buf_free(&w->schema[t]);
}

/* ---- replies ---- */

/* AppendRowsResponse: error = 2 (google.rpc.Status), row_errors = 4. */
bool append_reply_read(struct slice s, struct append_reply *to)
{
	struct cut c = { .s = s };
	struct pb_field f;

	*to = (struct append_reply){ .whole = s };
	while (pb_next(&c, &f)) {
		if (f.number == 2 && f.wire == PB_BYTES) {
			to->failed = true;
			if (!grpc_status_read(f.bytes, &to->status))
				return false;
		} else if (f.number == 4) {
			to->failed = true;
		}
	}
	return !c.bad;
}

/* RowError: index = 1, code = 2, message = 3. */
bool append_reply_next(struct cut *c, struct append_error *to)
{
	struct pb_field f;

	*to = (struct append_error){ 0 };
	while (pb_next(c, &f)) {
		struct cut inner = { .s = f.bytes };

		if (f.number != 4 || f.wire != PB_BYTES)
			continue;
		while (pb_next(&inner, &f)) {
			if (f.number == 1 && f.wire == PB_VARINT)
				to->index = f.value;
			else if (f.number == 3 && f.wire == PB_BYTES)
				to->message = f.bytes;
		}
		return !inner.bad;
	}
	return false;
}

/* WriteStream: table_schema = 5 (TableSchema: fields = 1 (TableFieldSchema: name = 1)). */
unsigned write_stream_columns(struct slice s, struct slice *names, unsigned max)
{
	struct cut c = { .s = s };
	struct pb_field f;
	unsigned n = 0;

	while (pb_next(&c, &f)) {
		struct cut schema = { .s = f.bytes };

		if (f.number != 5 || f.wire != PB_BYTES)
			continue;
		while (pb_next(&schema, &f)) {
			struct cut field = { .s = f.bytes };

			if (f.number != 1 || f.wire != PB_BYTES)
				continue;
			while (pb_next(&field, &f))
				if (f.number == 1 && f.wire == PB_BYTES && n < max)
					names[n++] = f.bytes;
		}
	}
	return n;
}

/* ---- rows ---- */

static void name_stream(struct bigquery_write *w, const char *parent, enum schema_table t)
{
	snprintf(w->stream, sizeof(w->stream), "%s/tables/%s/streams/_default", parent,
	    schema_table(t)->name);
}

/*
 * AppendRowsRequest: write_stream = 1, proto_rows = 4 (ProtoData: writer_schema = 1, rows = 2
 * (ProtoRows: serialized_rows = 1)), trace_id = 6. All that comes before the rows; they are the
 * end of the message.
 */
static void put_head(struct bigquery_write *w, enum schema_table t, size_t rows)
{
	struct buf *b = &w->head;
	struct slice schema = buf_as_slice(&w->schema[t]);

	buf_reset(b);
	pb_bytes(b, 1, slice_of(w->stream));
	pb_bytes(b, 6, SLICE("sekisho"));
	pb_head(b, 4, pb_size(schema.n) + pb_size(rows));
	pb_bytes(b, 1, schema);
	pb_head(b, 2, rows);
}

const char bigquery_in_row[] = { 1 << 3 | PB_BYTES, '\0' };

/* Rows that are wrong for good leave; how many were named. */
static unsigned refuse_named(
    struct outbox *o, const struct outbox_flight *f, const struct append_reply *reply)
{
	struct cut c = { .s = reply->whole };
	struct append_error one;
	unsigned named = 0;

	while (append_reply_next(&c, &one)) {
		char why[OUTBOX_WHY];

		if (one.index >= f->n || f->rows[one.index]->state != ROW_SENT)
			continue;
		snprintf(why, sizeof(why), "BigQuery: %.*s",
		    one.message.n < OUTBOX_WHY ? (int)one.message.n : OUTBOX_WHY, one.message.p);
		outbox_refuse(o, f->rows[one.index], why);
		named++;
	}
	return named;
}

/*
 * The table is not what we take it for: no row is to blame. StorageError: code = 1; what stands
 * between is about streams of our own making, which the default one is not.
 */
static bool is_about_the_table(const struct grpc_status *s)
{
	enum { TABLE_NOT_FOUND = 1, EXTRA_FIELDS = 7, CMEK_FIRST = 10, KMS_LAST = 14 };
	struct slice detail;
	struct pb_field f;
	struct cut c;

	if (!grpc_status_detail(s, "StorageError", &detail))
		return false;
	c = (struct cut){ .s = detail };
	while (pb_next(&c, &f))
		if (f.number == 1 && f.wire == PB_VARINT)
			return f.value == TABLE_NOT_FOUND || f.value == EXTRA_FIELDS ||
			       (f.value >= CMEK_FIRST && f.value <= KMS_LAST);
	return false;
}

static enum outbox_answer failure(const struct grpc_status *s, struct err *e)
{
	const char *name = grpc_name(s->code < GRPC_CODES ? (enum grpc_code)s->code : GRPC_UNKNOWN);

	err_set(e, 0, "BigQuery: %s: %.*s", name, s->message.n < 180 ? (int)s->message.n : 180,
	    s->message.p != NULL ? s->message.p : "");
	if (is_about_the_table(s))
		return ANSWER_HOLD;
	return s->code == GRPC_OK ? ANSWER_RETRY : google_api_answer(s->code);
}

enum outbox_answer bigquery_append(struct bigquery_write *w, const char *parent, struct outbox *o,
    struct outbox_flight *f, struct err *e)
{
	char url[URL_MAX];
	struct slice rows;

	name_stream(w, parent, f->rows[0]->table);
	buf_reset(&w->body);
	rows = outbox_wrapped(o, f, &w->body);
	put_head(w, f->rows[0]->table, rows.n);
	if (w->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	snprintf(url, sizeof(url), "%s" SERVICE "AppendRows", w->host);
	return google_api_start(w->api, &w->api->call[f->number],
	    &(struct google_request){ .url = url,
		.param = "write_stream",
		.value = w->stream,
		.head = buf_as_slice(&w->head),
		.body = rows },
	    e);
}

/* Of a request with wrong rows none was taken: without those that were named it goes again. */
enum outbox_answer bigquery_appended(
    struct bigquery_write *w, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	unsigned number;
	enum outbox_answer a = google_api_land(w->api, &number, e);
	struct append_reply reply;

	*f = &o->flight[number];
	if (a != ANSWER_OK)
		return a;
	if (!append_reply_read(w->api->call[number].grpc.message, &reply)) {
		err_set(e, 0, "BigQuery: an answer that can't be read");
		return ANSWER_RETRY;
	}
	if (!reply.failed)
		return ANSWER_OK;
	return refuse_named(o, *f, &reply) > 0 ? ANSWER_AGAIN : failure(&reply.status, e);
}

enum outbox_answer bigquery_columns(struct bigquery_write *w, const char *parent,
    enum schema_table t, struct slice *names, unsigned *n, struct err *e)
{
	enum { FULL = 2 };
	char url[URL_MAX];
	enum outbox_answer a;

	/* GetWriteStreamRequest: name = 1, view = 3 */
	name_stream(w, parent, t);
	buf_reset(&w->body);
	pb_bytes(&w->body, 1, slice_of(w->stream));
	pb_uint(&w->body, 3, FULL);
	snprintf(url, sizeof(url), "%s" SERVICE "GetWriteStream", w->host);
	a = google_api_call(w->api,
	    &(struct google_request){
		.url = url, .param = "name", .value = w->stream, .body = buf_as_slice(&w->body) },
	    e);
	*n = a == ANSWER_OK ? write_stream_columns(google_api_last(w->api)->grpc.message, names,
				  BIGQUERY_COLUMNS_MAX)
			    : 0;
	return a;
}
