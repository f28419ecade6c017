/*
 * redact_find.h - where in a text the secrets are; inside detect/, for redact.c.
 *
 * A filter finds the few bytes that every secret's name or prefix has; their neighbourhood only
 * is then looked at, so a text without any costs one pass of the filter.
 */
#ifndef DETECT_REDACT_FIND_H
#define DETECT_REDACT_FIND_H

#include "detect/edits.h"

struct err;
struct finder;

/* One thread's. NULL with *e. */
struct finder *finder_new(struct err *e);
void finder_free(struct finder *f);

/*
 * Add t's secrets to x. padded: FILTER_BEFORE bytes before t and FILTER_AFTER behind it
 * are readable (match/filter.h); otherwise t is copied. False: nothing in t even begins like one.
 */
bool finder_run(struct finder *f, struct slice t, bool padded, struct edits *x);

#endif
