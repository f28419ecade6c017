/* Laying out the texts of an event in their lanes. See engine.h. */
#include "detect/engine.h"
#include "match/filter.h"

#include <xxhash.h>

enum { QUIET_SETS = 4096, QUIET_WAYS = 2, MAX_PARAMS = 64 };

/* Append one text (LF becomes CR) and the separator behind it. */
static struct text *put(struct lane_buf *l, unsigned event, struct slice s)
{
	if (l->n_texts == l->cap_texts || s.n + 1 > l->cap - l->n)
		return NULL;

	struct text *t = &l->texts[l->n_texts++];
	char *to = l->p + l->n;

	*t = (struct text){
		.off = (uint32_t)l->n, .len = (uint32_t)s.n, .event = event, .path_n = (uint32_t)s.n
	};
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	for (char *lf = to; s.n > 0 && (lf = memchr(lf, '\n', s.n - (size_t)(lf - to))) != NULL;)
		*lf = '\r';
	to[s.n] = '\n';
	l->n += s.n + 1;
	return t;
}

/* The same; a long text becomes its head and its tail. */
static void put_cut(struct engine *g, unsigned lane, unsigned event, struct slice s, enum form form)
{
	struct lane_buf *l = &g->lanes[lane];
	struct text *t;

	if (s.n <= ENGINE_TEXT_MAX) {
		t = put(l, event, s);
		if (t != NULL)
			t->form = (uint8_t)form;
		return;
	}
	g->events[event].is_cut = true;
	t = put(l, event, slice_head(s, ENGINE_TEXT_MAX / 2));
	if (t != NULL)
		t->form = (uint8_t)form;
	t = put(l, event, slice_from(s, s.n - ENGINE_TEXT_MAX / 2));
	if (t != NULL)
		t->form = (uint8_t)form;
}

/* ---- one value in all its forms: agent, referer, cookie, parameters ---- */

static void forms(struct engine *g, unsigned lane, unsigned event, struct slice raw, bool plus)
{
	unsigned look = canon_look(raw);
	struct slice s = raw;
	char *to = g->scratch;

	if (look & CANON_ESCAPE) {
		s = (struct slice){ to, canon_unescape(raw, to) };
		to += s.n;
		look |= canon_look(s);
	}
	put_cut(g, lane, event, s, FORM_WRITTEN);
	if (g->no_canonical)
		return;
	for (unsigned round = 0; round < 2 && (look & (CANON_PERCENT | (plus ? CANON_PLUS : 0u)));
	     round++) {
		struct slice d = { to, canon_percent(s, plus, to) };

		if (slice_eq(d, s))
			break;
		s = d;
		to += s.n;
		put_cut(g, lane, event, s, round == 0 ? FORM_DECODED : FORM_DECODED2);
		look = canon_look(s) | (look & CANON_SQUASH);
	}
	if (look & (CANON_SQUASH | CANON_PERCENT)) {
		struct slice q = { to, canon_squash(s, false, to) };

		if (!slice_eq(q, s))
			put_cut(g, lane, event, q, FORM_SQUASHED);
		to += q.n;
	}

	size_t n = canon_base64(s, to);

	if (n > 0)
		put_cut(g, lane, event, (struct slice){ to, n }, FORM_BASE64);
}

/* ---- the request target ---- */

/* path?query as one text; the path's end is remembered. */
static void put_uri(
    struct engine *g, unsigned event, struct slice path, const struct slice *query, enum form form)
{
	struct lane_buf *l = &g->lanes[LANE_URI];
	size_t n = path.n + (query != NULL ? query->n + 1 : 0);

	if (n > ENGINE_TEXT_MAX) { /* rare: the parts by themselves, each cut */
		put_cut(g, LANE_URI, event, path, form);
		if (query != NULL) {
			unsigned from = l->n_texts;

			put_cut(g, LANE_URI, event, *query, form);
			for (unsigned i = from; i < l->n_texts; i++) {
				l->texts[i].path_n = 0;
				l->texts[i].has_query = true;
			}
		}
		return;
	}

	struct text *t = put(l, event, path);

	if (t == NULL)
		return;
	t->form = (uint8_t)form;
	if (query == NULL || query->n + 1 > l->cap - l->n)
		return;

	char *to = l->p + l->n - 1; /* over the separator */

	*to = '?';
	if (query->n > 0)
		memcpy(to + 1, query->p, query->n);
	to[query->n + 1] = '\n';
	t->has_query = true;
	t->len += (uint32_t)query->n + 1;
	l->n += query->n + 1;
}

static struct slice percent(struct slice s, bool plus, char **to)
{
	struct slice d = { *to, canon_percent(s, plus, *to) };

	*to += d.n;
	return d;
}

static void add_uri(
    struct engine *g, unsigned event, struct slice path, const struct slice *query_in)
{
	struct slice query = query_in != NULL ? *query_in : (struct slice){ 0 };
	const struct slice *q = query_in != NULL ? &query : NULL;
	unsigned look_p = canon_look(path);
	unsigned look_q = canon_look(query);
	char *to = g->scratch;

	if ((look_p | look_q) & CANON_ESCAPE) {
		path = (struct slice){ to, canon_unescape(path, to) };
		to += path.n;
		query = (struct slice){ to, canon_unescape(query, to) };
		to += query.n;
		look_p |= canon_look(path);
		look_q |= canon_look(query);
	}
	put_uri(g, event, path, q, FORM_WRITTEN);
	if (g->no_canonical)
		return;
	for (unsigned round = 0; round < 2; round++) {
		if ((look_p & CANON_PERCENT) == 0 && (look_q & (CANON_PERCENT | CANON_PLUS)) == 0)
			break;

		struct slice p2 = percent(path, false, &to);
		struct slice q2 = percent(query, true, &to);

		if (slice_eq(p2, path) && slice_eq(q2, query))
			break;
		path = p2;
		query = q2;
		put_uri(g, event, path, q, round == 0 ? FORM_DECODED : FORM_DECODED2);
		look_p = canon_look(path) | (look_p & CANON_SQUASH);
		look_q = canon_look(query) | (look_q & CANON_SQUASH);
	}
	if (((look_p | look_q) & (CANON_SQUASH | CANON_PERCENT | CANON_ESCAPE)) == 0)
		return;

	struct slice p3 = { to, canon_squash(path, true, to) };

	to += p3.n;

	struct slice q3 = { to, canon_squash(query, false, to) };

	if (slice_eq(p3, path) && slice_eq(q3, query))
		return;
	path = p3;
	query = q3;
	put_uri(g, event, path, q, FORM_SQUASHED);
}

static void add_params(struct engine *g, unsigned event, struct slice query)
{
	struct lane_buf *l = &g->lanes[LANE_PARAM];

	for (unsigned n = 0; query.n > 0 && n < MAX_PARAMS; n++) {
		struct slice pair;
		struct slice name;
		struct slice value;

		slice_cut(query, '&', &pair, &query);
		if (n == MAX_PARAMS - 1 && query.n > 0) /* the rest counts as one value */
			pair.n = (size_t)(query.p + query.n - pair.p);

		bool has_value = slice_cut(pair, '=', &name, &value);
		unsigned from = l->n_texts;

		forms(g, LANE_PARAM, event, name, true);
		for (unsigned i = from; i < l->n_texts; i++)
			l->texts[i].is_name = true;
		if (has_value && value.n > 0)
			forms(g, LANE_PARAM, event, value, true);
		if (n == MAX_PARAMS - 1)
			break;
	}
}

/* ---- values that repeat ---- */

static void quiet_hash(const struct engine *g, struct slice s, uint64_t h[2])
{
	XXH128_hash_t x = XXH3_128bits_withSeed(s.p, s.n, g->seed);

	h[0] = x.low64 | 1; /* never the empty slot */
	h[1] = x.high64;
}

static struct quiet_entry *quiet_set(const struct engine *g, unsigned lane, const uint64_t h[2])
{
	return g->quiet + ((h[1] + lane) % QUIET_SETS) * QUIET_WAYS;
}

static bool is_quiet(const struct engine *g, unsigned lane, struct slice s)
{
	uint64_t h[2];

	quiet_hash(g, s, h);
	h[1] += lane;

	const struct quiet_entry *e = quiet_set(g, lane, h);

	for (unsigned i = 0; i < QUIET_WAYS; i++)
		if (e[i].hash[0] == h[0] && e[i].hash[1] == h[1])
			return true;
	return false;
}

void texts_remember_quiet(struct engine *g, unsigned lane, struct slice s)
{
	uint64_t h[2];

	quiet_hash(g, s, h);
	h[1] += lane;

	struct quiet_entry *e = quiet_set(g, lane, h);

	if (e[0].hash[0] == h[0] && e[0].hash[1] == h[1])
		return;
	e[1] = e[0]; /* the older of the two goes */
	memcpy(e[0].hash, h, sizeof(h));
}

/* ---- an event ---- */

static bool wanted(const struct engine *g, unsigned lane)
{
	return g->plan->filters[lane] != NULL || g->reference;
}

static void add_attr_lanes(struct engine *g, unsigned event)
{
	const struct trigger_plan *p = g->plan;
	const struct event *ev = g->events[event].ev;

	for (unsigned lane = LANE_FIRST_ATTR; lane < p->n_lanes; lane++) {
		const struct field *f = &p->lane_field[lane];

		for (unsigned i = 0; i < ev->n_attrs; i++) {
			const struct attr *a = &ev->attrs[i];

			if (a->key == f->key &&
			    (f->kind == FIELD_ATTR || slice_eq(attr_name(a), f->name)))
				put_cut(g, lane, event, (struct slice){ a->p, a->n }, FORM_WRITTEN);
		}
	}
}

static void add_value_lane(struct engine *g, unsigned event, unsigned lane, bool force)
{
	static const enum attr_key keys[] = { [LANE_AGENT] = ATTR_USER_AGENT,
		[LANE_REFERER] = ATTR_HTTP_REFERER,
		[LANE_COOKIE] = ATTR_HTTP_COOKIE };
	struct slice v = event_get(g->events[event].ev, keys[lane]);

	if (v.p == NULL || (!force && (!wanted(g, lane) || (!g->reference && lane != LANE_COOKIE &&
							       is_quiet(g, lane, v)))))
		return;
	forms(g, lane, event, v, false);
}

static void add_lane(struct engine *g, unsigned event, unsigned lane, bool force)
{
	const struct event *ev = g->events[event].ev;
	struct slice path = event_get(ev, ATTR_URL_PATH);
	struct slice query = event_get(ev, ATTR_URL_QUERY);

	switch (lane) {
	case LANE_URI:
		if (path.p == NULL)
			path = event_get(ev, ATTR_URL_ORIGINAL);
		if (path.p != NULL)
			add_uri(g, event, path, query.p != NULL ? &query : NULL);
		break;
	case LANE_PARAM:
		if (query.p != NULL)
			add_params(g, event, query);
		break;
	case LANE_AGENT:
	case LANE_REFERER:
	case LANE_COOKIE:
		add_value_lane(g, event, lane, force);
		break;
	default:
		put_cut(g, LANE_BODY, event, ev->body, FORM_WRITTEN);
	}
}

static bool has_room(const struct engine *g, const struct event *ev)
{
	size_t need = 6 * (ev->body.n + 64);

	for (unsigned i = 0; i < ev->n_attrs; i++) /* values out of the arena count as well */
		need += 6 * (size_t)ev->attrs[i].n;
	for (unsigned lane = 0; lane < g->plan->n_lanes; lane++) {
		const struct lane_buf *l = &g->lanes[lane];

		if (need > l->cap - l->n || l->cap_texts - l->n_texts < 6 * MAX_PARAMS * 2)
			return false;
	}
	return need <= g->cap_scratch;
}

bool texts_add(struct engine *g, unsigned event)
{
	bool web = (g->events[event].classes & (CLASS_WEB | CLASS_PROXY)) != 0;

	for (unsigned lane = 0; lane < g->plan->n_lanes; lane++)
		g->lanes[lane].first[event] = g->lanes[lane].last_end[event] =
		    g->lanes[lane].n_texts;
	if (!has_room(g, g->events[event].ev)) {
		g->events[event].is_cut = event == 0; /* larger than any batch: said, not hidden */
		return event == 0;
	}
	for (unsigned lane = LANE_URI; lane < LANE_BODY; lane++)
		if (web && wanted(g, lane) && (lane != LANE_PARAM || g->plan->params))
			add_lane(g, event, lane, false);
	if (wanted(g, LANE_BODY))
		add_lane(g, event, LANE_BODY, false);
	if (!web || g->plan->n_lanes > LANE_FIRST_ATTR)
		add_attr_lanes(g, event);
	for (unsigned lane = 0; lane < g->plan->n_lanes; lane++)
		g->lanes[lane].last_end[event] = g->lanes[lane].n_texts;
	return true;
}

const struct text *texts_of(struct engine *g, unsigned event, unsigned lane, unsigned *n)
{
	struct lane_buf *l = &g->lanes[lane];

	if (l->first[event] ==
	    l->last_end[event]) { /* left out: no window is in it, but a rule asks */
		uint32_t from = l->n_texts;

		if (lane < LANE_FIRST_ATTR)
			add_lane(g, event, lane, true);
		l->first[event] = from;
		l->last_end[event] = l->n_texts;
	}
	*n = l->last_end[event] - l->first[event];
	return l->texts + l->first[event];
}
