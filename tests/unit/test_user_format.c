/* Formats of the config: groups to attributes, times by pattern, and that they are bounded. */
#include "base/err.h"
#include "base/timefmt.h"
#include "match/regex.h"
#include "parsers/stamp_pattern.h"
#include "parsers/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct attr attrs[EVENT_MAX_ATTRS];
static struct regex_ctx *regex;

/* 2026-11-23T06:00:00Z */
#define REF INT64_C(1795413600000000)

static enum parse_result parse(const struct user_format *f, const char *line, struct event *ev)
{
	struct parse_ctx c = {
		.ref_us = REF, .tz_s = 3600, .self = user_format_parser(f), .regex = regex
	};

	*ev = (struct event){ .body = slice_of(line), .attrs = attrs };
	return c.self->parse(&c, ev);
}

static struct user_format *make(const char *pattern)
{
	struct err e;
	struct user_format *f = user_format_new("mine", slice_of(pattern), &e);

	assert_non_null(f);
	return f;
}

static void is(const struct event *ev, enum attr_key key, const char *want)
{
	struct slice v = event_get(ev, key);

	if (want == NULL) {
		assert_null(v.p);
		return;
	}
	assert_int_equal(v.n, strlen(want));
	assert_memory_equal(v.p, want, v.n);
}

static void groups_become_attributes(void **state)
{
	struct user_format *f =
	    make("(?<ts>\\S+) (?<client_address>\\S+) (?<http_request_method>\\S+) "
		 "(?<url_original>\\S+) (?<http_response_status_code>\\S+) "
		 "(?<auth_result>\\S+) (?<who>.+?) (?<colour>\\w+)");
	struct event ev;
	struct err e;

	(void)state;
	assert_int_equal(user_format_map(f, SLICE("who"), SLICE("user.name"), &e), 0);
	assert_int_equal(user_format_time(f, SLICE("ts"), SLICE("epoch"), &e), 0);
	assert_int_equal(user_format_finish(f, &e), 0);
	assert_int_equal(
	    parse(f, "1795413601 203.0.113.7 BREW /pot?milk=1 404 failure Al B red", &ev),
	    PARSE_OK);
	assert_int_equal(ev.time_us, REF + US_PER_S);
	is(&ev, ATTR_CLIENT_ADDRESS, "203.0.113.7");
	is(&ev, ATTR_HTTP_METHOD, "_OTHER");
	is(&ev, ATTR_HTTP_METHOD_ORIGINAL, "BREW");
	is(&ev, ATTR_URL_PATH, "/pot");
	is(&ev, ATTR_URL_QUERY, "milk=1");
	is(&ev, ATTR_HTTP_STATUS, "404");
	is(&ev, ATTR_AUTH_RESULT, "failure");
	is(&ev, ATTR_USER_NAME, "Al B");
	assert_true(slice_eq(attr_name(&attrs[ev.n_attrs - 1]), SLICE("colour")));

	/* "-" is no value; what is no status keeps the group's name */
	assert_int_equal(parse(f, "1795413601 - GET /x OK - bob red", &ev), PARSE_OK);
	is(&ev, ATTR_CLIENT_ADDRESS, NULL);
	is(&ev, ATTR_AUTH_RESULT, NULL);
	is(&ev, ATTR_HTTP_STATUS, NULL);
	is(&ev, ATTR_URL_QUERY, NULL);
	user_format_free(f);
}

static void the_whole_line_must_match(void **state)
{
	struct user_format *f = make("a(?<b>b|bc)");
	struct event ev;
	struct err e;

	(void)state;
	assert_int_equal(user_format_finish(f, &e), 0);
	assert_int_equal(parse(f, "abc", &ev), PARSE_OK);
	assert_int_equal(attrs[0].n, 2);
	assert_int_equal(parse(f, "abcd", &ev), PARSE_BAD);
	assert_int_equal(parse(f, "xab", &ev), PARSE_BAD);
	assert_int_equal(parse(f, "ab\n", &ev), PARSE_BAD);
	assert_int_equal(parse(f, "", &ev), PARSE_BAD);
	user_format_free(f);
}

static void of_ways_that_name_one_attribute_the_first_value_counts(void **state)
{
	struct user_format *f = make("(?J)(?:in (?<u>\\w+)|out (?<u>\\w+))(?: as (?<other>\\w+))?");
	struct event ev;
	struct err e;

	(void)state;
	assert_int_equal(user_format_map(f, SLICE("u"), SLICE("user.name"), &e), 0);
	assert_int_equal(user_format_map(f, SLICE("other"), SLICE("user.name"), &e), 0);
	assert_int_equal(user_format_finish(f, &e), 0);
	assert_int_equal(parse(f, "out bob as eve", &ev), PARSE_OK);
	assert_int_equal(ev.n_attrs, 1);
	is(&ev, ATTR_USER_NAME, "bob");
	user_format_free(f);
}

static void a_limit_is_a_parse_error(void **state)
{
	struct user_format *f = make("(?<a>(?:x+x+)+)y");
	char line[4001];
	struct event ev;
	struct err e;

	(void)state;
	assert_int_equal(user_format_finish(f, &e), 0);
	memset(line, 'x', 4000);
	line[4000] = '\0';
	assert_int_equal(parse(f, line, &ev), PARSE_BAD);
	assert_int_equal(ev.n_attrs, 0);
	line[40] = '\0';
	line[39] = 'y';
	assert_int_equal(parse(f, line, &ev), PARSE_OK);
	user_format_free(f);
}

static void a_time_that_is_none_is_a_parse_error(void **state)
{
	struct user_format *f = make("(?<user_name>\\w+)(?: at (?<t>.*))?");
	struct event ev;
	struct err e;

	(void)state;
	assert_int_equal(user_format_time(f, SLICE("t"), SLICE("%d.%m.%Y"), &e), 0);
	assert_int_equal(user_format_finish(f, &e), 0);
	assert_int_equal(parse(f, "bob at 31.02.2026", &ev), PARSE_BAD);
	assert_int_equal(ev.n_attrs, 0);
	assert_int_equal(ev.time_us, 0);
	assert_int_equal(parse(f, "bob at 23.11.2026", &ev), PARSE_OK);
	assert_int_equal(ev.time_us, REF - 7 * 3600 * US_PER_S); /* the context's zone */
	assert_int_equal(parse(f, "bob", &ev), PARSE_OK);
	assert_int_equal(ev.time_us, 0);
	user_format_free(f);
}

static void what_a_log_may_not_say_is_refused(void **state)
{
	struct user_format *f = make("(?<a>x)(?<client_provenance>y)?");
	struct err e;

	(void)state;
	assert_int_equal(
	    user_format_map(f, SLICE("a"), SLICE("sekisho.client.provenance"), &e), -1);
	assert_int_equal(user_format_map(f, SLICE("a"), SLICE("sekisho.parse_error"), &e), -1);
	assert_int_equal(user_format_map(f, SLICE("a"), SLICE("two words"), &e), -1);
	assert_int_equal(user_format_map(f, SLICE("a"), SLICE(""), &e), -1);
	assert_int_equal(user_format_map(f, SLICE("b"), SLICE("user.name"), &e), -1);
	assert_int_equal(user_format_time(f, SLICE("b"), SLICE("clf"), &e), -1);
	assert_int_equal(user_format_finish(f, &e), -1);
	assert_non_null(strstr(e.msg, "client_provenance"));
	user_format_free(f);
	assert_null(user_format_new("x", SLICE("(?<a>"), &e));
	assert_null(user_format_new("x", SLICE("(?<a>.*)"), &e)); /* would match the empty line */

	char many[8 * 70] = "";

	for (int i = 0; i < 65; i++)
		strcat(many, "(x)");
	assert_null(user_format_new("x", slice_of(many), &e));
	assert_non_null(strstr(e.msg, "65 groups"));
}

static void patterns_of_times(void **state)
{
	static const struct {
		const char *pattern, *text, *want;
	} t[] = {
		{ "%Y-%m-%d %H:%M:%S", "2026-11-23 07:00:00", "2026-11-23T06:00:00.000000Z" },
		{ "%F %T%z", "2026-11-23 07:00:00+0100", "2026-11-23T06:00:00.000000Z" },
		{ "%F %T %z", "2026-11-23 01:30:00 -04:30", "2026-11-23T06:00:00.000000Z" },
		{ "%FT%T.%fZ", "2026-11-23T07:00:00.25Z", "2026-11-23T06:00:00.250000Z" },
		{ "%F %T %Z", "2026-11-23 06:00:00 UTC", "2026-11-23T06:00:00.000000Z" },
		{ "%d %b %y %I:%M %p %z", "23 Nov 26 12:05 AM Z", "2026-11-23T00:05:00.000000Z" },
		{ "%d %b %y %I:%M %p %z", "23 nov 26 12:05 PM Z", "2026-11-23T12:05:00.000000Z" },
		{ "%A, %B %e %Y %z", "Monday, November  3 2026 Z", "2026-11-03T00:00:00.000000Z" },
		{ "%a %b %d %T", "Mon Nov 23 07:00:00", "2026-11-23T06:00:00.000000Z" },
		{ "%b %d %T", "Dec 31 23:59:59",
		    "2025-12-31T22:59:59.000000Z" }, /* not in a month */
		{ "%b %d %T", "Feb 29 01:00:00", "2024-02-29T00:00:00.000000Z" },
		{ "%s.%f", "1795413600.123456789", "2026-11-23T06:00:00.123456Z" },
		{ "%d.%m.%Y %H Uhr 100%%", "23.11.2026 07 Uhr 100%",
		    "2026-11-23T06:00:00.000000Z" },
		{ "%y-%m-%d %z", "70-01-02 Z", "1970-01-02T00:00:00.000000Z" },
		{ "%F", "2026-02-30", NULL },
		{ "%F", "2026-11-23 ", NULL },
		{ "%F", " 2026-11-23", NULL },
		{ "%F", "2026-11-", NULL },
		{ "%F %I%p", "2026-11-23 13PM", NULL },
		{ "%F %I%p", "2026-11-23 0AM", NULL },
		{ "%F %T", "2026-11-23 24:00:00", NULL },
		{ "%F %z", "2026-11-23 +15:00", NULL },
		{ "%d %b %Y", "23 Noo 2026", NULL },
		{ "%s", "999999999999", NULL },
		{ "%s", "", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct parse_ctx c = { .ref_us = REF, .tz_s = 3600 };
		char text[TIMEFMT_MAX];
		int64_t us = 0;
		struct err e;

		assert_int_equal(stamp_pattern_check(slice_of(t[i].pattern), &e), 0);

		bool ok = stamp_pattern_parse(&c, slice_of(t[i].pattern), slice_of(t[i].text), &us);

		if (ok != (t[i].want != NULL))
			fail_msg("%s %s: %d", t[i].pattern, t[i].text, ok);
		if (ok) {
			text[timefmt_rfc3339(us, text)] = '\0';
			assert_string_equal(text, t[i].want);
		}
	}
}

static void patterns_without_a_day_or_with_unknown_directives_are_refused(void **state)
{
	static const char *const wrong[] = { "", "%", "%T", "%Y-%m", "%Y %d", "%F %q", "%F %",
		"rfc3393" };
	struct err e;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (stamp_pattern_check(slice_of(wrong[i]), &e) == 0)
			fail_msg("%s was taken", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_become_attributes),
		cmocka_unit_test(the_whole_line_must_match),
		cmocka_unit_test(of_ways_that_name_one_attribute_the_first_value_counts),
		cmocka_unit_test(a_limit_is_a_parse_error),
		cmocka_unit_test(a_time_that_is_none_is_a_parse_error),
		cmocka_unit_test(what_a_log_may_not_say_is_refused),
		cmocka_unit_test(patterns_of_times),
		cmocka_unit_test(patterns_without_a_day_or_with_unknown_directives_are_refused),
	};
	struct err e;

	regex = regex_ctx_new(&e);
	assert_non_null(regex);

	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	regex_ctx_free(regex);
	return rc;
}
