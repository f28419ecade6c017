/*
 * filter_near.h - sorts windows into buckets, for filter_build.c alone.
 */
#ifndef MATCH_FILTER_NEAR_H
#define MATCH_FILTER_NEAR_H

#include "match/filter_tables.h"

/*
 * near: n windows that have their near_off. Fills f->nibble, f->first, f->byte, f->listed and
 * f->begin. -1 with ENOMEM.
 */
int filter_near_fill(
    struct filter *f, const uint32_t *near, unsigned n, enum grams_profile profile, struct err *e);

#endif
