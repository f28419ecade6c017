/*
 * json.h - writing JSON (RFC 8259) into a buf.
 *
 * The writer puts commas and colons; the caller says what comes next. Text may
 * be any bytes: control bytes become \u00HH, bytes that are not UTF-8 become the
 * four characters \xHH (escaped once more for JSON), so output is always valid.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* the next element needs a comma before it */
};

void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_key(struct json *j, struct slice key);
void json_quoted(struct json *j, struct slice key); /* the same of one written ahead: ,"NAME": */
void json_quoted_text(struct json *j, struct slice key, struct slice s); /* and its text */
void json_text(struct json *j, struct slice s);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
void json_f64(struct json *j, double v);
void json_bool(struct json *j, bool v);
void json_raw(struct json *j, struct slice s); /* s is JSON already */
void json_time(struct json *j, int64_t time_us);

#define JSON_KEY(j, lit) json_key((j), SLICE(lit))

/* One member of an object. */
void json_member_text(struct json *j, const char *key, struct slice s);
void json_member_i64(struct json *j, const char *key, int64_t v);
void json_member_u64(struct json *j, const char *key, uint64_t v);

/* The bytes of a quoted JSON string without its quotes: escapes s into out. */
void json_escape(struct buf *out, struct slice s);

#endif
