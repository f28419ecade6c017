/*
 * filter_near.h - sorts windows into buckets, for filter_build.c alone.
 */
#ifndef MATCH_FILTER_NEAR_H
#define MATCH_FILTER_NEAR_H

#include "match/filter_tables.h"

/*
 * f->listed holds n windows, with their near_off: order it by bucket, and fill
 * f->bucket, f->nibble and f->byte. -1 with ENOMEM.
 */
int filter_near_fill(struct filter *f, unsigned n, enum grams_profile profile, struct err *e);

#endif
