/*
 * field.h - what a field name in a rule means.
 *
 * Names of the Sigma taxonomy and OpenTelemetry attribute names are aliases; the
 * table in field.c is the whole list. Any other name is an attribute by that name.
 */
#ifndef DETECT_FIELD_H
#define DETECT_FIELD_H

#include "base/attr.h"

enum field_kind {
	FIELD_KEYWORDS,	   /* no field: body, and the forms of request, Referer, User-Agent */
	FIELD_URI,	   /* path?query */
	FIELD_PATH,	   /* url.path */
	FIELD_QUERY,	   /* url.query, and path?query, as public rules expect */
	FIELD_EXTENSION,   /* suffix of the last path segment, without the dot */
	FIELD_PARAM_NAME,  /* each name in the query */
	FIELD_PARAM_VALUE, /* each value in the query */
	FIELD_METHOD,	   /* as the client wrote it */
	FIELD_BODY,	   /* the whole line */
	FIELD_ATTR,	   /* an attribute of the table */
	FIELD_OTHER,	   /* an attribute by name; on auditd a field of the record */
};

struct field {
	enum field_kind kind;
	enum attr_key key; /* FIELD_ATTR */
	struct slice name; /* as written in the rule; owned by it */
};

/* What `name` stands for. Never fails: an unknown name is FIELD_OTHER. */
struct field field_find(struct slice name);

/* The attribute name that output uses for it. */
struct slice field_output_name(const struct field *f);

#endif
