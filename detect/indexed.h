/* indexed.h - attributes whose values an index finds, instead of a scan. See trigger.h. */
#ifndef DETECT_INDEXED_H
#define DETECT_INDEXED_H

#include "detect/trigger.h"

/* Is the field of that rule one of them? */
bool indexed_of(const struct rule *r, const struct field *f, enum index_kind *kind);

/* Does a comparison (MATCH_COMPARE) hold for that status code? */
bool indexed_fits(const struct matcher *m, unsigned status);

/* The share of honest events with such a value; HUGE_VAL: no index for this kind of matcher. */
double indexed_cost(enum index_kind kind, const struct matcher *m);

#endif
