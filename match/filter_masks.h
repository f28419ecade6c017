/*
 * filter_masks.h - candidate positions, 64 at a time, for filter.c and filter_build.c.
 */
#ifndef MATCH_FILTER_MASKS_H
#define MATCH_FILTER_MASKS_H

#include "match/filter_tables.h"

/* The function for grams of 3 or 4 bytes at every position or every other one.
 * plain: without instructions that not every processor has. */
filter_masks *filter_masks_stepped(unsigned gram, unsigned step, bool plain);

/* The best function that this processor has. */
filter_masks *filter_masks_near(void);

/* The same in plain C. */
filter_masks filter_masks_near_plain;

#endif
