#include "match/window_cost.h"

#include <math.h>
#include <stdlib.h>

enum {
	WIDE = 200,	  /* a class of more bytes is not worth a test at either end */
	MERGED_MAX = 16,  /* bytes of a class that comes from merging two windows */
	GRAM = 4,	  /* bytes that the filter looks up */
	GRAMS_MAX = 4096, /* different ones of a window that it can store */
	CACHE = 4096,
};

/* A confirmed window costs a run of PCRE2, some twenty times what a filter hit costs. */
static const double confirm_cost = 20;
/* What a stored gram costs in cache misses, as a share of positions. */
static const double entry_cost = 6e-7;
/* Windows without grams need a second, slower filter. */
static const double short_cost = 2e-4;
/* A gram more frequent than this is worth comparing with that filter. */
static const double frequent = .003;

struct known {
	struct walk_seq seq; /* n == 0: free */
	double cost;
};

struct window_cost {
	enum grams_profile profile;
	struct grams_class *cls[WALK_CLASS_MAX]; /* by index of walk.cls; NULL: not looked at yet */
	uint16_t folded[WALK_CLASS_MAX];	 /* bytes of the class, case folded */
	uint16_t count[WALK_CLASS_MAX];
	struct known known[CACHE];
	struct walk_seq raw[WALK_SEQ_MAX];
};

struct window_cost *window_cost_new(enum grams_profile profile)
{
	struct window_cost *wc = calloc(1, sizeof(*wc));

	if (wc)
		wc->profile = profile;
	return wc;
}

void window_cost_free(struct window_cost *wc)
{
	if (!wc)
		return;
	for (unsigned i = 0; i < WALK_CLASS_MAX; i++)
		free(wc->cls[i]);
	free(wc);
}

/* Make ready what is to be known of class i. False without memory. */
static bool class_ready(struct window_cost *wc, const struct walk *w, uint16_t i)
{
	struct byteset folded = { { 0 } };

	if (wc->cls[i])
		return true;
	wc->cls[i] = malloc(sizeof(*wc->cls[i]));
	if (!wc->cls[i])
		return false;
	grams_class_init(wc->cls[i], &w->cls[i]);
	for (unsigned b = 0; b < 256; b++)
		if (byteset_has(&w->cls[i], b))
			byteset_add(&folded, b | 0x20);
	wc->folded[i] = (uint16_t)byteset_count(&folded);
	wc->count[i] = (uint16_t)byteset_count(&w->cls[i]);
	return true;
}

/* Expected hits of the filter for one window. */
static double gram_cost(
    const struct window_cost *wc, const struct walk_seq *s, const struct grams_class *const *cls)
{
	unsigned len = s->n < GRAM ? s->n : GRAM;
	double best = HUGE_VAL;

	for (unsigned o = 0; o + GRAM <= s->n; o++) {
		uint64_t grams = 1;
		double cost;

		for (unsigned i = o; i < o + GRAM; i++)
			grams *= wc->folded[s->c[i]];
		if (grams > GRAMS_MAX)
			continue;
		cost = grams_share(wc->profile, cls + o, GRAM) + (double)grams * entry_cost;
		best = cost < best ? cost : best;
	}
	if (best <= frequent)
		return best;
	for (unsigned o = 0; o + len <= s->n; o++) {
		double cost = grams_share(wc->profile, cls + o, len) * 2 + short_cost;

		best = cost < best ? cost : best;
	}
	return best;
}

static double seq_cost(struct window_cost *wc, const struct walk *w, const struct walk_seq *s)
{
	const struct grams_class *cls[WALK_LEN_MAX];
	uint32_t h = s->n;
	struct known *k;

	for (unsigned i = 0; i < s->n; i++)
		h = (h ^ s->c[i]) * 0x9E3779B1u ^ h >> 15;
	k = &wc->known[h % CACHE];
	if (k->seq.n == s->n && memcmp(k->seq.c, s->c, s->n * sizeof(s->c[0])) == 0)
		return k->cost;
	for (unsigned i = 0; i < s->n; i++) {
		if (!class_ready(wc, w, s->c[i]))
			return HUGE_VAL;
		cls[i] = wc->cls[s->c[i]];
	}
	k->seq = *s;
	k->cost = grams_share(wc->profile, cls, s->n) * confirm_cost + gram_cost(wc, s, cls);
	return k->cost;
}

/* Cut classes that hardly tell anything off both ends. */
static void trim(const struct window_cost *wc, struct walk_seq *s)
{
	unsigned from = 0;

	while (s->n && wc->count[s->c[s->n - 1]] > WIDE)
		s->n--;
	while (from < s->n && wc->count[s->c[from]] > WIDE)
		from++;
	s->n = (uint8_t)(s->n - from);
	memmove(s->c, s->c + from, s->n * sizeof(s->c[0]));
}

/* Does a occur wherever b does? */
static bool covers(const struct walk *w, const struct walk_seq *a, const struct walk_seq *b)
{
	if (a->n > b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (a->c[i] != b->c[i] && !byteset_within(&w->cls[b->c[i]], &w->cls[a->c[i]]))
			return false;
	return true;
}

static unsigned drop_covered(const struct walk *w, struct walk_seq *s, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		bool covered = false;

		/* Of two that cover each other the first one stays. */
		for (unsigned j = 0; j < kept && !covered; j++)
			covered = covers(w, &s[j], &s[i]);
		for (unsigned j = i + 1; j < n && !covered; j++)
			covered = covers(w, &s[j], &s[i]) && !covers(w, &s[i], &s[j]);
		if (!covered)
			s[kept++] = s[i];
	}
	return kept;
}

/* If a and b differ in one class only, and that stays small, widen a to cover b. */
static bool merge(
    struct window_cost *wc, struct walk *w, struct walk_seq *a, const struct walk_seq *b)
{
	unsigned at = 0, differ = 0;
	struct byteset both;

	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n && differ < 2; i++) {
		if (a->c[i] != b->c[i]) {
			at = i;
			differ++;
		}
	}
	if (differ > 1)
		return false;
	both = byteset_or(w->cls[a->c[at]], w->cls[b->c[at]]);
	if (byteset_count(&both) > MERGED_MAX || w->n_cls == WALK_CLASS_MAX)
		return false;
	a->c[at] = walk_class(w, both);
	return class_ready(wc, w, a->c[at]);
}

/* Widen s[i] to cover what it can of those behind it; how many are left. */
static unsigned merge_into(
    struct window_cost *wc, struct walk *w, struct walk_seq *s, unsigned i, unsigned n)
{
	for (unsigned j = i + 1; j < n;) {
		if (merge(wc, w, &s[i], &s[j]))
			s[j] = s[--n];
		else
			j++;
	}
	return n;
}

static unsigned merge_all(struct window_cost *wc, struct walk *w, struct walk_seq *s, unsigned n)
{
	unsigned before = n + 1;

	for (unsigned round = 0; n < before && round < 8; round++) {
		before = n;
		for (unsigned i = 0; i < n; i++)
			n = merge_into(wc, w, s, i, n);
	}
	return n;
}

/* Simplify n windows in place; how many are left, or -1 if they are of no use. */
static int simplify(struct window_cost *wc, struct walk *w, struct walk_seq *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < s[i].n; k++)
			if (!class_ready(wc, w, s[i].c[k]))
				return -1;
		trim(wc, &s[i]);
		if (s[i].n == 0)
			return -1;
	}
	n = drop_covered(w, s, n);
	n = merge_all(wc, w, s, n);
	n = drop_covered(w, s, n);
	return n > WINDOW_SET_MAX ? -1 : (int)n;
}

/* The sum is of no interest once it reaches limit. */
static bool finish(
    struct window_cost *wc, struct walk *w, struct window_cost_set *set, int n, double limit)
{
	set->cost = HUGE_VAL;
	if (n < 0)
		return false;
	set->n = (unsigned)n;
	set->cost = 0;
	for (unsigned i = 0; i < set->n && set->cost < limit; i++)
		set->cost += seq_cost(wc, w, &set->seq[i]);
	return set->cost < limit;
}

bool window_cost_of_walk(
    struct window_cost *wc, struct walk *w, struct window_cost_set *out, double limit)
{
	int n;

	memcpy(wc->raw, w->seq, w->n_seqs * sizeof(wc->raw[0]));
	n = simplify(wc, w, wc->raw, w->n_seqs);
	if (n > 0)
		memcpy(out->seq, wc->raw, (unsigned)n * sizeof(wc->raw[0]));
	return finish(wc, w, out, n, limit);
}

bool window_cost_join(struct window_cost_set *all, const struct window_cost_set *one)
{
	if (isinf(all->cost) || isinf(one->cost) || all->n + one->n > WINDOW_SET_MAX)
		return false;
	memcpy(all->seq + all->n, one->seq, one->n * sizeof(one->seq[0]));
	all->n += one->n;
	return true;
}

bool window_cost_tidy(
    struct window_cost *wc, struct walk *w, struct window_cost_set *set, double limit)
{
	if (isinf(set->cost))
		return false;
	return finish(wc, w, set, simplify(wc, w, set->seq, set->n), limit);
}
