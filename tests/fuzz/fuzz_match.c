/*
 * A pattern and a text: if PCRE2 finds the one in the other, the windows must.
 *
 * Input: one byte of flags (REGEX_*), one the length of
 * the pattern, the pattern, the text. Texts made from the pattern's own tree are tried
 * as well, since random ones hardly ever match.
 */
#include "base/err.h"
#include "match/filter.h"
#include "match/regex.h"
#include "match/window.h"
#include "tests/diff/make_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 12, JUNK = 16, BUFFER = FILTER_BEFORE + JUNK + MAKE_TEXT_MAX + JUNK + FILTER_AFTER };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct look {
	const struct window_set *set;
	ptrdiff_t from, to; /* where a window must start and end */
	bool found;
};

static void on_window(void *ctx, uint32_t tag, ptrdiff_t at)
{
	struct look *l = ctx;

	if (at >= l->from && at + (ptrdiff_t)l->set->w[tag].n <= l->to)
		l->found = true;
}

/* Is a window of set in text, when it lies before bytes into what is scanned? */
static bool found(
    const struct window_set *set, const struct filter *f, struct slice text, size_t before)
{
	static uint8_t buffer[BUFFER];
	uint8_t *b = buffer + FILTER_BEFORE;
	struct look l = { .set = set };

	memset(buffer, 'a', sizeof(buffer));
	b[-1] = b[before + text.n + before] = '\n';
	memcpy(b + before, text.p, text.n);
	l.from = (ptrdiff_t)before - (before == 0);
	l.to = (ptrdiff_t)(before + text.n) + (before == 0);
	filter_scan(f, b, before + text.n + before, on_window, &l);
	return l.found;
}

static void check(struct slice text, const struct window_set sets[2], struct filter *const f[2])
{
	for (int anchors = 0; anchors < 2; anchors++) {
		if (!sets[anchors].n ||
		    found(&sets[anchors], f[anchors], text, anchors ? 0 : JUNK / 2))
			continue;
		fprintf(stderr, "missed, anchors %d\n", anchors);
		abort();
	}
}

static struct filter *build(const struct window_set *set)
{
	static struct filter_entry entries[WINDOW_SET_MAX];
	struct err e;

	for (unsigned i = 0; i < set->n; i++)
		entries[i] = (struct filter_entry){ set->w[i], i };
	return filter_build(entries, set->n, GRAMS_URL, &e);
}

static void seed_with(const uint8_t *p, size_t n)
{
	make_text_seed = 1;
	for (size_t i = 0; i < n; i++)
		make_text_seed = (make_text_seed ^ p[i]) * UINT64_C(0x9E3779B97F4A7C15);
	make_text_seed |= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct window_set sets[2];
	static struct regex_ctx *ctx;
	struct filter *f[2];
	struct slice pattern, text;
	struct make_text own = { .n = 0 };
	struct syntax tree;
	struct regex *re;
	unsigned flags;
	struct err e;

	if (size < 3 || data[1] > size - 2)
		return 0;
	flags = data[0] & (REGEX_CASELESS | REGEX_MULTILINE | REGEX_DOTALL);
	pattern = (struct slice){ (const char *)data + 2, data[1] };
	text = (struct slice){ (const char *)data + 2 + data[1], size - 2 - data[1] };
	re = regex_compile(pattern, flags, &e);
	/* Whatever PCRE2 says, choosing must end, and harm nothing. */
	flags |= WINDOW_COMMON;
	window_choose(pattern, flags | WINDOW_ANCHORS, GRAMS_URL, &sets[1]);
	window_choose(pattern, flags, GRAMS_TEXT, &sets[0]);
	if (!re)
		return 0;
	if (!ctx)
		ctx = regex_ctx_new(&e);
	f[0] = build(&sets[0]);
	f[1] = build(&sets[1]);
	if (!ctx || !f[0] || !f[1] || !syntax_parse(pattern, flags, &tree))
		goto out;
	for (size_t i = 0; i < text.n && i < MAKE_TEXT_MAX; i++)
		make_text_put(&own, data[2 + data[1] + i]);
	seed_with((const uint8_t *)text.p, text.n);
	for (int i = 0; i < TRIES; i++) {
		text = (struct slice){ own.b, own.n };
		if (regex_find(re, ctx, text, NULL) == REGEX_YES)
			check(text, sets, f);
		own.n = 0;
		make_text_node(&tree, tree.root, &own);
		for (uint32_t m = make_text_rnd(3); m; m--)
			make_text_mutate(&own);
	}
	syntax_free(&tree);
out:
	regex_free(re);
	filter_free(f[0]);
	filter_free(f[1]);
	return 0;
}
