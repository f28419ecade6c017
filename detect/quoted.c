#include "detect/quoted.h"

/* What the innermost brackets hold: `comment[body]`, as a form's field or percent-encoded. */
static struct slice in_brackets(struct slice name)
{
	const char *to = name.p + name.n;
	const char *from;

	if (name.n > 2 && to[-1] == ']')
		to--;
	else if (name.n > 6 && memcmp(to - 3, "%5", 2) == 0 && (to[-1] | 0x20) == 'd')
		to -= 3;
	else
		return name;
	for (from = to; from > name.p; from--)
		if (from[-1] == '[' || (from - name.p >= 3 && memcmp(from - 3, "%5", 2) == 0 &&
					   (from[-1] | 0x20) == 'b'))
			break;
	return (struct slice){ from, (size_t)(to - from) };
}

/* Does a person type the value of a parameter of that name? */
static bool is_typed(struct slice name)
{
	static const char *const names[] = { "q", "query", "search", "s", "k", "kw", "keyword",
		"keywords", "term", "terms", "text", "title", "subject", "message", "msg",
		"comment", "body", "content", "description", "question", "find", "phrase",
		"searchterm", "search_term", "search_query", "searchquery", "note", "notes", "memo",
		"bio", "about", "reply", "caption", "review", "feedback",
		/* languages of search boxes, which look like SQL: Jira, Confluence, Kibana, Grafana
		 */
		"jql", "cql", "kql", "lucene", "promql", "logql", "traceql" };

	name = in_brackets(name);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq_nocase(name, slice_of(names[i])))
			return true;
	return false;
}

/* By the & and = of the text that the evidence was found in. */
static bool by_text(const struct text *t, const char *base, const struct evidence *e)
{
	const char *query = base + t->off + t->path_n;
	const char *name = e->text + e->start;
	const char *to = e->text + e->end;
	const char *equals;

	while (name > query && name[-1] != '&' && name[-1] != '?')
		name--;
	equals = memchr(name, '=', (size_t)(to - name));
	return equals != NULL && memchr(name, '&', (size_t)(to - name)) == NULL &&
	       is_typed((struct slice){ name, (size_t)(equals - name) });
}

/*
 * May an & or = of the text be one of a value? It was encoded, or what stood between fell out. A
 * text without a path is a part of a target that was too long.
 */
static bool may_mislead(const struct text *t, struct slice query)
{
	if (t->form == FORM_SQUASHED || t->path_n == 0)
		return true;
	if (query.p == NULL)
		return false;
	return memchr(query.p, '\\', query.n) != NULL ||
	       (t->form > FORM_WRITTEN && canon_hides_mark(query));
}

/* A part of a query in a form of texts.c. It is of the engine's scratch. */
static struct slice form_of(struct slice raw, enum form form, char **room)
{
	struct slice s = { *room, canon_unescape(raw, *room) };

	*room += s.n;
	for (unsigned round = 0; round < (unsigned)form && round < 2; round++) {
		s = (struct slice){ *room, canon_percent(s, true, *room) };
		*room += s.n;
	}
	if (form == FORM_SQUASHED) {
		s = (struct slice){ *room, canon_squash(s, false, *room) };
		*room += s.n;
	}
	return s;
}

/*
 * By the & of the line: the evidence is in the value of some parameter, and of each that holds it
 * the name is one of those. What no parameter holds by itself was put together from several.
 */
static bool by_pairs(
    struct engine *g, const struct text *t, struct slice query, const struct evidence *e)
{
	struct slice match =
	    slice_from(slice_head((struct slice){ e->text, e->text_n }, e->end), e->start);
	bool found = false;

	while (query.n > 0) {
		struct slice pair;
		struct slice key;
		struct slice value;
		char *room = g->scratch;

		slice_cut(query, '&', &pair, &query);
		if (pair.n < match.n) /* no form is longer */
			continue;
		if (pair.n > ENGINE_TEXT_MAX)
			return false;
		slice_cut(pair, '=', &key, &value);
		key = form_of(key, t->form, &room);
		pair = form_of(pair, t->form, &room);

		const char *at = memmem(pair.p, pair.n, match.p, match.n);

		if (at == NULL)
			continue;
		if (at + match.n <= pair.p + key.n + 1 || !is_typed(key))
			return false;
		found = true;
	}
	return found;
}

static bool in_target(struct engine *g, const struct text *t, const struct evidence *e)
{
	const struct event *ev = g->events[t->event].ev;
	const char *base = g->lanes[LANE_URI].p;
	struct slice query = event_get(ev, ATTR_URL_QUERY);

	if (!t->has_query || e->text + e->start <= base + t->off + t->path_n)
		return false;
	return may_mislead(t, query) ? by_pairs(g, t, query, e) : by_text(t, base, e);
}

bool quoted_in(struct engine *g, unsigned lane, const struct text *t, const struct evidence *e)
{
	const struct lane_buf *names = &g->lanes[LANE_NAME];

	if (t->name > 0 && t->name <= names->n_texts) {
		const struct text *name = &names->texts[t->name - 1];
		struct slice query = event_get(g->events[t->event].ev, ATTR_URL_QUERY);

		/* of more than are laid out by themselves the last one's value is the rest */
		return is_typed((struct slice){ names->p + name->off, name->len }) &&
		       (canon_pairs(query) < ENGINE_MAX_PARAMS || by_pairs(g, t, query, e));
	}
	return lane == LANE_URI && in_target(g, t, e);
}
