/* The values of an item on one text, exactly. */
#include "detect/eval.h"

#include "base/clock.h"
#include "base/ip.h"
#include "base/timefmt.h"
#include "match/regex.h"

#include <stdlib.h>

static bool equal_at(const char *p, struct slice want, bool cased)
{
	if (cased)
		return memcmp(p, want.p, want.n) == 0;
	for (size_t i = 0; i < want.n; i++)
		if (slice_fold(p[i]) != want.p[i])
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
			if ((w.n == 0 || (m->cased ? t.p[i] : slice_fold(t.p[i])) == w.p[0]) &&
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

/* The limits of PCRE2 count by place where a match could start: in long texts only time bounds it.
 */
static enum regex_result run_regex(
    struct run *x, struct slice t, const struct matcher *m, struct regex_span *at)
{
	bool is_long = t.n >= ENGINE_LONG_BYTES;
	uint64_t begin = is_long ? clock_thread_ns() : 0;
	enum regex_result result = regex_find(m->regex, x->g->regex, t, at);

	if (is_long)
		x->g->events[x->event].ns += clock_thread_ns() - begin;
	return result;
}

static enum verdict find_regex(
    struct run *x, struct slice t, const struct matcher *m, struct regex_span *at)
{
	struct engine_event *ee = &x->g->events[x->event];

	/* the reference tries every rule: its budget would run out where the filters' does not */
	if (!x->g->reference && (ee->calls >= ENGINE_LINE_CALLS ||
				    ee->bytes + t.n > ENGINE_LINE_BYTES || ee->ns > ENGINE_LINE_NS))
		return VERDICT_UNDECIDED;
	ee->calls++;
	ee->bytes += t.n;
	x->g->regex_calls++;
	atomic_fetch_add_explicit(&x->r->regex_calls, 1, memory_order_relaxed);
	switch (run_regex(x, t, m, at)) {
	case REGEX_YES:
		return VERDICT_YES;
	case REGEX_NO:
		return VERDICT_NO;
	case REGEX_LIMIT:
		break;
	}
	return VERDICT_UNDECIDED;
}

/* The date that a text begins with, "2026-11-23T06:00..." or with a blank; as it is written. */
static bool read_date(struct slice t, struct civil *c)
{
	static const char form[] = "dddd-dd-dd dd:dd";
	int v[5] = { 0 };
	unsigned k = 0;

	if (t.n < 10)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1 && i < t.n; i++) {
		bool digit = t.p[i] >= '0' && t.p[i] <= '9';

		if (form[i] != 'd') {
			if (t.p[i] != form[i] && !(i == 10 && (t.p[i] == 'T' || t.p[i] == 't')))
				return false;
			k++;
		} else if (!digit) {
			return false;
		} else {
			v[k] = v[k] * 10 + (t.p[i] - '0');
		}
	}
	*c = (struct civil){
		.year = v[0], .month = v[1], .day = v[2], .hour = v[3], .minute = v[4]
	};
	return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= 31;
}

/* ISO 8601: the week of the year in which its Thursday lies. */
static int week_of(const struct civil *c)
{
	int64_t day = timefmt_days(c->year, c->month, c->day);
	int64_t thursday = day - (day + 3) % 7 + 3; /* day 0 was a Thursday */
	struct civil year;

	timefmt_to_civil(thursday * 86400 * US_PER_S, &year);
	return (int)((thursday - timefmt_days(year.year, 1, 1)) / 7 + 1);
}

static bool date_part(enum time_part part, struct slice t, double *v)
{
	struct civil c;

	if (!read_date(t, &c) || (t.n < 16 && (part == TIME_MINUTE || part == TIME_HOUR)))
		return false;
	switch (part) {
	case TIME_MINUTE:
		*v = c.minute;
		return true;
	case TIME_HOUR:
		*v = c.hour;
		return true;
	case TIME_DAY:
		*v = c.day;
		return true;
	case TIME_WEEK:
		*v = week_of(&c);
		return true;
	case TIME_MONTH:
		*v = c.month;
		return true;
	case TIME_YEAR:
		*v = c.year;
		return true;
	case TIME_NONE:
		break;
	}
	return false;
}

static bool number_of(struct slice t, double *v)
{
	char text[48];
	char *end;

	if (t.n == 0 || t.n >= sizeof(text))
		return false;
	memcpy(text, t.p, t.n);
	text[t.n] = '\0';
	*v = strtod(text, &end);
	return end == text + t.n;
}

static bool compare(const struct matcher *m, struct slice t)
{
	double v;

	if (!(m->part != TIME_NONE ? date_part(m->part, t, &v) : number_of(t, &v)))
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
	case COMPARE_EQ:
		return v <= m->number && v >= m->number;
	}
	return false;
}

/* fieldref: the other field's text, where the modifiers say that it stands. */
static bool is_other(struct run *x, const struct matcher *m, struct slice t)
{
	struct slice w = eval_plain(x, &m->other);
	struct slice at = t;

	if (w.p == NULL || w.n > t.n)
		return false;
	if (m->place == MATCH_EQUAL && w.n != t.n)
		return false;
	if (m->place == MATCH_STARTS)
		at = slice_head(t, w.n);
	else if (m->place == MATCH_ENDS)
		at = slice_from(t, t.n - w.n);
	for (; at.n >= w.n; at = slice_from(at, 1)) {
		struct slice head = slice_head(at, w.n);

		if (m->cased ? slice_eq(head, w) : slice_eq_nocase(head, w))
			return true;
		if (at.n == 0)
			break;
	}
	return false;
}

static bool in_network(const struct matcher *m, struct slice t)
{
	struct ip a;

	return ip_parse(t, &a) && ip_prefix_has(&m->cidr, &a);
}

/* The value of a field that is one attribute, as it was written. */
struct slice eval_plain(struct run *x, const struct field *f)
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
		if (x->records != NULL && records_is_field(f)) {
			unsigned at = 0;
			const struct record_field *r =
			    records_next(x->records, x->record, f->name, &at);

			return r != NULL ? r->value : (struct slice){ 0 };
		}
		for (unsigned i = 0; i < ev->n_attrs; i++)
			if (slice_eq(attr_name(&ev->attrs[i]), f->name))
				return (struct slice){ ev->attrs[i].p, ev->attrs[i].n };
		/* an audit event without its lines: an example given as attributes */
		if ((x->r->classes & CLASS_AUDITD) != 0 && slice_eq(f->name, SLICE("type")))
			return event_get(ev, ATTR_AUDIT_TYPE);
		break;
	case FIELD_EXTENSION:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		break;
	}
	return (struct slice){ 0 };
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
		.text_n = t.n,
		.start = at->start,
		.end = at->end,
		.span = { { { t.p + at->start, at->end - at->start } } } };
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
	case MATCH_FIELD:
		v = is_other(x, m, t) ? VERDICT_YES : VERDICT_NO;
		break;
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

enum verdict eval_texts(struct run *x, const struct node *n, struct slice t, enum form form)
{
	enum verdict out = VERDICT_NO;

	for (unsigned i = 0; i < n->n_matchers; i++) {
		enum verdict v = on_text(x, n, &n->matchers[i], t, form);

		if (v == VERDICT_YES)
			return v;
		if (v == VERDICT_UNDECIDED)
			out = v;
	}
	if (x->on_miss != NULL)
		x->on_miss(x->miss_ctx, n, t, form);
	return out;
}

static enum verdict on_halves(struct run *x, const struct node *n, struct slice s)
{
	enum verdict v;

	if (s.n <= ENGINE_TEXT_MAX)
		return eval_texts(x, n, s, FORM_WRITTEN);
	v = eval_texts(x, n, slice_head(s, ENGINE_TEXT_MAX / 2), FORM_WRITTEN);
	if (v == VERDICT_YES)
		return v;
	return eval_either(
	    v, eval_texts(x, n, slice_from(s, s.n - ENGINE_TEXT_MAX / 2), FORM_WRITTEN));
}

enum verdict eval_written(struct run *x, const struct node *n, struct slice s)
{
	bool had_evidence = x->evidence->found;
	struct evidence *e = x->evidence;
	const char *own = s.p;
	enum verdict v;

	if (memchr(s.p, '\n', s.n) == NULL || s.n > (size_t)LANE_BYTES)
		return on_halves(x, n, s);
	memcpy(x->g->scratch, s.p, s.n);
	s.p = x->g->scratch;
	for (char *lf = x->g->scratch; (lf = memchr(lf, '\n', s.n - (size_t)(lf - s.p))) != NULL;)
		*lf = '\r';
	v = on_halves(x, n, s);
	if (e->found && !had_evidence) /* it stands in the value, not in the copy */
		e->span.part[0].p = own + (e->match.p - s.p);
	return v;
}
