/* Correlations from lines to alerts: each type, groups under other names, chains; and floods. */
#include "agent/pipeline.h"
#include "agent/sight.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RULE(name, item)               \
	"title: " name "\nname: " name \
	"\nlogsource: {category: application}\ndetection: {s: {" item "}, condition: s}\n---\n"
#define BASE                         \
	RULE("fail", "what: failed") \
	RULE("ok", "what: success")  \
	RULE("sudo", "what: sudo")
#define CORRELATION(name, text) "title: " name "\nname: " name "\ncorrelation: {" text "}\n"

struct seen {
	struct correlator *c;
	char names[512]; /* "name:entity:count " of each alert */
};

static struct pipeline pipe_line;

static void on_alert(void *ctx, const struct alert *a)
{
	struct seen *s = ctx;
	size_t n = strlen(s->names);

	snprintf(s->names + n, sizeof(s->names) - n, "%s:%s:%llu ", a->rule, a->value,
	    (unsigned long long)a->count);
}

static void on_sighting(void *ctx, const struct sighting *x)
{
	struct seen *s = ctx;
	struct buf b = { 0 };
	struct sighting back;

	sighting_save(x, &b); /* what the journal keeps is enough to count */
	assert_true(sighting_load(buf_as_slice(&b), &back));
	assert_int_equal(back.kind, x->kind);
	assert_true(back.via == x->via && back.value == x->value);
	buf_free(&b);
	correlator_feed(s->c, x, on_alert, s);
}

/* Each event: seconds, then the members of its JSON object. */
struct line {
	int at;
	const char *json;
};

static const char *alerts(const char *rules, const struct line *lines, size_t n)
{
	static struct seen s;
	struct problems p = { 0 };
	struct err e;
	struct line_rules lr = {
		.parser = &parser_json, .ref_us = 1795413600000000, .classes = CLASS_OTHER
	};
	struct ruleset *rs = ruleset_load_text("t.yml", slice_of(rules), &p);
	struct trigger_plan *plan;
	static char text[1 << 16];
	size_t len = 0;

	if (p.errors > 0)
		fail_msg("%s\n%.*s", rules, (int)p.text.n, p.text.p);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "{\"time\":\"2026-11-23T06:%02d:%02dZ\",%s}\n", lines[i].at / 60,
		    lines[i].at % 60, lines[i].json);
	plan = trigger_plan_new(rs, NULL, NULL, &e);
	assert_non_null(plan);
	assert_int_equal(pipe_line.events == NULL ? pipeline_init(&pipe_line, plan, NULL, &e)
						  : pipeline_use(&pipe_line, plan, &e),
	    0);
	s = (struct seen){ .c = correlator_new(rs, 7) };
	assert_non_null(s.c);
	pipeline_window(&pipe_line, &lr,
	    &(struct window_in){ .text = { text, len }, .line = 1, .final = true });
	assert_int_equal(pipe_line.n_events, n);
	sight_window(&pipe_line, s.c, 1, on_sighting, &s);
	correlator_free(s.c);
	trigger_plan_free(plan);
	ruleset_free(rs);
	problems_free(&p);
	return s.names;
}

#define EXPECT(rules, want, ...)                                                              \
	do {                                                                                  \
		static const struct line list[] = { __VA_ARGS__ };                            \
		assert_string_equal(alerts(rules, list, sizeof(list) / sizeof(*list)), want); \
	} while (0)

#define FAIL(at, user)                                               \
	{                                                            \
		at, "\"what\":\"failed\",\"user.name\":\"" user "\"" \
	}
#define OK(at, user)                                                  \
	{                                                             \
		at, "\"what\":\"success\",\"user.name\":\"" user "\"" \
	}
#define SUDO(at, user)                                             \
	{                                                          \
		at, "\"what\":\"sudo\",\"user.name\":\"" user "\"" \
	}

#define BOTH                     \
	BASE CORRELATION("both", \
	    "type: temporal, rules: [fail, ok, sudo], group-by: [user.name], timespan: 1m")

static void temporal(void **state)
{
	(void)state;
	EXPECT(BOTH, "both:bob:3 ", SUDO(1, "bob"), FAIL(10, "bob"), OK(61, "bob"));
	EXPECT(BOTH, "", SUDO(1, "bob"), FAIL(10, "bob"), OK(62, "bob")); /* a second too late */
	EXPECT(BOTH, "", SUDO(1, "bob"), FAIL(10, "bob"), OK(20, "eve"));
	EXPECT(BOTH, "", FAIL(1, "bob"), FAIL(10, "bob"), OK(20, "bob"));
	EXPECT(BASE CORRELATION("two",
		   "type: temporal, rules: [fail, ok, sudo], group-by: [user.name], timespan: 1m, "
		   "condition: {gte: 2}"),
	    "two:bob:2 ", FAIL(1, "bob"), FAIL(10, "bob"), SUDO(20, "bob"));
}

#define ORDER                                                                                   \
	BASE CORRELATION("order", "type: temporal_ordered, rules: [fail, ok, sudo], group-by: " \
				  "[user.name], timespan: 1m")

static void temporal_ordered(void **state)
{
	(void)state;
	EXPECT(ORDER, "order:bob:3 ", FAIL(1, "bob"), OK(10, "bob"), SUDO(61, "bob"));
	EXPECT(ORDER, "", FAIL(1, "bob"), OK(10, "bob"), SUDO(62, "bob"));
	EXPECT(ORDER, "", OK(1, "bob"), FAIL(10, "bob"), SUDO(20, "bob"));
	/* the later failure does not hide that there was one before */
	EXPECT(
	    ORDER, "order:bob:4 ", FAIL(1, "bob"), OK(10, "bob"), FAIL(20, "bob"), SUDO(30, "bob"));
	/* many of one rule are one */
	EXPECT(ORDER, "order:bob:3 ", FAIL(1, "bob"), FAIL(2, "bob"), FAIL(3, "bob"), OK(4, "bob"),
	    OK(5, "bob"), SUDO(6, "bob"));
	/* a late event is put where it belongs */
	EXPECT(ORDER, "order:bob:3 ", FAIL(1, "bob"), SUDO(20, "bob"), OK(10, "bob"));
}

#define SUM(type, condition)                                                        \
	RULE("sent", "amount: '*'")                                                 \
	CORRELATION("much",                                                         \
	    "type: " type ", rules: [sent], group-by: [user.name], timespan: 10m, " \
	    "condition: {field: amount, " condition "}")
#define SENT(at, n)                                          \
	{                                                    \
		at, "\"amount\":" n ",\"user.name\":\"bob\"" \
	}

static void sums_and_means(void **state)
{
	(void)state;
	EXPECT(SUM("value_sum", "gte: 100"), "much:bob:3 ", SENT(1, "40"), SENT(2, "59.5"),
	    SENT(3, "0.5"));
	EXPECT(SUM("value_sum", "gt: 100"), "", SENT(1, "40"), SENT(2, "60"));
	EXPECT(SUM("value_sum", "gte: 100"), "", SENT(1, "40"), SENT(605, "60")); /* left behind */
	EXPECT(SUM("value_sum", "gte: 100"), "", SENT(1, "\"x\""), SENT(2, "99"));
	EXPECT(SUM("value_sum", "gte: 100, lt: 200"), "", SENT(1, "99"), SENT(2, "101"));
	EXPECT(SUM("value_avg", "gt: 50"), "much:bob:3 ", SENT(1, "10"), SENT(2, "20"),
	    SENT(3, "150"));
	EXPECT(SUM("value_avg", "lt: 5"), "much:bob:2 ", SENT(1, "6"), SENT(3, "2"));
}

/* 3,000 numbers in one timespan: the window has 256 parts, the sum is theirs. */
static void many_numbers_are_added_up(void **state)
{
	static struct line list[1000];

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		list[i] = (struct line){ (int)(i / 4), "\"amount\":1,\"user.name\":\"bob\"" };
	assert_string_equal(alerts(SUM("value_sum", "gte: 1000"), list, 1000), "much:bob:1000 ");
	assert_string_equal(alerts(SUM("value_sum", "gt: 1000"), list, 1000), "");
}

static void ranges_and_groups(void **state)
{
#define COUNT(condition)                                                                  \
	BASE CORRELATION("n", "type: event_count, rules: [fail], group-by: [user.name], " \
			      "timespan: 1m, condition: {" condition "}")
	(void)state;
	EXPECT(COUNT("eq: 2"), "n:bob:2 ", FAIL(1, "bob"), FAIL(2, "bob"));
	EXPECT(COUNT("gt: 1, lte: 5"), "n:bob:2 ", FAIL(1, "bob"), FAIL(2, "bob"));
	EXPECT(BASE CORRELATION("n", "type: event_count, rules: [fail], timespan: 1m, "
				     "condition: {gte: 2}"),
	    "n:all:2 ", FAIL(1, "bob"), FAIL(2, "eve"));
	EXPECT(BASE CORRELATION("n", "type: value_count, rules: [fail], timespan: 1m, "
				     "condition: {field: [user.name, port], gte: 2}"),
	    "n:all:2 ", { 1, "\"what\":\"failed\",\"user.name\":\"a\",\"port\":1" },
	    { 2, "\"what\":\"failed\",\"user.name\":\"a\",\"port\":1" },
	    { 3, "\"what\":\"failed\",\"user.name\":\"a\",\"port\":2" });
}

static void aliases(void **state)
{
	const char *rules =
	    BASE CORRELATION("same", "type: temporal, rules: [fail, ok], group-by: [who], "
				     "timespan: 1m, aliases: {who: {fail: target, ok: user.name}}");
	static const struct line yes[] = { { 1, "\"what\":\"failed\",\"target\":\"bob\"" },
		OK(2, "bob") };
	static const struct line no[] = { { 1, "\"what\":\"failed\",\"target\":\"eve\"" },
		OK(2, "bob") };

	(void)state;
	assert_string_equal(alerts(rules, yes, 2), "same:bob:2 ");
	assert_string_equal(alerts(rules, no, 2), "");
}

#define CHAIN                                                                                 \
	BASE CORRELATION("many",                                                              \
	    "type: event_count, rules: [fail], group-by: [client.address, "                   \
	    "user.name], timespan: 1m, condition: {gte: 3}") "---\n" CORRELATION("broken-in", \
	    "type: temporal_ordered, rules: [many, ok], "                                     \
	    "group-by: [user.name], timespan: 5m")
#define FROM(at, what, ip)                                                                      \
	{                                                                                       \
		at, "\"what\":\"" what "\",\"user.name\":\"bob\",\"client.address\":\"" ip "\"" \
	}

static void chains(void **state)
{
	(void)state;
	EXPECT(CHAIN, "broken-in:bob:2 ", FROM(1, "failed", "192.0.2.1"),
	    FROM(2, "failed", "192.0.2.1"), FROM(3, "failed", "192.0.2.1"),
	    FROM(4, "success", "192.0.2.9"));
	EXPECT(CHAIN, "", FROM(1, "failed", "192.0.2.1"), FROM(2, "failed", "192.0.2.2"),
	    FROM(3, "failed", "192.0.2.1"), FROM(4, "success", "192.0.2.9"));
	EXPECT(CHAIN, "", FROM(1, "success", "192.0.2.9"), FROM(2, "failed", "192.0.2.1"),
	    FROM(3, "failed", "192.0.2.1"), FROM(4, "failed", "192.0.2.1"));
	/* generate: the one below says its own, too */
	EXPECT(CHAIN "generate: true\n", "many:192.0.2.1:3 broken-in:bob:2 ",
	    FROM(1, "failed", "192.0.2.1"), FROM(2, "failed", "192.0.2.1"),
	    FROM(3, "failed", "192.0.2.1"), FROM(4, "success", "192.0.2.9"));
	/* three in a row, listed before what they name */
	EXPECT(CORRELATION("top", "type: event_count, rules: [broken-in], group-by: [user.name], "
				  "timespan: 1h, condition: {gte: 1}") "---\n" CHAIN,
	    "top:bob:1 ", FROM(1, "failed", "192.0.2.1"), FROM(2, "failed", "192.0.2.1"),
	    FROM(3, "failed", "192.0.2.1"), FROM(4, "success", "192.0.2.9"));
}

static const struct {
	const char *text, *message;
} refused[] = {
	{ "type: value_percentile, rules: [fail], timespan: 1m, condition: {gte: 1}",
	    "value_percentile is not supported" },
	{ "type: value_median, rules: [fail], timespan: 1m, condition: {gte: 1}",
	    "value_median is not supported" },
	{ "type: temporl, rules: [fail, ok], timespan: 1m", "did you mean 'temporal'" },
	{ "type: temporal, rules: [fail], timespan: 1m", "two rules or more" },
	{ "type: temporal, rules: [fail, ok], timespan: 1m, condition: fail and ok", "is a map" },
	{ "type: event_count, rules: [fail], timespan: 1m", "needs gte: N" },
	{ "type: event_count, rules: [fail], timespan: 1m, condition: {lt: 5}", "upper bound" },
	{ "type: event_count, rules: [fail], timespan: 1m, condition: {gte: 5, lt: 5}",
	    "nothing is within" },
	{ "type: event_count, rules: [fail], timespan: 1m, condition: {gte: 1.5}", "whole number" },
	{ "type: event_count, rules: [fail], timespan: 1m, condition: {neq: 1}", "not supported" },
	{ "type: value_sum, rules: [fail], timespan: 1m, condition: {gte: 5}", "needs `field:`" },
	{ "type: event_count, rules: [nobody], timespan: 1m, condition: {gte: 5}",
	    "no rule named 'nobody'" },
	{ "type: event_count, rules: [x], timespan: 1m, condition: {gte: 5}", "names itself" },
	{ "type: event_count, rules: [fail], groupby: [a], timespan: 1m, condition: {gte: 5}",
	    "did you mean 'group-by'" },
	{ "type: event_count, rules: [fail], group-by: [a], timespan: 1m, condition: {gte: 5}, "
	  "aliases: {a: {ok: b}}",
	    "names no field for 'fail'" },
};

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct problems p = { 0 };
		char rules[2048];
		struct ruleset *rs;

		snprintf(rules, sizeof(rules), BASE "title: x\nname: x\ncorrelation: {%s}\n",
		    refused[i].text);
		rs = ruleset_load_text("t.yml", slice_of(rules), &p);
		assert_int_equal(rs->n_correlations, 0);
		if (p.errors == 0 || memmem(p.text.p, p.text.n, refused[i].message,
					 strlen(refused[i].message)) == NULL)
			fail_msg("%s: %.*s", refused[i].text, (int)p.text.n, p.text.p);
		ruleset_free(rs);
		problems_free(&p);
	}
}

/* ---- floods ---- */

static struct sighting hit(uint64_t subject, uint64_t group, uint64_t value, int64_t ms)
{
	static uint64_t events;

	return (struct sighting){ .kind = SIGHT_CORRELATION,
		.subject = subject,
		.group = group,
		.value = value,
		.time_us = INT64_C(1795413600000000) + ms * 1000,
		.count = 1,
		.event = { 2, ++events },
		.entity_value = group == 1 ? SLICE("attacker") : SLICE("flood") };
}

#define FLOOD                                                                                     \
	BASE CORRELATION("n", "type: event_count, rules: [fail], group-by: [client.address], "    \
			      "timespan: 10m, condition: {gte: 10}") "---\n" CORRELATION("v",     \
	    "type: value_count, rules: [fail], group-by: [client.address], "                      \
	    "timespan: 10m, condition: {field: user.name, gte: 10}") "---\n" CORRELATION("quick", \
	    "type: event_count, rules: [ok], group-by: [client.address], "                        \
	    "timespan: 10m, condition: {gte: 2}")

/*
 * A million addresses with one hit each in nine minutes, for two correlations; in between one
 * attacker with ten hits, fewer than one in 100,000 hits of others. Both his alerts are raised.
 */
static void a_million_addresses_hide_nobody(void **state)
{
	struct problems p = { 0 };
	struct ruleset *rs = ruleset_load_text("t.yml", slice_of(FLOOD), &p);
	struct seen s = { .c = correlator_new(rs, 7) };
	uint64_t n = ruleset_correlation(rs, SLICE("n"))->hash;
	uint64_t v = ruleset_correlation(rs, SLICE("v"))->hash;

	(void)state;
	assert_int_equal(p.errors, 0);
	for (uint64_t i = 0; i < 1000000; i++) {
		int64_t ms = (int64_t)i * 540 / 1000;
		struct sighting x = hit(n, 1000 + i, 0, ms);
		struct sighting y = hit(v, 1000 + i, i, ms);

		correlator_feed(s.c, &x, on_alert, &s);
		correlator_feed(s.c, &y, on_alert, &s);
		if (i % 100000 != 50000)
			continue;
		x = hit(n, 1, 0, ms);
		y = hit(v, 1, i, ms);
		correlator_feed(s.c, &x, on_alert, &s);
		correlator_feed(s.c, &y, on_alert, &s);
	}
	assert_true(correlator_windows(s.c) <= 32768);
	assert_true(correlator_evicted(s.c) > 1900000);
	assert_non_null(strstr(s.names, "n:attacker:10 "));
	assert_non_null(strstr(s.names, "v:attacker:10 "));
	assert_null(strstr(s.names, "flood")); /* and nobody is accused for another */
	correlator_free(s.c);
	ruleset_free(rs);
}

/*
 * The flood is of a correlation with a low threshold: its windows are half full with one hit. What
 * another correlation has counted, with less, stays.
 */
static void a_flood_of_one_correlation_leaves_the_others_alone(void **state)
{
	struct problems p = { 0 };
	struct ruleset *rs = ruleset_load_text("t.yml", slice_of(FLOOD), &p);
	struct seen s = { .c = correlator_new(rs, 7) };
	uint64_t v = ruleset_correlation(rs, SLICE("v"))->hash;
	uint64_t quick = ruleset_correlation(rs, SLICE("quick"))->hash;

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		struct sighting x = hit(v, 1, i, (int64_t)i);

		correlator_feed(s.c, &x, on_alert, &s);
	}
	for (uint64_t i = 0; i < 200000; i++) {
		struct sighting x = hit(quick, 1000 + i, 0, (int64_t)i);

		correlator_feed(s.c, &x, on_alert, &s);
	}
	for (uint64_t i = 4; i < 10; i++) {
		struct sighting x = hit(v, 1, i, 200000);

		correlator_feed(s.c, &x, on_alert, &s);
	}
	assert_string_equal(s.names, "v:attacker:10 ");
	correlator_free(s.c);
	ruleset_free(rs);
}

static void a_note_is_too_old_after_the_timespan(void **state)
{
	struct problems p = { 0 };
	struct ruleset *rs = ruleset_load_text("t.yml", slice_of(FLOOD), &p);
	struct seen s = { .c = correlator_new(rs, 7) };
	uint64_t quick = ruleset_correlation(rs, SLICE("quick"))->hash;
	struct sighting first = hit(quick, 1, 0, 0);
	struct sighting late = hit(quick, 1, 0, 601000);

	(void)state;
	correlator_feed(s.c, &first, on_alert, &s);
	for (uint64_t i = 0; i < 200000; i++) {
		struct sighting x = hit(quick, 1000 + i, 0, 1000 + (int64_t)i);

		correlator_feed(s.c, &x, on_alert, &s);
	}
	correlator_feed(s.c, &late, on_alert, &s);
	assert_string_equal(s.names, "");
	correlator_free(s.c);
	ruleset_free(rs);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(temporal),
		cmocka_unit_test(temporal_ordered),
		cmocka_unit_test(sums_and_means),
		cmocka_unit_test(many_numbers_are_added_up),
		cmocka_unit_test(ranges_and_groups),
		cmocka_unit_test(aliases),
		cmocka_unit_test(chains),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_million_addresses_hide_nobody),
		cmocka_unit_test(a_flood_of_one_correlation_leaves_the_others_alone),
		cmocka_unit_test(a_note_is_too_old_after_the_timespan),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	pipeline_free(&pipe_line);
	return rc;
}
