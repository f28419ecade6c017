/*
 * filter_tables.h - the inside of a filter, for filter.c and its helpers.
 *
 * Two ways to find candidate positions, of which a filter may have either or both:
 *  - stepped: at every step-th position the next 3 or 4 bytes, letters folded, are
 *    hashed to a word of a table that is small enough for the first-level cache, and count
 *    where three bits of it are set (a Bloom filter of one word each); a chain of grams tells
 *    which windows.
 *  - near: a position counts at which is a rare byte of some window, if the 4 bytes from
 *    there pass for one of 8 buckets of windows, low and high nibble apart, which is
 *    a few shuffles for 32 positions. For windows with a rare byte, and few others.
 * Then the window itself is compared, class by class.
 */
#ifndef MATCH_FILTER_TABLES_H
#define MATCH_FILTER_TABLES_H

#include "match/filter.h"

enum {
	FILTER_BLOCK = 64,  /* positions of one mask */
	FILTER_BLOCKS = 64, /* masks made in one go */
	FILTER_BUCKETS = 8,
	FILTER_NEAR = 4, /* bytes that a bucket tests */
};

/* Merges A-Z with a-z, and some others: a superset, as the window is compared exactly. */
#define FILTER_FOLD	   UINT32_C(0x20202020)
#define FILTER_HASH	   UINT32_C(0x9E3779B1)
/* A product of 64 bits: the top ones give a word of the table, others three bits of that word. */
#define FILTER_HASH2	   UINT64_C(0x9E3779B97F4A7C15)
#define FILTER_BIT(key, i) ((key) >> (46 - 6 * (i)) & 63)

/* Sorted by gram * FILTER_HASH, of which the top bits are the slot. */
struct filter_gram {
	uint32_t gram; /* folded, little endian */
	uint32_t win;
	uint8_t off; /* of the gram in the window */
};

struct filter_win {
	uint32_t tag;
	uint16_t cls[WINDOW_LEN_MAX];
	uint8_t n;
	uint8_t near_off; /* of the bytes that its bucket tests */
};

/* Bit i of out[k]: position k * FILTER_BLOCK + i of p is a candidate. */
typedef void filter_masks(const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out);

struct filter {
	struct filter_win *win;
	struct byteset *cls;
	unsigned n_win, n_cls;

	filter_masks *stepped; /* NULL: no window is stepped */
	uint64_t *tab;	       /* could a gram start here? */
	uint32_t *head;	       /* gram * FILTER_HASH >> head_shift -> its first gram */
	struct filter_gram *gram;
	uint32_t n_gram;
	uint32_t gram_mask; /* ~0 for grams of 4 bytes, 0xffffff for 3 */
	unsigned gram_len, step;
	unsigned shift, head_shift; /* word of tab = gram * FILTER_HASH2 >> shift */

	filter_masks *near;		    /* NULL: no window is near */
	uint8_t nibble[FILTER_NEAR][2][16]; /* [byte][low, high][nibble]: buckets */
	uint8_t first[2][16]; /* [byte >> 7][low nibble]: a bit for each other nibble, & 7 */
	uint8_t byte[FILTER_NEAR][256]; /* the same exactly */
	uint8_t high[FILTER_NEAR];	/* of any byte from 128 on */
	uint32_t *listed;		/* windows, by the byte that is looked at first */
	uint32_t begin[257];		/* of each byte's in listed */

	size_t memory;
};

#endif
