#include "detect/engine.h"

#include "base/err.h"
#include "match/filter.h"
#include "match/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { QUIET_ENTRIES = 4096 * 2, MATCH_TEXT_MAX = 256, SCORE_PARTS = 8, SCORE_ENOUGH = 10 };

static int lane_new(struct lane_buf *l, size_t max_text, unsigned max_events, struct err *e)
{
	l->cap = 6 * (max_text + 4096) + 65536;
	l->cap_texts = max_events * 8 + 4096;

	char *mem = malloc(FILTER_BEFORE + l->cap + FILTER_AFTER);

	l->texts = malloc(sizeof(*l->texts) * l->cap_texts);
	l->first = malloc(sizeof(*l->first) * max_events);
	l->last_end = malloc(sizeof(*l->last_end) * max_events);
	if (mem == NULL || l->texts == NULL || l->first == NULL || l->last_end == NULL) {
		free(mem);
		return err_set(e, ENOMEM, "no memory for the texts of a batch");
	}
	memset(mem, '\n', FILTER_BEFORE);
	l->p = mem + FILTER_BEFORE;
	return 0;
}

struct engine *engine_new(struct trigger_plan *plan, size_t max_text, struct err *e)
{
	struct engine *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		err_set(e, ENOMEM, "no memory for the engine");
		return NULL;
	}
	g->plan = plan;
	g->rs = plan->rs;
	g->words = (plan->rs->n_rules + 63) / 64;
	g->cap_hits = 65536;
	g->cap_scratch = 6 * (max_text + 4096);
	g->events = calloc(ENGINE_MAX_EVENTS, sizeof(*g->events));
	g->candidates = calloc((size_t)ENGINE_MAX_EVENTS * (g->words + 1), sizeof(*g->candidates));
	g->quiet = calloc(QUIET_ENTRIES, sizeof(*g->quiet));
	g->hits = malloc(sizeof(*g->hits) * g->cap_hits);
	g->scratch = malloc(g->cap_scratch);
	g->regex = regex_ctx_new(e);
	if (getrandom(&g->seed, sizeof(g->seed), 0) != sizeof(g->seed))
		g->seed = (uint64_t)(uintptr_t)g;
	if (g->events == NULL || g->candidates == NULL || g->quiet == NULL || g->hits == NULL ||
	    g->scratch == NULL || g->regex == NULL) {
		err_set(e, ENOMEM, "no memory for the engine");
		engine_free(g);
		return NULL;
	}
	for (unsigned i = 0; i < plan->n_lanes; i++)
		if (lane_new(&g->lanes[i], max_text, ENGINE_MAX_EVENTS, e) != 0) {
			engine_free(g);
			return NULL;
		}
	engine_begin(g);
	return g;
}

void engine_free(struct engine *g)
{
	if (g == NULL)
		return;
	for (unsigned i = 0; i < LANE_MAX; i++) {
		struct lane_buf *l = &g->lanes[i];

		if (l->p != NULL)
			free(l->p - FILTER_BEFORE);
		free(l->texts);
		free(l->first);
		free(l->last_end);
	}
	free(g->events);
	free(g->candidates);
	free(g->quiet);
	free(g->hits);
	free(g->scratch);
	regex_ctx_free(g->regex);
	free(g);
}

void engine_begin(struct engine *g)
{
	for (unsigned i = 0; i < g->plan->n_lanes; i++)
		g->lanes[i].n = g->lanes[i].n_texts = 0;
	g->n_events = 0;
	g->n_hits = 0;
}

unsigned engine_classes(const struct event *ev, bool proxy)
{
	bool http = false;
	bool syslog = false;
	bool audit = false;

	for (unsigned i = 0; i < ev->n_attrs; i++)
		switch (ev->attrs[i].key) {
		case ATTR_HTTP_METHOD:
		case ATTR_URL_PATH:
		case ATTR_URL_ORIGINAL:
		case ATTR_HTTP_STATUS:
			http = true;
			break;
		case ATTR_AUDIT_SERIAL:
			audit = true;
			break;
		case ATTR_PROCESS_NAME:
		case ATTR_MESSAGE:
			syslog = true;
			break;
		default:
			break;
		}
	if (http)
		return proxy ? CLASS_PROXY : CLASS_WEB;
	if (audit) {
		unsigned c = CLASS_AUDITD;

		if (event_get(ev, ATTR_PROCESS_COMMAND).p != NULL)
			c |= CLASS_PROCESS;
		return c;
	}
	return syslog ? CLASS_SYSLOG : CLASS_OTHER;
}

/* ---- candidates ---- */

static void candidate(struct engine *g, unsigned event, unsigned rule)
{
	g->candidates[(size_t)event * g->words + rule / 64] |= 1ULL << rule % 64;
}

static void look_up(struct engine *g, unsigned event, enum index_kind kind, struct slice value)
{
	const struct trigger_plan *p = g->plan;
	uint64_t h = trigger_hash(kind, value);
	unsigned lo = 0;
	unsigned hi = p->n_index;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (p->index[mid].hash < h)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < p->n_index && p->index[lo].hash == h; lo++)
		candidate(g, event, p->index[lo].rule);
}

static void look_up_event(struct engine *g, unsigned event)
{
	const struct event *ev = g->events[event].ev;
	const bool *kinds = g->plan->kinds;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		const struct attr *a = &ev->attrs[i];
		struct slice v = { a->p, a->n };

		switch (a->key) {
		case ATTR_HTTP_STATUS:
			if (kinds[INDEX_STATUS])
				look_up(g, event, INDEX_STATUS, v);
			break;
		case ATTR_HTTP_METHOD:
		case ATTR_HTTP_METHOD_ORIGINAL:
			if (kinds[INDEX_METHOD])
				look_up(g, event, INDEX_METHOD, v);
			break;
		case ATTR_PROCESS_NAME:
			if (kinds[INDEX_PROGRAM]) {
				struct slice rest;

				look_up(g, event, INDEX_PROGRAM, v);
				if (slice_cut(v, '-', &v, &rest))
					look_up(g, event, INDEX_PROGRAM, v);
			}
			break;
		case ATTR_AUDIT_TYPE:
			while (kinds[INDEX_AUDIT_TYPE] && v.n > 0) {
				struct slice one;

				slice_cut(v, ',', &one, &v);
				look_up(g, event, INDEX_AUDIT_TYPE, one);
			}
			break;
		default:
			break;
		}
	}
}

bool engine_add(struct engine *g, struct event *ev, unsigned classes)
{
	unsigned i = g->n_events;

	if (i == ENGINE_MAX_EVENTS)
		return false;
	g->events[i] = (struct engine_event){ .ev = ev, .classes = classes };
	if (!texts_add(g, i))
		return false;
	g->n_events++;
	memset(g->candidates + (size_t)i * g->words, 0, sizeof(*g->candidates) * g->words);
	look_up_event(g, i);
	for (unsigned k = 0; k < g->plan->n_always; k++)
		if (g->rs->rules[g->plan->always[k]].classes & classes)
			candidate(g, i, g->plan->always[k]);
	return true;
}

struct scan {
	struct engine *g;
	struct lane_buf *l;
	unsigned at; /* text of the last report */
};

static void on_window(void *ctx, uint32_t tag, ptrdiff_t pos)
{
	struct scan *s = ctx;
	struct lane_buf *l = s->l;

	/* a window that starts on a separator belongs to the text behind it */
	while (s->at + 1 < l->n_texts && (ptrdiff_t)l->texts[s->at + 1].off - 1 <= pos)
		s->at++;
	while (s->at > 0 && (ptrdiff_t)l->texts[s->at].off - 1 > pos)
		s->at--;

	struct text *t = &l->texts[s->at];

	t->touched = true;
	candidate(s->g, t->event, tag);
}

static void learn_quiet(struct engine *g, unsigned lane, enum attr_key key)
{
	struct lane_buf *l = &g->lanes[lane];

	for (unsigned i = 0; i < l->n_texts;) {
		uint32_t event = l->texts[i].event;
		bool touched = false;

		for (; i < l->n_texts && l->texts[i].event == event; i++)
			touched = touched || l->texts[i].touched;
		if (!touched && !g->events[event].is_cut)
			texts_remember_quiet(g, lane, event_get(g->events[event].ev, key));
	}
}

static void scan_lanes(struct engine *g)
{
	for (unsigned i = 0; i < g->plan->n_lanes; i++) {
		struct scan s = { g, &g->lanes[i], 0 };

		if (g->plan->filters[i] == NULL || s.l->n == 0)
			continue;
		filter_scan(
		    g->plan->filters[i], (const uint8_t *)s.l->p, s.l->n - 1, on_window, &s);
	}
	learn_quiet(g, LANE_AGENT, ATTR_USER_AGENT);
	learn_quiet(g, LANE_REFERER, ATTR_HTTP_REFERER);
}

/* ---- verdicts ---- */

/* What an event's rules came to. */
struct outcome {
	struct detection found[EVENT_MAX_DETECTIONS];
	enum level level[EVENT_MAX_DETECTIONS];
	unsigned n;
	struct {
		const struct rule *rule;
		struct evidence ev;
	} parts[64];
	unsigned n_parts;
	struct buf undecided; /* names of rules */
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

static void detect(
    struct outcome *o, const struct rule *r, const struct evidence *ev, struct arena *a)
{
	struct detection d = { .rule = r->name,
		.id = r->id,
		.category = slice_of(category_names[r->category]),
		.level = slice_of(level_names[r->level]) };

	if (ev->found) {
		d.field = field_output_name(&ev->field);
		d.match = keep_match(a, ev->match);
		d.form = form_names[ev->form];
	}
	add_detection(o, &d, r->level);
}

static void hit(struct engine *g, unsigned event, const struct rule *r)
{
	if (g->n_hits < g->cap_hits)
		g->hits[g->n_hits++] = (struct hit){ event, (uint32_t)(r - g->rs->rules) };
}

static void undecided(struct engine *g, struct outcome *o, struct rule *r)
{
	atomic_fetch_add_explicit(&r->undecided, 1, memory_order_relaxed);
	g->undecided++;
	if (o->undecided.n > 0)
		buf_char(&o->undecided, ',');
	buf_slice(&o->undecided, r->name);
}

static void decide(
    struct engine *g, unsigned event, struct rule *r, struct outcome *o, struct arena *a)
{
	struct evidence ev;

	atomic_fetch_add_explicit(&r->candidates, 1, memory_order_relaxed);
	switch (eval_rule(g, event, r, &ev)) {
	case VERDICT_NO:
		return;
	case VERDICT_UNDECIDED:
		undecided(g, o, r);
		return;
	case VERDICT_YES:
		break;
	}
	atomic_fetch_add_explicit(&r->hits, 1, memory_order_relaxed);
	if (r->weight > 0) {
		if (o->n_parts < sizeof(o->parts) / sizeof(*o->parts)) {
			o->parts[o->n_parts].rule = r;
			o->parts[o->n_parts++].ev = ev;
		}
		return;
	}
	hit(g, event, r);
	if (r->generate)
		detect(o, r, &ev, a);
}

static bool overlaps(const struct evidence *x, const struct evidence *y)
{
	return x->text == y->text && x->start < y->end && y->start < x->end;
}

/* Sum of weights of one category: of parts on overlapping bytes only the heaviest counts. */
static unsigned score(const struct outcome *o, enum category c, unsigned *level)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < o->n_parts; i++) {
		bool counts = o->parts[i].rule->category == c;

		for (unsigned k = 0; counts && k < o->n_parts; k++)
			if (k != i && o->parts[k].rule->category == c &&
			    overlaps(&o->parts[i].ev, &o->parts[k].ev) &&
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

/* The parts as text: rule=match, one after the other. */
static struct slice part_list(const struct outcome *o, enum category c, struct arena *a)
{
	struct buf b = { .max = 4096 };
	unsigned n = 0;

	for (unsigned i = 0; i < o->n_parts && n < SCORE_PARTS; i++) {
		if (o->parts[i].rule->category != c)
			continue;

		struct slice m = o->parts[i].ev.match;

		buf_printf(&b, "%s%.*s=%.*s", n++ > 0 ? "; " : "",
		    SLICE_ARG(o->parts[i].rule->name), m.n > 48 ? 48 : (int)m.n,
		    m.p != NULL ? m.p : "");
	}

	struct slice s = keep_match(a, buf_as_slice(&b));

	buf_free(&b);
	return s;
}

static void score_all(struct outcome *o, struct arena *a)
{
	for (unsigned c = 0; c < CATEGORY_N && o->n_parts > 0; c++) {
		unsigned level = LEVEL_MEDIUM;

		if (score(o, (enum category)c, &level) < SCORE_ENOUGH)
			continue;

		struct buf name = { .max = 128 };

		buf_printf(&name, "web.%s.score", category_names[c]);

		struct detection d = { .rule = arena_copy(a, buf_as_slice(&name)),
			.category = slice_of(category_names[c]),
			.level = slice_of(level_names[level]),
			.field = SLICE("url.full"),
			.match = part_list(o, (enum category)c, a),
			.form = SLICE("score") };

		buf_free(&name);
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

void engine_run(struct engine *g, struct arena *a)
{
	struct outcome o;

	if (!g->reference)
		scan_lanes(g);
	for (unsigned i = 0; i < g->n_events; i++) {
		uint64_t *row = g->candidates + (size_t)i * g->words;
		bool any = g->events[i].is_cut || g->reference;

		for (unsigned w = 0; w < g->words; w++)
			any = any || row[w] != 0;
		if (!any)
			continue;
		o.n = o.n_parts = 0;
		o.undecided = (struct buf){ .max = 1024 };
		for (unsigned w = 0; w < g->words; w++)
			for (uint64_t bits = g->reference ? ~0ULL : row[w]; bits != 0;
			     bits &= bits - 1) {
				unsigned r = w * 64 + (unsigned)__builtin_ctzll(bits);

				if (r < g->rs->n_rules && !g->rs->rules[r].disabled)
					decide(g, i, &g->rs->rules[r], &o, a);
			}
		finish(g, i, &o, a);
	}
}
