/* One correlation from its document (Sigma correlation rules specification 2.1). */
#include "base/timefmt.h"
#include "base/units.h"
#include "detect/sigma.h"

/* Names are resolved when all rules are known: kept as indexes into this list until then. */
static bool read_type(struct loader *l, const struct yaml *y, struct correlation *c)
{
	static const char *const known[] = { "event_count", "value_count" };
	static const char *const others[] = { "temporal", "temporal_ordered", "value_sum",
		"value_avg", "value_percentile", "value_median" };
	const struct yaml *t = yaml_get(y, "type");

	if (t == NULL) {
		sigma_error(l, y, "correlation: `type:` is missing");
		return false;
	}
	for (unsigned i = 0; i < 2; i++)
		if (slice_eq(t->text, slice_of(known[i]))) {
			c->type = (enum correlation_type)i;
			return true;
		}
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (slice_eq(t->text, slice_of(others[i]))) {
			sigma_error(l, t, "correlation type %s is not supported", others[i]);
			return false;
		}

	const char *s = problem_suggest(t->text, known, 2);

	sigma_error(l, t, "correlation type '%.*s' is not known%s%s%s", SLICE_ARG(t->text),
	    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
	return false;
}

static bool read_condition(struct loader *l, const struct yaml *y, struct correlation *c)
{
	const struct yaml *cond = yaml_get(y, "condition");
	const struct yaml *field = yaml_get(cond, "field");
	bool found = false;

	for (unsigned i = 0; cond != NULL && cond->kind == YAML_MAP && i < cond->n; i++) {
		const struct yaml *m = &cond->child[i];
		bool gte = slice_eq(m->key, SLICE("gte"));

		if (slice_eq(m->key, SLICE("field")))
			continue;
		if (!gte && !slice_eq(m->key, SLICE("gt"))) {
			sigma_key_error(l, m,
			    "correlation condition '%.*s' is not supported: use gte or gt",
			    SLICE_ARG(m->key));
			return false;
		}
		if (!slice_u64(m->text, &c->threshold) || c->threshold > 1000000) {
			sigma_error(l, m, "expected a number from 1 to 1000000");
			return false;
		}
		c->threshold += !gte;
		found = true;
	}
	if (!found || c->threshold == 0) {
		sigma_error(l, cond != NULL ? cond : y,
		    "correlation: `condition:` needs gte: N, N at least 1");
		return false;
	}
	if (c->type == CORRELATE_VALUE_COUNT) {
		if (field == NULL || field->kind != YAML_SCALAR) {
			sigma_error(l, cond,
			    "value_count: `condition:` needs `field:`, the values to count");
			return false;
		}
		c->value = field_find(sigma_copy(l, field->text));
		c->by_rule = slice_eq(field->text, SLICE("sekisho.rule"));
	}
	return true;
}

static bool read_group(struct loader *l, const struct yaml *y, struct correlation *c)
{
	const struct yaml *g = yaml_get(y, "group-by");
	unsigned n = g == NULL ? 0 : g->kind == YAML_SEQ ? g->n : 1;

	if (n == 0 || n > CORRELATION_MAX_GROUP) {
		sigma_error(l, g != NULL ? g : y, "correlation: `group-by:` needs 1 to %d fields",
		    CORRELATION_MAX_GROUP);
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct yaml *f = g->kind == YAML_SEQ ? &g->child[i] : g;

		c->group[c->n_group++] = field_find(sigma_copy(l, f->text));
	}
	return true;
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
	if (yaml_get(y, "aliases") != NULL)
		sigma_error(l, yaml_get(y, "aliases"), "correlation: aliases are not supported");
	if (!read_type(l, y, c) || !read_condition(l, y, c) || !read_group(l, y, c) ||
	    !read_timespan(l, y, c) || l->p->errors != before)
		return false;
	l->rs->n_correlations++;
	return true;
}
