/* Rows on their way: how many requests are under way, what becomes of each row, however the answers
 * come. */
#include "base/err.h"
#include "base/protobuf.h"
#include "sinks/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 400, FIRST = 1000 };

/* A service: what it takes, and in which order it answers. */
static struct service {
	unsigned delivered[ROWS];   /* how often it took a row */
	bool poison[ROWS];	    /* a request with it is bad */
	bool named[ROWS];	    /* refused by name: nothing else of the request is taken */
	bool busy[ROWS];	    /* not now, this row alone */
	unsigned retry_at, hold_at; /* the request of that number is not taken; 0: none */
	unsigned n_requests, n_up, most_up, most_rows;
	struct outbox_flight *up[OUTBOX_REQUESTS_MAX];
	enum schema_table tables[ROWS]; /* of the requests, in order */
	unsigned random;
} t;

static struct outbox out;

static unsigned number(const struct outbox_row *row)
{
	return (unsigned)(row->seq - FIRST);
}

/* What a request comes to. */
static enum outbox_answer judge(struct outbox *o, struct outbox_flight *f, struct err *e)
{
	bool again = false;

	for (unsigned i = 0; i < f->n; i++)
		if (t.poison[number(f->rows[i])]) {
			err_set(e, 0, "poison");
			return ANSWER_BAD;
		}
	for (unsigned i = 0; i < f->n; i++)
		if (t.named[number(f->rows[i])]) {
			outbox_refuse(o, f->rows[i], "named");
			again = true;
		}
	if (again)
		return ANSWER_AGAIN;
	for (unsigned i = 0; i < f->n; i++) {
		if (t.busy[number(f->rows[i])])
			f->rows[i]->state = ROW_LATER;
		else
			t.delivered[number(f->rows[i])]++;
	}
	return ANSWER_OK;
}

static enum outbox_answer start(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	(void)self;
	(void)o;
	(void)e;
	assert_true(f->n > 0 && f->number < o->requests);
	for (unsigned i = 0; i < f->n; i++) {
		assert_int_equal(f->rows[i]->state, ROW_SENT);
		assert_int_equal(f->rows[i]->table, f->rows[0]->table);
	}
	t.tables[t.n_requests++] = f->rows[0]->table;
	t.most_rows = f->n > t.most_rows ? f->n : t.most_rows;
	if (t.n_requests == t.retry_at) {
		err_set(e, 0, "busy");
		return ANSWER_RETRY; /* it did not get away at all */
	}
	t.up[t.n_up++] = f;
	t.most_up = t.n_up > t.most_up ? t.n_up : t.most_up;
	return ANSWER_FLYING;
}

/* Any of those under way, at random. */
static enum outbox_answer land(
    void *self, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	unsigned i;

	(void)self;
	assert_true(t.n_up > 0);
	t.random = t.random * 1103515245 + 12345;
	i = (t.random >> 16) % t.n_up;
	*f = t.up[i];
	if ((t.random >> 24) % 4 == 0)
		return ANSWER_FLYING; /* sent once more: a new token */
	t.up[i] = t.up[--t.n_up];
	if (t.hold_at > 0 && t.n_requests >= t.hold_at) {
		t.hold_at = 0;
		err_set(e, 0, "forbidden");
		return ANSWER_HOLD;
	}
	return judge(o, *f, e);
}

static const struct outbox_way way = { 50, 1 << 20, 10, start, land };

/* Events, but that each tenth is an alert; how many were rejected at put. */
static unsigned put_rows(unsigned n)
{
	struct record_context c = { .host_name = SLICE("h") };
	struct record_origin origin = { .hash = 1 };
	unsigned rejected = 0;

	outbox_begin(&out);
	for (unsigned i = 0; i < n; i++) {
		struct attr attrs[EVENT_MAX_ATTRS];
		struct record r = { .kind = i % 10 == 9 ? RECORD_ALERT : RECORD_EVENT,
			.seq = FIRST + i,
			.ev = { .body = SLICE("a line"), .attrs = attrs },
			.origin = &origin,
			.context = &c };
		struct err e = { 0, "" };
		enum sink_result rc = outbox_put(&out, &r, &e);

		assert_true(rc == SINK_OK || rc == SINK_REJECT);
		rejected += rc == SINK_REJECT;
	}
	return rejected;
}

static int set_up(void **state)
{
	(void)state;
	t = (struct service){ .random = 7 };
	outbox_init(&out);
	out.requests = 4;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	outbox_free(&out);
	return 0;
}

/* Until all is settled; how many commits it took. */
static unsigned commit_all(unsigned n, unsigned *rejected)
{
	struct err e = { 0, "" };

	*rejected = 0;
	for (unsigned i = 1; i < 50; i++) {
		enum sink_result rc;

		*rejected = put_rows(n);
		rc = outbox_send(&out, &way, NULL, &e);
		assert_int_equal(t.n_up, 0); /* nothing is left behind */
		if (rc == SINK_OK)
			return i;
		t.retry_at = 0;
		memset(t.busy, 0, sizeof(t.busy));
	}
	fail_msg("never settled: %s", e.msg);
	return 0;
}

static void all_once_but(const bool *refused)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (t.delivered[i] != !refused[i])
			fail_msg("row %u was taken %u times", i, t.delivered[i]);
}

static void several_are_under_way_and_alerts_go_first(void **state)
{
	static const bool none[ROWS];
	unsigned rejected;

	(void)state;
	assert_int_equal(commit_all(ROWS, &rejected), 1);
	all_once_but(none);
	assert_int_equal(t.most_up, 4);
	assert_int_equal(t.most_rows, 50);
	assert_int_equal(t.n_requests, 1 + 8); /* 40 alerts, 360 events */
	assert_int_equal(t.tables[0], TABLE_ALERTS);
	assert_int_equal(t.tables[1], TABLE_EVENTS);
}

static void bad_rows_stand_alone_among_others_under_way(void **state)
{
	static const unsigned bad[] = { 0, 9, 123, 124, 250, 399 };
	unsigned rejected;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		t.poison[bad[i]] = true;
	assert_int_equal(commit_all(ROWS, &rejected), 2);
	assert_int_equal(rejected, sizeof(bad) / sizeof(*bad));
	all_once_but(t.poison);
}

static void what_is_refused_by_name_leaves_the_others_to_go_at_once(void **state)
{
	unsigned rejected;

	(void)state;
	for (unsigned i = 0; i < ROWS; i += 3)
		t.named[i] = true;
	assert_int_equal(commit_all(ROWS, &rejected), 2);
	assert_int_equal(rejected, (ROWS + 2) / 3);
	all_once_but(t.named);
	/* the rest fills requests: it is not cut where rows are missing */
	assert_true(t.n_requests <= 3 * 9);
}

static void rows_that_are_to_wait_come_again_alone(void **state)
{
	static const bool none[ROWS];
	unsigned rejected;

	(void)state;
	t.busy[5] = t.busy[77] = t.busy[300] = true;
	assert_int_equal(commit_all(ROWS, &rejected), 2);
	all_once_but(none);
}

/* Those under way with it are waited for, no more are begun, and nothing is sent twice. */
static void after_a_failure_none_is_begun_and_none_is_forgotten(void **state)
{
	static const bool none[ROWS];
	struct err e = { 0, "" };
	unsigned n = 0;
	unsigned rejected;

	(void)state;
	t.retry_at = 3;
	put_rows(ROWS);
	assert_int_equal(outbox_send(&out, &way, NULL, &e), SINK_RETRY);
	assert_string_equal(e.msg, "busy");
	assert_int_equal(t.n_requests, 3);
	for (unsigned i = 0; i < ROWS; i++)
		n += t.delivered[i];
	assert_int_equal(n, 40 + 50);
	t.retry_at = 0;
	assert_int_equal(commit_all(ROWS, &rejected), 1);
	all_once_but(none);
}

static void forbidden_is_held_whatever_else_is_said(void **state)
{
	static const bool none[ROWS];
	struct err e = { 0, "" };
	unsigned rejected;

	(void)state;
	t.hold_at = 4;
	t.retry_at = 5;
	put_rows(ROWS);
	assert_int_equal(outbox_send(&out, &way, NULL, &e), SINK_HOLD);
	assert_string_equal(e.msg, "forbidden");
	t.retry_at = 0;
	assert_int_equal(commit_all(ROWS, &rejected), 1);
	all_once_but(none);
}

/* Whatever goes wrong: a row is taken once, or refused. */
static void any_mixture_settles_each_row_once(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		bool refused[ROWS];
		unsigned rejected;

		tear_down(state);
		set_up(state);
		srand(seed);
		t.random = seed;
		out.requests = 1 + seed % OUTBOX_REQUESTS_MAX;
		t.retry_at = (unsigned)rand() % 12;
		t.hold_at = (unsigned)rand() % 12;
		for (unsigned i = 0; i < ROWS; i++) {
			t.poison[i] = rand() % 60 == 0;
			t.named[i] = rand() % 40 == 0;
			t.busy[i] = rand() % 40 == 0;
			refused[i] = t.poison[i] || t.named[i];
		}
		commit_all(ROWS, &rejected);
		assert_true(t.most_up <= out.requests);
		all_once_but(refused);
	}
}

/* A row of as many bytes as its number says. */
static int form_long(void *self, const struct record *r, enum row_size size, struct buf *to,
    struct row_memory *m, struct err *e)
{
	size_t n = (size_t)(r->seq - FIRST) * 97;

	(void)self;
	(void)size;
	(void)m;
	(void)e;
	for (size_t i = 0; i < n; i++)
		buf_char(to, (char)(r->seq + i));
	return 0;
}

/* The messages of a flight, read by the other side. */
static void check_wrapped(struct slice s, const struct outbox_flight *f)
{
	struct cut c = { .s = s };
	struct pb_field field;

	for (unsigned i = 0; i < f->n; i++) {
		size_t n = number(f->rows[i]) * 97;
		struct cut inner;

		assert_true(pb_next(&c, &field) && field.number == 2 && field.wire == PB_BYTES);
		inner = (struct cut){ .s = field.bytes };
		assert_true(pb_next(&inner, &field) && field.number == 1 && field.bytes.n == n);
		assert_int_equal(inner.s.n, 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(field.bytes.p[k], (char)(f->rows[i]->seq + k));
		assert_true(slice_eq(outbox_text(&out, f->rows[i]), field.bytes));
	}
	assert_true(!c.bad && c.s.n == 0);
}

static void rows_of_every_length_stand_in_their_messages(void **state)
{
	struct outbox_row *rows[ROWS];
	struct outbox_flight f = { .rows = rows };
	struct buf copy = { 0 };

	(void)state;
	out.form = form_long;
	out.wrap = "\x12\x0a";
	put_rows(ROWS);
	for (unsigned i = 0; i < ROWS; i++)
		rows[f.n++] = &out.rows[i];
	check_wrapped(outbox_wrapped(&out, &f, &copy), &f);
	assert_int_equal(copy.n, 0); /* they stand together */
	f.n = 0;
	for (unsigned i = 0; i < ROWS; i += 1 + i % 3)
		rows[f.n++] = &out.rows[i];
	check_wrapped(outbox_wrapped(&out, &f, &copy), &f);
	assert_true(copy.n > 0);
	buf_free(&copy);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_are_under_way_and_alerts_go_first),
		TEST(bad_rows_stand_alone_among_others_under_way),
		TEST(what_is_refused_by_name_leaves_the_others_to_go_at_once),
		TEST(rows_that_are_to_wait_come_again_alone),
		TEST(after_a_failure_none_is_begun_and_none_is_forgotten),
		TEST(forbidden_is_held_whatever_else_is_said),
		TEST(any_mixture_settles_each_row_once),
		TEST(rows_of_every_length_stand_in_their_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
