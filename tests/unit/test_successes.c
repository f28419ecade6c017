/* Who succeeded from an address: what is counted, for how long, and what goes when there is no
 * room. */
#include "agent/processes.h"
#include "agent/successes.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/event.h"
#include "detect/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000000)
#define NOW  (INT64_C(1795413600) * 1000000)

static struct ip address(const char *text)
{
	struct ip a;

	assert_true(ip_parse(slice_of(text), &a));
	return a;
}

static bool visit(
    struct successes *t, const char *from, const char *user, const char *agent, int64_t time_us)
{
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .attrs = attrs, .time_us = time_us };
	struct success s;

	event_add(&ev, ATTR_CLIENT_ADDRESS, slice_of(from));
	event_add(&ev, ATTR_CLIENT_PROVENANCE, SLICE("peer"));
	event_add(&ev, ATTR_HTTP_STATUS, SLICE("200"));
	if (user != NULL)
		event_add(&ev, ATTR_USER_NAME, slice_of(user));
	if (agent != NULL)
		event_add(&ev, ATTR_USER_AGENT, slice_of(agent));

	struct success_news *said = success_news_new(1);
	bool news = success_of(said, &ev, &s) && successes_add(t, &s);

	success_news_free(said);
	return news;
}

static int from(const struct successes *t, const char *text, int64_t now_us)
{
	struct ip a = address(text);

	return successes_from(t, &a, now_us);
}

static void test_distinct_accounts_for_a_day(void **state)
{
	struct successes *t = successes_new(1);
	struct ip a = address("203.0.113.7");

	(void)state;
	assert_int_equal(from(t, "203.0.113.7", NOW), -1);
	assert_true(visit(t, "203.0.113.7", NULL, "curl", NOW));
	assert_false(visit(t, "203.0.113.7", NULL, "curl", NOW));
	assert_true(visit(t, "203.0.113.7", NULL, "wget", NOW));
	assert_int_equal(from(t, "203.0.113.7", NOW), 2);
	assert_true(successes_other_agent(t, &a, alert_agent(SLICE("curl")), NOW));
	assert_true(
	    visit(t, "203.0.113.7", "ann", "curl", NOW)); /* accounts say more than agents */
	assert_int_equal(from(t, "203.0.113.7", NOW), 1);
	assert_true(
	    visit(t, "203.0.113.7", "ann", "curl", NOW + 12 * HOUR)); /* said again now and then */
	assert_int_equal(from(t, "203.0.113.7", NOW + 30 * HOUR), 1);
	assert_int_equal(from(t, "203.0.113.7", NOW + 48 * HOUR), -1);
	assert_false(successes_other_agent(t, &a, 0, NOW + 48 * HOUR));
	for (int i = 0; i < 20; i++) {
		char user[16];

		snprintf(user, sizeof(user), "user%d", i);
		visit(t, "2001:db8::1", user, NULL, NOW);
	}
	assert_int_equal(from(t, "2001:db8::2", NOW), SUCCESS_WHO); /* one /64 */
	successes_free(t);
}

static void test_a_flood_of_strangers_displaces_strangers(void **state)
{
	struct successes *t = successes_new(1);

	(void)state;
	for (int i = 0; i < 4; i++) {
		char user[16];

		snprintf(user, sizeof(user), "user%d", i);
		visit(t, "203.0.113.7", user, NULL, NOW);
	}
	for (int i = 0; i < 100000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%d.%d.%d", i / 65536, i / 256 % 256, i % 256);
		visit(t, text, "one", NULL, NOW + i);
	}
	assert_int_equal(from(t, "203.0.113.7", NOW), 4);
	successes_free(t);
}

static void test_saved_and_damaged(void **state)
{
	struct successes *t = successes_new(1);
	struct successes *u = successes_new(1);
	struct buf b = { 0 };

	(void)state;
	visit(t, "203.0.113.7", "ann", "curl", NOW);
	visit(t, "203.0.113.7", "bob", "curl", NOW);
	visit(t, "203.0.113.8", NULL, "curl", NOW - 48 * HOUR);
	for (unsigned at = 0, n = 0; n == 0 || at != 0; n++)
		at = successes_save(t, at, NOW, &b);
	assert_true(successes_load(u, buf_as_slice(&b)));
	assert_int_equal(from(u, "203.0.113.7", NOW), 2);
	assert_int_equal(from(u, "203.0.113.8", NOW - 48 * HOUR), -1);
	for (size_t n = 0; n < b.n; n++) /* any cut is harmless */
		successes_load(u, (struct slice){ b.p, n });
	assert_false(successes_load(u, (struct slice){ b.p, b.n - 1 }));
	buf_free(&b);
	successes_free(t);
	successes_free(u);
}

/* ---- who started whom ---- */

static struct slice parent_of(
    struct processes *p, struct arena *a, const char *pid, const char *ppid, const char *exe)
{
	static struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .attrs = attrs };

	event_add(&ev, ATTR_AUDIT_SYSCALL, SLICE("execve"));
	event_add(&ev, ATTR_PROCESS_PID, slice_of(pid));
	event_add(&ev, ATTR_PROCESS_PPID, slice_of(ppid));
	event_add(&ev, ATTR_PROCESS_EXE, slice_of(exe));
	event_add(&ev, ATTR_PROCESS_COMMAND, slice_of(exe));
	processes_event(p, a, &ev);
	for (unsigned i = 0; i < ev.n_attrs; i++)
		if (slice_eq(attr_name(&ev.attrs[i]), SLICE("process.parent.executable.path")))
			return (struct slice){ ev.attrs[i].p, ev.attrs[i].n };
	return (struct slice){ 0 };
}

static void test_parents_and_their_eviction(void **state)
{
	struct processes *p = processes_new();
	struct arena a;
	struct err e;
	char pid[16];

	(void)state;
	assert_int_equal(arena_init(&a, 64 << 20, &e), 0);
	assert_null(parent_of(p, &a, "10", "1", "/bin/sh").p);
	assert_true(slice_eq(parent_of(p, &a, "11", "10", "/bin/ls"), SLICE("/bin/sh")));
	parent_of(
	    p, &a, "10", "1", "/bin/nginx"); /* the number is another's, or it ran something else */
	assert_true(slice_eq(parent_of(p, &a, "12", "10", "/bin/ls"), SLICE("/bin/nginx")));
	for (int i = 0; i < 50000; i++) {
		snprintf(pid, sizeof(pid), "%d", 1000 + i);
		parent_of(p, &a, pid, "10", "/bin/ls"); /* whose parent is used does not go */
	}
	assert_true(slice_eq(parent_of(p, &a, "13", "10", "/bin/ls"), SLICE("/bin/nginx")));
	assert_null(parent_of(p, &a, "14", "11", "/bin/ls").p); /* forgotten: unknown, not wrong */
	arena_free(&a);
	processes_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distinct_accounts_for_a_day),
		cmocka_unit_test(test_a_flood_of_strangers_displaces_strangers),
		cmocka_unit_test(test_saved_and_damaged),
		cmocka_unit_test(test_parents_and_their_eviction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
