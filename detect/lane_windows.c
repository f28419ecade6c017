#include "detect/lane_windows.h"

#include "detect/memo.h"
#include "match/regex.h"

#include <math.h>
#include <stdio.h>

#define TEXT_BYTES 64.0 /* of a typical text, to turn a share of places into one of texts */

enum grams_profile lane_profile(unsigned lane)
{
	switch (lane) {
	case LANE_URI:
		return GRAMS_URL;
	case LANE_NAME:
	case LANE_PARAM:
		return GRAMS_PARAM;
	case LANE_AGENT:
		return GRAMS_AGENT;
	case LANE_REFERER:
		return GRAMS_REFERER;
	default:
		return GRAMS_TEXT;
	}
}

static double cost_of(const struct window_set *set)
{
	return set->n > 0 ? set->cost * TEXT_BYTES : HUGE_VAL;
}

static double pattern_windows(
    struct memo *memo, const struct matcher *m, unsigned lane, struct window_set *out)
{
	enum grams_profile profile = lane_profile(lane);
	unsigned flags = m->regex_flags;
	struct memo_key key;

	if ((flags & REGEX_MULTILINE) == 0) /* else a text has ends inside, too */
		flags |= WINDOW_ANCHORS;
	key = memo_key(m->text, flags, profile);
	if (!memo_recall(memo, key, out)) {
		window_choose(m->text, flags, profile, out);
		memo_keep(memo, key, out);
	}
	return cost_of(out);
}

static double literal_windows(struct memo *memo, const struct field *f, const struct matcher *m,
    unsigned lane, struct window_set *out)
{
	struct window_place place = { m->kind == MATCH_EQUAL || m->kind == MATCH_STARTS,
		m->kind == MATCH_EQUAL || m->kind == MATCH_ENDS };
	enum grams_profile profile = lane_profile(lane);
	unsigned flags = WINDOW_ANCHORS | (m->cased ? 0u : REGEX_CASELESS);
	struct slice text = m->text;
	char dotted[258];
	struct memo_key key;

	if (place.at_start && f->kind == FIELD_EXTENSION && text.n < 256) {
		text = (struct slice){ dotted,
			(size_t)snprintf(dotted, sizeof(dotted), ".%.*s", SLICE_ARG(m->text)) };
		place.at_start = false;
	}
	out->n = 0;
	if (text.n == 0)
		return HUGE_VAL;
	key = memo_key(text, flags, profile + 8u * place.at_start + 16u * place.at_end);
	if (!memo_recall(memo, key, out)) {
		window_literal(text, place, flags, profile, out);
		memo_keep(memo, key, out);
	}
	return cost_of(out);
}

double lane_windows(struct memo *memo, const struct field *f, const struct matcher *m,
    unsigned lane, struct window_set *out)
{
	switch (m->kind) {
	case MATCH_EQUAL:
	case MATCH_STARTS:
	case MATCH_CONTAINS:
	case MATCH_ENDS:
		return literal_windows(memo, f, m, lane, out);
	case MATCH_REGEX:
		return pattern_windows(memo, m, lane, out);
	case MATCH_CIDR:
	case MATCH_COMPARE:
	case MATCH_ABSENT:
	case MATCH_PRESENT:
	case MATCH_FIELD:
		break;
	}
	out->n = 0;
	return HUGE_VAL;
}

/* The bytes before and behind a field's text within path?query, and what is never in it. */
struct edges {
	const char *before, *behind, *never;
};

static struct edges edges_of(const struct field *f)
{
	switch (f->kind) {
	case FIELD_PATH:
		return (struct edges){ "", "?", "" };
	case FIELD_QUERY:
		return (struct edges){ "?", "", "" };
	case FIELD_EXTENSION:
		return (struct edges){ ".", "?", "" };
	case FIELD_PARAM_NAME:
		return (struct edges){ "?&", "=&", "&=" };
	case FIELD_PARAM_VALUE:
		return (struct edges){ "=", "&", "&=" };
	case FIELD_URI:
	case FIELD_KEYWORDS:
	case FIELD_METHOD:
	case FIELD_BODY:
	case FIELD_ATTR:
	case FIELD_OTHER:
		break;
	}
	return (struct edges){ "", "", "" };
}

static void add_bytes(struct byteset *s, const char *bytes)
{
	for (; *bytes != '\0'; bytes++)
		byteset_add(s, (uint8_t)*bytes);
}

/* The first byte of a window can be the one before the text, the last one that behind it. */
void lane_edges(const struct field *f, struct window_set *set)
{
	struct edges e = edges_of(f);

	for (unsigned i = 0; i < set->n; i++) {
		struct window *w = &set->w[i];

		for (unsigned k = 0; k < w->n; k++) {
			bool edge = byteset_has(&w->cls[k], '\n');

			for (const char *p = e.never; *p != '\0'; p++)
				byteset_remove(&w->cls[k], (uint8_t)*p);
			if (edge && k == 0)
				add_bytes(&w->cls[k], e.before);
			if (edge && k + 1u == w->n)
				add_bytes(&w->cls[k], e.behind);
		}
	}
}
