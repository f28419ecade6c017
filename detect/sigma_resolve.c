/*
 * Which rules a correlation names, when all are known. A correlation may name others; the set is
 * sorted so that those come before it.
 */
#include "detect/correlate.h"
#include "detect/sigma.h"

#include <limits.h>
#include <stdlib.h>

#define DROPPED UINT32_MAX

static int find_correlation(const struct ruleset *rs, struct slice name)
{
	for (unsigned i = 0; i < rs->n_correlations; i++) {
		const struct correlation *c = &rs->correlations[i];

		if (slice_eq(c->name, name) || (c->id.n > 0 && slice_eq(c->id, name)))
			return (int)i;
	}
	return -1;
}

static bool add(
    struct loader *l, struct correlation *cor, const struct yaml *y, uint32_t index, bool chained)
{
	if (cor->n_members == CORRELATION_MAX_RULES) {
		sigma_error(l, y, "correlation: more than %d rules", CORRELATION_MAX_RULES);
		return false;
	}
	cor->members[cor->n_members++] = (struct correlation_member){
		.index = index, .entry = (uint16_t)cor->n_entries, .chained = chained
	};
	return true;
}

/* `web.sqli.*`: all with such names. They are looked at, not silenced. */
static bool add_matching(struct loader *l, struct correlation *cor, const struct yaml *y)
{
	unsigned before = cor->n_members;

	for (unsigned i = 0; i < l->rs->n_rules; i++)
		if (sigma_glob(y->text, l->rs->rules[i].name) && !add(l, cor, y, i, false))
			return false;
	if (cor->n_members == before)
		sigma_error(
		    l, y, "correlation: no rule has a name like '%.*s'", SLICE_ARG(y->text));
	return cor->n_members > before;
}

static const struct yaml *doc_of(const struct ruleset *rs, const struct rule *r)
{
	for (unsigned f = 0; f < rs->n_files; f++)
		for (unsigned d = 0; d < rs->files[f].n; d++)
			if (rs->files[f].docs[d].line == r->line &&
			    slice_eq(slice_of(rs->files[f].name), r->file))
				return &rs->files[f].docs[d];
	return NULL;
}

static bool is_true(const struct yaml *y)
{
	return y != NULL && slice_eq(y->text, SLICE("true"));
}

/* Sigma's default: what is named makes no detection and no alert of its own. */
static void silence(struct ruleset *rs, const struct correlation *cor, int rule, int other)
{
	if (is_true(yaml_get(cor->doc, "generate")) ||
	    is_true(yaml_get(yaml_get(cor->doc, "correlation"), "generate")))
		return;
	if (rule < 0)
		rs->correlations[other].quiet = true;
	else if (yaml_get(doc_of(rs, &rs->rules[rule]), "generate") == NULL)
		rs->rules[rule].generate = false;
}

static bool add_name(struct loader *l, struct correlation *cor, const struct yaml *y)
{
	struct ruleset *rs = l->rs;
	const struct rule *r = y->text.n > 0 ? ruleset_rule(rs, y->text) : NULL;
	int rule = r != NULL ? (int)(r - rs->rules) : -1;
	int other = rule < 0 ? find_correlation(rs, y->text) : -1;

	if (rule < 0 && other < 0) {
		if (y->text.n > 0 && memchr(y->text.p, '*', y->text.n) != NULL)
			return add_matching(l, cor, y);
		sigma_error(l, y, "correlation: there is no rule named '%.*s'", SLICE_ARG(y->text));
		return false;
	}
	silence(rs, cor, rule, other);
	return add(l, cor, y, (uint32_t)(rule >= 0 ? rule : other), rule < 0);
}

static bool add_list(struct loader *l, struct correlation *cor, const struct yaml *list)
{
	unsigned n = list->kind == YAML_SEQ ? list->n : 1;

	for (unsigned i = 0; i < n; i++) {
		const struct yaml *y = list->kind == YAML_SEQ ? &list->child[i] : list;

		if (!add_name(l, cor, y))
			return false;
		cor->n_entries++;
	}
	return true;
}

/* `aliases: {name: {rule: field}}`: a group-by name that is another field in each rule's events. */
static bool read_aliases(struct loader *l, struct correlation *cor)
{
	const struct yaml *body = yaml_get(cor->doc, "correlation");
	const struct yaml *list = yaml_get(body, "rules");
	const struct yaml *by = yaml_get(body, "group-by");
	const struct yaml *all = yaml_get(body, "aliases");

	if (all == NULL || cor->n_group == 0)
		return true;
	cor->aliased = sigma_alloc(
	    l, sizeof(struct field) * cor->n_members * cor->n_group, _Alignof(struct field));
	for (unsigned m = 0; cor->aliased != NULL && m < cor->n_members; m++)
		for (unsigned g = 0; g < cor->n_group; g++) {
			const struct yaml *rule =
			    list->kind == YAML_SEQ ? &list->child[cor->members[m].entry] : list;
			const struct yaml *name = by->kind == YAML_SEQ ? &by->child[g] : by;
			const struct yaml *alias = yaml_get(all, name->text.p);
			const struct yaml *f = yaml_get(alias, rule->text.p);
			struct field *to = &cor->aliased[m * cor->n_group + g];

			*to = cor->group[g];
			if (alias == NULL)
				continue;
			if (f == NULL || f->kind != YAML_SCALAR || f->text.n == 0) {
				sigma_error(l, alias,
				    "correlation: this alias names no field for '%.*s'",
				    SLICE_ARG(rule->text));
				return false;
			}
			*to = field_find(sigma_copy(l, f->text));
		}
	return cor->aliased != NULL;
}

static bool resolve(struct loader *l, struct correlation *cor)
{
	const struct yaml *body = yaml_get(cor->doc, "correlation");
	const struct yaml *list = yaml_get(body, "rules");
	const struct yaml *like = yaml_get(cor->doc, "rules_like");
	unsigned n = list == NULL ? 0 : list->kind == YAML_SEQ ? list->n : 1;
	bool temporal = cor->type == CORRELATE_TEMPORAL || cor->type == CORRELATE_TEMPORAL_ORDERED;

	l->file = cor->from;
	if (n == 0 || n > CORRELATION_MAX_RULES) {
		sigma_error(l, list != NULL ? list : body,
		    "correlation: `rules:` needs 1 to %d names", CORRELATION_MAX_RULES);
		return false;
	}
	if (!add_list(l, cor, list) || !read_aliases(l, cor))
		return false;
	if (like != NULL && (temporal || cor->aliased != NULL)) {
		sigma_error(l, like, "rules_like: only for counts, and without aliases");
		return false;
	}
	if (like != NULL && !add_list(l, cor, like))
		return false;
	if (!temporal)
		return true;
	if (cor->at_least <= 0) /* no condition: all of them */
		cor->at_least = cor->n_entries;
	if (cor->n_entries < 2 || cor->at_least > cor->n_entries) {
		sigma_error(
		    l, list, "correlation: needs two rules or more, and no more than it names");
		return false;
	}
	return true;
}

/* 1 + the depth of its deepest member; dropped with any of them. True: something changed. */
static bool deepen(struct ruleset *rs, uint32_t *place, unsigned i)
{
	struct correlation *c = &rs->correlations[i];
	unsigned before = c->depth;

	for (unsigned m = 0; m < c->n_members; m++) {
		const struct correlation_member *x = &c->members[m];

		if (!x->chained)
			continue;
		if (place[x->index] == DROPPED) {
			place[i] = DROPPED;
			return true;
		}
		if (rs->correlations[x->index].depth >= c->depth)
			c->depth = rs->correlations[x->index].depth + 1;
	}
	return c->depth != before;
}

/* A circle never comes to rest: it gets too deep. */
static void find_depths(struct loader *l, uint32_t *place)
{
	struct ruleset *rs = l->rs;
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < rs->n_correlations; i++) {
			if (place[i] == DROPPED)
				continue;
			moved = deepen(rs, place, i) || moved;
			if (place[i] == DROPPED ||
			    rs->correlations[i].depth <= CORRELATION_MAX_DEPTH)
				continue;
			l->file = rs->correlations[i].from;
			sigma_error(l, rs->correlations[i].doc,
			    "correlation: names itself by way of others, or more than %d in a row",
			    CORRELATION_MAX_DEPTH);
			place[i] = DROPPED;
		}
	}
}

/* In the order of depth, without those that were dropped. */
static bool sort(struct ruleset *rs, uint32_t *place)
{
	struct correlation *to = calloc(rs->n_correlations + 1, sizeof(*to));
	unsigned n = 0;

	if (to == NULL)
		return false;
	for (unsigned depth = 0; depth <= CORRELATION_MAX_DEPTH; depth++)
		for (unsigned i = 0; i < rs->n_correlations; i++)
			if (place[i] != DROPPED && rs->correlations[i].depth == depth) {
				place[i] = n;
				to[n++] = rs->correlations[i];
			}
	for (unsigned i = 0; i < n; i++)
		for (unsigned m = 0; m < to[i].n_members; m++)
			if (to[i].members[m].chained)
				to[i].members[m].index = place[to[i].members[m].index];
	free(rs->correlations);
	rs->correlations = to;
	rs->cap_correlations = rs->n_correlations + 1;
	rs->n_correlations = n;
	return true;
}

/* A hit tells all correlations above it, and it must not be more than a hit has room for. */
static void check_sightings(struct loader *l)
{
	struct ruleset *rs = l->rs;
	unsigned *above = calloc(rs->n_correlations + 1, sizeof(*above));
	unsigned *hits = calloc(rs->n_rules + 1, sizeof(*hits));

	for (unsigned i = rs->n_correlations; above != NULL && hits != NULL && i-- > 0;) {
		const struct correlation *c = &rs->correlations[i];
		unsigned last = UINT_MAX;

		for (unsigned m = 0; m < c->n_members; m++) {
			const struct correlation_member *x = &c->members[m];
			unsigned *n = x->chained ? &above[x->index] : &hits[x->index];

			if (*n < CORRELATOR_SIGHTINGS && !(x->chained && last == x->index))
				*n += 1 + above[i];
			if (x->chained)
				last = x->index;
			if (*n < CORRELATOR_SIGHTINGS)
				continue;
			l->file = c->from;
			sigma_error(l, c->doc,
			    "correlation: '%.*s' counts for more than %d correlations",
			    x->chained ? (int)rs->correlations[x->index].name.n
				       : (int)rs->rules[x->index].name.n,
			    x->chained ? rs->correlations[x->index].name.p
				       : rs->rules[x->index].name.p,
			    CORRELATOR_SIGHTINGS - 1);
			goto out;
		}
	}
out:
	free(above);
	free(hits);
}

/* Does a hit of the rule count for c, or may one of those in `mine` fire and count for it? */
static bool counts_for(
    const struct correlation *c, uint32_t rule, const uint32_t *mine, unsigned n_mine)
{
	for (unsigned k = 0; k < c->n_members; k++) {
		const struct correlation_member *m = &c->members[k];

		if (!m->chained && m->index == rule)
			return true;
		for (unsigned i = 0; m->chained && i < n_mine; i++)
			if (mine[i] == m->index)
				return true;
	}
	return false;
}

/* The set is sorted: a correlation comes after those that it is of. */
static void note_counted(struct loader *l)
{
	struct ruleset *rs = l->rs;
	uint32_t *mine = calloc(rs->n_correlations + 1, sizeof(*mine));
	bool failed = mine == NULL;

	for (uint32_t r = 0; mine != NULL && r < rs->n_rules; r++) {
		struct rule *rule = &rs->rules[r];
		unsigned n = 0;

		for (uint32_t i = 0; i < rs->n_correlations; i++)
			if (counts_for(&rs->correlations[i], r, mine, n))
				mine[n++] = i;
		rule->counts_for = n > 0 ? ARENA_NEW(&rs->arena, uint32_t, n) : NULL;
		rule->n_counts_for = rule->counts_for != NULL ? n : 0;
		failed = failed || rule->n_counts_for < n;
		if (rule->n_counts_for > 0)
			memcpy(rule->counts_for, mine, n * sizeof(*mine));
	}
	if (failed)
		problem_error(l->p, (struct place){ "rules", 0, 0 }, "out of memory");
	free(mine);
}

void sigma_resolve(struct loader *l)
{
	struct ruleset *rs = l->rs;
	uint32_t *place = calloc(rs->n_correlations + 1, sizeof(*place));

	if (place == NULL) {
		rs->n_correlations = 0;
		problem_error(l->p, (struct place){ "rules", 0, 0 }, "out of memory");
		return;
	}
	for (unsigned i = 0; i < rs->n_correlations; i++)
		if (!resolve(l, &rs->correlations[i]))
			place[i] = DROPPED;
	find_depths(l, place);
	if (!sort(rs, place))
		rs->n_correlations = 0;
	note_counted(l);
	check_sightings(l);
	free(place);
}
