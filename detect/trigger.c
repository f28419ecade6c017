#include "detect/trigger.h"

#include "base/err.h"
#include "detect/indexed.h"
#include "detect/lane_windows.h"
#include "detect/memo.h"
#include "detect/records.h"
#include "match/filter.h"
#include "match/regex.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* Above this share of honest events a trigger is no use: the rule counts as untriggered. */
#define COST_USELESS 0.9
#define CHEAP_VALUES 16

struct build {
	struct trigger_plan *plan;
	struct filter_entry *entries[LANE_MAX];
	unsigned n_entries[LANE_MAX], cap_entries[LANE_MAX];
	unsigned cap_index;
	unsigned rule;
	bool failed;	       /* out of memory */
	struct window_set set; /* scratch */
	struct memo *memo;
};

uint64_t trigger_hash(enum index_kind kind, struct slice value)
{
	char lower[64];
	size_t n = value.n < sizeof(lower) ? value.n : sizeof(lower);

	for (size_t i = 0; i < n; i++)
		lower[i] =
		    value.p[i] >= 'A' && value.p[i] <= 'Z' ? (char)(value.p[i] + 32) : value.p[i];
	return XXH3_64bits_withSeed(lower, n, kind + 1u);
}

unsigned trigger_lane(const struct trigger_plan *p, const struct field *f)
{
	switch (f->kind) {
	case FIELD_URI:
	case FIELD_PATH:
	case FIELD_QUERY:
	case FIELD_EXTENSION:
		return LANE_URI;
	case FIELD_PARAM_NAME:
		return LANE_NAME;
	case FIELD_PARAM_VALUE:
		return LANE_PARAM;
	case FIELD_KEYWORDS:
	case FIELD_BODY:
		return LANE_BODY;
	case FIELD_ATTR:
		if (f->key == ATTR_USER_AGENT)
			return LANE_AGENT;
		if (f->key == ATTR_HTTP_REFERER)
			return LANE_REFERER;
		if (f->key == ATTR_HTTP_COOKIE)
			return LANE_COOKIE;
		break;
	case FIELD_METHOD:
		return LANE_MAX;
	case FIELD_OTHER:
		break;
	}
	for (unsigned i = LANE_FIRST_ATTR; i < p->n_lanes; i++)
		if (p->lane_field[i].kind == f->kind && p->lane_field[i].key == f->key &&
		    (f->kind != FIELD_OTHER || slice_eq(p->lane_field[i].name, f->name)))
			return i;
	return LANE_MAX;
}

/* The same, made if there is room for one more. */
static unsigned own_lane(struct trigger_plan *p, const struct field *f)
{
	unsigned lane = trigger_lane(p, f);

	if (lane != LANE_MAX || f->kind == FIELD_METHOD || p->n_lanes == LANE_MAX)
		return lane;
	p->lane_field[p->n_lanes] = *f;
	p->key_lanes[f->key] |= UINT32_C(1) << p->n_lanes;
	return p->n_lanes++;
}

static void add_windows(struct build *b, unsigned lane, uint32_t tag)
{
	b->plan->lane_classes[lane] |= b->plan->rs->rules[tag].classes;
	for (unsigned i = 0; i < b->set.n; i++) {
		if (b->n_entries[lane] == b->cap_entries[lane]) {
			unsigned cap = b->cap_entries[lane] != 0 ? b->cap_entries[lane] * 2 : 64;
			struct filter_entry *p = realloc(b->entries[lane], cap * sizeof(*p));

			if (p == NULL) {
				b->failed = true;
				return;
			}
			b->entries[lane] = p;
			b->cap_entries[lane] = cap;
		}
		b->entries[lane][b->n_entries[lane]++] = (struct filter_entry){ b->set.w[i], tag };
	}
}

static void add_index(struct build *b, enum index_kind kind, struct slice value)
{
	struct trigger_plan *p = b->plan;

	if (p->n_index == b->cap_index) {
		unsigned cap = b->cap_index != 0 ? b->cap_index * 2 : 256;
		struct index_entry *q = realloc(p->index, cap * sizeof(*q));

		if (q == NULL) {
			b->failed = true;
			return;
		}
		p->index = q;
		b->cap_index = cap;
	}
	p->index[p->n_index++] = (struct index_entry){ trigger_hash(kind, value), b->rule };
	p->kinds[kind] = true;
}

/* ---- indexed attributes ---- */

static void index_emit(struct build *b, enum index_kind kind, const struct matcher *m)
{
	char text[8] = "";

	if (m->kind == MATCH_EQUAL) {
		add_index(b, kind, m->text);
		return;
	}
	for (unsigned s = 0; s < 1000; s++)
		if (indexed_fits(m, s))
			add_index(b, kind,
			    (struct slice){
				text, (size_t)snprintf(text, sizeof(text), "%03u", s) });
}

/* ---- conditions ---- */

/* Keywords are looked for in more than one kind of text. */
static unsigned lanes_of(
    struct build *b, const struct rule *r, const struct field *f, unsigned lanes[4])
{
	if (f->kind == FIELD_KEYWORDS && (r->classes & (CLASS_WEB | CLASS_PROXY)) != 0) {
		lanes[0] = LANE_BODY;
		lanes[1] = LANE_URI;
		lanes[2] = LANE_AGENT;
		lanes[3] = LANE_REFERER;
		return 4;
	}
	bool record =
	    (r->classes & CLASS_AUDITD) != 0 && (f->kind == FIELD_KEYWORDS || records_is_field(f));
	unsigned n = 0;

	if (record)
		lanes[n++] = LANE_RECORD;
	if (record && r->classes == CLASS_AUDITD)
		return n;
	lanes[n] = own_lane(b->plan, f);
	return lanes[n] != LANE_MAX ? n + 1 : 0;
}

static double item_cost(struct build *b, const struct rule *r, const struct node *n)
{
	enum index_kind kind;
	unsigned lanes[4];
	double sum = 0;

	if (indexed_of(r, &n->field, &kind)) {
		for (unsigned i = 0; i < n->n_matchers; i++)
			sum += indexed_cost(kind, &n->matchers[i]);
		return sum;
	}

	unsigned n_lanes = lanes_of(b, r, &n->field, lanes);

	if (n_lanes == 0)
		return HUGE_VAL;
	for (unsigned i = 0; i < n->n_matchers; i++)
		for (unsigned k = 0; k < n_lanes; k++)
			sum += lane_windows(b->memo, &n->field, &n->matchers[i], lanes[k], &b->set);
	return sum;
}

/*
 * Parameters are found by a lane of their own where their forms had to be laid out, and by the
 * whole target's where they are part of it as they are (texts.c).
 */
static void emit_windows(struct build *b, const struct field *f, unsigned lane)
{
	bool param = lane == LANE_PARAM || lane == LANE_NAME;

	if (param)
		add_windows(b, lane, b->rule);
	lane_edges(f, &b->set);
	add_windows(b, param ? LANE_URI : lane, b->rule);
}

static void item_emit(struct build *b, const struct rule *r, const struct node *n)
{
	enum index_kind kind;
	unsigned lanes[4];

	if (indexed_of(r, &n->field, &kind)) {
		for (unsigned i = 0; i < n->n_matchers; i++)
			index_emit(b, kind, &n->matchers[i]);
		return;
	}

	unsigned n_lanes = lanes_of(b, r, &n->field, lanes);

	for (unsigned i = 0; i < n->n_matchers; i++)
		for (unsigned k = 0; k < n_lanes; k++) {
			lane_windows(b->memo, &n->field, &n->matchers[i], lanes[k], &b->set);
			emit_windows(b, &n->field, lanes[k]);
		}
}

/*
 * Nodes are numbered children first (the loader makes them so), so one pass from 0
 * up has every child's cost when it gets to a node.
 */
static void costs(struct build *b, const struct rule *r, double *cost)
{
	for (unsigned i = 0; i < r->n_nodes; i++) {
		const struct node *n = &r->nodes[i];
		double best = HUGE_VAL;
		double sum = 0;

		for (unsigned k = 0; k < n->n; k++) {
			best = cost[n->child[k]] < best ? cost[n->child[k]] : best;
			sum += cost[n->child[k]];
		}
		switch (n->kind) {
		case NODE_AND:
			cost[i] = best;
			break;
		case NODE_OR:
			cost[i] = sum;
			break;
		case NODE_NOT:
			cost[i] = HUGE_VAL;
			break;
		case NODE_ITEM:
			cost[i] = item_cost(b, r, n);
			break;
		case NODE_NEVER:
			cost[i] = 0;
			break;
		}
	}
}

/* The chosen parts, walked without recursion: a parent comes after its children, so top down. */
static void emit(struct build *b, const struct rule *r, const double *cost)
{
	bool *wanted = calloc(r->n_nodes, sizeof(*wanted));

	if (wanted == NULL) {
		b->failed = true;
		return;
	}
	wanted[r->root] = true;
	for (unsigned i = r->n_nodes; i-- > 0;) {
		const struct node *n = &r->nodes[i];
		unsigned best = 0;

		if (!wanted[i])
			continue;
		if (n->kind == NODE_ITEM)
			item_emit(b, r, n);
		for (unsigned k = 0; k < n->n; k++) {
			if (n->kind == NODE_OR)
				wanted[n->child[k]] = true;
			if (cost[n->child[k]] < cost[n->child[best]])
				best = k;
		}
		if (n->kind == NODE_AND)
			wanted[n->child[best]] = true;
	}
	free(wanted);
}

static bool is_agent_only(const struct rule *r)
{
	for (unsigned i = 0; i < r->n_nodes; i++) {
		const struct node *n = &r->nodes[i];

		if (n->kind == NODE_ITEM &&
		    (n->field.kind != FIELD_ATTR || n->field.key != ATTR_USER_AGENT))
			return false;
		for (unsigned k = 0; n->kind == NODE_ITEM && k < n->n_matchers; k++)
			if (n->matchers[k].kind == MATCH_FIELD)
				return false;
	}
	return r->weight == 0;
}

static bool is_cheap(const struct node *n)
{
	for (unsigned k = 0; k < n->n_matchers; k++)
		if (n->matchers[k].kind == MATCH_REGEX)
			return false;
	return n->n_matchers <= CHEAP_VALUES;
}

/* What deciding would otherwise have to find out for each event. */
static void plan_node(const struct trigger_plan *p, struct node *n)
{
	n->cheap = is_cheap(n);
	n->lane = (unsigned char)trigger_lane(p, &n->field);
	n->if_absent = false;
	n->written_only = true;
	for (unsigned k = 0; k < n->n_matchers; k++) {
		n->if_absent = n->if_absent || n->matchers[k].kind == MATCH_ABSENT;
		n->written_only = n->written_only && n->matchers[k].kind > MATCH_REGEX;
	}
}

static void plan_rule(struct build *b, struct rule *r)
{
	double *cost = calloc(r->n_nodes + 1, sizeof(*cost));
	bool by_program = r->program.n > 0;

	if (cost == NULL) {
		b->failed = true;
		return;
	}
	b->plan->records = b->plan->records || (r->classes & CLASS_AUDITD) != 0;
	costs(b, r, cost);
	r->cost = cost[r->root];
	if (by_program && r->cost > 0.0005) {
		r->cost = 0.02;
		add_index(b, INDEX_PROGRAM, r->program);
	} else if (r->cost <= COST_USELESS) {
		emit(b, r, cost);
	} else {
		r->untriggered = true;
		b->plan->always[b->plan->n_always++] = b->rule;
	}
	r->agent_only = is_agent_only(r);
	free(cost);
}

static int by_hash(const void *a, const void *b)
{
	const struct index_entry *x = a;
	const struct index_entry *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static int build_filters(struct build *b, struct err *e)
{
	struct trigger_plan *p = b->plan;

	if (b->failed)
		return err_set(e, ENOMEM, "no memory for the rules' windows");
	for (unsigned i = 0; i < p->n_lanes; i++) {
		if (b->n_entries[i] == 0)
			continue;
		p->filters[i] = filter_build(b->entries[i], b->n_entries[i], lane_profile(i), e);
		if (p->filters[i] == NULL)
			return -1;
	}
	if (p->n_index > 0)
		qsort(p->index, p->n_index, sizeof(*p->index), by_hash);
	return 0;
}

struct trigger_plan *trigger_plan_new(
    struct ruleset *rs, const char *cache_dir, const char *shipped_dir, struct err *e)
{
	struct build *b = calloc(1, sizeof(*b));
	struct trigger_plan *p = calloc(1, sizeof(*p));
	int rc = -1;

	if (b == NULL || p == NULL || (b->memo = memo_new()) == NULL ||
	    (p->always = calloc(rs->n_rules + 1, sizeof(*p->always))) == NULL ||
	    !deny_init(&p->deny, rs)) {
		err_set(e, ENOMEM, "no memory for the rules' triggers");
		goto out;
	}
	if (shipped_dir != NULL)
		memo_load(b->memo, shipped_dir, TRIGGER_CACHE);
	if (cache_dir != NULL)
		memo_load(b->memo, cache_dir, TRIGGER_CACHE);
	b->plan = p;
	p->rs = rs;
	p->n_lanes = LANE_FIRST_ATTR;
	for (unsigned i = 0; i < rs->n_rules; i++) {
		b->rule = i;
		if (rs->rules[i].disabled)
			continue;
		plan_rule(b, &rs->rules[i]);
	}
	for (unsigned i = 0; i < rs->n_rules; i++) /* all lanes are there now */
		for (unsigned k = 0; k < rs->rules[i].n_nodes; k++)
			if (rs->rules[i].nodes[k].kind == NODE_ITEM)
				plan_node(p, &rs->rules[i].nodes[k]);
	rc = build_filters(b, e);
	if (rc == 0 && cache_dir != NULL && memo_has_news(b->memo))
		memo_save(b->memo, cache_dir, TRIGGER_CACHE);
out:
	for (unsigned i = 0; b != NULL && i < LANE_MAX; i++)
		free(b->entries[i]);
	if (b != NULL)
		memo_free(b->memo);
	free(b);
	if (rc != 0) {
		trigger_plan_free(p);
		return NULL;
	}
	return p;
}

void trigger_plan_free(struct trigger_plan *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < LANE_MAX; i++)
		filter_free(p->filters[i]);
	free(p->index);
	free(p->always);
	free(p->deny.bits);
	free(p);
}
