#include "match/filter.h"

#include "base/err.h"
#include "match/filter_masks.h"
#include "match/filter_near.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	SLOT_BITS_MIN = 13,
	SLOT_BITS_MAX = 18, /* 32 KiB */
	SPARSE = 24,	    /* slots a gram: each one filled makes for false hits */
	HEAD_BITS_MAX = 15,
	FEW = 40, /* windows that eight buckets tell from honest text, whatever their bytes */
	GRAMS_MAX = 512, /* of one window */
	CLASSES_MAX = 65535,
};

/* Nanoseconds, of one core of 2023; only how they compare matters. */
static const double near_ns = 0.2;     /* a byte */
static const double stepped_ns = 1.3;  /* a position */
static const double hit_ns = 20;       /* a place that is looked at */
static const double listed_ns = 3;     /* each window that may begin with a byte that is there */
static const double near_accept = 0.3; /* of the places where a first byte is, pass for a bucket */
static const double few_accept = 0.02; /* the same where each bucket has a few windows only */
/* A stored gram takes that share of the positions, by chance. */
static const double entry_cost = 1e-6;

/* How the stepped part could be set up; gram 0: not at all. */
struct setup {
	unsigned gram, step;
};

static const struct setup setups[] = { { 0, 0 }, { 4, 2 }, { 4, 1 }, { 3, 2 }, { 3, 1 } };

/* Where one window is looked up. */
struct spot {
	bool stepped;
	uint8_t off;
	double ns; /* expected, a position of honest text */
};

struct build {
	struct filter *f;
	enum grams_profile profile;
	struct grams_class *grams; /* by class */
	uint16_t *folded;	   /* by class: its bytes, letters folded */
	uint32_t *cls_slot;	   /* hash table of f->cls, index + 1 */
	uint32_t cls_slots;	   /* a power of two */
	struct spot *spot;	   /* by window, of the best setup so far */
	struct spot *other;	   /* of the setup being looked at */
	struct setup setup;
	uint32_t grams_cap;
	float (*shares)[4][WINDOW_LEN_MAX + 1]; /* by window: of 1 to 4 bytes from there on */
	uint16_t any;				/* the class of all bytes */
};

/* Each byte | 0x20: the lower half of every word falls onto the upper one. */
static struct byteset fold(const struct byteset *s)
{
	struct byteset out;

	for (unsigned i = 0; i < 4; i++)
		out.w[i] = (s->w[i] | s->w[i] << 32) & UINT64_C(0xffffffff00000000);
	return out;
}

/* The index of set, or CLASSES_MAX when there are too many. */
static unsigned intern(struct build *b, const struct byteset *set)
{
	struct byteset folded;
	uint64_t h = 0;
	uint32_t at;

	for (int i = 0; i < 4; i++)
		h = (h ^ set->w[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ h >> 29;
	at = (uint32_t)(h >> 32) & (b->cls_slots - 1);
	for (; b->cls_slot[at]; at = (at + 1) & (b->cls_slots - 1))
		if (byteset_eq(&b->f->cls[b->cls_slot[at] - 1], set))
			return b->cls_slot[at] - 1;
	if (b->f->n_cls == CLASSES_MAX)
		return CLASSES_MAX;
	b->f->cls[b->f->n_cls] = *set;
	grams_class_init(&b->grams[b->f->n_cls], set);
	folded = fold(set);
	b->folded[b->f->n_cls] = (uint16_t)byteset_count(&folded);
	b->cls_slot[at] = ++b->f->n_cls;
	return b->f->n_cls - 1;
}

static int add_window(struct build *b, const struct filter_entry *en, struct err *e)
{
	struct filter_win *w = &b->f->win[b->f->n_win];

	if (en->w.n == 0 || en->w.n > WINDOW_LEN_MAX)
		return err_set(e, EINVAL, "a window of %u classes", en->w.n);
	for (unsigned i = 0; i < en->w.n; i++)
		if (byteset_empty(&en->w.cls[i]))
			return 0; /* it never occurs */
	*w = (struct filter_win){ .tag = en->tag, .n = en->w.n };
	for (unsigned i = 0; i < en->w.n; i++) {
		unsigned c = intern(b, &en->w.cls[i]);

		if (c == CLASSES_MAX)
			return err_set(
			    e, E2BIG, "more than %d different byte classes", CLASSES_MAX);
		w->cls[i] = (uint16_t)c;
	}
	b->f->n_win++;
	return 0;
}

/* The class at i; a window may be looked up by bytes behind it, which are any. */
static uint16_t class_at(const struct build *b, const struct filter_win *w, unsigned i)
{
	return i < w->n ? w->cls[i] : b->any;
}

/* How often do n bytes of window w from o on occur? */
static double share(const struct build *b, const struct filter_win *w, unsigned o, unsigned n)
{
	const struct grams_class *cls[WINDOW_LEN_MAX];

	for (unsigned i = 0; i < n; i++)
		cls[i] = &b->grams[class_at(b, w, o + i)];
	return grams_share(b->profile, cls, n);
}

static uint64_t expansions(
    const struct build *b, const struct filter_win *w, unsigned o, unsigned n)
{
	uint64_t count = 1;

	for (unsigned i = 0; i < n; i++)
		count *= b->folded[class_at(b, w, o + i)];
	return count;
}

/* share() of up to four bytes, which each setup asks for again. */
static double gram_share(struct build *b, const struct filter_win *w, unsigned o, unsigned n)
{
	float *known = &b->shares[w - b->f->win][n - 1][o];

	if (*known <= 0)
		*known = (float)share(b, w, o, n);
	return (double)*known;
}

/*
 * The rarest grams of w under s. Whatever position w starts at, one of step grams in a
 * row begins at a position that is looked at, so all of them count, and are stored.
 */
static struct spot stepped_spot(struct build *b, const struct filter_win *w, struct setup s)
{
	struct spot best = { .ns = HUGE_VAL };

	for (unsigned o = 0; s.gram && o + s.gram + s.step - 1 <= w->n + 1u; o++) {
		uint64_t count = 0;
		double sum = 0;

		for (unsigned i = 0; i < s.step; i++) {
			uint64_t c = expansions(b, w, o + i, s.gram);

			count += c;
			sum += c > GRAMS_MAX ? HUGE_VAL : gram_share(b, w, o + i, s.gram) / s.step;
		}
		sum += (double)count * entry_cost / s.step;
		if (sum * hit_ns < best.ns)
			best = (struct spot){ true, (uint8_t)o, sum * hit_ns };
	}
	return best;
}

/* It begins with a rare byte: that is what is looked at first, and exactly. */
static struct spot near_spot(struct build *b, const struct filter_win *w)
{
	struct spot best = { .ns = HUGE_VAL };
	double first_ns = b->f->n_win <= FEW ? 0 : listed_ns;

	for (unsigned o = 0; o < w->n; o++) {
		unsigned n = w->n - o < FILTER_NEAR ? w->n - o : FILTER_NEAR;
		double ns = gram_share(b, w, o, 1) * first_ns + gram_share(b, w, o, n) * hit_ns;

		if (ns < best.ns)
			best = (struct spot){ false, (uint8_t)o, ns };
	}
	return best;
}

/* Place all windows under s into b->other. Returns the expected time a byte, in ns. */
static double place(struct build *b, struct setup s, const struct spot *near)
{
	struct byteset first = { { 0 } };
	bool stepped = false;
	double ns = 0;

	for (unsigned i = 0; i < b->f->n_win; i++) {
		const struct filter_win *w = &b->f->win[i];
		struct spot at = stepped_spot(b, w, s);

		if (near[i].ns < at.ns) {
			at = near[i];
			first = byteset_or(first, b->f->cls[w->cls[at.off]]);
		}
		stepped = stepped || at.stepped;
		b->other[i] = at;
		ns += at.ns;
	}
	if (stepped)
		ns += stepped_ns / s.step;
	if (!byteset_empty(&first)) {
		struct grams_class cls;
		const struct grams_class *p = &cls;

		grams_class_init(&cls, &first);
		ns += near_ns + grams_share(b->profile, &p, 1) * hit_ns *
				    (b->f->n_win <= FEW ? few_accept : near_accept);
	}
	return ns;
}

/* Decide the setup, and where each window is looked up. */
static int decide(struct build *b, struct err *e)
{
	struct spot *near = calloc(b->f->n_win + 1, sizeof(*near));
	double best = HUGE_VAL;

	if (!near)
		return err_set(e, ENOMEM, "no memory for a filter");
	for (unsigned i = 0; i < b->f->n_win; i++)
		near[i] = near_spot(b, &b->f->win[i]);
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++) {
		double ns = place(b, setups[i], near);

		if (ns < best) {
			struct spot *t = b->spot;

			best = ns;
			b->setup = setups[i];
			b->spot = b->other;
			b->other = t;
		}
	}
	free(near);
	return 0;
}

static int gram_order(const void *a, const void *b)
{
	const struct filter_gram *x = a, *y = b;
	uint32_t h = x->gram * FILTER_HASH, k = y->gram * FILTER_HASH;

	if (h != k)
		return h < k ? -1 : 1;
	return x->win < y->win ? -1 : x->win > y->win;
}

static int add_gram(struct build *b, struct filter_gram g, struct err *e)
{
	struct filter *f = b->f;

	if (f->n_gram == b->grams_cap) {
		uint32_t cap = b->grams_cap ? b->grams_cap * 2 : 1024;
		struct filter_gram *more = realloc(f->gram, cap * sizeof(*more));

		if (!more)
			return err_set(e, ENOMEM, "no memory for a filter");
		f->gram = more;
		b->grams_cap = cap;
	}
	f->gram[f->n_gram++] = g;
	return 0;
}

/* The folded bytes of a class; how many. */
static unsigned folded_bytes(const struct byteset *s, uint8_t out[256])
{
	struct byteset folded = fold(s);
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++)
		for (uint64_t w = folded.w[i]; w != 0; w &= w - 1)
			out[n++] = (uint8_t)(64 * i + (unsigned)__builtin_ctzll(w));
	return n;
}

/* Add every gram that window i can have at off: an odometer over the classes. */
static int expand(struct build *b, uint32_t i, unsigned off, struct err *e)
{
	const struct filter_win *w = &b->f->win[i];
	unsigned n[4] = { 1, 1, 1, 1 }, at[4] = { 0 }, len = b->setup.gram, k;
	uint8_t bytes[4][256] = { { 0 } };

	for (k = 0; k < len; k++)
		n[k] = folded_bytes(&b->f->cls[class_at(b, w, off + k)], bytes[k]);
	do {
		struct filter_gram g = { .win = i, .off = (uint8_t)off };

		for (k = 0; k < len; k++)
			g.gram |= (uint32_t)bytes[k][at[k]] << (8 * k);
		if (add_gram(b, g, e) != 0)
			return -1;
		for (k = 0; k < len && ++at[k] == n[k]; k++)
			at[k] = 0;
	} while (k < len);
	return 0;
}

static void set_slots(struct filter *f, uint32_t gram)
{
	uint64_t key = gram * FILTER_HASH2;

	for (unsigned i = 0; i < 3; i++)
		f->tab[key >> f->shift] |= UINT64_C(1) << FILTER_BIT(key, i);
}

static int fill_stepped(struct build *b, struct err *e)
{
	struct filter *f = b->f;
	unsigned bits = SLOT_BITS_MIN, head_bits;
	uint32_t heads;

	for (uint32_t i = 0; i < f->n_win; i++)
		for (unsigned k = 0; b->spot[i].stepped && k < b->setup.step; k++)
			if (expand(b, i, b->spot[i].off + k, e) != 0)
				return -1;
	if (!f->n_gram)
		return 0;
	qsort(f->gram, f->n_gram, sizeof(*f->gram), gram_order);
	while (bits < SLOT_BITS_MAX && 1u << bits < f->n_gram * SPARSE)
		bits++;
	f->shift = 64 - (bits - 6);
	head_bits = bits - 1 < HEAD_BITS_MAX ? bits - 1 : HEAD_BITS_MAX;
	f->head_shift = 32 - head_bits;
	heads = 1u << head_bits;
	f->gram_mask = b->setup.gram == 4 ? UINT32_MAX : 0xffffff;
	f->tab = calloc(1, (size_t)1 << (bits - 3));
	f->head = malloc(heads * sizeof(*f->head));
	if (!f->tab || !f->head)
		return err_set(e, ENOMEM, "no memory for a filter");
	for (uint32_t h = 0, i = 0; h < heads; h++) {
		while (i < f->n_gram && f->gram[i].gram * FILTER_HASH >> f->head_shift < h)
			i++;
		f->head[h] = i;
	}
	for (uint32_t i = 0; i < f->n_gram; i++)
		set_slots(f, f->gram[i].gram);
	f->gram_len = b->setup.gram;
	f->step = b->setup.step;
	f->stepped = filter_masks_stepped(f->gram_len, f->step, false);
	f->memory +=
	    ((size_t)1 << (bits - 3)) + heads * sizeof(*f->head) + f->n_gram * sizeof(*f->gram);
	return 0;
}

static int fill_near(struct build *b, struct err *e)
{
	struct filter *f = b->f;
	uint32_t *near = calloc(f->n_win + 1, sizeof(*near));
	unsigned n = 0;
	int rc = 0;

	if (!near)
		return err_set(e, ENOMEM, "no memory for a filter");
	for (uint32_t i = 0; i < f->n_win; i++) {
		if (b->spot[i].stepped)
			continue;
		f->win[i].near_off = b->spot[i].off;
		near[n++] = i;
	}
	if (n) {
		f->near = filter_masks_near();
		rc = filter_near_fill(f, near, n, b->profile, e);
	}
	free(near);
	return rc;
}

/* Most windows share their classes: keep no room for more than there are. */
static void give_back(struct filter *f)
{
	struct byteset *less = realloc(f->cls, (f->n_cls + 1) * sizeof(*less));

	if (less)
		f->cls = less;
}

static int build_all(struct build *b, const struct filter_entry *entries, unsigned n, struct err *e)
{
	struct filter *f = b->f;
	const struct byteset all = byteset_not((struct byteset){ { 0 } });
	size_t classes = (size_t)n * WINDOW_LEN_MAX + 1;

	classes = classes > CLASSES_MAX ? CLASSES_MAX : classes;
	for (b->cls_slots = 64; b->cls_slots < classes * 2;)
		b->cls_slots *= 2;
	f->win = calloc(n + 1, sizeof(*f->win));
	f->cls = calloc(classes, sizeof(*f->cls));
	b->grams = calloc(classes, sizeof(*b->grams));
	b->folded = calloc(classes, sizeof(*b->folded));
	b->cls_slot = calloc(b->cls_slots, sizeof(*b->cls_slot));
	b->spot = calloc(n + 1, sizeof(*b->spot));
	b->other = calloc(n + 1, sizeof(*b->other));
	b->shares = calloc(n + 1, sizeof(*b->shares));
	if (!f->win || !f->cls || !b->grams || !b->folded || !b->cls_slot || !b->spot ||
	    !b->other || !b->shares)
		return err_set(e, ENOMEM, "no memory for a filter");
	b->any = (uint16_t)intern(b, &all);
	for (unsigned i = 0; i < n; i++)
		if (add_window(b, &entries[i], e) != 0)
			return -1;
	give_back(f);
	f->memory = sizeof(*f) + (n + 1) * sizeof(*f->win) + f->n_cls * sizeof(*f->cls);
	if (decide(b, e) != 0 || fill_stepped(b, e) != 0)
		return -1;
	return fill_near(b, e);
}

struct filter *filter_build(
    const struct filter_entry *entries, unsigned n, enum grams_profile profile, struct err *e)
{
	struct build b = { .profile = profile };
	int rc;

	if (n > FILTER_WINDOWS_MAX) {
		err_set(e, E2BIG, "%u windows, the limit is %d", n, FILTER_WINDOWS_MAX);
		return NULL;
	}
	b.f = calloc(1, sizeof(*b.f));
	rc = b.f ? build_all(&b, entries, n, e) : err_set(e, ENOMEM, "no memory for a filter");
	free(b.grams);
	free(b.folded);
	free(b.cls_slot);
	free(b.spot);
	free(b.other);
	free(b.shares);
	if (rc == 0)
		return b.f;
	filter_free(b.f);
	return NULL;
}
