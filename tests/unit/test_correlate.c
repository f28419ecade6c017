/* Windows over event time: sliding, late events, silence, repetition, counted values, displacement.
 */
#include "base/err.h"
#include "detect/correlate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S     INT64_C(1000000)
#define START (INT64_C(1795413600) * S)
#define SPAN  (600 * S)

static const char rules[] =
    "title: base\n"
    "name: t.base\n"
    "category: auth-failure\n"
    "logsource: {product: linux, service: sshd}\n"
    "detection: {s: {sekisho.auth.result: failure}, condition: s}\n"
    "---\n"
    "title: many\n"
    "name: t.many\n"
    "category: auth-failure\n"
    "level: high\n"
    "correlation: {type: event_count, rules: [t.base], group-by: [client.address], timespan: 10m, "
    "condition: {gte: 3}}\n"
    "---\n"
    "title: accounts\n"
    "name: t.accounts\n"
    "category: auth-failure\n"
    "level: high\n"
    "correlation: {type: value_count, rules: [t.base], group-by: [client.address], timespan: 10m, "
    "condition: {field: user.name, gte: 3}}\n";

static struct ruleset *rs;
static struct correlator *c;
static struct alert last;
static unsigned n_alerts;
static uint64_t n_events;

static void on_alert(void *ctx, const struct alert *a)
{
	(void)ctx;
	last = *a;
	n_alerts++;
}

static void feed(enum sighting_kind kind, uint64_t subject, uint64_t group, uint64_t value,
    int64_t time, uint32_t n)
{
	struct sighting s = { .kind = kind,
		.subject = subject,
		.group = group,
		.value = value,
		.time_us = START + time,
		.count = n,
		.event = { 1, ++n_events },
		.line = (uint32_t)n_events,
		.entity = ENTITY_IP,
		.entity_value = SLICE("203.0.113.7"),
		.has_address = true,
		.provenance = PROVENANCE_PEER };

	correlator_feed(c, &s, on_alert, NULL);
}

static void many(uint64_t group, int64_t time, uint32_t n)
{
	feed(SIGHT_CORRELATION, ruleset_correlation(rs, SLICE("t.many"))->hash, group, 0, time, n);
}

static void account(uint64_t who, int64_t time)
{
	feed(
	    SIGHT_CORRELATION, ruleset_correlation(rs, SLICE("t.accounts"))->hash, 1, who, time, 1);
}

static int set_up(void **state)
{
	struct problems p = { 0 };

	(void)state;
	rs = ruleset_load_text("t.yml", slice_of(rules), &p);
	if (rs == NULL || p.errors > 0 || rs->n_correlations != 2) {
		fprintf(stderr, "%.*s", (int)p.text.n, p.text.p);
		return -1;
	}
	problems_free(&p);
	c = correlator_new(rs, 42);
	n_alerts = 0;
	n_events = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	correlator_free(c);
	ruleset_free(rs);
	return 0;
}

static void the_threshold_within_the_span_fires_once(void **state)
{
	(void)state;
	many(1, 0, 1);
	many(1, 10 * S, 1);
	many(2, 11 * S, 1); /* another group */
	assert_int_equal(n_alerts, 0);
	many(1, SPAN, 1); /* the oldest is exactly one span old: it counts */
	assert_int_equal(n_alerts, 1);
	assert_string_equal(last.rule, "t.many");
	assert_int_equal(last.count, 3);
	assert_int_equal(last.first_us, START);
	assert_int_equal(last.last_us, START + SPAN);
	assert_int_equal(last.n_lines, 3);
	assert_int_equal(last.lines[2], 4);
}

static void what_the_span_left_behind_does_not_count(void **state)
{
	(void)state;
	many(1, 0, 1);
	many(1, 10 * S, 1);
	many(1, SPAN + 1, 1);
	assert_int_equal(n_alerts, 0);
	many(1, SPAN + 2 * S, 1); /* with the ones at 10 s and SPAN */
	assert_int_equal(n_alerts, 1);
	assert_int_equal(last.first_us, START + 10 * S);
}

static void a_late_event_counts_while_it_is_within_the_span(void **state)
{
	(void)state;
	many(1, SPAN, 1);
	many(1, -1, 1); /* too late by a microsecond */
	many(1, 0, 1);
	assert_int_equal(n_alerts, 0);
	many(1, 5 * S, 1);
	assert_int_equal(n_alerts, 1);
	assert_int_equal(last.count, 3);
	assert_int_equal(last.first_us, START);
	assert_int_equal(last.last_us, START + SPAN);
}

static void after_firing_it_is_silent_for_a_span_and_counts_on(void **state)
{
	uint64_t id[2];

	(void)state;
	many(1, 0, 3);
	assert_int_equal(n_alerts, 1);
	memcpy(id, last.id, sizeof(id));
	many(1, 1 * S, 2);
	assert_int_equal(n_alerts, 1);
	many(1, 2 * S, 1); /* doubled: the same alert, said again */
	assert_int_equal(n_alerts, 2);
	assert_int_equal(last.revision, 2);
	assert_int_equal(last.count, 6);
	assert_memory_equal(last.id, id, sizeof(id));
	many(1, SPAN - 1, 1);
	assert_int_equal(n_alerts, 2);
	/* the silence is over: counting begins anew */
	many(1, SPAN, 2);
	assert_int_equal(n_alerts, 2);
	many(1, SPAN + S, 1);
	assert_int_equal(n_alerts, 3);
	assert_int_equal(last.revision, 1);
	assert_int_equal(last.count, 3);
	assert_memory_not_equal(last.id, id, sizeof(id));
}

static void repeated_n_times_counts_n(void **state)
{
	(void)state;
	many(1, 0, 2);
	assert_int_equal(n_alerts, 0);
	many(1, S, 1);
	assert_int_equal(n_alerts, 1);
	assert_int_equal(last.count, 3);
	many(2, 0, 1000);
	assert_int_equal(n_alerts, 2);
	assert_int_equal(last.count, 1000);
}

static void values_count_once_each(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		account(1 + i % 2, (int64_t)i * S);
	assert_int_equal(n_alerts, 0);
	account(3, 100 * S);
	assert_int_equal(n_alerts, 1);
	assert_string_equal(last.rule, "t.accounts");
}

static void a_value_seen_again_counts_from_then(void **state)
{
	(void)state;
	account(1, 0);
	account(2, 10 * S);
	account(1, 500 * S); /* so it is still there when 2 is gone */
	account(3, SPAN + 20 * S);
	assert_int_equal(n_alerts, 0);
	account(4, SPAN + 30 * S);
	assert_int_equal(n_alerts, 1);
}

static void agreement_needs_two_rules_on_two_events(void **state)
{
	(void)state;
	feed(SIGHT_ATTACK, CATEGORY_SQLI * LEVEL_N + LEVEL_MEDIUM, 1, 100, 0, 1);
	feed(SIGHT_ATTACK, CATEGORY_SQLI * LEVEL_N + LEVEL_MEDIUM, 1, 100, S, 1);
	assert_int_equal(n_alerts, 0); /* one rule twice */
	n_events--;
	feed(SIGHT_ATTACK, CATEGORY_XSS * LEVEL_N + LEVEL_MEDIUM, 1, 200, S, 1);
	assert_int_equal(n_alerts, 0); /* two rules on one event */
	feed(SIGHT_ATTACK, CATEGORY_XSS * LEVEL_N + LEVEL_MEDIUM, 1, 200, 2 * S, 1);
	assert_int_equal(n_alerts, 1);
	assert_string_equal(last.rule, "web.agreement");
	feed(SIGHT_ATTACK, CATEGORY_SQLI * LEVEL_N + LEVEL_MEDIUM, 2, 100, 0, 1);
	feed(SIGHT_ATTACK, CATEGORY_XSS * LEVEL_N + LEVEL_MEDIUM, 2, 200, SPAN + 1, 1);
	assert_int_equal(n_alerts, 1); /* more than ten minutes apart */
}

/* A flood of entities with one hit each must not displace the one that is being counted. */
static void a_flood_displaces_itself(void **state)
{
	unsigned survived = 0;

	(void)state;
	for (uint64_t g = 1; g <= 50; g++)
		many(g, 0, 1);
	for (uint64_t g = 1; g <= 50; g++)
		many(g, S, 1);
	for (uint64_t i = 0; i < 60000; i++)
		many(1000000 + i * 7919, 2 * S, 1);
	assert_true(correlator_windows(c) <= 32768);
	assert_true(correlator_evicted(c) >= 60000 - 32768);
	for (uint64_t g = 1; g <= 50; g++) {
		n_alerts = 0;
		many(g, 3 * S, 1);
		survived += n_alerts;
	}
	assert_int_equal(survived, 50);
}

static void state_comes_back_and_goes_on(void **state)
{
	struct buf out = { 0 };
	struct buf again = { 0 };

	(void)state;
	many(1, 0, 1);
	many(1, S, 1);
	account(1, 0);
	account(2, S);
	many(9, 0, 5);
	assert_int_equal(correlator_save(c, 0, &out), 0);
	correlator_free(c);
	c = correlator_new(rs, 42);
	assert_true(correlator_load(c, buf_as_slice(&out)));
	correlator_save(c, 0, &again);
	assert_true(slice_eq(buf_as_slice(&out), buf_as_slice(&again)));
	n_alerts = 0;
	many(1, 2 * S, 1);
	assert_int_equal(n_alerts, 1);
	account(3, 2 * S);
	assert_int_equal(n_alerts, 2);
	many(9, 10 * S, 1); /* still silent */
	assert_int_equal(n_alerts, 2);
	for (size_t n = 0; n + 1 < out.n; n++) {
		struct correlator *other = correlator_new(rs, 42);

		if (correlator_load(other, slice_head(buf_as_slice(&out), n)) && n > 0)
			fail_msg("%zu of %zu bytes were taken for all", n, out.n);
		correlator_free(other);
	}
	buf_free(&out);
	buf_free(&again);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_threshold_within_the_span_fires_once),
		TEST(what_the_span_left_behind_does_not_count),
		TEST(a_late_event_counts_while_it_is_within_the_span),
		TEST(after_firing_it_is_silent_for_a_span_and_counts_on),
		TEST(repeated_n_times_counts_n),
		TEST(values_count_once_each),
		TEST(a_value_seen_again_counts_from_then),
		TEST(agreement_needs_two_rules_on_two_events),
		TEST(a_flood_displaces_itself),
		TEST(state_comes_back_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
