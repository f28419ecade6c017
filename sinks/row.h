/*
 * row.h - a record as one row of its table, in the form that a service takes.
 */
#ifndef SINKS_ROW_H
#define SINKS_ROW_H

#include "base/schema.h"
#include "sinks/sink.h"

struct err;

enum row_form {
	ROW_JSON,      /* an object; NULLs are left out: a missing field is NULL to every service */
	ROW_JSON_TEXT, /* the same, but JSON columns hold a string of JSON */
	ROW_PROTO,     /* the message of schema_descriptor(); JSON columns as above */
};

enum row_size {
	ROW_WHOLE,
	ROW_SHORT, /* 1 KiB of the body, no attributes */
};

struct row_rules {
	enum row_form form;
	enum keep_body keep_body;
};

/*
 * Of who makes rows by one set of rules: what a row has in common with the one before (host, file,
 * rules ...) is made once. Zeroed before the first.
 */
enum { ROW_PARTS = 10 };
struct row_memory {
	struct buf scratch;
	struct buf shared; /* those columns, in the row's form */
	struct buf text;   /* what they were made of: part points into it */
	struct slice part[ROW_PARTS];
	uint64_t context; /* its number: what is of the same two is alike without a look */
	const struct record_origin *origin;
	int64_t observed_us;
	enum schema_table table;
	bool is_set;
};

void row_memory_free(struct row_memory *m);

/* Append it. -1 with *e: a value does not fit its column, and that is so for ever. */
int row_put(const struct row_rules *rules, const struct record *r, enum row_size size,
    struct buf *out, struct row_memory *m, struct err *e);

/* Does the line itself go along, by the rules? */
bool row_wants_body(const struct row_rules *rules, const struct record *r);

/* The line, in that size. */
struct slice row_body(const struct record *r, enum row_size size);

#endif
