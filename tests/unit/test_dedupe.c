/* Pairs of messages: one to one, within five seconds, in a table that forgets the oldest. */
#include "agent/dedupe.h"
#include "base/entry.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define S INT64_C(1000000)

struct said {
	const char *host, *program, *pid, *text;
	int64_t time_us;
};

static const struct said failed = { "web1", "sshd", "7", "Failed password", 100 * S };

/* From journald with the pid as SYSLOG_PID, or (own_pid) only as journald's finding. */
static bool copy(struct dedupe *d, struct said m, bool journald, bool own_pid)
{
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .attrs = attrs, .time_us = m.time_us };
	struct entry x = { .syslog_pid = own_pid ? (struct slice){ 0 } : slice_of(m.pid) };

	if (m.host != NULL)
		event_add(&ev, ATTR_SYSLOG_HOSTNAME, slice_of(m.host));
	event_add(&ev, ATTR_PROCESS_NAME, slice_of(m.program));
	if (m.pid != NULL)
		event_add(&ev, ATTR_PROCESS_PID, slice_of(m.pid));
	event_add(&ev, ATTR_MESSAGE, slice_of(m.text));
	return dedupe_is_copy(d, &ev, journald ? &x : NULL);
}

static struct dedupe *new_table(void)
{
	struct err e;
	struct dedupe *d = dedupe_new(1, "web1.example.com", &e);

	assert_non_null(d);
	return d;
}

static void test_one_to_one(void **state)
{
	struct dedupe *d = new_table();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(copy(d, failed, true, false));
	for (int i = 0; i < 3; i++)
		assert_true(copy(d, failed, false, false));
	assert_false(copy(d, failed, false, false));
	assert_true(copy(d, failed, true, false));
	assert_false(copy(d, failed, true, false));
	dedupe_free(d);
}

static void test_what_must_be_equal(void **state)
{
	struct said others[] = { failed, failed, failed, failed, failed, failed };

	(void)state;
	others[0].host = "web2";
	others[1].program = "sudo";
	others[2].pid = "8";
	others[3].text = "Failed passwor";
	others[4].time_us += 5 * S + 1;
	others[5].time_us -= 5 * S + 1;
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct dedupe *d = new_table();

		assert_false(copy(d, failed, true, false));
		assert_false(copy(d, others[i], false, false));
		assert_true(copy(d, failed, false, false));
		dedupe_free(d);
	}
}

static void test_what_may_differ(void **state)
{
	struct said others[] = { failed, failed, failed, failed };

	(void)state;
	others[0].host = "WEB1.example.com";
	others[1].host = NULL;
	others[2].time_us += 5 * S;
	others[3].time_us -= 5 * S;
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct dedupe *d = new_table();

		assert_false(copy(d, failed, true, false));
		assert_true(copy(d, others[i], false, false));
		assert_false(copy(d, others[i], false, false));
		assert_true(copy(d, failed, true, false));
		dedupe_free(d);
	}
}

/* sudo's lines have no pid, and journald knows it all the same; sshd's line must have it. */
static void test_a_pid_that_only_journald_knows(void **state)
{
	struct dedupe *d = new_table();
	struct said line = failed;

	(void)state;
	line.pid = NULL;
	assert_false(copy(d, failed, true, true));
	assert_true(copy(d, line, false, false));
	assert_false(copy(d, failed, true, true));
	assert_true(copy(d, failed, false, false));
	assert_false(copy(d, failed, true, false));
	assert_false(copy(d, line, false, false));
	dedupe_free(d);
}

static void test_the_oldest_is_forgotten(void **state)
{
	enum { MANY = 100000, CAPACITY = 1024 * 16 };
	struct dedupe *d = new_table();
	unsigned found = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char text[32];
		struct said m = failed;

		snprintf(text, sizeof(text), "message %d", i);
		m.text = text;
		assert_false(copy(d, m, true, false));
	}
	for (int i = MANY - 1; i >= 0; i--) {
		char text[32];
		struct said m = failed;

		snprintf(text, sizeof(text), "message %d", i);
		m.text = text;
		/* looked for from the newest on, and what is not found takes a place itself */
		if (copy(d, m, false, false))
			found++;
		if (i == MANY - 4096)
			assert_int_equal(found, 4096);
	}
	assert_in_range(found, 4096, CAPACITY);
	dedupe_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_to_one),
		cmocka_unit_test(test_what_must_be_equal),
		cmocka_unit_test(test_what_may_differ),
		cmocka_unit_test(test_a_pid_that_only_journald_knows),
		cmocka_unit_test(test_the_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
