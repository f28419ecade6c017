#include "detect/engine.h"

#include "base/err.h"
#include "detect/records.h"
#include "match/filter.h"
#include "match/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int lane_new(struct lane_buf *l, struct err *e)
{
	char *mem = malloc(FILTER_BEFORE + LANE_BYTES + FILTER_AFTER);

	l->texts = malloc(sizeof(*l->texts) * LANE_TEXTS);
	if (mem == NULL || l->texts == NULL) {
		free(mem);
		return err_set(e, ENOMEM, "no memory for the texts of a batch");
	}
	memset(mem, '\n', FILTER_BEFORE);
	l->p = mem + FILTER_BEFORE;
	/* cppcheck-suppress memleak ; engine_free() gives it back from there */
	return 0;
}

static bool is_late(const struct rule *r)
{
	for (unsigned i = 0; i < r->n_nodes; i++)
		if (r->nodes[i].kind == NODE_ITEM &&
		    slice_eq(r->nodes[i].field.name, SLICE(ENGINE_VERIFICATION)))
			return true;
	return false;
}

static bool list_late(struct engine *g)
{
	g->late = malloc(sizeof(*g->late) * (g->rs->n_rules + 1));
	for (unsigned i = 0; i < g->rs->n_rules && g->late != NULL; i++)
		if (is_late(&g->rs->rules[i]))
			g->late[g->n_late++] = i;
	return g->late != NULL;
}

struct engine *engine_new(struct trigger_plan *plan, struct err *e)
{
	struct engine *g = calloc(1, sizeof(*g));
	uint64_t seed = (uint64_t)(uintptr_t)g;

	if (g == NULL) {
		err_set(e, ENOMEM, "no memory for the engine");
		return NULL;
	}
	g->plan = plan;
	g->rs = plan->rs;
	g->words = (plan->rs->n_rules + 63) / 64;
	g->cap_hits = ENGINE_MAX_HITS;
	g->events = calloc(ENGINE_MAX_EVENTS, sizeof(*g->events));
	g->candidates = calloc((size_t)ENGINE_MAX_EVENTS * (g->words + 1), sizeof(*g->candidates));
	g->hits = malloc(sizeof(*g->hits) * g->cap_hits);
	g->scratch = malloc(LANE_BYTES);
	g->regex = regex_ctx_new(e);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed ^= (uint64_t)clock(); /* at a boot without entropy */
	g->values = values_new(seed);
	if (g->events == NULL || g->candidates == NULL || g->values == NULL || g->hits == NULL ||
	    g->scratch == NULL || g->regex == NULL || !list_late(g)) {
		err_set(e, ENOMEM, "no memory for the engine");
		engine_free(g);
		return NULL;
	}
	if (plan->records && arena_init(&g->records, RECORDS_BYTES, e) != 0) {
		engine_free(g);
		return NULL;
	}
	for (unsigned i = 0; i < plan->n_lanes; i++)
		if (lane_new(&g->lanes[i], e) != 0) {
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
	}
	free(g->events);
	free(g->candidates);
	values_free(g->values);
	free(g->hits);
	free(g->scratch);
	free(g->late);
	arena_free(&g->records);
	regex_ctx_free(g->regex);
	free(g);
}

void engine_begin(struct engine *g)
{
	for (unsigned i = 0; i < g->plan->n_lanes; i++) {
		struct lane_buf *l = &g->lanes[i];

		l->n = l->n_texts = l->n_scanned = 0;
		l->late_event = UINT32_MAX;
	}
	values_begin(g->values);
	if (g->plan->records)
		arena_reset(&g->records);
	g->laid = 0;
	g->n_events = 0;
	g->n_hits = 0;
	g->n_differences = 0;
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
	if (audit)
		return records_classes(ev);
	return syslog ? CLASS_SYSLOG : CLASS_OTHER;
}

/* ---- candidates ---- */

static unsigned first_with(const struct trigger_plan *p, uint64_t hash)
{
	unsigned lo = 0;
	unsigned hi = p->n_index;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (p->index[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Methods, states and programs are few: most were looked up a few lines ago. */
static void look_up(struct engine *g, unsigned event, enum index_kind kind, struct slice value)
{
	const struct trigger_plan *p = g->plan;
	struct looked_up *l = &g->looked_up[kind];

	if (value.n != l->n || value.n == 0 || memcmp(value.p, l->text, value.n) != 0) {
		l->hash = trigger_hash(kind, value);
		l->first = first_with(p, l->hash);
		l->n = value.n <= sizeof(l->text) ? (uint8_t)value.n : 0;
		if (l->n > 0)
			memcpy(l->text, value.p, l->n);
	}
	for (unsigned i = l->first; i < p->n_index && p->index[i].hash == l->hash; i++)
		engine_candidate(g, event, p->index[i].rule);
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
			g->events[event].denied = deny_row(&g->plan->deny, v);
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
	for (unsigned w = 0; w < g->words; w++)
		g->candidates[(size_t)i * g->words + w] = 0;
	if (!texts_add(g, i))
		return false;
	g->n_events++;
	look_up_event(g, i);
	for (unsigned k = 0; k < g->plan->n_always; k++) {
		const struct rule *r = &g->rs->rules[g->plan->always[k]];

		if ((r->classes & classes) != 0 && !(r->agent_only && g->events[i].agent_known))
			engine_candidate(g, i, g->plan->always[k]);
	}
	return true;
}

struct scan {
	struct engine *g;
	struct lane_buf *l;
	unsigned at; /* text of the last report */
	bool is_agent;
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
	engine_candidate(s->g, t->event, tag);
	if (s->is_agent && !s->g->rs->rules[tag].agent_only)
		values_other(s->g, t->event, tag);
}

static void scan_lanes(struct engine *g)
{
	for (unsigned i = 0; i < g->plan->n_lanes; i++) {
		struct scan s = { g, &g->lanes[i], 0, i == LANE_AGENT };

		s.l->n_scanned = s.l->n_texts;
		if (g->plan->filters[i] == NULL || s.l->n == 0 || g->reference)
			continue;
		filter_scan(
		    g->plan->filters[i], (const uint8_t *)s.l->p, s.l->n - 1, on_window, &s);
	}
	values_learn_quiet(g);
}

/* Decide every event that has a candidate. */
void engine_run(struct engine *g, struct arena *a)
{
	scan_lanes(g);
	for (unsigned i = 0; i < g->n_events; i++) {
		bool any = g->events[i].is_cut || g->reference;

		if (g->check_one_in != 0 && ++g->since_check >= g->check_one_in &&
		    !g->events[i].is_cut) /* what is cut is said, and differs by right */
			check_event(g, i);

		for (unsigned w = 0; w < g->words; w++)
			any = any || engine_candidates(g, i, w) != 0;
		if (any)
			decide_event(g, i, a);
	}
	values_learn_agents(g);
}
