#include "match/filter.h"

#include "match/filter_masks.h"

#include <stdlib.h>

/* One scan: the positions are those from first to last. */
struct scan {
	const struct filter *f;
	const uint8_t *first, *last; /* the '\n' before the text and the one behind it */
	filter_cb *cb;
	void *ctx;
};

/* Report window w if it is at p. */
static void compare(const struct scan *s, uint32_t w, const uint8_t *p)
{
	const struct filter_win *win = &s->f->win[w];

	if (p < s->first || s->last - p < win->n - 1)
		return;
	for (unsigned i = 0; i < win->n; i++)
		if (!byteset_has(&s->f->cls[win->cls[i]], p[i]))
			return;
	s->cb(s->ctx, win->tag, p - s->first - 1);
}

static __attribute__((noinline)) void stepped_at(const struct scan *s, const uint8_t *p)
{
	const struct filter *f = s->f;
	uint32_t gram =
	    (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	uint32_t key;

	gram = (gram | FILTER_FOLD) & f->gram_mask;
	key = gram * FILTER_HASH;
	for (uint32_t i = f->head[key >> f->head_shift]; i < f->n_gram; i++) {
		const struct filter_gram *g = &f->gram[i];

		if (g->gram == gram)
			compare(s, g->win, p - g->off);
		else if (g->gram * FILTER_HASH > key)
			return;
	}
}

static __attribute__((noinline)) void near_at(const struct scan *s, const uint8_t *p)
{
	const struct filter *f = s->f;

	if (!(f->byte[0][p[0]] & f->byte[1][p[1]] & f->byte[2][p[2]] & f->byte[3][p[3]]))
		return;
	for (uint32_t i = f->begin[p[0]]; i < f->begin[p[0] + 1]; i++)
		compare(s, f->listed[i], p - f->win[f->listed[i]].near_off);
}

void filter_scan(const struct filter *f, const uint8_t *text, size_t n, filter_cb *cb, void *ctx)
{
	struct scan s = { f, text - 1, text + n, cb, ctx };
	filter_masks *stepped_masks = f->stepped, *near_masks = f->near;
	uint64_t far[FILTER_BLOCKS], near[FILTER_BLOCKS];
	size_t left = n + 2; /* positions */

	if (!stepped_masks && !near_masks)
		return;
	/* Texts are short: clearing what the tests below fill would be a tenth of the time. */
	if (!stepped_masks)
		memset(far, 0, sizeof(far));
	if (!near_masks)
		memset(near, 0, sizeof(near));
	for (const uint8_t *p = s.first; left;) {
		unsigned blocks = FILTER_BLOCKS;

		if (left < (size_t)FILTER_BLOCKS * FILTER_BLOCK)
			blocks = (unsigned)((left + FILTER_BLOCK - 1) / FILTER_BLOCK);
		if (stepped_masks)
			stepped_masks(f, p, blocks, far);
		if (near_masks)
			near_masks(f, p, blocks, near);
		for (unsigned b = 0; b < blocks; b++, p += FILTER_BLOCK) {
			uint64_t any = far[b] | near[b];

			if (left < FILTER_BLOCK)
				any &= (UINT64_C(1) << left) - 1;
			left -= left < FILTER_BLOCK ? left : FILTER_BLOCK;
			for (; any; any &= any - 1) {
				unsigned i = (unsigned)__builtin_ctzll(any);

				if (far[b] >> i & 1)
					stepped_at(&s, p + i);
				if (near[b] >> i & 1)
					near_at(&s, p + i);
			}
		}
	}
}

size_t filter_memory(const struct filter *f)
{
	return f->memory;
}

void filter_use_plain(struct filter *f)
{
	if (f->near)
		f->near = filter_masks_near_plain;
	if (f->stepped)
		f->stepped = filter_masks_stepped(f->gram_len, f->step, true);
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	free(f->win);
	free(f->cls);
	free(f->tab);
	free(f->head);
	free(f->gram);
	free(f->listed);
	free(f);
}
