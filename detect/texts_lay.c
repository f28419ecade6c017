/* Texts into lanes: as they are, in all the forms of one value, and what is hidden in them. */
#include "detect/texts_lay.h"

#include "match/filter.h"

enum { WIDE = 16 };
typedef uint8_t wide __attribute__((vector_size(WIDE)));

/* Sixteen bytes at a time, LF to CR. */
static void no_lf(char *to, const char *from)
{
	wide v;
	wide lf;

	memcpy(&v, from, WIDE);
	lf = (wide)(v == '\n');
	v ^= lf & ('\n' ^ '\r');
	memcpy(to, &v, WIDE);
}

/*
 * n bytes to `to`, LF to CR. Most texts are shorter than a call of memcpy() and memchr()
 * is worth. Behind `to` there are always FILTER_AFTER bytes that nobody needs yet.
 */
static void copy_text(char *to, const char *from, size_t n)
{
	if (n >= WIDE) {
		for (size_t i = 0; i + WIDE < n; i += WIDE)
			no_lf(to + i, from + i);
		no_lf(to + n - WIDE, from + n - WIDE);
		return;
	}
	if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
	no_lf(to, to);
}

struct text *lay_text(struct lane_buf *l, unsigned event, struct slice s)
{
	if (l->n_texts == LANE_TEXTS || s.n + 1 > LANE_BYTES - l->n)
		return NULL;

	struct text *t = &l->texts[l->n_texts++];
	char *to = l->p + l->n;

	*t = (struct text){
		.off = (uint32_t)l->n, .len = (uint32_t)s.n, .event = event, .path_n = (uint32_t)s.n
	};
	copy_text(to, s.p, s.n);
	to[s.n] = '\n';
	l->n += s.n + 1;
	return t;
}

bool lane_wanted(const struct engine *g, unsigned lane, unsigned classes)
{
	return (g->plan->lane_classes[lane] & classes) != 0 || g->reference;
}

void lay_cut(struct engine *g, unsigned lane, unsigned event, struct slice s, enum form form)
{
	struct lane_buf *l = &g->lanes[lane];
	struct text *t;

	if (s.n <= ENGINE_TEXT_MAX) {
		t = lay_text(l, event, s);
		if (t != NULL)
			t->form = (uint8_t)form;
		return;
	}
	g->events[event].is_cut = true;
	t = lay_text(l, event, slice_head(s, ENGINE_TEXT_MAX / 2));
	if (t != NULL)
		t->form = (uint8_t)form;
	t = lay_text(l, event, slice_from(s, s.n - ENGINE_TEXT_MAX / 2));
	if (t != NULL)
		t->form = (uint8_t)form;
}

/*
 * What a value hides as base64, in its lane; what a parameter hides also as a query of its own,
 * for the rules about whole targets. room: for the text.
 */
bool lay_base64(struct engine *g, unsigned lane, unsigned event, struct slice value, char *room)
{
	struct lane_buf *uri = &g->lanes[LANE_URI];
	size_t n = canon_base64(value, room + 1);
	unsigned from = uri->n_texts;

	if (n == 0)
		return false;
	/* what is hidden may be percent-encoded too: then that is what counts */
	if (memchr(room + 1, '%', n) != NULL) {
		char *to = room + n + 1;
		size_t decoded = canon_percent((struct slice){ room + 1, n }, false, to + 1);

		room = to;
		n = decoded;
	}
	room[0] = '=';
	lay_cut(g, lane, event, (struct slice){ room + 1, n }, FORM_BASE64);
	if (lane != LANE_PARAM || !lane_wanted(g, LANE_URI, g->events[event].classes))
		return true;
	lay_cut(g, LANE_URI, event, (struct slice){ room, n + 1 }, FORM_BASE64);
	for (; from < uri->n_texts; from++) {
		uri->texts[from].path_n = 0;
		uri->texts[from].has_query = true;
	}
	return true;
}

/* ---- one value in all its forms: agent, referer, cookie, parameters ---- */

void lay_forms(struct engine *g, unsigned lane, unsigned event, struct slice raw, bool plus)
{
	unsigned look = canon_look(raw) & ~(unsigned)CANON_PATH;
	struct slice s = raw;
	char *to = g->scratch;
	bool hides;

	if (look & CANON_ESCAPE) {
		s = (struct slice){ to, canon_unescape(raw, to) };
		to += s.n;
		look |= canon_look(s);
	}
	lay_cut(g, lane, event, s, FORM_WRITTEN);
	if (g->no_canonical)
		return;
	hides = lay_base64(g, lane, event, s, to);
	for (unsigned round = 0; round < 2 && (look & (CANON_PERCENT | (plus ? CANON_PLUS : 0u)));
	     round++) {
		struct slice d = { to, canon_percent(s, plus, to) };

		if (slice_eq(d, s))
			break;
		s = d;
		to += s.n;
		lay_cut(g, lane, event, s, round == 0 ? FORM_DECODED : FORM_DECODED2);
		look = canon_look(s) | (look & CANON_SQUASH);
		hides = hides || lay_base64(g, lane, event, s, to);
	}
	if (look & (CANON_SQUASH | CANON_PERCENT | CANON_ESCAPE)) {
		struct slice q = { to, canon_squash(s, false, to) };

		if (!slice_eq(q, s))
			lay_cut(g, lane, event, q, FORM_SQUASHED);
	}
}

/* What the last segment of a path hides as base64, as a path. */
void lay_segment(struct engine *g, unsigned event, struct slice path, char *room)
{
	const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;
	struct slice last;

	if (slash == NULL)
		return;
	last = slice_from(path, (size_t)(slash + 1 - path.p));
	if (memchr(last.p, '%', last.n) != NULL) {
		last = (struct slice){ room, canon_percent(last, false, room) };
		room += last.n;
	}
	lay_base64(g, LANE_URI, event, last, room);
}
