/*
 * schema.h - the tables of the data contract, in one place.
 *
 * Column names are attribute names with _ for the dot. `events` gets its columns from
 * attr_defs as well; what has no column is in the JSON column `attributes`.
 */
#ifndef BASE_SCHEMA_H
#define BASE_SCHEMA_H

#include "base/buf.h"
#include "base/record.h"

enum schema_table {
	TABLE_EVENTS,
	TABLE_ALERTS,
	TABLE_BLOCKS,
	TABLE_REJECTS,
	TABLE_LEDGER,
	TABLE_N
};
enum column_type { COLUMN_TEXT, COLUMN_INT, COLUMN_REAL, COLUMN_BOOL, COLUMN_TIME, COLUMN_JSON };

/* Where a column's value comes from. */
enum column_source {
	FROM_SEQ,
	FROM_ID,
	FROM_TIME,
	FROM_OBSERVED,
	FROM_CONTEXT, /* key: offset of the slice in struct record_context */
	FROM_PARSER,
	FROM_PATH,
	FROM_OFFSET,
	FROM_SERVICE,	/* the origin's, else the context's */
	FROM_STRONGEST, /* key: 0 category, 1 level, 2 rule */
	FROM_DETECTIONS,
	FROM_ATTRIBUTES,
	FROM_BODY,
	FROM_ATTR,  /* key: enum attr_key */
	FROM_NAMED, /* the attribute of the column's name */
};

struct column {
	const char *name;
	enum column_type type;
	enum column_source source;
	unsigned key;
	const char *help;
};

enum { SCHEMA_MAX_COLUMNS = 64, SCHEMA_NO_COLUMN = 255 };

struct table {
	const char *name;	/* as stored: events_raw, alerts_raw ... */
	const char *short_name; /* of topics and logs: events, alerts, blocks, rejects, ledger */
	unsigned n;
	struct column c[SCHEMA_MAX_COLUMNS];
	struct slice key[SCHEMA_MAX_COLUMNS]; /* their names for json_quoted(): ,"NAME": */
	/* The columns by what fills them, each in one list. */
	unsigned n_shared, n_own;
	uint8_t shared[SCHEMA_MAX_COLUMNS]; /* that most rows of a frame have in common */
	uint8_t own[SCHEMA_MAX_COLUMNS];    /* neither these nor of an attribute's key */
	uint8_t of_attr[ATTR_N];	    /* by key: its column, or SCHEMA_NO_COLUMN */
};

/* The table, put together at the first call; the same ever after. Any thread. */
const struct table *schema_table(enum schema_table t);

/* The table that records of that kind go to; TABLE_N: none. */
enum schema_table schema_of(enum record_kind kind);

/* A column's value: NULL, a number (booleans are 0 and 1), a time, or text. */
struct cell {
	bool is_null, is_number, is_time;
	int64_t number; /* of times, too: microseconds since 1970 */
	struct slice text;
};

/* *out points into r or into scratch: valid until either changes. A full scratch: NULL. */
void schema_value(
    const struct record *r, const struct column *c, struct buf *scratch, struct cell *out);

/* The value of a column as its attribute's text has it; it points there. s.p NULL: NULL. */
void schema_typed(const struct column *c, struct slice s, struct cell *out);

/* The same for who keeps times as text: they are RFC 3339, is_time is never set. */
void schema_cell(
    const struct record *r, const struct column *c, struct buf *scratch, struct cell *out);

/*
 * DDL, safe to run again: tables, the index that finds the latest revision, and views.
 * Times are RFC 3339 text with microseconds, so a query compares them with the same
 * literals on a laptop and in a warehouse.
 */
void schema_sqlite(struct buf *out);

/*
 * GoogleSQL: tables by day of `time`, and the views: one row for each event however often it was
 * delivered, the latest revision of alerts and blocks. dataset may be project.dataset.
 */
void schema_bigquery(struct buf *out, const char *dataset);

/* The same in parts: GoogleSQL's name of a type, the columns of CLUSTER BY, and the views. */
enum { SCHEMA_VIEWS = 4 };
const char *schema_bigquery_type(enum column_type type);
const char *schema_bigquery_clusters(enum schema_table t);
const char *schema_bigquery_view_name(unsigned i);
void schema_bigquery_view(struct buf *out, unsigned i, const char *dataset);

/*
 * The schema of the table's topic in proto2, for JSON messages whose JSON columns are texts
 * (ROW_JSON_TEXT). A message with another field or a value of another type does not fit it.
 */
void schema_pubsub(struct buf *out, enum schema_table which);

/* A statement to be scheduled, which takes rows of events_raw away that were delivered twice. */
void schema_bigquery_clean(struct buf *out, const char *dataset);

/*
 * google.protobuf.DescriptorProto of a table's rows as the Storage Write API takes them: message
 * Row, column i is the optional field i + 1; times are int64 (microseconds), JSON is a string.
 */
void schema_descriptor(struct buf *out, const struct table *t);

#endif
