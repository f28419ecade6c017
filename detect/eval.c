/*
 * Does a rule hold for an event? The whole condition, exactly. Here is what the
 * filters only guess at; see engine.h for the three values of a verdict.
 */
#include "detect/eval.h"
#include "detect/quoted.h"
#include "detect/span.h"

#include "base/timefmt.h"

static bool is_number_attr(const struct field *f)
{
	return f->kind == FIELD_ATTR && attr_defs[f->key].type == ATTR_TYPE_INT;
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

/* The evidence was found just now, in t. */
static void found_in(struct run *x, unsigned lane, const struct text *t)
{
	x->evidence->quoted = quoted_in(x->g, lane, t, x->evidence);
	if (x->r->weight > 0)
		x->evidence->span = span_of(x->g, lane, t, x->evidence);
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
			enum verdict v = eval_texts(x, n, part[k], (enum form)t->form);

			if (v == VERDICT_YES) {
				if (x->evidence->text == part[k].p)
					found_in(x, lane, t);
				return v;
			}
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
	return eval_plain(x, f).p != NULL;
}

/* ---- records of audit events ---- */

/* Keywords: the record as it is written, and what of it is only readable decoded. */
static enum verdict record_keywords(struct run *x, const struct node *n)
{
	const struct records *rs = x->records;
	enum verdict v = eval_written(x, n, rs->line[x->record]);

	for (unsigned i = 0; i < rs->n_fields && v != VERDICT_YES; i++)
		if (rs->fields[i].record == x->record && rs->fields[i].decoded)
			v = eval_either(v, eval_written(x, n, rs->fields[i].value));
	return v;
}

static enum verdict record_item(struct run *x, const struct node *n)
{
	const struct record_field *f;
	enum verdict v = VERDICT_NO;
	unsigned at = 0;

	if (n->field.kind == FIELD_KEYWORDS)
		return record_keywords(x, n);
	f = records_next(x->records, x->record, n->field.name, &at);
	if (f == NULL && n->if_absent)
		return VERDICT_YES;
	for (; f != NULL && v != VERDICT_YES;
	     f = records_next(x->records, x->record, n->field.name, &at))
		v = eval_either(v, eval_written(x, n, f->value));
	return v;
}

static bool is_of_record(const struct run *x, const struct field *f)
{
	return x->records != NULL && (f->kind == FIELD_KEYWORDS || records_is_field(f));
}

/* `time|hour: 3`: when the event happened, in UTC, unless it has an attribute of that name. */
static bool is_own_time(const struct node *n)
{
	return n->field.kind == FIELD_OTHER && slice_eq(n->field.name, SLICE("time")) &&
	       n->n_matchers > 0 && n->matchers[0].part != TIME_NONE;
}

static enum verdict on_own_time(struct run *x, const struct node *n)
{
	char text[TIMEFMT_MAX];
	size_t len = timefmt_rfc3339(x->g->events[x->event].ev->time_us, text);
	struct evidence none = { 0 };
	struct evidence *kept = x->evidence;
	enum verdict v;

	/* the text is gone with this call */
	/* cppcheck-suppress autoVariables ; set back below */
	x->evidence = &none;
	v = eval_texts(x, n, (struct slice){ text, len }, FORM_WRITTEN);
	x->evidence = kept;
	return v;
}

enum verdict eval_item(struct run *x, const struct node *n)
{
	enum verdict v = VERDICT_NO;

	if (is_of_record(x, &n->field))
		return record_item(x, n);
	if (n->if_absent && !is_present(x, &n->field))
		return VERDICT_YES;
	if (n->field.kind == FIELD_KEYWORDS) {
		v = on_lane(x, n, LANE_BODY);
		if ((x->g->events[x->event].classes & (CLASS_WEB | CLASS_PROXY)) == 0)
			return v;
		for (unsigned lane = LANE_URI; lane < LANE_BODY && v != VERDICT_YES; lane++)
			if (lane != LANE_NAME && lane != LANE_PARAM && lane != LANE_COOKIE)
				v = eval_either(v, on_lane(x, n, lane));
		return v;
	}
	if (!is_present(x, &n->field))
		return is_own_time(n) ? on_own_time(x, n) : VERDICT_NO;

	/* comparisons use the written form; so does every attribute that is no web field */
	if (n->lane < LANE_FIRST_ATTR && !n->written_only)
		return on_lane(x, n, n->lane);

	struct slice s = eval_plain(x, &n->field);

	if (is_number_attr(&n->field) || s.p == NULL)
		return s.p != NULL ? eval_texts(x, n, s, FORM_WRITTEN) : VERDICT_NO;
	return eval_written(x, n, s);
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

enum verdict eval_node(struct run *x, unsigned id)
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
			out = eval_either(out, eval_node(x, n->child[i]));
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

bool eval_concerns(const struct engine *g, unsigned event, const struct rule *r)
{
	return (r->classes & g->events[event].classes) != 0 &&
	       (r->program.n == 0 ||
		   is_program(event_get(g->events[event].ev, ATTR_PROCESS_NAME), r->program));
}

/* Some record of the serial, by itself. */
static enum verdict eval_records(struct run *x, const struct records *rs)
{
	enum verdict out = VERDICT_NO;

	x->records = rs;
	for (x->record = 0; x->record < rs->n; x->record++) {
		*x->evidence = (struct evidence){ 0 };
		out = eval_either(out, eval_node(x, x->r->root));
		if (out == VERDICT_YES)
			break;
	}
	return out;
}

/* The condition tree is at most SIGMA_DEPTH deep by construction: recursion is bounded. */
enum verdict eval_rule(struct engine *g, unsigned event, struct rule *r, struct evidence *ev)
{
	struct run x = { .g = g, .event = event, .r = r, .evidence = ev };
	const struct records *rs = g->events[event].records;

	*ev = (struct evidence){ 0 };
	if (!eval_concerns(g, event, r))
		return VERDICT_NO;
	if (rs != NULL && (r->classes & CLASS_AUDITD) != 0)
		return eval_records(&x, rs);
	return eval_node(&x, r->root);
}
