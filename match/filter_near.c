#include "match/filter_near.h"

#include "base/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/*
 * A bucket tests the low and the high nibble of each byte apart, and so accepts the
 * product of both sets: windows that are alike belong together. Each window goes where
 * it adds the least expected hits; two more rounds move those that now fit better
 * elsewhere.
 */
enum {
	ROUNDS = 3,
	MOVED_MAX = 64, /* windows; of more, none is moved, as that takes time by the square */
};

/* What a bucket accepts. */
struct accept {
	uint16_t nibble[FILTER_NEAR][2]; /* bit: the nibble's value */
};

struct sorter {
	/* Shares in honest text: [high nibble][quarter of the low ones][which of its four]. */
	double byte[16][4][16];
	const uint32_t *near;
	struct accept *of; /* of each of near */
	uint8_t *bucket;   /* the same; FILTER_BUCKETS: none yet */
	unsigned n;
};

static struct accept accept_of(const struct filter *f, const struct filter_win *w)
{
	struct accept a = { { { 0 } } };

	for (unsigned i = 0; i < FILTER_NEAR; i++) {
		unsigned at = w->near_off + i;

		for (unsigned c = 0; c < 256; c++) {
			if (at < w->n && !byteset_has(&f->cls[w->cls[at]], c))
				continue;
			a.nibble[i][0] |= (uint16_t)(1u << (c & 15));
			a.nibble[i][1] |= (uint16_t)(1u << (c >> 4));
		}
	}
	return a;
}

static struct accept join(struct accept a, const struct accept *b)
{
	for (unsigned i = 0; i < FILTER_NEAR; i++) {
		a.nibble[i][0] |= b->nibble[i][0];
		a.nibble[i][1] |= b->nibble[i][1];
	}
	return a;
}

/* Expected hits a position, taking bytes as independent. */
static double hits(const struct sorter *s, const struct accept *a)
{
	double all = 1;

	for (unsigned i = 0; i < FILTER_NEAR; i++) {
		double sum = 0;

		for (unsigned high = a->nibble[i][1]; high != 0; high &= high - 1) {
			const double(*low)[16] = s->byte[__builtin_ctz(high)];

			for (unsigned q = 0; q < 4; q++)
				sum += low[q][a->nibble[i][0] >> 4 * q & 15];
		}
		all *= sum;
	}
	return all;
}

/* All that is in each bucket, but for window i. */
static void without(const struct sorter *s, unsigned i, struct accept rest[FILTER_BUCKETS])
{
	memset(rest, 0, FILTER_BUCKETS * sizeof(rest[0]));
	for (unsigned k = 0; k < s->n; k++)
		if (k != i && s->bucket[k] < FILTER_BUCKETS)
			rest[s->bucket[k]] = join(rest[s->bucket[k]], &s->of[k]);
}

/* Put window i where it adds least to what is there already; hit: expected of each bucket. */
static void put(struct sorter *s, unsigned i, struct accept rest[FILTER_BUCKETS], double *hit)
{
	double best = HUGE_VAL, then = 0;
	uint8_t to = 0;

	for (unsigned b = 0; b < FILTER_BUCKETS; b++) {
		struct accept with = join(rest[b], &s->of[i]);
		double now = hits(s, &with);

		if (now - hit[b] < best) {
			best = now - hit[b];
			then = now;
			to = (uint8_t)b;
		}
	}
	s->bucket[i] = to;
	rest[to] = join(rest[to], &s->of[i]);
	hit[to] = then;
}

static void sort(struct sorter *s)
{
	struct accept rest[FILTER_BUCKETS] = { 0 };
	double hit[FILTER_BUCKETS] = { 0 };

	memset(s->bucket, FILTER_BUCKETS, s->n);
	for (unsigned i = 0; i < s->n; i++)
		put(s, i, rest, hit);
	for (unsigned round = 1; round < ROUNDS && s->n <= MOVED_MAX; round++) {
		for (unsigned i = 0; i < s->n; i++) {
			without(s, i, rest);
			for (unsigned b = 0; b < FILTER_BUCKETS; b++)
				hit[b] = hits(s, &rest[b]);
			put(s, i, rest, hit);
		}
	}
}

static void byte_shares(struct sorter *s, enum grams_profile profile)
{
	memset(s->byte, 0, sizeof(s->byte));
	for (unsigned c = 0; c < 256; c++) {
		struct byteset one = { { 0 } };
		struct grams_class cls;
		const struct grams_class *p = &cls;
		double share;

		byteset_add(&one, c);
		grams_class_init(&cls, &one);
		share = grams_share(profile, &p, 1) + 1e-4;
		/* The counts do not tell case; most letters are small. */
		if (c >= 'A' && c <= 'Z')
			share *= .2;
		for (unsigned four = 0; four < 16; four++)
			if (four >> (c & 3) & 1)
				s->byte[c >> 4][c >> 2 & 3][four] += share;
	}
}

static void fill_tables(struct filter *f, const struct sorter *s)
{
	for (unsigned k = 0; k < s->n; k++) {
		const struct filter_win *w = &f->win[s->near[k]];
		uint8_t bit = (uint8_t)(1u << s->bucket[k]);

		for (unsigned i = 0; i < FILTER_NEAR; i++) {
			unsigned at = w->near_off + i;

			for (unsigned c = 0; c < 256; c++) {
				if (at < w->n && !byteset_has(&f->cls[w->cls[at]], c))
					continue;
				if (i == 0)
					f->first[c >> 7][c & 15] |= (uint8_t)(1u << (c >> 4 & 7));
				f->byte[i][c] |= bit;
				f->high[i] |= c >= 128 ? bit : 0;
				f->nibble[i][0][c & 15] |= bit;
				f->nibble[i][1][c >> 4] |= bit;
			}
		}
	}
}

/* Each window with every byte that it can have where it is looked at. */
static int list(struct filter *f, const struct sorter *s, struct err *e)
{
	uint32_t at = 0;

	for (unsigned c = 0; c < 256; c++)
		for (unsigned i = 0; i < s->n; i++) {
			const struct filter_win *w = &f->win[s->near[i]];

			at += byteset_has(&f->cls[w->cls[w->near_off]], c);
		}
	f->listed = malloc((at + 1) * sizeof(*f->listed));
	if (!f->listed)
		return err_set(e, ENOMEM, "no memory for a filter");
	f->memory += at * sizeof(*f->listed);
	at = 0;
	for (unsigned c = 0; c < 256; c++) {
		f->begin[c] = at;
		for (unsigned i = 0; i < s->n; i++) {
			const struct filter_win *w = &f->win[s->near[i]];

			if (byteset_has(&f->cls[w->cls[w->near_off]], c))
				f->listed[at++] = s->near[i];
		}
	}
	f->begin[256] = at;
	return 0;
}

int filter_near_fill(
    struct filter *f, const uint32_t *near, unsigned n, enum grams_profile profile, struct err *e)
{
	struct sorter s = { .near = near, .n = n };
	int rc = 0;

	s.of = malloc(n * sizeof(*s.of));
	s.bucket = malloc(n);
	if (!s.of || !s.bucket) {
		rc = err_set(e, ENOMEM, "no memory for a filter");
		goto out;
	}
	byte_shares(&s, profile);
	for (unsigned i = 0; i < n; i++)
		s.of[i] = accept_of(f, &f->win[near[i]]);
	sort(&s);
	fill_tables(f, &s);
	rc = list(f, &s, e);
out:
	free(s.of);
	free(s.bucket);
	return rc;
}
