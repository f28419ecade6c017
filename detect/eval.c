/*
 * Does a rule hold for an event? The whole condition, exactly. Here is what the
 * filters only guess at; see engine.h for the three values of a verdict.
 */
#include "base/ip.h"
#include "detect/engine.h"
#include "match/regex.h"

#include <stdlib.h>

struct run {
	struct engine *g;
	unsigned event;
	struct rule *r;
	struct evidence *evidence;
};

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool equal_at(const char *p, struct slice want, bool cased)
{
	if (cased)
		return memcmp(p, want.p, want.n) == 0;
	for (size_t i = 0; i < want.n; i++)
		if (fold(p[i]) != want.p[i])
			return false;
	return true;
}

static bool find_text(struct slice t, const struct matcher *m, struct regex_span *at)
{
	struct slice w = m->text;

	if (w.n > t.n)
		return false;
	switch (m->kind) {
	case MATCH_EQUAL:
		*at = (struct regex_span){ 0, w.n };
		return t.n == w.n && equal_at(t.p, w, m->cased);
	case MATCH_STARTS:
		*at = (struct regex_span){ 0, w.n };
		return equal_at(t.p, w, m->cased);
	case MATCH_ENDS:
		*at = (struct regex_span){ t.n - w.n, t.n };
		return equal_at(t.p + t.n - w.n, w, m->cased);
	case MATCH_CONTAINS:
		for (size_t i = 0; i + w.n <= t.n; i++)
			if ((w.n == 0 || (m->cased ? t.p[i] : fold(t.p[i])) == w.p[0]) &&
			    equal_at(t.p + i, w, m->cased)) {
				*at = (struct regex_span){ i, i + w.n };
				return true;
			}
		return false;
	case MATCH_REGEX:
	case MATCH_CIDR:
	case MATCH_COMPARE:
	case MATCH_ABSENT:
	case MATCH_PRESENT:
	case MATCH_FIELD:
		break;
	}
	return false;
}

static enum verdict find_regex(
    struct run *x, struct slice t, const struct matcher *m, struct regex_span *at)
{
	struct engine_event *ee = &x->g->events[x->event];

	/* the reference tries every rule: its budget would run out where the filters' does not */
	if (!x->g->reference &&
	    (ee->calls >= ENGINE_LINE_CALLS || ee->bytes + t.n > ENGINE_LINE_BYTES))
		return VERDICT_UNDECIDED;
	ee->calls++;
	ee->bytes += t.n;
	x->g->regex_calls++;
	atomic_fetch_add_explicit(&x->r->regex_calls, 1, memory_order_relaxed);
	switch (regex_find(m->regex, x->g->regex, t, at)) {
	case REGEX_YES:
		return VERDICT_YES;
	case REGEX_NO:
		return VERDICT_NO;
	case REGEX_LIMIT:
		break;
	}
	return VERDICT_UNDECIDED;
}

static bool compare(const struct matcher *m, struct slice t)
{
	char text[48];
	char *end;

	if (t.n == 0 || t.n >= sizeof(text))
		return false;
	memcpy(text, t.p, t.n);
	text[t.n] = '\0';

	double v = strtod(text, &end);

	if (end != text + t.n)
		return false;
	switch (m->compare) {
	case COMPARE_LT:
		return v < m->number;
	case COMPARE_LTE:
		return v <= m->number;
	case COMPARE_GT:
		return v > m->number;
	case COMPARE_GTE:
		return v >= m->number;
	}
	return false;
}

static bool in_network(const struct matcher *m, struct slice t)
{
	struct ip a;

	return ip_parse(t, &a) && ip_prefix_has(&m->cidr, &a);
}

/* The value of a field that is one attribute, as it was written. */
static struct slice plain_value(struct run *x, const struct field *f)
{
	const struct event *ev = x->g->events[x->event].ev;
	struct slice v;

	switch (f->kind) {
	case FIELD_METHOD:
		v = event_get(ev, ATTR_HTTP_METHOD_ORIGINAL);
		return v.p != NULL ? v : event_get(ev, ATTR_HTTP_METHOD);
	case FIELD_ATTR:
		return event_get(ev, f->key);
	case FIELD_PATH:
		return event_get(ev, ATTR_URL_PATH);
	case FIELD_QUERY:
		return event_get(ev, ATTR_URL_QUERY);
	case FIELD_URI:
		return event_get(ev, ATTR_URL_PATH);
	case FIELD_BODY:
	case FIELD_KEYWORDS:
		return ev->body;
	case FIELD_OTHER:
		for (unsigned i = 0; i < ev->n_attrs; i++)
			if (slice_eq(attr_name(&ev->attrs[i]), f->name))
				return (struct slice){ ev->attrs[i].p, ev->attrs[i].n };
		break;
	case FIELD_EXTENSION:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		break;
	}
	return (struct slice){ 0 };
}

static bool is_number_attr(const struct field *f)
{
	return f->kind == FIELD_ATTR && attr_defs[f->key].type == ATTR_TYPE_INT;
}

static void remember(struct run *x, const struct field *f, enum form form, struct slice t,
    const struct regex_span *at)
{
	struct evidence *e = x->evidence;

	if (e->found)
		return;
	*e = (struct evidence){ .found = true,
		.field = *f,
		.form = form,
		.match = { t.p + at->start, at->end - at->start },
		.text = t.p,
		.start = at->start,
		.end = at->end };
}

/* One matcher on one text. */
static enum verdict on_text(
    struct run *x, const struct node *n, const struct matcher *m, struct slice t, enum form form)
{
	struct regex_span at = { 0, t.n };
	enum verdict v;

	switch (m->kind) {
	case MATCH_REGEX:
		v = find_regex(x, t, m, &at);
		break;
	case MATCH_CIDR:
		v = in_network(m, t) ? VERDICT_YES : VERDICT_NO;
		break;
	case MATCH_COMPARE:
		v = compare(m, t) ? VERDICT_YES : VERDICT_NO;
		break;
	case MATCH_FIELD: {
		struct slice other = plain_value(x, &m->other);

		v = other.p != NULL && slice_eq_nocase(t, other) ? VERDICT_YES : VERDICT_NO;
		break;
	}
	case MATCH_PRESENT:
		v = VERDICT_YES;
		break;
	case MATCH_ABSENT:
		v = VERDICT_NO;
		break;
	case MATCH_EQUAL:
	case MATCH_CONTAINS:
	case MATCH_STARTS:
	case MATCH_ENDS:
	default:
		v = find_text(t, m, &at) ? VERDICT_YES : VERDICT_NO;
	}
	if (v == VERDICT_YES)
		remember(x, &n->field, form, t, &at);
	return v;
}

/* The item's values on one text: yes if any holds. */
static enum verdict on_texts(struct run *x, const struct node *n, struct slice t, enum form form)
{
	enum verdict out = VERDICT_NO;

	for (unsigned i = 0; i < n->n_matchers; i++) {
		enum verdict v = on_text(x, n, &n->matchers[i], t, form);

		if (v == VERDICT_YES)
			return v;
		if (v == VERDICT_UNDECIDED)
			out = v;
	}
	return out;
}

static struct slice extension(struct slice path)
{
	const char *dot = path.n > 0 ? memrchr(path.p, '.', path.n) : NULL;
	const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;

	if (dot == NULL || (slash != NULL && slash > dot))
		return (struct slice){ 0 };
	return (struct slice){ dot + 1, (size_t)(path.p + path.n - dot - 1) };
}

/* What of a lane's text is the field's: at most two slices (query, and path?query). */
static unsigned parts(
    const struct node *n, const struct text *t, const char *base, struct slice out[2])
{
	struct slice all = { base + t->off, t->len };
	size_t skip = t->path_n + (t->path_n > 0 || t->len > 0 ? 1u : 0u);

	switch (n->field.kind) {
	case FIELD_PATH:
		out[0] = slice_head(all, t->path_n);
		return t->path_n > 0;
	case FIELD_EXTENSION:
		out[0] = extension(slice_head(all, t->path_n));
		return out[0].p != NULL;
	case FIELD_QUERY:
		out[0] = all;
		if (!t->has_query || t->path_n == 0)
			return 1;
		out[1] = slice_from(all, skip);
		return 2;
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
	case FIELD_KEYWORDS:
	case FIELD_URI:
	case FIELD_METHOD:
	case FIELD_BODY:
	case FIELD_ATTR:
	case FIELD_OTHER:
		break;
	}
	out[0] = all;
	return 1;
}

static enum verdict on_lane(struct run *x, const struct node *n, unsigned lane)
{
	enum verdict out = VERDICT_NO;
	unsigned count;
	const struct text *t = texts_of(x->g, x->event, lane, &count);

	for (const struct text *end = t + count; t < end; t++) {
		struct slice part[2];
		unsigned k = t->form == FORM_WRITTEN || x->r->canonical
				 ? parts(n, t, x->g->lanes[lane].p, part)
				 : 0;

		while (k-- > 0) {
			enum verdict v = on_texts(x, n, part[k], (enum form)t->form);

			if (v == VERDICT_YES)
				return v;
			if (v == VERDICT_UNDECIDED)
				out = v;
		}
	}
	return out;
}

static bool is_present(struct run *x, const struct field *f)
{
	const struct event *ev = x->g->events[x->event].ev;

	switch (f->kind) {
	case FIELD_QUERY:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		return event_get(ev, ATTR_URL_QUERY).p != NULL;
	case FIELD_EXTENSION:
		return extension(event_get(ev, ATTR_URL_PATH)).p != NULL;
	case FIELD_KEYWORDS:
	case FIELD_URI:
	case FIELD_PATH:
	case FIELD_METHOD:
	case FIELD_BODY:
	case FIELD_ATTR:
	case FIELD_OTHER:
		break;
	}
	return plain_value(x, f).p != NULL;
}

static enum verdict either(enum verdict a, enum verdict b)
{
	if (a == VERDICT_YES || b == VERDICT_YES)
		return VERDICT_YES;
	return a == VERDICT_UNDECIDED || b == VERDICT_UNDECIDED ? VERDICT_UNDECIDED : VERDICT_NO;
}

/* Comparisons use the written form; so does every attribute that is no web field. */
static bool written_only(const struct node *n)
{
	for (unsigned i = 0; i < n->n_matchers; i++)
		if (n->matchers[i].kind <= MATCH_REGEX)
			return false;
	return true;
}

static enum verdict eval_item(struct run *x, const struct node *n)
{
	enum verdict v = VERDICT_NO;

	for (unsigned i = 0; i < n->n_matchers; i++)
		if (n->matchers[i].kind == MATCH_ABSENT && !is_present(x, &n->field))
			return VERDICT_YES;
	if (n->field.kind == FIELD_KEYWORDS) {
		v = on_lane(x, n, LANE_BODY);
		if ((x->g->events[x->event].classes & (CLASS_WEB | CLASS_PROXY)) == 0)
			return v;
		for (unsigned lane = LANE_URI; lane < LANE_BODY && v != VERDICT_YES; lane++)
			if (lane != LANE_NAME && lane != LANE_PARAM && lane != LANE_COOKIE)
				v = either(v, on_lane(x, n, lane));
		return v;
	}
	if (!is_present(x, &n->field))
		return VERDICT_NO;

	unsigned lane = trigger_lane(x->g->plan, &n->field);

	if (lane != LANE_MAX && lane < LANE_FIRST_ATTR && !written_only(n))
		return on_lane(x, n, lane);

	struct slice s = plain_value(x, &n->field);

	if (is_number_attr(&n->field) || s.p == NULL)
		return s.p != NULL ? on_texts(x, n, s, FORM_WRITTEN) : VERDICT_NO;
	if (memchr(s.p, '\n', s.n) != NULL && s.n <= (size_t)LANE_BYTES) {
		memcpy(x->g->scratch, s.p, s.n);
		for (char *lf = x->g->scratch;
		     (lf = memchr(lf, '\n', s.n - (size_t)(lf - x->g->scratch))) != NULL;)
			*lf = '\r';
		s.p = x->g->scratch;
	}
	if (s.n <= ENGINE_TEXT_MAX)
		return on_texts(x, n, s, FORM_WRITTEN);
	v = on_texts(x, n, slice_head(s, ENGINE_TEXT_MAX / 2), FORM_WRITTEN);
	return v == VERDICT_YES ? v
				: either(v, on_texts(x, n, slice_from(s, s.n - ENGINE_TEXT_MAX / 2),
						FORM_WRITTEN));
}

/*
 * Plain values before anything that runs PCRE2. They are evaluated again
 * in their turn: which item is the evidence follows from the rule's text, not from its cost.
 */
static bool cheap_says_no(struct run *x, const struct node *n)
{
	struct evidence none = { 0 };
	struct evidence *kept = x->evidence;
	bool no = false;

	x->evidence = &none;
	for (unsigned i = 0; i < n->n && !no; i++) {
		const struct node *c = &x->r->nodes[n->child[i]];

		no = c->kind == NODE_ITEM && c->cheap && eval_item(x, c) == VERDICT_NO;
	}
	x->evidence = kept;
	return no;
}

static enum verdict eval_node(struct run *x, unsigned id)
{
	const struct node *n = &x->r->nodes[id];
	enum verdict out = n->kind == NODE_AND ? VERDICT_YES : VERDICT_NO;

	switch (n->kind) {
	case NODE_ITEM:
		return eval_item(x, n);
	case NODE_NEVER:
		return VERDICT_NO;
	case NODE_NOT: {
		struct evidence none = { 0 };
		struct evidence *kept = x->evidence;

		x->evidence = &none; /* what is excluded is no evidence */
		out = eval_node(x, n->child[0]);
		x->evidence = kept;
		return out == VERDICT_UNDECIDED ? out
		       : out == VERDICT_YES	? VERDICT_NO
						: VERDICT_YES;
	}
	case NODE_AND:
		if (cheap_says_no(x, n))
			return VERDICT_NO;
		for (unsigned i = 0; i < n->n; i++) {
			enum verdict v = eval_node(x, n->child[i]);

			if (v == VERDICT_NO)
				return v;
			if (v == VERDICT_UNDECIDED)
				out = v;
		}
		return out;
	case NODE_OR:
		for (unsigned i = 0; i < n->n; i++) {
			out = either(out, eval_node(x, n->child[i]));
			if (out == VERDICT_YES)
				return out;
		}
		return out;
	}
	return VERDICT_NO;
}

/* sshd-session is sshd: OpenSSH 9.8 split the daemon. */
static bool is_program(struct slice have, struct slice want)
{
	return slice_eq_nocase(have, want) || (have.n > want.n && have.p[want.n] == '-' &&
						  slice_eq_nocase(slice_head(have, want.n), want));
}

/* The condition tree is at most SIGMA_DEPTH deep by construction: recursion is bounded. */
enum verdict eval_rule(struct engine *g, unsigned event, struct rule *r, struct evidence *ev)
{
	struct run x = { g, event, r, ev };

	*ev = (struct evidence){ 0 };
	if ((r->classes & g->events[event].classes) == 0)
		return VERDICT_NO;
	if (r->program.n > 0 &&
	    !is_program(event_get(g->events[event].ev, ATTR_PROCESS_NAME), r->program))
		return VERDICT_NO;
	return eval_node(&x, r->root);
}
