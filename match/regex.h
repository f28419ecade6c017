/*
 * regex.h - one compiled pattern, and how far a run of it may go.
 *
 * A struct regex may be used by several threads;
 * a struct regex_ctx belongs to one thread at a time. Patterns are bytes: neither
 * UTF nor UCP mode can be switched on, even from within the pattern, and only
 * ASCII letters have two cases. Texts must not hold LF ('\n').
 */
#ifndef MATCH_REGEX_H
#define MATCH_REGEX_H

#include "base/slice.h"

struct err;
struct regex;
struct regex_ctx;

enum {
	REGEX_CASELESS = 1,  /* as (?i) */
	REGEX_MULTILINE = 2, /* as (?m) */
	REGEX_DOTALL = 4,    /* as (?s) */
	REGEX_WHOLE = 8,     /* a match is the whole text */
};

#define REGEX_PATTERN_MAX 16384 /* bytes of a pattern */

enum { REGEX_GROUPS_MAX = 64 }; /* groups that regex_groups() can say something of */

enum regex_result {
	REGEX_NO,    /* certain: the text does not match */
	REGEX_YES,   /* it does */
	REGEX_LIMIT, /* undecided: a limit was reached. Never to be taken for REGEX_NO. */
};

/* Where a match lies, as byte offsets into the text: start <= end <= its length. */
struct regex_span {
	size_t start;
	size_t end;
};

/*
 * Compile pattern under flags (REGEX_*, or 0). NULL with EINVAL for a pattern that
 * PCRE2 refuses (the message has its offset and PCRE2's words), that can match the
 * empty text, or that is longer than REGEX_PATTERN_MAX; NULL with ENOMEM. Free the
 * result with regex_free().
 */
struct regex *regex_compile(struct slice pattern, unsigned flags, struct err *e);

/* Free re; NULL is fine. */
void regex_free(struct regex *re);

/* Bytes that re occupies: with the machine code, which is made when it is first run. */
size_t regex_memory(const struct regex *re);

/* What one thread needs to run any regex: up to 256 KiB of stack. NULL with ENOMEM. */
struct regex_ctx *regex_ctx_new(struct err *e);

/* Free ctx; NULL is fine. */
void regex_ctx_free(struct regex_ctx *ctx);

/*
 * Find the first match of re in text. The limits of a run are fixed: 10,000 match steps
 * a start position (1,000 without JIT), depth 1,000, 1 MiB of heap, 256 KiB of JIT stack.
 * span may be NULL; it is filled on REGEX_YES only.
 */
enum regex_result regex_find(
    struct regex *re, struct regex_ctx *ctx, struct slice text, struct regex_span *span);

/* How many groups re has, and how many of them have a name. */
unsigned regex_group_count(const struct regex *re);
unsigned regex_name_count(const struct regex *re);

/* Name i (of regex_name_count()), which lives as long as re, and the number of its group, from 1.
 */
struct slice regex_name(const struct regex *re, unsigned i, unsigned *group);

/*
 * As regex_find(), and where each group matched: spans[0] is the whole. A group that took no
 * part has a start behind its end. re must not have more than REGEX_GROUPS_MAX groups.
 */
enum regex_result regex_groups(struct regex *re, struct regex_ctx *ctx, struct slice text,
    struct regex_span spans[REGEX_GROUPS_MAX + 1]);

#endif
