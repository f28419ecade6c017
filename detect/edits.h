/*
 * edits.h - the parts of a text that must not be kept.
 */
#ifndef DETECT_EDITS_H
#define DETECT_EDITS_H

#include "base/slice.h"

enum { MAX_EDITS = 64 };

/* Bytes [from, to) of a text that must not be kept. */
struct edit {
	size_t from, to;
};

/* Ordered, without overlaps. */
struct edits {
	struct edit e[MAX_EDITS];
	unsigned n;
	bool all;     /* could not be decided, or too many: nothing of the text may be kept */
	size_t spent; /* bytes that were read to find them, beyond the one pass */
};

/* Nothing found yet: the table itself is left as it is, as that of most texts is never used. */
static inline void edits_none(struct edits *x)
{
	x->n = 0;
	x->all = false;
	x->spent = 0;
}

/* Add [from, to) to x, joined with all that it overlaps. */
void edits_add(struct edits *x, size_t from, size_t to);

#endif
