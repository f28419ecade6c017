/*
 * byteset.h - a set of byte values, as 256 bits. Passed and returned by value.
 */
#ifndef MATCH_BYTESET_H
#define MATCH_BYTESET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct byteset {
	uint64_t w[4]; /* byte b is bit b % 64 of w[b / 64] */
};

static inline bool byteset_has(const struct byteset *s, unsigned b)
{
	return s->w[b >> 6] >> (b & 63) & 1;
}

static inline void byteset_add(struct byteset *s, unsigned b)
{
	s->w[b >> 6] |= (uint64_t)1 << (b & 63);
}

static inline void byteset_remove(struct byteset *s, unsigned b)
{
	s->w[b >> 6] &= ~((uint64_t)1 << (b & 63));
}

/* Add lo to hi, both included. */
static inline void byteset_add_range(struct byteset *s, unsigned lo, unsigned hi)
{
	for (unsigned b = lo; b <= hi; b++)
		byteset_add(s, b);
}

static inline struct byteset byteset_or(struct byteset a, struct byteset b)
{
	for (int i = 0; i < 4; i++)
		a.w[i] |= b.w[i];
	return a;
}

static inline struct byteset byteset_and(struct byteset a, struct byteset b)
{
	for (int i = 0; i < 4; i++)
		a.w[i] &= b.w[i];
	return a;
}

static inline struct byteset byteset_not(struct byteset a)
{
	for (int i = 0; i < 4; i++)
		a.w[i] = ~a.w[i];
	return a;
}

static inline bool byteset_empty(const struct byteset *s)
{
	return !(s->w[0] | s->w[1] | s->w[2] | s->w[3]);
}

static inline bool byteset_eq(const struct byteset *a, const struct byteset *b)
{
	return memcmp(a->w, b->w, sizeof(a->w)) == 0;
}

/* Is every byte of a in b? */
static inline bool byteset_within(const struct byteset *a, const struct byteset *b)
{
	return !((a->w[0] & ~b->w[0]) | (a->w[1] & ~b->w[1]) | (a->w[2] & ~b->w[2]) |
		 (a->w[3] & ~b->w[3]));
}

static inline unsigned byteset_count(const struct byteset *s)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n += (unsigned)__builtin_popcountll(s->w[i]);
	return n;
}

/* Add the other case of every ASCII letter in s. */
static inline void byteset_fold(struct byteset *s)
{
	const uint64_t letters = 0x07fffffe; /* A-Z and a-z are bits 1-26 of the halves of w[1] */
	uint64_t either = (s->w[1] | s->w[1] >> 32) & letters;

	s->w[1] |= either | either << 32;
}

#endif
