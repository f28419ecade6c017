#include "detect/near.h"

#include "detect/eval.h"
#include "match/diverge.h"
#include "match/regex.h"

/* Fewer bytes than these fit by chance, as a trigger of fewer would. */
enum { BYTES_MIN = 3 };

static const double worth_least = 0.5;

/* What every other event has too tells little: a method, a status, that a field is there. */
static const double weight_common = 0.25;
static const double weight_excluded = 0.5;

/* A part of a condition. */
struct part {
	double have, weight;
	unsigned held, of;
	bool failed;
	struct near_miss miss;
};

struct search {
	struct run run;
	struct arena *arena;
	double progress; /* of the item being looked at */
	bool any;
	struct near_miss miss;
};

/* ---- an item: which value came furthest, on which text ---- */

static double share(size_t have, size_t want)
{
	return have < BYTES_MIN || want == 0
		   ? 0
		   : (double)have / (double)(want > have ? want : have + 1);
}

static size_t tail(struct slice want, struct slice have, bool cased)
{
	size_t n = 0;

	while (n < want.n && n < have.n &&
	       diverge_head((struct slice){ want.p + want.n - n - 1, 1 },
		   (struct slice){ have.p + have.n - n - 1, 1 }, cased) == 1)
		n++;
	return n;
}

static double try_contains(const struct matcher *m, struct slice t, struct near_miss *out)
{
	size_t best = 0;

	for (size_t i = 0; i < t.n; i++) {
		size_t n = diverge_head(m->text, slice_from(t, i), m->cased);

		if (n <= best)
			continue;
		best = n;
		out->start = i;
		out->end = out->at = i + n;
		out->pattern_at = n;
	}
	return share(best, m->text.n);
}

static double try_regex(const struct matcher *m, struct slice t, struct near_miss *out)
{
	struct diverge d;

	if (!diverge_find(m->text, m->regex_flags, t, &d))
		return 0;
	out->start = d.start;
	out->end = out->at = d.at;
	out->pattern_at = d.pattern_at;
	return share(d.literal, d.literal + d.missing);
}

/* How much of a value fits the text, and where it ends. */
static double try_value(const struct matcher *m, struct slice t, struct near_miss *out)
{
	size_t n;

	switch (m->kind) {
	case MATCH_EQUAL:
	case MATCH_STARTS:
		n = diverge_head(m->text, t, m->cased);
		out->end = out->at = out->pattern_at = n;
		return share(n, m->kind == MATCH_EQUAL && t.n > m->text.n ? t.n : m->text.n);
	case MATCH_ENDS:
		n = tail(m->text, t, m->cased);
		out->start = t.n - n;
		out->end = t.n;
		out->at = n < t.n ? t.n - n - 1 : 0;
		out->pattern_at = n < m->text.n ? m->text.n - n - 1 : 0;
		return share(n, m->text.n);
	case MATCH_CONTAINS:
		return try_contains(m, t, out);
	case MATCH_REGEX:
		return try_regex(m, t, out);
	case MATCH_CIDR:
	case MATCH_COMPARE:
	case MATCH_ABSENT:
	case MATCH_PRESENT:
	case MATCH_FIELD:
		break;
	}
	return 0;
}

static void on_miss(void *ctx, const struct node *n, struct slice t, enum form form)
{
	struct search *s = ctx;

	for (unsigned i = 0; i < n->n_matchers; i++) {
		struct near_miss m = {
			.why = NEAR_VALUE, .field = n->field, .value = &n->matchers[i], .form = form
		};
		double progress = try_value(m.value, t, &m);

		/* of two that came as far, the form that is easier to read */
		if (s->any &&
		    (progress < s->progress || (progress <= s->progress && form <= s->miss.form)))
			continue;
		m.text = arena_copy(s->arena, t);
		if (m.text.n != t.n)
			continue;
		s->any = true;
		s->progress = progress;
		s->miss = m;
	}
}

static bool is_common(const struct node *n)
{
	if (n->field.kind == FIELD_METHOD ||
	    (n->field.kind == FIELD_ATTR && n->field.key == ATTR_HTTP_STATUS))
		return true;
	for (unsigned i = 0; i < n->n_matchers; i++)
		if (n->matchers[i].kind <= MATCH_REGEX)
			return false;
	return true;
}

static struct part near_item(struct search *s, const struct node *n)
{
	struct part p = { .of = 1, .weight = is_common(n) ? weight_common : 1 };

	s->any = false;
	s->progress = 0;
	if (eval_item(&s->run, n) == VERDICT_YES) {
		p.held = 1;
		p.have = p.weight;
		return p;
	}
	p.failed = true;
	p.have = p.weight * s->progress;
	p.miss = s->any ? s->miss : (struct near_miss){ .why = NEAR_ABSENT, .field = n->field };
	return p;
}

/* ---- the condition ---- */

static struct part near_not(struct search *s, unsigned child)
{
	struct part p = { .of = 0 };
	struct evidence found = { 0 };
	struct evidence *kept = s->run.evidence;

	s->run.evidence = &found;
	s->run.on_miss = NULL;
	if (eval_node(&s->run, child) == VERDICT_YES) {
		p.failed = true;
		p.of = 1;
		p.weight = weight_excluded;
		p.miss = (struct near_miss){
			.why = NEAR_EXCLUDED, .field = found.field, .form = found.form
		};
		if (found.found)
			p.miss.text =
			    arena_copy(s->arena, (struct slice){ found.text, found.text_n });
		p.miss.start = found.start < p.miss.text.n ? found.start : p.miss.text.n;
		p.miss.end = found.end < p.miss.text.n ? found.end : p.miss.text.n;
		p.miss.at = p.miss.start;
	}
	s->run.on_miss = on_miss;
	s->run.evidence = kept;
	return p;
}

static double score_of(const struct part *p)
{
	return p->weight > 0 ? p->have / p->weight : 0;
}

/* The tree is at most SIGMA_DEPTH deep by construction: recursion is bounded. */
static struct part near_node(struct search *s, unsigned id)
{
	const struct node *n = &s->run.r->nodes[id];
	struct part all = { .of = 0 };

	switch (n->kind) {
	case NODE_ITEM:
		return near_item(s, n);
	case NODE_NOT:
		return near_not(s, n->child[0]);
	case NODE_NEVER:
		all.failed = true;
		all.weight = 1;
		return all;
	case NODE_AND:
		for (unsigned i = 0; i < n->n; i++) {
			struct part p = near_node(s, n->child[i]);

			if (p.failed && !all.failed)
				all.miss = p.miss;
			all.failed = all.failed || p.failed;
			all.have += p.have;
			all.weight += p.weight;
			all.held += p.held;
			all.of += p.of;
		}
		return all;
	case NODE_OR: /* the way that came furthest, or the first that holds */
		for (unsigned i = 0; i < n->n; i++) {
			struct part p = near_node(s, n->child[i]);

			if (!p.failed)
				return p;
			if (i == 0 || score_of(&p) > score_of(&all))
				all = p;
		}
		return all;
	}
	return all;
}

static void keep_best(
    struct near *out, const struct part *p, const struct rule *r, const struct engine *g)
{
	if (p->failed && score_of(p) > out->score)
		*out = (struct near){ .rule = (uint32_t)(r - g->rs->rules),
			.score = score_of(p),
			.held = p->held,
			.of = p->of,
			.miss = p->miss };
}

bool near_rule(struct engine *g, unsigned event, struct rule *r, struct arena *a, struct near *out)
{
	const struct records *rs =
	    (r->classes & CLASS_AUDITD) != 0 ? g->events[event].records : NULL;
	struct engine_event kept = g->events[event];
	bool reference = g->reference;
	struct evidence ev = { 0 };
	struct search s = { .run = { .g = g,
				.event = event,
				.r = r,
				.evidence = &ev,
				.on_miss = on_miss,
				.records = rs },
		.arena = a };

	*out = (struct near){ .score = -1 };
	if (!eval_concerns(g, event, r))
		return false;
	s.run.miss_ctx = &s;
	g->reference = true; /* no budget: it is about what would be, not about what it costs */
	for (s.run.record = 0; s.run.record < (rs != NULL ? rs->n : 1); s.run.record++) {
		struct part p = near_node(&s, r->root);

		if (!p.failed) {
			out->score = -1;
			break;
		}
		keep_best(out, &p, r, g);
	}
	g->reference = reference;
	kept.records = g->events[event].records;
	g->events[event] = kept;
	return out->score >= 0;
}

/* What crawlers are known by, every browser nearly has too. */
static bool is_label(const struct rule *r)
{
	return r->category == CATEGORY_CRAWLER && r->level == LEVEL_INFORMATIONAL;
}

unsigned near_all(struct engine *g, unsigned event, struct arena *a, struct near *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->rs->n_rules; i++) {
		struct near x;
		unsigned at = n;

		if (g->rs->rules[i].disabled || is_label(&g->rs->rules[i]) ||
		    !near_rule(g, event, &g->rs->rules[i], a, &x) || x.score < worth_least)
			continue;
		while (at > 0 && out[at - 1].score < x.score)
			at--;
		if (at == max)
			continue;
		n += n < max;
		memmove(out + at + 1, out + at, (n - at - 1) * sizeof(*out));
		out[at] = x;
	}
	return n;
}
