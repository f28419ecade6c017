/* One correlation from its document (Sigma correlation rules specification 2.1). */
#include "base/timefmt.h"
#include "base/units.h"
#include "detect/sigma.h"

#include <math.h>
#include <stdlib.h>

/* sigma_resolve.c finds the rules that are named, when all are known. */
static bool read_type(struct loader *l, const struct yaml *y, struct correlation *c)
{
	/* in the order of enum correlation_type */
	static const char *const known[] = { "event_count", "value_count", "temporal",
		"temporal_ordered", "value_sum", "value_avg" };
	static const char *const others[] = { "value_percentile", "value_median", "value_min",
		"value_max", "temporal_extended", "temporal_ordered_extended" };
	const unsigned n = sizeof(known) / sizeof(*known);
	const struct yaml *t = yaml_get(y, "type");

	if (t == NULL) {
		sigma_error(l, y, "correlation: `type:` is missing");
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		if (slice_eq(t->text, slice_of(known[i]))) {
			c->type = (enum correlation_type)i;
			return true;
		}
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (slice_eq(t->text, slice_of(others[i]))) {
			sigma_error(l, t, "correlation type %s is not supported", others[i]);
			return false;
		}

	const char *s = problem_suggest(t->text, known, n);

	sigma_error(l, t, "correlation type '%.*s' is not known%s%s%s", SLICE_ARG(t->text),
	    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
	return false;
}

static bool is_counted(const struct correlation *c)
{
	return c->type != CORRELATE_VALUE_SUM && c->type != CORRELATE_VALUE_AVG;
}

/* One comparison narrows what c fires at; whole numbers where things are counted. */
static bool read_bound(struct loader *l, const struct yaml *m, struct correlation *c)
{
	static const char *const known[] = { "gte", "gt", "lte", "lt", "eq" };
	unsigned k = 0;
	char *end;
	double v;

	while (k < 5 && !slice_eq(m->key, slice_of(known[k])))
		k++;
	if (k == 5) {
		sigma_key_error(l, m,
		    "correlation condition '%.*s' is not supported: use gte, gt, lte, lt or eq",
		    SLICE_ARG(m->key));
		return false;
	}
	v = m->kind == YAML_SCALAR && m->text.n > 0 && m->text.n < 40 ? strtod(m->text.p, &end)
								      : (double)NAN;
	if (isnan(v) || end != m->text.p + m->text.n || fabs(v) > (is_counted(c) ? 1e6 : 1e15) ||
	    (is_counted(c) && fabs(v - nearbyint(v)) > 0)) {
		sigma_error(l, m,
		    is_counted(c) ? "expected a whole number up to 1000000" : "expected a number");
		return false;
	}

	double above = is_counted(c) ? v + 1 : nextafter(v, (double)INFINITY);
	double below = is_counted(c) ? v - 1 : nextafter(v, -(double)INFINITY);

	if (k == 0 || k == 1 || k == 4)
		c->at_least = fmax(c->at_least, k == 1 ? above : v);
	if (k == 2 || k == 3 || k == 4)
		c->at_most = fmin(c->at_most, k == 3 ? below : v);
	return true;
}

static bool read_values(struct loader *l, const struct yaml *cond, struct correlation *c)
{
	const struct yaml *f = yaml_get(cond, "field");
	unsigned n = f == NULL || f->kind == YAML_MAP ? 0 : f->kind == YAML_SEQ ? f->n : 1;
	unsigned max = c->type == CORRELATE_VALUE_COUNT ? CORRELATION_MAX_GROUP : 1;

	if (n == 0 || n > max) {
		sigma_error(l, f != NULL ? f : cond,
		    "correlation: `condition:` needs `field:`, the values to count or add up");
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct yaml *one = f->kind == YAML_SEQ ? &f->child[i] : f;

		c->value[c->n_value++] = field_find(sigma_copy(l, one->text));
		c->by_rule = n == 1 && slice_eq(one->text, SLICE("sekisho.rule"));
	}
	return true;
}

static bool read_condition(struct loader *l, const struct yaml *y, struct correlation *c)
{
	const struct yaml *cond = yaml_get(y, "condition");
	bool temporal = c->type == CORRELATE_TEMPORAL || c->type == CORRELATE_TEMPORAL_ORDERED;

	c->at_least = -(double)INFINITY;
	c->at_most = (double)INFINITY;
	if (cond != NULL && cond->kind != YAML_MAP) {
		sigma_error(l, cond, "correlation: `condition:` is a map such as {gte: 10}%s",
		    temporal ? "; without it all of the rules must hit" : "");
		return false;
	}
	for (unsigned i = 0; cond != NULL && i < cond->n; i++)
		if (!slice_eq(cond->child[i].key, SLICE("field")) &&
		    !read_bound(l, &cond->child[i], c))
			return false;
	if (temporal && isinf(c->at_least) && isinf(c->at_most)) {
		c->at_least = 0; /* as many as it names */
		return true;
	}
	if (is_counted(c) ? c->at_least < 1 : isinf(c->at_least) && isinf(c->at_most)) {
		sigma_error(l, cond != NULL ? cond : y,
		    is_counted(c) ? "correlation: `condition:` needs gte: N, N at least 1 (an "
				    "upper bound alone would hold at the first hit)"
				  : "correlation: `condition:` needs a number to compare with");
		return false;
	}
	if (c->at_least > c->at_most) {
		sigma_error(l, cond, "correlation: nothing is within this range");
		return false;
	}
	if (c->type == CORRELATE_VALUE_COUNT || !is_counted(c))
		return read_values(l, cond, c);
	return true;
}

static bool read_group(struct loader *l, const struct yaml *y, struct correlation *c)
{
	const struct yaml *g = yaml_get(y, "group-by");
	unsigned n = g == NULL ? 0 : g->kind == YAML_SEQ ? g->n : 1;

	if (n > CORRELATION_MAX_GROUP || (g != NULL && g->kind == YAML_MAP)) {
		sigma_error(
		    l, g, "correlation: `group-by:` has at most %d fields", CORRELATION_MAX_GROUP);
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct yaml *f = g->kind == YAML_SEQ ? &g->child[i] : g;
		struct slice name = sigma_copy(l, f->text);

		if (name.n == 0) {
			sigma_error(l, f, "correlation: expected the name of a field");
			return false;
		}
		c->group[c->n_group++] = field_find(name);
	}
	return true;
}

/* A misspelt key would change what is counted. */
static void check_keys(struct loader *l, const struct yaml *y)
{
	static const char *const known[] = { "type", "rules", "group-by", "timespan", "condition",
		"aliases", "generate" };

	for (unsigned i = 0; i < y->n; i++) {
		unsigned k = 0;

		while (k < 7 && !slice_eq(y->child[i].key, slice_of(known[k])))
			k++;
		if (k < 7)
			continue;

		const char *s = problem_suggest(y->child[i].key, known, 7);

		sigma_key_error(l, &y->child[i], "correlation: '%.*s' is not known%s%s%s",
		    SLICE_ARG(y->child[i].key), s != NULL ? "; did you mean '" : "",
		    s != NULL ? s : "", s != NULL ? "'?" : "");
	}
}

static bool read_timespan(struct loader *l, const struct yaml *y, struct correlation *c)
{
	const struct yaml *t = yaml_get(y, "timespan");

	if (t == NULL || !units_duration(t->text, &c->timespan_us) || c->timespan_us < US_PER_S ||
	    c->timespan_us > 7 * 86400 * US_PER_S) {
		sigma_error(
		    l, t != NULL ? t : y, "correlation: `timespan:` from 1s to 7d, such as 10m");
		return false;
	}
	return true;
}

bool sigma_correlation(struct loader *l, const struct yaml *doc, struct slice stem)
{
	const struct yaml *y = yaml_get(doc, "correlation");
	unsigned before = l->p->errors;
	struct correlation *c = &l->rs->correlations[l->rs->n_correlations];
	struct sigma_head h;

	memset(c, 0, sizeof(*c));
	c->from = l->file;
	c->doc = doc;
	sigma_head(l, doc, stem, &h);
	c->name = h.name;
	c->id = h.id;
	c->title = h.title;
	c->file = slice_of(l->file->name);
	c->line = doc->line;
	c->hash = h.hash;
	c->level = h.level;
	c->category = h.has_category ? h.category : CATEGORY_PROTOCOL;
	c->tests = h.tests;
	c->n_tests = h.n_tests;
	c->disabled = h.disabled;
	c->tags = h.tags;
	c->n_tags = h.n_tags;
	if (y->kind != YAML_MAP) {
		sigma_error(
		    l, y, "correlation: expected type, rules, group-by, timespan, condition");
		return false;
	}
	check_keys(l, y);
	if (!read_type(l, y, c) || !read_condition(l, y, c) || !read_group(l, y, c) ||
	    !read_timespan(l, y, c) || l->p->errors != before)
		return false;
	l->rs->n_correlations++;
	return true;
}
