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

/* Append it. -1 with *e: a value does not fit its column, and that is so for ever. */
int row_put(const struct row_rules *rules, const struct record *r, enum row_size size,
    struct buf *out, struct buf *scratch, struct err *e);

/* Does the line itself go along, by the rules? */
bool row_wants_body(const struct row_rules *rules, const struct record *r);

/* The line, in that size. */
struct slice row_body(const struct record *r, enum row_size size);

#endif
