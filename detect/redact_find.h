/*
 * redact_find.h - where in a text the secrets are; inside detect/, for redact.c.
 *
 * A filter finds the few bytes that every secret's name or prefix has; PCRE2 then looks
 * at their neighbourhood only, so a text without any costs one pass of the filter.
 */
#ifndef DETECT_REDACT_FIND_H
#define DETECT_REDACT_FIND_H

#include "base/slice.h"

struct err;
struct finder;

enum { MAX_EDITS = 64 };

/* Bytes [from, to) of a text that must not be kept. */
struct edit {
	size_t from, to;
};

struct span {
	size_t lo, hi;
};

/* Ordered, without overlaps. */
struct edits {
	struct edit e[MAX_EDITS];
	unsigned n;
	bool all; /* could not be decided, or too many: nothing of the text may be kept */
};

/* Nothing found yet: the table itself is left as it is, as that of most texts is never used. */
static inline void edits_none(struct edits *x)
{
	x->n = 0;
	x->all = false;
}

/* One thread's. NULL with *e. */
struct finder *finder_new(struct err *e);
void finder_free(struct finder *f);

/*
 * Add t's secrets to x. padded: FILTER_BEFORE bytes before t and FILTER_AFTER behind it
 * are readable (match/filter.h); otherwise t is copied. False: nothing in t even begins like one.
 */
bool finder_run(struct finder *f, struct slice t, bool padded, struct edits *x);

/* Add [from, to) to x, joined with what it overlaps. */
void edits_add(struct edits *x, size_t from, size_t to);

#endif
