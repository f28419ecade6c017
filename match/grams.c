#include "match/grams.h"

#include <assert.h>

enum {
	SYMBOL_END,  /* '\n', which only stands between texts */
	SYMBOL_CTRL, /* any other control byte */
	SYMBOL_HIGH, /* 0x80 to 0xff */
	SYMBOL_PRINT,
	CTRL_BYTES = 32,  /* bytes that share SYMBOL_CTRL */
	HIGH_BYTES = 128, /* bytes that share SYMBOL_HIGH */
	OFTEN = 3000,
	PAIRS_MAX = 96, /* products of two classes that are followed up byte by byte */
};

static_assert(GRAMS_SYMBOLS == SYMBOL_PRINT + 95 - 26, "printable bytes, A-Z folded to a-z");

/* Each cell is -8 * log2(share), so that 0 is always and 255 some 2.5e-10. */
struct table {
	uint8_t alone[GRAMS_SYMBOLS];
	uint8_t after[GRAMS_SYMBOLS][GRAMS_SYMBOLS]; /* [byte][the one that follows] */

	/* The most frequent rows of three bytes, ascending: see triple_share(). */
	uint32_t often[OFTEN];
};

static const struct table tables[] = {
#include "match/grams_data.inc"
};

/* 2 to the power of -cell / 8: exp2() would make up most of a rule's loading time. */
static double share_of(uint8_t cell)
{
	static const double eighths[8] = { 1, 0.917004043204671, 0.840896415253715,
		0.771105412703970, 0.707106781186548, 0.648419777325505, 0.594603557501361,
		0.545253866332629 };
	uint64_t bits = (uint64_t)(1023 - (cell >> 3)) << 52; /* an IEEE 754 power of two */
	double power;

	memcpy(&power, &bits, sizeof(power));
	return eighths[cell & 7] * power;
}

static unsigned symbol_of(unsigned b)
{
	if (b == '\n')
		return SYMBOL_END;
	if (b >= 0x80)
		return SYMBOL_HIGH;
	if (b < 32 || b == 127)
		return SYMBOL_CTRL;
	if (b >= 'A' && b <= 'Z')
		b += 32;
	return SYMBOL_PRINT + b - 32 - (b > 'Z' ? 26 : 0);
}

void grams_class_init(struct grams_class *c, const struct byteset *set)
{
	float part[GRAMS_SYMBOLS] = { 0 };

	for (unsigned b = 0; b < 256; b++) {
		unsigned i = symbol_of(b);

		if (!byteset_has(set, b))
			continue;
		if (i == SYMBOL_CTRL)
			part[i] += 1.0f / CTRL_BYTES;
		else if (i == SYMBOL_HIGH)
			part[i] += 1.0f / HIGH_BYTES;
		else
			part[i] = 1;
	}
	c->n = 0;
	for (unsigned i = 0; i < GRAMS_SYMBOLS; i++) {
		if (part[i] > 0) {
			c->symbol[c->n] = (uint8_t)i;
			c->part[c->n++] = part[i];
		}
	}
}

/* The share of a, b, c in a row; the table has those that are frequent, beyond_pairs is for the
 * rest. */
static double triple_share(
    const struct table *t, unsigned a, unsigned b, unsigned c, double beyond_pairs)
{
	uint32_t key = ((a * GRAMS_SYMBOLS + b) * GRAMS_SYMBOLS + c) << 8;
	unsigned lo = 0, hi = OFTEN;
	double rare = 0x1p-17; /* about the share of the last one listed */

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (t->often[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < OFTEN && t->often[lo] >> 8 == key >> 8)
		return share_of((uint8_t)t->often[lo]);
	return beyond_pairs < rare ? beyond_pairs : rare;
}

/*
 * The shares of a row of classes, by its last two bytes while those classes are small,
 * else by the last one.
 */
struct row {
	const struct table *t;
	const struct grams_class *a, *b; /* the last two classes; a NULL: one[] holds */
	double one[GRAMS_SYMBOLS];	 /* by the index of the last byte in b */
	double two[PAIRS_MAX];		 /* by the indices in a and b: a's * b->n + b's */
};

static void forget_pairs(struct row *r)
{
	if (!r->a)
		return;
	for (unsigned j = 0; j < r->b->n; j++) {
		r->one[j] = 0;
		for (unsigned i = 0; i < r->a->n; i++)
			r->one[j] += r->two[i * r->b->n + j];
	}
	r->a = NULL;
}

static void extend_by_pairs(struct row *r, const struct grams_class *c)
{
	const struct grams_class *a = r->a, *b = r->b;
	double next[PAIRS_MAX];
	size_t used =
	    sizeof(*next) * b->n * c->n; /* most classes are small: most of it is never touched */

	memset(next, 0, used);
	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned j = 0; j < b->n; j++) {
			unsigned x = a->symbol[i], y = b->symbol[j];
			double two = share_of(r->t->alone[x]) * share_of(r->t->after[x][y]);

			for (unsigned k = 0; k < c->n; k++) {
				unsigned z = c->symbol[k];
				double three =
				    triple_share(r->t, x, y, z, two * share_of(r->t->after[y][z]));

				next[j * c->n + k] += r->two[i * b->n + j] * (double)c->part[k] *
						      (three < two ? three / two : 1);
			}
		}
	}
	memcpy(r->two, next, used);
}

static void extend(struct row *r, const struct grams_class *c)
{
	const struct grams_class *b = r->b;
	double next[GRAMS_SYMBOLS];
	bool pairs = (unsigned)b->n * c->n <= PAIRS_MAX;

	if (r->a && pairs) {
		extend_by_pairs(r, c);
		r->a = b;
		r->b = c;
		return;
	}
	forget_pairs(r);
	memset(next, 0, sizeof(*next) * c->n);
	for (unsigned j = 0; j < b->n; j++) {
		for (unsigned k = 0; k < c->n; k++) {
			double p = r->one[j] * share_of(r->t->after[b->symbol[j]][c->symbol[k]]) *
				   (double)c->part[k];

			next[k] += p;
			if (pairs)
				r->two[j * c->n + k] = p;
		}
	}
	memcpy(r->one, next, sizeof(*next) * c->n);
	r->a = pairs ? b : NULL;
	r->b = c;
}

double grams_share(enum grams_profile profile, const struct grams_class *const *cls, unsigned n)
{
	struct row r = { .t = &tables[profile] };
	double total = 0;

	if (n == 0)
		return 1;
	r.b = cls[0];
	for (unsigned i = 0; i < r.b->n; i++)
		r.one[i] = (double)r.b->part[i] * share_of(r.t->alone[r.b->symbol[i]]);
	for (unsigned k = 1; k < n; k++)
		extend(&r, cls[k]);
	forget_pairs(&r);
	for (unsigned i = 0; i < r.b->n; i++)
		total += r.one[i];
	return total;
}
