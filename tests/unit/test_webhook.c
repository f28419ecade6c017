/* What a webhook says of hostile names, and which alerts it says at all. */
#include "base/clock.h"
#include "base/err.h"
#include "sinks/webhook.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *say(enum webhook_template t, struct slice row, uint64_t held)
{
	struct webhook_message m = { t, "key", row, held };
	struct buf out = { 0 };
	struct err e = { 0, "" };
	json_t *j;

	assert_int_equal(webhook_text(&m, &out, &e), 0);
	j = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	buf_free(&out);
	return j;
}

static void names_are_neither_mentions_nor_links_in_slack(void **state)
{
	json_t *j = say(WEBHOOK_SLACK,
	    SLICE("{\"level\":\"high\",\"entity_value\":\"<!channel> & <https://x|y>\"}"), 7);
	const char *text = json_string_value(json_object_get(j, "text"));
	const json_t *blocks = json_object_get(j, "blocks");

	(void)state;
	assert_null(strchr(text, '<'));
	assert_non_null(strstr(text, "&lt;!channel&gt; &amp; &lt;https"));
	assert_int_equal(json_array_size(blocks), 3);
	for (size_t i = 1; i < 3; i++) {
		const json_t *b = json_array_get(blocks, i);
		const json_t *list = json_object_get(b, i == 1 ? "fields" : "elements");

		assert_int_equal(json_array_size(list), 1);
		assert_string_equal(
		    json_string_value(json_object_get(json_array_get(list, 0), "type")),
		    "plain_text");
	}
	json_decref(j);
}

static void a_cut_leaves_no_half_character(void **state)
{
	struct buf row = { 0 };
	json_t *j;

	(void)state;
	buf_str(&row, "{\"id\":\"a\",\"entity_value\":\"");
	for (unsigned i = 0; i < 3000; i++)
		buf_str(&row, i % 7 == 0 ? "xé" : "関");
	buf_str(&row,
	    "\",\"host_name\":"
	    "\"関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関関\"}");
	for (unsigned t = WEBHOOK_JSON; t <= WEBHOOK_PAGERDUTY; t++) {
		const json_t *words = NULL;

		j = say((enum webhook_template)t, buf_as_slice(&row), 0);
		if (t == WEBHOOK_SLACK)
			words = json_object_get(j, "text");
		else if (t == WEBHOOK_PAGERDUTY)
			words = json_object_get(json_object_get(j, "payload"), "summary");
		if (t != WEBHOOK_JSON)
			assert_non_null(strstr(json_string_value(words), "xé関関"));
		if (t == WEBHOOK_SLACK)
			assert_int_equal(
			    json_array_size(json_object_get(
				json_array_get(json_object_get(j, "blocks"), 1), "fields")),
			    3);
		json_decref(j);
	}
	buf_free(&row);
}

static void what_was_held_back_is_said_alone(void **state)
{
	json_t *j = say(WEBHOOK_JSON, (struct slice){ NULL, 0 }, 12);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(j, "type")), "held_back");
	assert_int_equal(json_integer_value(json_object_get(j, "held_back")), 12);
	json_decref(j);
	j = say(WEBHOOK_SLACK, (struct slice){ NULL, 0 }, 12);
	assert_non_null(strstr(json_string_value(json_object_get(j, "text")), "12 alerts"));
	json_decref(j);
	j = say(WEBHOOK_PAGERDUTY, (struct slice){ NULL, 0 }, 12);
	assert_string_equal(
	    json_string_value(json_object_get(j, "dedup_key")), "sekisho.held_back");
	json_decref(j);
}

static struct gate_alert alert(uint64_t key, unsigned level, bool page)
{
	return (struct gate_alert){ .key = key * 2 + 1,
		.rule = 3,
		.time_us = clock_now_us(),
		.level = level,
		.page = page };
}

static void a_try_that_failed_takes_nothing_of_the_rate(void **state)
{
	struct gate *g = calloc(1, sizeof(*g));
	struct gate_alert a = alert(1, 4, false);
	struct gate_alert b = alert(2, 4, false);

	(void)state;
	gate_init(g, 4, 1);
	for (unsigned i = 0; i < 5; i++) {
		gate_begin(g);
		assert_int_equal(gate_ask(g, &a), GATE_SEND);
		assert_int_equal(gate_ask(g, &b), GATE_HELD);
	}
	assert_int_equal(g->held, 0);
	gate_sent(g, &a);
	gate_settle(g);
	assert_int_equal(g->held, 1);
	assert_int_equal(gate_ask(g, &a), GATE_SENT);
	assert_int_equal(gate_ask(g, &b), GATE_HELD);
	b.page = true;
	assert_int_equal(gate_ask(g, &b), GATE_SEND);
	free(g);
}

static void noise_pages_once(void **state)
{
	struct gate *g = calloc(1, sizeof(*g));
	struct gate_alert noise = alert(1, 5, false);
	struct gate_alert more = alert(2, 5, false);
	struct gate_alert page = alert(3, 4, true);
	struct gate_alert high = alert(4, 4, false);

	(void)state;
	gate_init(g, 0, 100);
	gate_begin(g);
	assert_int_equal(gate_ask(g, &noise), GATE_SEND);
	assert_int_equal(gate_ask(g, &more), GATE_HELD);
	assert_int_equal(gate_ask(g, &page), GATE_SEND);
	assert_int_equal(gate_ask(g, &high), GATE_UNWANTED);
	gate_sent(g, &noise);
	gate_settle(g);
	assert_int_equal(gate_ask(g, &more), GATE_HELD);
	high.blocks = true;
	high.rule = 5;
	assert_int_equal(gate_ask(g, &high), GATE_SEND);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_neither_mentions_nor_links_in_slack),
		cmocka_unit_test(a_cut_leaves_no_half_character),
		cmocka_unit_test(what_was_held_back_is_said_alone),
		cmocka_unit_test(a_try_that_failed_takes_nothing_of_the_rate),
		cmocka_unit_test(noise_pages_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
