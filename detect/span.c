#include "detect/span.h"

/* The bytes from..to of a form of raw, in raw. */
static struct slice source(
    struct engine *g, struct slice raw, enum form form, size_t from, size_t to)
{
	struct slice text[2]; /* what is decoded, by round */
	char *room = g->scratch;
	unsigned rounds = form == FORM_DECODED2 ? 2 : form == FORM_DECODED ? 1 : 0;

	if (form >= FORM_SQUASHED || raw.n > ENGINE_TEXT_MAX)
		return raw;
	text[0] = (struct slice){ room, canon_unescape(raw, room) };
	if (rounds == 2) {
		room += text[0].n;
		text[1] = (struct slice){ room, canon_percent(text[0], false, room) };
	}
	while (rounds-- > 0) {
		from = canon_percent_source(text[rounds], from);
		to = canon_percent_source(text[rounds], to);
	}
	from = canon_unescape_source(raw, from);
	to = canon_unescape_source(raw, to);
	return (struct slice){ raw.p + from, to - from };
}

/* Path and query by themselves: between them there need not be one byte. */
static struct span of_target(
    struct engine *g, const struct event *ev, const struct text *t, size_t from, size_t to)
{
	struct slice path = event_get(ev, ATTR_URL_PATH);
	struct slice query = event_get(ev, ATTR_URL_QUERY);
	size_t n = t->path_n;
	size_t skip = n + (n > 0 || g->lanes[LANE_URI].p[t->off] == '?');
	struct span s = { 0 };

	if (path.p == NULL)
		path = event_get(ev, ATTR_URL_ORIGINAL);
	if (from < n)
		s.part[0] = source(g, path, t->form, from, to < n ? to : n);
	if (to > skip && query.p != NULL)
		s.part[1] = source(g, query, t->form, from > skip ? from - skip : 0, to - skip);
	return s;
}

/* The how manieth pair of the query a text of LANE_NAME is of: as written, each is laid out once.
 */
static unsigned pair_of(const struct lane_buf *names, unsigned event, unsigned name)
{
	unsigned n = 0;

	for (unsigned i = name + 1; i-- > 0 && names->texts[i].event == event;)
		n += names->texts[i].form == FORM_WRITTEN;
	return n;
}

static struct span of_pair(struct engine *g, const struct event *ev, unsigned lane,
    const struct text *t, size_t from, size_t to)
{
	const struct lane_buf *names = &g->lanes[LANE_NAME];
	unsigned name = lane == LANE_NAME ? (unsigned)(t - names->texts) : t->name - 1;
	struct slice rest = event_get(ev, ATTR_URL_QUERY);
	struct slice pair = rest;
	struct slice key = rest;
	struct slice value = rest;

	if (rest.n > ENGINE_TEXT_MAX)
		return (struct span){ { rest } };
	for (unsigned n = pair_of(names, t->event, name); n > 0; n--)
		slice_cut(rest, '&', &pair, &rest);
	slice_cut(pair, '=', &key, &value);
	return (struct span){ { source(g, lane == LANE_NAME ? key : value, t->form, from, to) } };
}

/* The value that a lane's texts are of. */
static struct slice value_of(const struct engine *g, const struct event *ev, unsigned lane)
{
	const struct field *f = &g->plan->lane_field[lane];

	switch (lane) {
	case LANE_AGENT:
		return event_get(ev, ATTR_USER_AGENT);
	case LANE_REFERER:
		return event_get(ev, ATTR_HTTP_REFERER);
	case LANE_COOKIE:
		return event_get(ev, ATTR_HTTP_COOKIE);
	case LANE_BODY:
		return ev->body;
	default:
		return f->kind == FIELD_ATTR ? event_get(ev, f->key) : event_get_named(ev, f->name);
	}
}

struct span span_of(struct engine *g, unsigned lane, const struct text *t, const struct evidence *e)
{
	const struct event *ev = g->events[t->event].ev;
	size_t from = (size_t)(e->match.p - g->lanes[lane].p) - t->off;
	size_t to = from + e->match.n;
	struct slice v;

	if (t->name > 0 || lane == LANE_NAME)
		return of_pair(g, ev, lane, t, from, to);
	if (lane == LANE_URI)
		return of_target(g, ev, t, from, to);
	v = value_of(g, ev, lane);
	if (lane >= LANE_BODY) /* laid out as it is, escapes and all */
		return (struct span){
			{ v.n > ENGINE_TEXT_MAX ? v : (struct slice){ v.p + from, e->match.n } }
		};
	return (struct span){ { source(g, v, t->form, from, to) } };
}

static bool overlap(struct slice a, struct slice b)
{
	return a.n > 0 && b.n > 0 && a.p < b.p + b.n && b.p < a.p + a.n;
}

bool span_overlaps(const struct span *a, const struct span *b)
{
	for (unsigned i = 0; i < 4; i++)
		if (overlap(a->part[i / 2], b->part[i % 2]))
			return true;
	return false;
}
