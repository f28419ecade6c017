/*
 * The condition of a rule (Sigma specification, "Condition"):
 *	or := and ("or" and)*    and := not ("and" not)*    not := "not" not | "(" or ")" | name |
 *of of := ("1" | "any" | "all") "of" ("them" | name with wildcards)
 */
#include "detect/sigma.h"

struct reader {
	struct loader *l;
	const struct yaml *at;
	struct slice s; /* what is left */
	unsigned depth;
	bool failed;
};

static struct slice peek(struct reader *r)
{
	while (r->s.n > 0 && (r->s.p[0] == ' ' || (r->s.p[0] >= '\t' && r->s.p[0] <= '\r')))
		r->s = slice_from(r->s, 1);
	if (r->s.n == 0)
		return (struct slice){ 0 };
	if (r->s.p[0] == '(' || r->s.p[0] == ')')
		return slice_head(r->s, 1);

	size_t n = 0;

	while (n < r->s.n && memchr(" ()\t\r\n", r->s.p[n], 6) == NULL)
		n++;
	return slice_head(r->s, n);
}

static struct slice next(struct reader *r)
{
	struct slice t = peek(r);

	r->s = slice_from(r->s, t.n);
	return t;
}

static unsigned fail(struct reader *r, const char *what, struct slice t)
{
	if (!r->failed)
		sigma_error(r->l, r->at, "condition: %s '%.*s'", what, SLICE_ARG(t));
	r->failed = true;
	return sigma_node(r->l, NODE_NEVER, NULL, 0);
}

/* Each * takes as little as possible; a later mismatch lets the last one take more. */
bool sigma_glob(struct slice pattern, struct slice s)
{
	size_t p = 0;
	size_t i = 0;
	size_t star = SIZE_MAX;
	size_t from = 0;

	while (i < s.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.n && pattern.p[p] == s.p[i]) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static unsigned of(struct reader *r, bool all)
{
	struct loader *l = r->l;
	struct slice what = next(r);
	bool them = slice_eq(what, SLICE("them"));
	unsigned child[SIGMA_MAX_SELECTIONS];
	unsigned n = 0;

	for (unsigned i = 0; i < l->n_selections; i++) {
		struct slice name = l->selections[i].name;

		if (them ? name.p[0] != '_' : sigma_glob(what, name))
			child[n++] = l->selections[i].node;
	}
	if (n == 0)
		return fail(r, "no selection is named", what);
	return n == 1 ? child[0] : sigma_node(l, all ? NODE_AND : NODE_OR, child, n);
}

static unsigned any(struct reader *r);

static unsigned one(struct reader *r)
{
	struct slice t = next(r);

	if (slice_eq_nocase(t, SLICE("not"))) {
		if (++r->depth > SIGMA_DEPTH)
			return fail(r, "nested too deeply at", t);

		unsigned child = one(r);

		r->depth--;
		return sigma_node(r->l, NODE_NOT, &child, 1);
	}
	if (slice_eq(t, SLICE("("))) {
		if (++r->depth > SIGMA_DEPTH)
			return fail(r, "nested too deeply at", t);

		unsigned id = any(r);

		r->depth--;
		if (!slice_eq(next(r), SLICE(")")))
			return fail(r, "a ( is not closed after", r->at->text);
		return id;
	}
	if (slice_eq_nocase(peek(r), SLICE("of"))) {
		next(r);
		if (slice_eq_nocase(t, SLICE("all")))
			return of(r, true);
		if (slice_eq(t, SLICE("1")) || slice_eq_nocase(t, SLICE("any")))
			return of(r, false);
		return fail(r, "only 1, any and all can stand before 'of', not", t);
	}
	for (unsigned i = 0; i < r->l->n_selections; i++)
		if (slice_eq(r->l->selections[i].name, t))
			return r->l->selections[i].node;
	if (slice_eq(t, SLICE("|")))
		return fail(r,
		    "the old aggregation syntax is not supported: write a correlation; found", t);
	return fail(r, t.n == 0 ? "ends too early after" : "there is no selection named",
	    t.n == 0 ? r->at->text : t);
}

static unsigned every(struct reader *r)
{
	unsigned child[SIGMA_MAX_SELECTIONS];
	unsigned n = 0;

	child[n++] = one(r);
	while (!r->failed && slice_eq_nocase(peek(r), SLICE("and")) && n < SIGMA_MAX_SELECTIONS) {
		next(r);
		child[n++] = one(r);
	}
	return n == 1 ? child[0] : sigma_node(r->l, NODE_AND, child, n);
}

static unsigned any(struct reader *r)
{
	unsigned child[SIGMA_MAX_SELECTIONS];
	unsigned n = 0;

	child[n++] = every(r);
	while (!r->failed && slice_eq_nocase(peek(r), SLICE("or")) && n < SIGMA_MAX_SELECTIONS) {
		next(r);
		child[n++] = every(r);
	}
	return n == 1 ? child[0] : sigma_node(r->l, NODE_OR, child, n);
}

static unsigned text_condition(struct loader *l, const struct yaml *y)
{
	struct reader r = { .l = l, .at = y, .s = y->text };
	unsigned id = any(&r);

	if (!r.failed && peek(&r).n > 0)
		return fail(&r,
		    slice_eq(peek(&r), SLICE("|"))
			? "the old aggregation syntax is not supported: write a correlation; found"
			: "unexpected",
		    peek(&r));
	return id;
}

unsigned sigma_condition(struct loader *l, const struct yaml *y)
{
	unsigned child[SIGMA_MAX_SELECTIONS];
	unsigned n = 0;

	if (y->kind == YAML_SCALAR)
		return text_condition(l, y);
	for (unsigned i = 0; y->kind == YAML_SEQ && i < y->n && n < SIGMA_MAX_SELECTIONS; i++)
		child[n++] = text_condition(l, &y->child[i]);
	if (n == 0 || (y->kind == YAML_SEQ && y->n > n)) {
		sigma_error(l, y, "condition: expected an expression, or a list of at most %d",
		    SIGMA_MAX_SELECTIONS);
		return sigma_node(l, NODE_NEVER, NULL, 0);
	}
	return n == 1 ? child[0] : sigma_node(l, NODE_OR, child, n); /* a list: any of them */
}
