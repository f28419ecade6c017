/* What an event's candidates come to: detections, scores, hits. See engine.h. */
#include "base/buf.h"
#include "base/clock.h"
#include "detect/engine.h"
#include "detect/quoted.h"
#include "detect/span.h"

#include <stdio.h>

enum { MATCH_TEXT_MAX = 256, SCORE_ENOUGH = 10 };

/* What an event's rules came to. */
struct outcome {
	struct detection found[EVENT_MAX_DETECTIONS];
	enum level level[EVENT_MAX_DETECTIONS];
	unsigned n;
	struct {
		const struct rule *rule;
		struct evidence ev;
	} parts[EVENT_MAX_PARTS];
	unsigned n_parts;
	struct buf undecided;	    /* names of rules */
	const struct rule *crawler; /* that takes the agent for one that can be verified */
};

static void add_detection(struct outcome *o, const struct detection *d, enum level level)
{
	unsigned at = o->n;

	if (o->n == EVENT_MAX_DETECTIONS) { /* the weakest gives way */
		for (unsigned i = 0; i < o->n; i++)
			if (o->level[i] < level && (at == o->n || o->level[i] < o->level[at]))
				at = i;
		if (at == o->n)
			return;
	} else {
		o->n++;
	}
	o->found[at] = *d;
	o->level[at] = level;
}

static struct slice keep_match(struct arena *a, struct slice m)
{
	return arena_copy(a, m.n > MATCH_TEXT_MAX ? slice_head(m, MATCH_TEXT_MAX) : m);
}

/* What a rule calls conclusive, nobody types by chance. */
static bool is_quoted(const struct rule *r, const struct evidence *ev)
{
	return ev->quoted && !r->conclusive && category_is_attack(r->category, r->level);
}

static void detect(
    struct outcome *o, const struct rule *r, const struct evidence *ev, struct arena *a)
{
	enum level level = is_quoted(r, ev) && r->level > LEVEL_LOW ? LEVEL_LOW : r->level;
	struct detection d = { .rule = r->name,
		.id = r->id,
		.category = slice_of(category_names[r->category]),
		.level = slice_of(level_names[level]),
		.quoted = is_quoted(r, ev) };

	if (ev->found) {
		d.field = field_output_name(&ev->field);
		d.match = keep_match(a, ev->match);
		d.form = form_names[ev->form];
	}
	add_detection(o, &d, level);
}

static void hit(struct engine *g, unsigned event, const struct rule *r, const struct evidence *ev)
{
	if (g->n_hits < g->cap_hits)
		g->hits[g->n_hits++] =
		    (struct hit){ event, (uint32_t)(r - g->rs->rules), is_quoted(r, ev) };
}

static void undecided(struct engine *g, struct outcome *o, struct rule *r)
{
	atomic_fetch_add_explicit(&r->undecided, 1, memory_order_relaxed);
	g->undecided++;
	if (o->undecided.n > 0)
		buf_char(&o->undecided, ',');
	buf_slice(&o->undecided, r->name);
}

/* What the agent alone decides, and was decided before. */
static bool known_verdict(
    const struct engine *g, unsigned event, const struct rule *r, struct evidence *ev)
{
	const struct agent_memo *m = g->events[event].memo;

	for (unsigned i = 0; m != NULL && r->agent_only && i < m->n_yes; i++) {
		const struct agent_verdict *y = &m->yes[i];

		if (g->rs->rules + y->rule != r)
			continue;
		*ev = (struct evidence){ .found = y->found,
			.field = { .kind = FIELD_ATTR, .key = ATTR_USER_AGENT },
			.form = (enum form)y->form,
			.match = { y->match, y->n } };
		return true;
	}
	return false;
}

static enum verdict eval_timed(
    struct engine *g, unsigned event, struct rule *r, struct evidence *ev)
{
	struct rule_timing *t = &g->timing[r - g->rs->rules];
	struct slice body = g->events[event].ev->body;
	uint64_t begin = clock_thread_ns();
	enum verdict v = eval_rule(g, event, r, ev);
	uint64_t took = clock_thread_ns() - begin;

	t->ns += took;
	if (took > t->worst_ns) {
		t->worst_ns = took;
		snprintf(t->worst, sizeof(t->worst), "%.*s",
		    body.n < sizeof(t->worst) ? (int)body.n : (int)sizeof(t->worst) - 1, body.p);
	}
	return v;
}

static enum verdict verdict_of(
    struct engine *g, unsigned event, struct rule *r, struct evidence *ev)
{
	enum verdict v;

	if (known_verdict(g, event, r, ev))
		return VERDICT_YES;
	v = g->timing != NULL ? eval_timed(g, event, r, ev) : eval_rule(g, event, r, ev);
	if (r->agent_only && v == VERDICT_YES)
		values_yes(g, event, r, ev);
	else if (r->agent_only && v == VERDICT_UNDECIDED)
		values_spoil(g, event);
	return v;
}

static void decide(
    struct engine *g, unsigned event, struct rule *r, struct outcome *o, struct arena *a)
{
	struct evidence ev;

	atomic_fetch_add_explicit(&r->candidates, 1, memory_order_relaxed);
	switch (verdict_of(g, event, r, &ev)) {
	case VERDICT_NO:
		return;
	case VERDICT_UNDECIDED:
		undecided(g, o, r);
		return;
	case VERDICT_YES:
		break;
	}
	atomic_fetch_add_explicit(&r->hits, 1, memory_order_relaxed);
	if (r->n_domains > 0 && o->crawler == NULL)
		o->crawler = r;
	if (r->weight > 0) {
		if (o->n_parts < sizeof(o->parts) / sizeof(*o->parts)) {
			ev.match = keep_match(a, ev.match); /* what it stands in may be reused */
			o->parts[o->n_parts].rule = r;
			o->parts[o->n_parts++].ev = ev;
		}
		return;
	}
	hit(g, event, r, &ev);
	if (r->generate)
		detect(o, r, &ev, a);
}

/* Sum of weights of one category: of parts on overlapping bytes only the heaviest counts. */
static unsigned score(const struct outcome *o, enum category c, unsigned *level)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < o->n_parts; i++) {
		bool counts = o->parts[i].rule->category == c;

		for (unsigned k = 0; counts && k < o->n_parts; k++)
			if (k != i && o->parts[k].rule->category == c &&
			    span_overlaps(&o->parts[i].ev.span, &o->parts[k].ev.span) &&
			    (o->parts[k].rule->weight > o->parts[i].rule->weight ||
				(o->parts[k].rule->weight == o->parts[i].rule->weight && k < i)))
				counts = false;
		if (!counts)
			continue;
		sum += o->parts[i].rule->weight;
		if (o->parts[i].rule->level > *level)
			*level = o->parts[i].rule->level;
	}
	return sum;
}

static void list_parts(
    const struct outcome *o, enum category c, struct arena *a, struct detection *d)
{
	d->parts = ARENA_NEW(a, struct detection_part, o->n_parts);
	for (unsigned i = 0; i < o->n_parts && d->parts != NULL; i++) {
		const struct rule *r = o->parts[i].rule;
		const struct evidence *ev = &o->parts[i].ev;

		if (r->category != c)
			continue;
		d->parts[d->n_parts++] = (struct detection_part){ .rule = r->name,
			.field = ev->found ? field_output_name(&ev->field) : (struct slice){ 0 },
			.match = ev->match };
	}
}

/* Weak evidence alone makes no strong one. */
static bool all_quoted(const struct outcome *o, enum category c)
{
	for (unsigned i = 0; i < o->n_parts; i++)
		if (o->parts[i].rule->category == c &&
		    !is_quoted(o->parts[i].rule, &o->parts[i].ev))
			return false;
	return true;
}

static void score_all(struct outcome *o, struct arena *a)
{
	for (unsigned c = 0; c < CATEGORY_N && o->n_parts > 0; c++) {
		unsigned level = LEVEL_MEDIUM;

		if (score(o, (enum category)c, &level) < SCORE_ENOUGH)
			continue;

		bool quoted = all_quoted(o, (enum category)c);

		level = quoted ? LEVEL_LOW : level;

		struct buf name = { .max = 128 };

		buf_printf(&name, "web.%s.score", category_names[c]);

		struct detection d = { .rule = arena_copy(a, buf_as_slice(&name)),
			.category = slice_of(category_names[c]),
			.level = slice_of(level_names[level]),
			.quoted = quoted };

		buf_free(&name);
		list_parts(o, (enum category)c, a, &d);
		add_detection(o, &d, (enum level)level);
	}
}

static void finish(struct engine *g, unsigned event, struct outcome *o, struct arena *a)
{
	struct event *ev = g->events[event].ev;

	score_all(o, a);
	if (g->events[event].is_cut && o->undecided.n == 0)
		buf_str(&o->undecided, "cut");
	if (o->undecided.n > 0)
		event_add(ev, ATTR_MATCH_BUDGET, arena_copy(a, buf_as_slice(&o->undecided)));
	buf_free(&o->undecided);
	if (o->n == 0)
		return;
	ev->detections = ARENA_NEW(a, struct detection, o->n);
	if (ev->detections == NULL)
		return;
	memcpy(ev->detections, o->found, sizeof(*o->found) * o->n);
	ev->n_detections = o->n;
	for (unsigned i = 0; i < o->n; i++)
		if (slice_eq(o->found[i].category, SLICE("crawler"))) {
			event_set(ev, ATTR_UA_SYNTHETIC, SLICE("bot"));
			break;
		}
}

/* From now on PCRE2 alone: the plan has room for every rule in the list of those. */
static void distrust(struct engine *g, unsigned event, unsigned rule)
{
	struct rule *r = &g->rs->rules[rule];

	for (unsigned i = 0; i < g->n_events; i++) /* what of this batch is not decided yet */
		if (g->events[i].classes & r->classes)
			engine_candidate(g, i, rule);
	deny_forget(&g->plan->deny, rule);
	r->agent_only = false; /* what is remembered of agents came from the filter */
	if (r->untriggered)
		return;
	r->untriggered = true;
	g->plan->always[g->plan->n_always++] = rule;
	if (g->n_differences < ENGINE_MAX_DIFFERENCES)
		g->differences[g->n_differences++] = (struct difference){ event, rule };
}

void check_event(struct engine *g, unsigned event)
{
	struct engine_event kept = g->events[event];
	bool reference = g->reference;
	struct evidence ev;

	g->since_check = 0;
	g->checks++;
	g->reference = true; /* no budget: what the filters left out must be answered */
	for (unsigned i = 0; i < g->rs->n_rules; i++) {
		struct rule *r = &g->rs->rules[i];
		bool candidate = (engine_candidates(g, event, i / 64) >> i % 64 & 1) != 0;
		bool known = candidate && known_verdict(g, event, r, &ev);
		enum verdict v;

		if (r->disabled || (candidate && !known))
			continue;
		v = eval_rule(g, event, r, &ev);
		if (known ? v == VERDICT_NO : v == VERDICT_YES)
			distrust(g, event, i);
	}
	g->reference = reference;
	kept.records = g->events[event].records;
	g->events[event] = kept;
}

/* What is known of a crawler only comes with it: the rules about that had nothing to look at. */
static void verify(struct engine *g, unsigned event, struct outcome *o, struct arena *a)
{
	struct event *ev = g->events[event].ev;
	struct slice known = g->verify(g->verify_ctx, ev, o->crawler);

	if (known.n == 0 || event_get_named(ev, SLICE(ENGINE_VERIFICATION)).p != NULL)
		return;
	event_add_named(ev, SLICE(ENGINE_VERIFICATION), known);
	for (unsigned i = 0; i < g->n_late; i++)
		if (!g->rs->rules[g->late[i]].disabled)
			decide(g, event, &g->rs->rules[g->late[i]], o, a);
}

void decide_event(struct engine *g, unsigned event, struct arena *a)
{
	struct outcome o;

	o.n = o.n_parts = 0;
	o.crawler = NULL;
	o.undecided = (struct buf){ .max = 1024 };
	for (unsigned w = 0; w < g->words; w++)
		for (uint64_t bits = g->reference ? ~0ULL : engine_candidates(g, event, w);
		     bits != 0; bits &= bits - 1) {
			unsigned r = w * 64 + (unsigned)__builtin_ctzll(bits);

			if (r < g->rs->n_rules && !g->rs->rules[r].disabled)
				decide(g, event, &g->rs->rules[r], &o, a);
		}
	if (o.crawler != NULL && g->verify != NULL)
		verify(g, event, &o, a);
	finish(g, event, &o, a);
}
