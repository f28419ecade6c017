/*
 * Filters (Sigma filters specification 2.1): conditions that are joined by `and` to those of the
 * rules that they name, so that an exception is written once: `condition: not selection`.
 */
#include "detect/sigma.h"

#include "match/regex.h"

#include <stdlib.h>

static bool names_rule(const struct yaml *list, const struct sigma_head *h)
{
	unsigned n = list->kind == YAML_SEQ ? list->n : 1;

	for (unsigned i = 0; i < n; i++) {
		struct slice name = list->kind == YAML_SEQ ? list->child[i].text : list->text;

		if (slice_eq(name, SLICE("any")) || (h->id.n > 0 && slice_eq(name, h->id)) ||
		    sigma_glob(name, h->name))
			return true;
	}
	return false;
}

/* What the filter says of its logsource, the rule must say too. */
static bool same_source(const struct yaml *filter, const struct yaml *rule)
{
	static const char *const keys[] = { "product", "category", "service" };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct yaml *want = yaml_get(yaml_get(filter, "logsource"), keys[i]);
		const struct yaml *have = yaml_get(yaml_get(rule, "logsource"), keys[i]);

		if (want != NULL && (have == NULL || !slice_eq(want->text, have->text)))
			return false;
	}
	return true;
}

static bool has_not(struct slice condition)
{
	struct slice word;

	while (condition.n > 0) {
		slice_cut(condition, ' ', &word, &condition);
		while (word.n > 0 && word.p[0] == '(')
			word = slice_from(word, 1);
		if (slice_eq_nocase(word, SLICE("not")))
			return true;
	}
	return false;
}

static void check(struct loader *l, const struct yaml *doc)
{
	const struct yaml *f = yaml_get(doc, "filter");
	const struct yaml *rules = yaml_get(f, "rules");
	const struct yaml *source = yaml_get(doc, "logsource");
	const struct yaml *condition = yaml_get(f, "condition");
	unsigned root;

	if (source == NULL || source->kind != YAML_MAP)
		sigma_error(l, doc, "filter: `logsource:` is missing");
	if (rules == NULL || rules->kind == YAML_MAP || (rules->kind == YAML_SEQ && rules->n == 0))
		sigma_error(l, f, "filter: `rules:` needs names or ids of rules, or any");
	l->n_nodes = 0;
	sigma_detection(l, f, &root);
	for (unsigned i = 0; i < l->n_nodes; i++)
		for (unsigned k = 0; k < l->nodes[i].n_matchers; k++)
			regex_free(l->nodes[i].matchers[k].regex);
	l->n_nodes = 0;
	if (condition != NULL && condition->kind == YAML_SCALAR && !has_not(condition->text))
		problem_warn(l->p, yaml_place(l->file, condition),
		    "filter: rules will only match where this holds; an exception is written "
		    "`not %.*s`",
		    SLICE_ARG(condition->text));
}

bool sigma_filter_note(struct loader *l, const struct yaml_file *file, const struct yaml *doc)
{
	unsigned before = l->p->errors;

	l->file = file;
	check(l, doc);
	if (l->p->errors != before)
		return false;
	if (l->n_filters == l->cap_filters) {
		unsigned cap = l->cap_filters != 0 ? l->cap_filters * 2 : 16;
		struct sigma_filter *p = realloc(l->filters, cap * sizeof(*p));

		if (p == NULL) {
			sigma_error(l, doc, "filter: out of memory");
			return false;
		}
		l->filters = p;
		l->cap_filters = cap;
	}
	l->filters[l->n_filters++] = (struct sigma_filter){ .file = file, .doc = doc };
	return true;
}

unsigned sigma_filter_join(
    struct loader *l, const struct yaml *rule, const struct sigma_head *h, unsigned root)
{
	const struct yaml_file *own = l->file;

	for (unsigned i = 0; i < l->n_filters; i++) {
		struct sigma_filter *f = &l->filters[i];
		const struct yaml *body = yaml_get(f->doc, "filter");
		unsigned both[2] = { root, 0 };

		if (!same_source(f->doc, rule) || !names_rule(yaml_get(body, "rules"), h))
			continue;
		f->used++;
		l->file = f->file;
		if (sigma_detection(l, body, &both[1]))
			root = sigma_node(l, NODE_AND, both, 2);
		l->mixed = (l->mixed ^ sigma_hash(body)) * 0x9E3779B97F4A7C15u;
	}
	l->file = own;
	return root;
}

void sigma_filter_unused(struct loader *l)
{
	for (unsigned i = 0; i < l->n_filters; i++) {
		const struct sigma_filter *f = &l->filters[i];

		l->file = f->file;
		if (f->used == 0)
			sigma_error(l, yaml_get(f->doc, "filter"),
			    "filter: it holds for no rule: none has such a name and this "
			    "logsource");
	}
}
