/* From alerts to blocks: what may never be blocked, for how long, and what stops it. */
#include "agent/policy.h"
#include "agent/policy_table.h"
#include "agent/successes.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S     INT64_C(1000000)
#define HOUR  (3600 * S)
#define DAY   (24 * HOUR)
#define START (INT64_C(1795413600) * S)

static struct response_config config;
static struct block said; /* by the last call */
static unsigned n_said;

static void on_block(void *ctx, const struct block *b)
{
	(void)ctx;
	said = *b;
	n_said++;
}

/* A call at a time; answers go to buf. */
#define AT(now, buf) (&(struct policy_call){ .now_us = (now), .out = (buf), .cb = on_block })

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(slice_of(text), &p));
	return p;
}

static struct policy *make(void)
{
	static struct ip_set hops;
	struct ip_prefix p = prefix("192.0.2.0/24");
	struct policy *made;
	struct err e;

	if (hops.n == 0)
		ip_set_add(&hops, &p);
	made = policy_new(&config, &hops, 1, &e);
	assert_non_null(made);
	return made;
}

static int defaults(void **state)
{
	(void)state;
	config = (struct response_config){ .mode = MODE_ENFORCE,
		.ttl_us = HOUR,
		.max_ttl_us = 7 * DAY,
		.max_event_age_us = 600 * S,
		.max_per_minute = 30,
		.max_blocks = 100,
		.max_collateral = 3 };
	n_said = 0;
	return 0;
}

static struct verdict_on_alert alert_from(
    struct policy *p, const char *address, int64_t now, enum provenance provenance)
{
	struct verdict_on_alert v;
	struct alert a = { .time_us = now,
		.first_us = now,
		.last_us = now,
		.rule = "t.rule",
		.category = CATEGORY_SQLI,
		.level = LEVEL_HIGH,
		.has_address = true,
		.provenance = provenance,
		.action = ACTION_BLOCK,
		.count = 1 };

	assert_true(ip_parse(slice_of(address), &a.address));
	policy_alert(p, &a, now, AT(now, NULL), &v);
	return v;
}

static void blocked(struct policy *p, const char *address, int64_t now, int64_t ttl)
{
	struct verdict_on_alert v = alert_from(p, address, now, PROVENANCE_PEER);

	if (!v.blocked || v.effective != ACTION_BLOCK)
		fail_msg("%s is not blocked: %s", address, v.reason);
	assert_int_equal(said.until_us - now, ttl);
}

static void refused(struct policy *p, const char *address, int64_t now, const char *why)
{
	unsigned before = n_said;
	struct verdict_on_alert v = alert_from(p, address, now, PROVENANCE_PEER);

	if (v.blocked || v.effective != ACTION_NOTIFY || strstr(v.reason, why) == NULL)
		fail_msg("%s: '%s', expected '%s'", address, v.reason, why);
	assert_int_equal(n_said, before);
}

static void an_address_is_blocked_alone_and_ipv6_by_its_64(void **state)
{
	struct policy *p = make();
	char text[IP_TEXT_MAX];

	(void)state;
	blocked(p, "203.0.113.7", START, HOUR);
	ip_prefix_text(&said.prefix, text);
	assert_string_equal(text, "203.0.113.7");
	assert_int_equal(said.state, BLOCK_ACTIVE);
	blocked(p, "2001:db8:1:2:3:4:5:6", START, HOUR);
	ip_prefix_text(&said.prefix, text);
	assert_string_equal(text, "2001:db8:1:2::/64");
	blocked(p, "2001:db8:1:2:ffff::1", START, HOUR);
	assert_int_equal(policy_active(p), 2);
	assert_int_equal(said.revision, 2);
	policy_free(p);
}

static void what_must_never_be_blocked_is_not(void **state)
{
	struct ip_prefix never[] = { prefix("10.0.0.0/8"), prefix("2001:db8:1:2:3::/80") };
	struct policy *p;

	(void)state;
	config.never_block = (struct ip_set){ never, 2, 2 };
	p = make();
	refused(p, "10.1.2.3", START, "never-block");
	refused(p, "192.0.2.200", START, "never-block"); /* a hop */
	/* its /64 holds a network that is never blocked */
	refused(p, "2001:db8:1:2:ffff::1", START, "never-block");
	blocked(p, "2001:db8:1:3::1", START, HOUR);
	blocked(p, "11.1.2.3", START, HOUR);
	policy_free(p);
}

/* RFC 6052: the /64 of one would be all of IPv4; the firewall sees the address as it came. */
static void behind_nat64_an_address_is_the_ipv4_address_within(void **state)
{
	struct ip_prefix never[] = { prefix("10.0.0.0/8"), prefix("203.0.113.128/25") };
	struct ip_prefix wide[] = { prefix("64:ff9b::/64"), prefix("64:ff9b::c600:0/104") };
	struct ip_prefix around = prefix("198.51.100.0/24");
	struct buf out = { .max = 1 << 16 };
	struct policy *p;
	char text[IP_TEXT_MAX];

	(void)state;
	config.never_block = (struct ip_set){ never, 2, 2 };
	p = make();
	refused(p, "64:ff9b::10.1.2.3", START, "never-block");
	refused(p, "64:ff9b::203.0.113.200", START, "never-block");
	refused(p, "64:ff9b::192.0.2.1", START, "never-block"); /* a hop */
	blocked(p, "64:ff9b::203.0.113.7", START, HOUR);
	ip_prefix_text(&said.prefix, text);
	assert_string_equal(text, "64:ff9b::cb00:7107");
	blocked(p, "64:ff9b::198.51.100.8", START, HOUR);
	assert_int_equal(policy_active(p), 2);
	for (unsigned i = 0; i < 2; i++)
		assert_non_null(strstr(policy_guard(p, &wide[i], START), "too wide"));
	assert_true(policy_allow(p, &around, HOUR, AT(START, &out)));
	assert_int_equal(policy_active(p), 1);
	refused(p, "64:ff9b::198.51.100.9", START, "blocks allow");
	buf_free(&out);
	policy_free(p);
}

static void what_is_no_address_of_one_host_is_not_blocked(void **state)
{
	const char *const them[] = { "0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "ff02::1",
		"64:ff9b::224.0.0.1", "255.255.255.0/24", "ff02::/48" };
	struct policy *p = make();
	struct buf out = { .max = 1 << 16 };

	(void)state;
	for (unsigned i = 0; i < sizeof(them) / sizeof(*them); i++) {
		struct ip_prefix x = prefix(them[i]);

		buf_reset(&out);
		assert_false(policy_add(p, &x, HOUR, "by hand", AT(START, &out)));
		if (!slice_starts(buf_as_slice(&out), SLICE("refused: it is no address of a host")))
			fail_msg("%s: %.*s", them[i], SLICE_ARG(buf_as_slice(&out)));
	}
	buf_free(&out);
	policy_free(p);
}

static void only_addresses_that_we_saw_ourselves_are_blocked(void **state)
{
	struct policy *p = make();

	(void)state;
	assert_false(alert_from(p, "203.0.113.7", START, PROVENANCE_CLAIMED).blocked);
	assert_false(alert_from(p, "203.0.113.7", START, PROVENANCE_NONE).blocked);
	assert_false(alert_from(p, "203.0.113.7", START, PROVENANCE_FORWARDED).blocked);
	assert_int_equal(policy_active(p), 0);
	assert_int_equal(n_said, 0);
	assert_true(alert_from(p, "203.0.113.7", START, PROVENANCE_PEER).blocked);
	policy_free(p);
}

static void old_events_start_no_block(void **state)
{
	struct policy *p = make();
	struct verdict_on_alert v;
	struct alert a = { .time_us = START - 600 * S - 1,
		.last_us = START,
		.has_address = true,
		.provenance = PROVENANCE_PEER };

	(void)state;
	assert_true(ip_parse(SLICE("203.0.113.7"), &a.address));
	policy_alert(p, &a, START, AT(START, NULL), &v);
	assert_false(v.blocked);
	assert_non_null(strstr(v.reason, "max_event_age"));
	a.time_us++;
	policy_alert(p, &a, START, AT(START, NULL), &v);
	assert_true(v.blocked);
	policy_free(p);
}

static void each_repetition_within_a_week_is_four_times_as_long(void **state)
{
	struct policy *p = make();
	int64_t now = START;
	static const int64_t ttl[] = { HOUR, 4 * HOUR, 16 * HOUR, 64 * HOUR, 7 * DAY, 7 * DAY };

	(void)state;
	for (unsigned i = 0; i < sizeof(ttl) / sizeof(*ttl); i++) {
		blocked(p, "203.0.113.7", now, ttl[i]);
		assert_int_equal(said.strikes, i + 1);
		now += ttl[i] < 6 * DAY ? ttl[i] + S : 0;
		policy_expire(p, AT(now, NULL));
		if (ttl[i] > 6 * DAY) { /* ended by hand: within the week */
			struct ip_prefix x = prefix("203.0.113.7");
			struct buf out = { 0 };

			now += S;
			assert_true(policy_remove(p, &x, AT(now, &out)));
			buf_free(&out);
		}
	}
	now += 7 * DAY + S;
	blocked(p, "203.0.113.7", now, HOUR); /* forgiven */
	policy_free(p);
}

static void a_further_alert_prolongs_and_never_shortens(void **state)
{
	struct policy *p = make();
	struct ip_prefix x = prefix("203.0.113.7");
	struct buf out = { 0 };

	(void)state;
	blocked(p, "203.0.113.7", START, HOUR);
	blocked(p, "203.0.113.7", START + 600 * S, HOUR);
	assert_int_equal(said.strikes, 1);
	assert_true(policy_add(p, &x, 3 * DAY, "by hand", AT(START + 700 * S, &out)));
	alert_from(p, "203.0.113.7", START + 800 * S, PROVENANCE_PEER);
	assert_int_equal(said.until_us, START + 700 * S + 3 * DAY);
	assert_string_equal(said.rule, "manual");
	buf_free(&out);
	policy_free(p);
}

static void an_alert_in_shadow_does_not_end_a_block_made_by_hand(void **state)
{
	struct policy *p;
	struct ip_prefix x = prefix("203.0.113.7");
	struct buf out = { 0 };

	(void)state;
	config.mode = MODE_SHADOW;
	p = make();
	assert_true(policy_add(p, &x, DAY, "by hand", AT(START, &out)));
	alert_from(p, "203.0.113.7", START + S, PROVENANCE_PEER);
	assert_int_equal(said.state, BLOCK_ACTIVE);
	assert_int_equal(said.until_us, START + DAY);
	alert_from(p, "203.0.113.8", START + S, PROVENANCE_PEER);
	assert_int_equal(said.state, BLOCK_SHADOW);
	/* and a block that is only recorded becomes one when somebody makes it */
	x = prefix("203.0.113.8");
	assert_true(policy_add(p, &x, DAY, "by hand", AT(START + S, &out)));
	assert_int_equal(said.state, BLOCK_ACTIVE);
	buf_free(&out);
	policy_free(p);
}

static void caps_stop_a_rule_gone_mad(void **state)
{
	struct policy *p;
	char address[32];

	(void)state;
	config.max_per_minute = 5;
	config.max_blocks = 8;
	p = make();
	for (unsigned i = 0; i < 5; i++) {
		snprintf(address, sizeof(address), "203.0.113.%u", i + 1);
		blocked(p, address, START, HOUR);
	}
	assert_false(policy_tripped(p));
	refused(p, "203.0.113.6", START + 59 * S, "max_per_minute");
	assert_true(policy_tripped(p));
	for (unsigned i = 5; i < 8; i++) {
		snprintf(address, sizeof(address), "203.0.113.%u", i + 1);
		blocked(p, address, START + 61 * S, HOUR);
	}
	assert_false(policy_tripped(p));
	{
		struct verdict_on_alert v =
		    alert_from(p, "203.0.113.9", START + 61 * S, PROVENANCE_PEER);

		assert_false(v.blocked);
		assert_string_equal(v.reason, "more blocks than max_blocks");
	}
	/* the place of one that is over is free */
	blocked(p, "203.0.113.9", START + 2 * HOUR, HOUR);
	assert_int_equal(policy_expire(p, AT(START + 2 * HOUR, NULL)), START + 3 * HOUR);
	assert_int_equal(policy_active(p), 1);
	policy_free(p);
}

static void somebody_succeeds(struct policy *p, const char *address, unsigned who)
{
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .attrs = attrs, .time_us = START };
	struct success_news *news = success_news_new(1);
	struct success one;
	char name[16];

	snprintf(name, sizeof(name), "user-%u", who);
	event_add(&ev, ATTR_CLIENT_ADDRESS, slice_of(address));
	event_add(&ev, ATTR_CLIENT_PROVENANCE, SLICE("peer"));
	event_add(&ev, ATTR_HTTP_STATUS, SLICE("200"));
	event_add(&ev, ATTR_USER_NAME, slice_of(name));
	assert_true(success_of(news, &ev, &one));
	successes_add(policy_successes(p), &one);
	success_news_free(news);
}

static void an_address_that_accounts_share_is_spared(void **state)
{
	struct policy *p = make();

	(void)state;
	for (unsigned who = 1; who <= 3; who++)
		somebody_succeeds(p, "203.0.113.7", who);
	somebody_succeeds(p, "203.0.113.7", 1); /* the same one again */
	blocked(p, "203.0.113.7", START, HOUR);
	somebody_succeeds(p, "203.0.113.7", 4);
	refused(p, "203.0.113.7", START, "more accounts");
	policy_free(p);
}

static void people_are_asked_the_same_questions(void **state)
{
	struct policy *p = make();
	struct ip_prefix wide = prefix("203.0.0.0/16");
	struct ip_prefix wide6 = prefix("2001:db8::/32");
	struct ip_prefix hop = prefix("192.0.2.7");
	struct ip_prefix net = prefix("203.0.113.0/24");
	struct buf out = { 0 };

	(void)state;
	assert_false(policy_add(p, &wide, HOUR, "r", AT(START, &out)));
	assert_false(policy_add(p, &wide6, HOUR, "r", AT(START, &out)));
	assert_false(policy_add(p, &hop, HOUR, "r", AT(START, &out)));
	assert_int_equal(n_said, 0);
	assert_true(policy_add(p, &net, 900000 * DAY, "r", AT(START, &out)));
	assert_int_equal(said.until_us, START + 7 * DAY); /* no block is longer than max_ttl */
	/* what is allowed is unblocked, and stays so for a while */
	assert_true(policy_allow(p, &net, INT64_MAX, AT(START, &out)));
	assert_int_equal(said.state, BLOCK_REMOVED);
	refused(p, "203.0.113.7", START + 300 * DAY, "blocks allow");
	blocked(p, "203.0.113.7", START + 367 * DAY, HOUR);
	buf_free(&out);
	policy_free(p);
}

static void undo_ends_what_a_rule_made_since_then(void **state)
{
	struct policy *p = make();
	struct buf out = { 0 };

	(void)state;
	blocked(p, "203.0.113.1", START, HOUR);
	blocked(p, "203.0.113.2", START + 120 * S, HOUR);
	assert_false(policy_undo(p, "other", START, AT(START + 180 * S, &out)));
	assert_true(policy_undo(p, "t.rule", START + 60 * S, AT(START + 180 * S, &out)));
	assert_int_equal(policy_active(p), 1);
	assert_true(policy_undo(p, NULL, 0, AT(START + 180 * S, &out)));
	assert_int_equal(policy_active(p), 0);
	buf_free(&out);
	policy_free(p);
}

static void state_comes_back(void **state)
{
	struct policy *p = make();
	struct policy *q = make();
	struct buf out = { 0 };
	struct buf again = { 0 };

	(void)state;
	blocked(p, "203.0.113.1", START, HOUR);
	blocked(p, "2001:db8:1:2::1", START, HOUR);
	policy_save(p, &out);
	assert_true(policy_load(q, buf_as_slice(&out)));
	assert_int_equal(policy_active(q), 2);
	policy_save(q, &again);
	assert_true(slice_eq(buf_as_slice(&out), buf_as_slice(&again)));
	assert_false(policy_load(q, slice_head(buf_as_slice(&out), out.n / 2)));
	buf_free(&out);
	buf_free(&again);
	policy_free(p);
	policy_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_address_is_blocked_alone_and_ipv6_by_its_64, defaults),
		cmocka_unit_test_setup(what_must_never_be_blocked_is_not, defaults),
		cmocka_unit_test_setup(
		    behind_nat64_an_address_is_the_ipv4_address_within, defaults),
		cmocka_unit_test_setup(what_is_no_address_of_one_host_is_not_blocked, defaults),
		cmocka_unit_test_setup(only_addresses_that_we_saw_ourselves_are_blocked, defaults),
		cmocka_unit_test_setup(old_events_start_no_block, defaults),
		cmocka_unit_test_setup(
		    each_repetition_within_a_week_is_four_times_as_long, defaults),
		cmocka_unit_test_setup(a_further_alert_prolongs_and_never_shortens, defaults),
		cmocka_unit_test_setup(
		    an_alert_in_shadow_does_not_end_a_block_made_by_hand, defaults),
		cmocka_unit_test_setup(caps_stop_a_rule_gone_mad, defaults),
		cmocka_unit_test_setup(an_address_that_accounts_share_is_spared, defaults),
		cmocka_unit_test_setup(people_are_asked_the_same_questions, defaults),
		cmocka_unit_test_setup(undo_ends_what_a_rule_made_since_then, defaults),
		cmocka_unit_test_setup(state_comes_back, defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
