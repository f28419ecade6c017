#include "agent/formats.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "match/regex.h"
#include "parsers/user.h"

enum { MAX_FORMATS = 64, MAX_SAMPLE = 1 << 16 };

static struct format_config *format_at(const struct config *c, unsigned i)
{
	return (struct format_config *)c->formats.v + i;
}

const struct parser *formats_find(const struct config *c, struct slice name)
{
	for (unsigned i = 0; c != NULL && i < c->formats.n; i++) {
		const struct format_config *f = format_at(c, i);

		if (f->format != NULL && slice_eq(name, slice_of(f->name)))
			return user_format_parser(f->format);
	}
	return parser_find(name);
}

const char *formats_suggest(const struct config *c, struct slice wrong)
{
	const char *names[MAX_FORMATS + 32];
	unsigned n = 0;

	for (; parsers[n] != NULL && n < 32; n++)
		names[n] = parsers[n]->name;
	for (unsigned i = 0; c != NULL && i < c->formats.n && i < MAX_FORMATS; i++)
		names[n++] = format_at(c, i)->name;
	return problem_suggest(wrong, names, n);
}

static void check_name(const struct format_config *f, struct place at, struct problems *p)
{
	if (parser_find(slice_of(f->name)) != NULL)
		problem_error(p, at, "'%s' is the name of a built-in parser", f->name);
	if (f->name[0] == '\0' || strlen(f->name) > 32 ||
	    strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(f->name))
		problem_error(p, at,
		    "names of formats are of a-z, 0-9, _ and -, at most 32 of them: '%s'", f->name);
}

/* Pattern, groups and time of one format; f->format stays NULL when something is wrong. */
static void build(
    struct config *c, struct format_config *f, const struct yaml *y, struct problems *p)
{
	const struct yaml *attributes = yaml_get(y, "attributes");
	const struct yaml *time = yaml_get(y, "time");
	struct place at = yaml_place(&c->file, yaml_get(y, "pattern"));
	unsigned before = p->errors;
	struct user_format *made;
	struct err e;

	made = user_format_new(f->name, slice_of(f->pattern), &e);
	if (made == NULL) {
		problem_error(p, at, "%s", e.msg);
		return;
	}
	for (unsigned i = 0; i < f->attributes.n; i++) {
		const struct format_pair *m = (const struct format_pair *)f->attributes.v + i;

		if (user_format_map(made, slice_of(m->name), slice_of(m->value), &e) != 0)
			problem_error(
			    p, yaml_key_place(&c->file, &attributes->child[i]), "%s", e.msg);
	}
	if (f->time.field != NULL &&
	    user_format_time(made, slice_of(f->time.field), slice_of(f->time.format), &e) != 0)
		problem_error(p, yaml_place(&c->file, time), "time: %s", e.msg);
	if (time != NULL && f->time.field == NULL)
		problem_error(p, yaml_place(&c->file, time),
		    "time: `field` is missing, the group that holds the time");
	if (user_format_finish(made, &e) != 0)
		problem_error(p, at, "%s", e.msg);
	if (p->errors == before)
		f->format = made;
	else
		user_format_free(made);
}

/* ---- samples ---- */

static void check_value(
    const struct event *ev, const struct format_pair *want, struct place at, struct problems *p)
{
	char time[TIMEFMT_MAX];
	struct slice got = event_get_named(ev, slice_of(want->name));

	if (strcmp(want->name, "time") == 0) {
		int64_t t = 0;

		if (timefmt_parse_rfc3339(slice_of(want->value), 0, &t) != strlen(want->value)) {
			problem_error(
			    p, at, "time: expected 2026-11-23T06:00:00Z, not '%s'", want->value);
			return;
		}
		if (t == ev->time_us)
			return;
		got = ev->time_us != 0 ? (struct slice){ time, timefmt_rfc3339(ev->time_us, time) }
				       : (struct slice){ 0 };
	} else if (slice_eq(got, slice_of(want->value))) {
		return;
	}
	if (got.n > 0)
		problem_error(p, at, "sample: %s is '%.*s', expected '%s'", want->name,
		    SLICE_ARG(got), want->value);
	else
		problem_error(
		    p, at, "sample: there is no %s, expected '%s'", want->name, want->value);
}

/* Stamps without a year are meant as near to the time that is expected, whatever year it is now. */
static int64_t reference(const struct format_sample *s)
{
	int64_t t;

	for (unsigned i = 0; i < s->expect.n; i++) {
		const struct format_pair *want = (const struct format_pair *)s->expect.v + i;

		if (strcmp(want->name, "time") == 0 &&
		    timefmt_parse_rfc3339(slice_of(want->value), 0, &t) > 0)
			return t;
	}
	return clock_now_us();
}

static void check_sample(struct config *c, const struct format_config *f,
    const struct format_sample *s, const struct yaml *y, struct regex_ctx *regex,
    struct problems *p)
{
	static struct attr attrs[EVENT_MAX_ATTRS];
	const struct yaml *expect = yaml_get(y, "expect");
	struct place at = yaml_place(&c->file, yaml_get(y, "line"));
	struct event ev = { .body = slice_of(s->line), .attrs = attrs };
	struct parse_ctx ctx = { .arena = &c->arena,
		.ref_us = reference(s),
		.self = user_format_parser(f->format),
		.regex = regex };

	if (ev.body.n > MAX_SAMPLE) {
		problem_error(p, at, "sample: longer than 64 KiB");
		return;
	}

	bool ok = ctx.self->parse(&ctx, &ev) == PARSE_OK;

	if (ok == s->bad) {
		problem_error(p, at,
		    ok ? "sample: the line is of this format, and must not be"
		       : "sample: the line is not of this format: the pattern does not match all "
			 "of it, or the time is none");
		return;
	}
	for (unsigned i = 0; ok && i < s->expect.n; i++)
		check_value(&ev, (const struct format_pair *)s->expect.v + i,
		    yaml_place(&c->file, &expect->child[i]), p);
}

static void check_samples(
    struct config *c, const struct format_config *f, const struct yaml *y, struct problems *p)
{
	const struct yaml *samples = yaml_get(y, "samples");
	struct err e;
	struct regex_ctx *regex = regex_ctx_new(&e);

	if (regex == NULL) {
		problem_error(p, yaml_place(&c->file, y), "%s", e.msg);
		return;
	}
	for (unsigned i = 0; i < f->samples.n; i++)
		check_sample(c, f, (const struct format_sample *)f->samples.v + i,
		    &samples->child[i], regex, p);
	regex_ctx_free(regex);
}

void formats_resolve(struct config *c, const struct yaml *y, struct problems *p)
{
	if (c->formats.n > MAX_FORMATS) {
		problem_error(p, yaml_place(&c->file, y), "parsers: more than %d", MAX_FORMATS);
		return;
	}
	for (unsigned i = 0; i < c->formats.n; i++) {
		struct format_config *f = format_at(c, i);

		check_name(f, yaml_key_place(&c->file, &y->child[i]), p);
		build(c, f, &y->child[i], p);
		if (f->format != NULL)
			check_samples(c, f, &y->child[i], p);
	}
}

void formats_free(struct config *c)
{
	for (unsigned i = 0; i < c->formats.n; i++)
		user_format_free(format_at(c, i)->format);
}
