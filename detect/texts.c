/* Laying out the texts of an event in their lanes. See engine.h. */
#include "detect/engine.h"
#include "detect/records.h"
#include "detect/texts_lay.h"

/* ---- the request target ---- */

/* path?query as one text; the path's end is remembered. */
static void put_uri(
    struct engine *g, unsigned event, struct slice path, const struct slice *query, enum form form)
{
	struct lane_buf *l = &g->lanes[LANE_URI];
	size_t n = path.n + (query != NULL ? query->n + 1 : 0);

	if (n > ENGINE_TEXT_MAX) { /* rare: the parts by themselves, each cut */
		lay_cut(g, LANE_URI, event, path, form);
		if (query != NULL) {
			unsigned from = l->n_texts;

			lay_cut(g, LANE_URI, event, *query, form);
			for (unsigned i = from; i < l->n_texts; i++) {
				l->texts[i].path_n = 0;
				l->texts[i].has_query = true;
			}
		}
		return;
	}

	struct text *t = lay_text(l, event, path);

	if (t == NULL)
		return;
	t->form = (uint8_t)form;
	if (query == NULL || query->n + 1 > LANE_BYTES - l->n)
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

/* One round; false: it is as it was. look: what is in it then, and of its blanks what ever was. */
static bool decode(struct slice *s, bool plus, unsigned *look, char **to)
{
	struct slice d = { *to, canon_percent(*s, plus, *to) };

	if (slice_eq(d, *s))
		return false;
	*to += d.n;
	*look = canon_look(d) | (*look & (CANON_SQUASH | CANON_PATH));
	*s = d;
	return true;
}

/* True: squashing changed it, so a form of a parameter may not be part of what was laid out. */
static bool add_uri(struct engine *g, unsigned event, struct slice path,
    const struct slice *query_in, unsigned look_q)
{
	struct slice query = query_in != NULL ? *query_in : (struct slice){ 0 };
	const struct slice *q = query_in != NULL ? &query : NULL;
	unsigned look_p = canon_look(path);
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
		return false;
	lay_segment(g, event, path, to);
	for (unsigned round = 0; round < 2; round++) {
		bool changed = false;

		if (look_p & CANON_PERCENT)
			changed = decode(&path, false, &look_p, &to);
		if (look_q & (CANON_PERCENT | CANON_PLUS))
			changed = decode(&query, true, &look_q, &to) || changed;
		if (!changed)
			break;
		put_uri(g, event, path, q, round == 0 ? FORM_DECODED : FORM_DECODED2);
	}
	if ((look_p & (CANON_SQUASH | CANON_PERCENT | CANON_ESCAPE | CANON_PATH)) == 0 &&
	    (look_q & (CANON_SQUASH | CANON_PERCENT | CANON_ESCAPE)) == 0)
		return false;

	struct slice p3 = { to, canon_squash(path, true, to) };

	to += p3.n;

	struct slice q3 = { to, canon_squash(query, false, to) };

	bool changed = !slice_eq(q3, query);

	if (!changed && slice_eq(p3, path))
		return false;
	path = p3;
	query = q3;
	put_uri(g, event, path, q, FORM_SQUASHED);
	return changed;
}

/* What is laid out between the two is the value of the parameter whose name is text `name` - 1. */
struct marks {
	unsigned param, uri;
};

static struct marks names_begin(const struct engine *g)
{
	return (struct marks){ g->lanes[LANE_PARAM].n_texts, g->lanes[LANE_URI].n_texts };
}

static void names_end(struct engine *g, struct marks from, unsigned name)
{
	for (; from.param < g->lanes[LANE_PARAM].n_texts; from.param++)
		g->lanes[LANE_PARAM].texts[from.param].name = name;
	for (; from.uri < g->lanes[LANE_URI].n_texts; from.uri++)
		g->lanes[LANE_URI].texts[from.uri].name = name;
}

/* The pairs of a query in which nothing is encoded: laid out in one go. */
static void add_plain_params(struct engine *g, unsigned event, struct slice query)
{
	struct lane_buf *names = &g->lanes[LANE_NAME];
	struct lane_buf *values = &g->lanes[LANE_PARAM];
	const char *end = query.p + query.n;

	for (const char *p = query.p; p < end;) {
		struct slice name = { p, 0 };
		struct slice value;
		struct marks from;

		while (p < end && *p != '=' && *p != '&')
			p++;
		name.n = (size_t)(p - name.p);
		lay_text(names, event, name);
		if (p == end || *p++ == '&')
			continue;
		value = (struct slice){ p, 0 };
		while (p < end && *p != '&')
			p++;
		value.n = (size_t)(p++ - value.p);
		if (value.n == 0)
			continue;
		from = names_begin(g);
		lay_text(values, event, value);
		if (!g->no_canonical)
			lay_base64(g, LANE_PARAM, event, value, g->scratch);
		names_end(g, from, names->n_texts);
	}
}

static void add_params(struct engine *g, unsigned event, struct slice query, unsigned look)
{
	if ((look & ~(unsigned)CANON_PATH) == 0 && query.n <= ENGINE_TEXT_MAX &&
	    canon_pairs(query) < ENGINE_MAX_PARAMS) {
		add_plain_params(g, event, query);
		return;
	}
	for (unsigned n = 0; query.n > 0 && n < ENGINE_MAX_PARAMS; n++) {
		struct slice pair;
		struct slice name;
		struct slice value;

		slice_cut(query, '&', &pair, &query);
		if (n == ENGINE_MAX_PARAMS - 1 && query.n > 0) /* the rest counts as one value */
			pair.n = (size_t)(query.p + query.n - pair.p);

		bool has_value = slice_cut(pair, '=', &name, &value);

		unsigned name_at = g->lanes[LANE_NAME].n_texts + 1;
		struct marks from;

		lay_forms(g, LANE_NAME, event, name, true);
		from = names_begin(g);
		if (has_value && value.n > 0)
			lay_forms(g, LANE_PARAM, event, value, true);
		names_end(g, from, name_at);
		if (n == ENGINE_MAX_PARAMS - 1)
			break;
	}
}

/*
 * Does a form of a name or a value hide a text as base64? As lay_forms() asks. look: of the query
 * it is of.
 */
static bool hides_base64(struct engine *g, struct slice value, unsigned look)
{
	char *to = g->scratch;

	if (value.n < BASE64_MIN || !canon_may_be_base64(value))
		return false;
	if (canon_base64(value, to) > 0)
		return true;
	for (unsigned round = 0; round < 2 && (look & (CANON_PERCENT | CANON_PLUS)) != 0; round++) {
		struct slice d = { to, canon_percent(value, true, to) };

		to += d.n;
		if (slice_eq(d, value))
			return false;
		if (canon_base64(d, to) > 0)
			return true;
		value = d;
	}
	return false;
}

/*
 * Is each form of each parameter part of a form of the target as it is, between bytes that end
 * it there? Then the target's windows find it (trigger.c), and it is laid out when a rule asks.
 */
static bool params_are_plain(struct engine *g, struct slice path, struct slice query, unsigned look)
{
	unsigned pairs = 0;

	if (g->no_canonical || g->reference || (look & CANON_ESCAPE) != 0 ||
	    path.n + query.n + 1 > ENGINE_TEXT_MAX || canon_hides_mark(query))
		return false;
	while (query.n > 0) {
		struct slice pair;
		struct slice name;
		struct slice value;

		slice_cut(query, '&', &pair, &query);
		if (++pairs == ENGINE_MAX_PARAMS)
			return false;
		slice_cut(pair, '=', &name, &value);
		if ((value.n > 0 && memchr(value.p, '=', value.n) != NULL) ||
		    hides_base64(g, name, look) || hides_base64(g, value, look))
			return false;
	}
	return true;
}

/* ---- an event ---- */

/* The attributes that have lanes of their own, found in one walk. */
struct parts {
	struct slice path, original, query, agent, referer, cookie;
};

static struct parts parts_of(const struct event *ev)
{
	struct parts p = { .path = { NULL, 0 } };

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		const struct attr *a = &ev->attrs[i];
		struct slice *to = a->key == ATTR_URL_PATH	 ? &p.path
				   : a->key == ATTR_URL_ORIGINAL ? &p.original
				   : a->key == ATTR_URL_QUERY	 ? &p.query
				   : a->key == ATTR_USER_AGENT	 ? &p.agent
				   : a->key == ATTR_HTTP_REFERER ? &p.referer
				   : a->key == ATTR_HTTP_COOKIE	 ? &p.cookie
								 : NULL;

		if (to != NULL && to->p == NULL)
			*to = (struct slice){ a->p, a->n };
	}
	return p;
}

static void add_attr_lanes(struct engine *g, unsigned event)
{
	const struct trigger_plan *p = g->plan;
	const struct event *ev = g->events[event].ev;

	for (const struct attr *a = ev->attrs; a < ev->attrs + ev->n_attrs; a++)
		for (uint32_t lanes = p->key_lanes[a->key]; lanes != 0; lanes &= lanes - 1) {
			unsigned lane = (unsigned)__builtin_ctz(lanes);
			const struct field *f = &p->lane_field[lane];

			if (lane_wanted(g, lane, g->events[event].classes) &&
			    (f->kind == FIELD_ATTR || slice_eq(attr_name(a), f->name)))
				lay_cut(g, lane, event, (struct slice){ a->p, a->n }, FORM_WRITTEN);
		}
}

/* An agent or referer that was seen before costs a hash; what it came to is remembered. */
static void add_value(struct engine *g, unsigned event, unsigned lane, struct slice v)
{
	struct engine_event *ee = &g->events[event];

	if (v.p == NULL || !lane_wanted(g, lane, ee->classes) ||
	    (!g->reference && values_known(g, event, lane, v)))
		return;
	lay_forms(g, lane, event, v, false);
}

static void add_web(struct engine *g, unsigned event)
{
	struct parts p = parts_of(g->events[event].ev);
	unsigned classes = g->events[event].classes;
	unsigned look = p.query.p != NULL ? canon_look(p.query) : 0;
	bool plain = false;

	if (p.path.p == NULL)
		p.path = p.original;
	if (p.path.p != NULL && lane_wanted(g, LANE_URI, classes))
		plain = !add_uri(g, event, p.path, p.query.p != NULL ? &p.query : NULL, look) &&
			params_are_plain(g, p.path, p.query, look);
	if (p.query.n > 0 && !plain &&
	    (lane_wanted(g, LANE_PARAM, classes) || lane_wanted(g, LANE_NAME, classes)))
		add_params(g, event, p.query, look);
	add_value(g, event, LANE_AGENT, p.agent);
	add_value(g, event, LANE_REFERER, p.referer);
	if (p.cookie.p != NULL && lane_wanted(g, LANE_COOKIE, classes))
		lay_forms(g, LANE_COOKIE, event, p.cookie, false);
}

/* Room is counted in the most that any lane can need, so one sum stands for all lanes. */
static bool has_room(struct engine *g, const struct event *ev)
{
	size_t need = FORMS_MAX * (ev->body.n + 64);

	for (unsigned i = 0; i < ev->n_attrs; i++) /* values out of the arena count as well */
		if (ev->attrs[i].p < ev->body.p || ev->attrs[i].p >= ev->body.p + ev->body.n)
			need += FORMS_MAX * (size_t)ev->attrs[i].n;
	if (need > LANE_BYTES - g->laid ||
	    LANE_TEXTS - g->lanes[LANE_PARAM].n_texts < FORMS_MAX * ENGINE_MAX_PARAMS * 2)
		return false;
	g->laid += need;
	return true;
}

/* Each record and each decoded value; of an example without lines, its attributes. */
static void lay_out_records(struct engine *g, unsigned event)
{
	const struct records *rs = g->events[event].records;
	const struct event *ev = g->events[event].ev;

	for (unsigned i = 0; rs != NULL && i < rs->n; i++)
		lay_cut(g, LANE_RECORD, event, rs->line[i], FORM_WRITTEN);
	for (unsigned i = 0; rs != NULL && i < rs->n_fields; i++)
		lay_cut(g, LANE_RECORD, event, rs->fields[i].value, FORM_WRITTEN);
	for (unsigned i = 0; rs == NULL && i < ev->n_attrs; i++)
		lay_cut(g, LANE_RECORD, event, (struct slice){ ev->attrs[i].p, ev->attrs[i].n },
		    FORM_WRITTEN);
}

/* False: the batch is full. */
static bool add_records(struct engine *g, unsigned event)
{
	struct engine_event *ee = &g->events[event];
	struct records *rs = records_new(&g->records, ee->ev);

	if (event > 0 &&
	    ((rs == NULL && g->records.cap - g->records.used < RECORDS_BYTES / 2) ||
		LANE_TEXTS - g->lanes[LANE_RECORD].n_texts < 2 * (RECORDS_MAX + RECORD_FIELDS_MAX)))
		return false;
	ee->records = rs;
	ee->is_cut = ee->is_cut || (rs != NULL && rs->cut);
	if (lane_wanted(g, LANE_RECORD, ee->classes))
		lay_out_records(g, event);
	return true;
}

bool texts_add(struct engine *g, unsigned event)
{
	struct engine_event *ee = &g->events[event];

	for (unsigned i = 0; i < LANE_FIRST_ATTR; i++)
		ee->first[i] = g->lanes[i].n_texts;
	if (!has_room(g, ee->ev)) {
		ee->is_cut = event == 0; /* larger than any batch: said, not hidden */
		return event == 0;
	}
	if ((ee->classes & CLASS_AUDITD) != 0 && g->plan->records && !add_records(g, event))
		return false;
	if (ee->classes & (CLASS_WEB | CLASS_PROXY))
		add_web(g, event);
	if (lane_wanted(g, LANE_BODY, ee->classes))
		lay_cut(g, LANE_BODY, event, ee->ev->body, FORM_WRITTEN);
	add_attr_lanes(g, event);
	return true;
}

/* ---- an event's texts ---- */

/* Its first text among those that were scanned, which are in the order of events. */
static unsigned first_of(const struct engine *g, unsigned event, unsigned lane)
{
	const struct lane_buf *l = &g->lanes[lane];
	unsigned lo = 0;
	unsigned hi = l->n_scanned;

	if (lane < LANE_FIRST_ATTR)
		return g->events[event].first[lane];

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (l->texts[mid].event < event)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void begin_late(struct lane_buf *l, unsigned event)
{
	const struct text *last = l->texts + l->n_scanned - 1;

	l->n_texts = l->n_scanned;
	l->n = l->n_texts > 0 ? last->off + last->len + 1u : 0;
	l->late_event = event;
}

/* Laid out now, behind the others; only the last event that was asked for is kept. */
static void lay_out_late(struct engine *g, unsigned event, unsigned lane)
{
	struct parts p = parts_of(g->events[event].ev);

	begin_late(&g->lanes[lane], event);
	if (p.path.p == NULL)
		p.path = p.original;
	if (lane == LANE_URI && p.path.p != NULL)
		add_uri(g, event, p.path, p.query.p != NULL ? &p.query : NULL, canon_look(p.query));
	else if ((lane == LANE_PARAM || lane == LANE_NAME) && p.query.p != NULL) {
		begin_late(&g->lanes[LANE_NAME], event); /* both are filled */
		begin_late(&g->lanes[LANE_PARAM], event);
		add_params(g, event, p.query, canon_look(p.query));
	} else if (lane == LANE_AGENT && p.agent.p != NULL)
		lay_forms(g, lane, event, p.agent, false);
	else if (lane == LANE_REFERER && p.referer.p != NULL)
		lay_forms(g, lane, event, p.referer, false);
	else if (lane == LANE_COOKIE && p.cookie.p != NULL)
		lay_forms(g, lane, event, p.cookie, false);
	else if (lane == LANE_BODY)
		lay_cut(g, lane, event, g->events[event].ev->body, FORM_WRITTEN);
}

const struct text *texts_of(struct engine *g, unsigned event, unsigned lane, unsigned *n)
{
	struct lane_buf *l = &g->lanes[lane];
	unsigned from = first_of(g, event, lane);
	unsigned to = from;

	while (to < l->n_scanned && l->texts[to].event == event)
		to++;
	if (from == to) { /* no window is in it, or it is remembered, but a rule asks */
		if (l->late_event != event)
			lay_out_late(g, event, lane);
		from = l->n_scanned;
		to = l->n_texts;
	}
	*n = to - from;
	return l->texts + from;
}
