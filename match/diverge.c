#include "match/diverge.h"

#include "match/regex.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>

enum { STEPS_MAX = 10000, DEPTH_MAX = 1000, HEAP_KIB = 1024 };

/* One run: what the callouts saw. */
struct run {
	struct slice pattern;
	bool *aside; /* by byte of the pattern: inside of a lookaround, which takes nothing */
	/* the attempt's way so far: places of the text in order, and bytes named until there */
	struct {
		uint32_t c, literal;
	} * way;
	size_t n_way;
	size_t start; /* of the attempt; SIZE_MAX: none yet */
	size_t p, c;  /* pattern and text at the callout before */
	bool any;
	struct diverge best;
};

size_t diverge_head(struct slice want, struct slice have, bool cased)
{
	size_t n = 0;

	while (n < want.n && n < have.n &&
	       (cased ? want.p[n] == have.p[n] : slice_fold(want.p[n]) == slice_fold(have.p[n])))
		n++;
	return n;
}

/* Where lookarounds are: (?= (?! (?<= (?<!. Their groups end with the bracket that fits. */
static void mark_aside(const struct run *x)
{
	struct slice p = x->pattern;
	unsigned depth = 0;
	unsigned from = 0; /* depth of the outermost lookaround; 0: not in one */
	bool class = false;

	for (size_t i = 0; i < p.n; i++) {
		size_t begin = i;

		if (p.p[i] == '\\') {
			i++;
		} else if (class) {
			class = p.p[i] != ']';
		} else if (p.p[i] == '[') {
			class = true;
		} else if (p.p[i] == '(') {
			struct slice rest = slice_from(p, i);

			depth++;
			if (from == 0 &&
			    (slice_starts(rest, SLICE("(?=")) || slice_starts(rest, SLICE("(?!")) ||
				slice_starts(rest, SLICE("(?<=")) ||
				slice_starts(rest, SLICE("(?<!"))))
				from = depth;
		} else if (p.p[i] == ')') {
			x->aside[i] = from != 0;
			if (from == depth)
				from = 0;
			depth -= depth > 0;
		}
		for (size_t k = begin; k <= i && k < p.n; k++)
			x->aside[k] = x->aside[k] || from != 0;
	}
}

/* Does the item name what it matches? A class that excludes, a dot and a repetition do not. */
static bool is_literal(struct slice item)
{
	if (item.n == 0 || strchr(".()|^$", item.p[0]) != NULL)
		return false;
	if (item.p[0] == '[')
		return item.n > 1 && item.p[1] != '^' && item.p[item.n - 1] == ']';
	if (item.p[0] == '\\')
		return item.n == 2 && strchr("sSwWdDbBhHvVNRXAzZG", item.p[1]) == NULL;
	return item.n == 1;
}

/* Of two, the one that names more; then the longer; then the one that wanted the later item. */
static bool is_further(const struct diverge *a, const struct diverge *b)
{
	if (a->literal != b->literal)
		return a->literal > b->literal;
	if (a->at - a->start != b->at - b->start)
		return a->at - a->start > b->at - b->start;
	return a->pattern_at > b->pattern_at;
}

/* Where the item at `at` ends: a class, an escape, a repetition count or one byte. */
static size_t behind_item(struct slice p, size_t at)
{
	const char *end = NULL;

	if (p.p[at] == '[' && at + 2 < p.n)
		end = memchr(p.p + at + 2, ']', p.n - at - 2);
	else if (p.p[at] == '{')
		end = memchr(p.p + at, '}', p.n - at);
	else if (p.p[at] == '\\' && at + 1 < p.n)
		return at + 2;
	return end != NULL ? (size_t)(end - p.p) + 1 : at + 1;
}

/* One step of the attempt: how many bytes were named on the way to c. */
static uint32_t step(struct run *x, size_t c)
{
	bool back = false;
	uint32_t literal;

	for (; x->n_way > 1 && x->way[x->n_way - 1].c > c; x->n_way--)
		back = true; /* what was beyond is another way */
	literal = x->way[x->n_way - 1].literal;
	if (x->way[x->n_way - 1].c >= c)
		return literal;
	if (!back && c == x->c + 1 && x->p < x->pattern.n &&
	    is_literal((struct slice){ x->pattern.p + x->p, behind_item(x->pattern, x->p) - x->p }))
		literal++;
	x->way[x->n_way].c = (uint32_t)c;
	x->way[x->n_way++].literal = literal;
	return literal;
}

static int on_item(pcre2_callout_block *b, void *ctx)
{
	struct run *x = ctx;
	size_t p = b->pattern_position;
	size_t c = b->current_position;
	uint32_t literal = 0;

	if ((p < x->pattern.n && x->aside[p]) || c < b->start_match)
		return 0;
	if (b->start_match != x->start) {
		x->start = b->start_match;
		x->way[0].c = (uint32_t)c;
		x->way[0].literal = 0;
		x->n_way = 1;
	} else {
		literal = step(x, c);
	}
	x->p = p;
	x->c = c;

	struct diverge d = {
		.start = b->start_match, .at = c, .pattern_at = p, .literal = literal
	};

	if (!x->any || is_further(&d, &x->best)) {
		x->any = true;
		x->best = d;
	}
	return 0;
}

static pcre2_code *compile(struct slice pattern, unsigned flags)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_AUTO_CALLOUT | PCRE2_NO_START_OPTIMIZE | PCRE2_NO_AUTO_POSSESS;
	pcre2_code *code;
	PCRE2_SIZE at;
	int rc;

	if (cc == NULL)
		return NULL;
	options |= flags & REGEX_CASELESS ? PCRE2_CASELESS : 0;
	options |= flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
	options |= flags & REGEX_DOTALL ? PCRE2_DOTALL : 0;
	options |= flags & REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
	pcre2_set_newline(cc, flags & REGEX_MULTILINE ? PCRE2_NEWLINE_ANYCRLF : PCRE2_NEWLINE_LF);
	pcre2_set_bsr(cc, PCRE2_BSR_UNICODE);
	code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &rc, &at, cc);
	pcre2_compile_context_free(cc);
	return code;
}

/* True: it did not match, as far as it was tried. */
static bool try_all(struct run *x, const pcre2_code *code, struct slice text)
{
	pcre2_match_context *mc = pcre2_match_context_create(NULL);
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	bool missed = false;

	if (mc != NULL && md != NULL) {
		pcre2_set_match_limit(mc, STEPS_MAX);
		pcre2_set_depth_limit(mc, DEPTH_MAX);
		pcre2_set_heap_limit(mc, HEAP_KIB);
		pcre2_set_callout(mc, on_item, x);
		missed = pcre2_match(code, (PCRE2_SPTR)(text.n > 0 ? text.p : ""), text.n, 0,
			     PCRE2_NO_JIT, md, mc) < 0;
	}
	pcre2_match_data_free(md);
	pcre2_match_context_free(mc);
	return missed;
}

/* Behind the bracket that closes the group in which `at` is; the pattern's end when it is in none.
 */
static size_t behind_group(struct slice p, size_t at)
{
	unsigned depth = 0;
	bool class = false;

	for (size_t i = at; i < p.n; i++)
		if (p.p[i] == '\\')
			i++;
		else if (class || p.p[i] == '[')
			class = p.p[i] != ']';
		else if (p.p[i] == '(')
			depth++;
		else if (p.p[i] == ')' && depth-- == 0)
			return i + 1;
	return p.n;
}

static bool is_optional(struct slice p, size_t at)
{
	return at < p.n &&
	       (p.p[at] == '?' || p.p[at] == '*' || slice_starts(slice_from(p, at), SLICE("{0")));
}

/* About how many bytes the pattern wants from `at` on, if the first alternative is taken always. */
static size_t wanted(const struct run *x, size_t at)
{
	struct slice p = x->pattern;
	size_t n = 0;

	while (at < p.n) {
		size_t next = behind_item(p, at);

		if (p.p[at] == '|') {
			at = behind_group(p, at + 1);
			continue;
		}
		if (!x->aside[at] && strchr("()^$?*+{", p.p[at]) == NULL && !is_optional(p, next) &&
		    !(p.p[at] == '\\' && strchr("bBAzZG", p.p[next - 1]) != NULL))
			n++;
		if (slice_starts(slice_from(p, at), SLICE("(?:")))
			next = at + 3;
		at = next;
	}
	return n;
}

bool diverge_find(struct slice pattern, unsigned flags, struct slice text, struct diverge *out)
{
	struct run x = { .pattern = pattern, .start = SIZE_MAX };
	pcre2_code *code = NULL;
	bool found = false;

	if (pattern.n == 0 || pattern.n > REGEX_PATTERN_MAX)
		return false;
	x.aside = calloc(pattern.n + 1, sizeof(*x.aside));
	x.way = calloc(text.n + 2, sizeof(*x.way));
	if (x.aside != NULL && x.way != NULL)
		code = compile(pattern, flags);
	if (code != NULL) {
		mark_aside(&x);
		found = try_all(&x, code, text) && x.any && x.best.at > x.best.start;
		*out = x.best;
		out->missing = wanted(&x, x.best.pattern_at);
	}
	pcre2_code_free(code);
	free(x.aside);
	free(x.way);
	return found;
}
