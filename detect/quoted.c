#include "detect/quoted.h"

/* Does a person type the value of a parameter of that name? */
static bool is_typed(struct slice name)
{
	static const char *const names[] = { "q", "query", "search", "s", "k", "kw", "keyword",
		"keywords", "term", "terms", "text", "title", "subject", "message", "comment",
		"body", "content", "description", "question", "find", "phrase", "searchterm",
		"search_term", "search_query", "searchquery" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq_nocase(name, slice_of(names[i])))
			return true;
	return false;
}

static bool in_target(const struct text *t, const char *base, const struct evidence *e)
{
	const char *query = base + t->off + t->path_n;
	const char *name = e->text + e->start;
	const char *to = e->text + e->end;
	const char *equals;

	if (!t->has_query || name <= query)
		return false;
	while (name > query && name[-1] != '&' && name[-1] != '?')
		name--;
	equals = memchr(name, '=', (size_t)(to - name));
	return equals != NULL && memchr(name, '&', (size_t)(to - name)) == NULL &&
	       is_typed((struct slice){ name, (size_t)(equals - name) });
}

bool quoted_in(
    const struct engine *g, unsigned lane, const struct text *t, const struct evidence *e)
{
	const struct lane_buf *names = &g->lanes[LANE_NAME];

	if (t->name > 0 && t->name <= names->n_texts) {
		const struct text *name = &names->texts[t->name - 1];

		return is_typed((struct slice){ names->p + name->off, name->len });
	}
	return lane == LANE_URI && in_target(t, g->lanes[lane].p, e);
}
