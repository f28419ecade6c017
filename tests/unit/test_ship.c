/* A sink that refuses, asks for time and fails: what becomes of each record, and of the cursor. */
#include "agent/ship.h"
#include "base/clock.h"
#include "base/err.h"
#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAMES = 6, CONTROL = 3, BULK = 5, RECORDS = FRAMES * (CONTROL + BULK) };

/* What the sink was given; numbers are 1 to RECORDS. */
static struct stub {
	unsigned committed[RECORDS + 1]; /* how often */
	bool put[RECORDS + 1];		 /* since begin */
	bool refuse[RECORDS + 1];
	unsigned puts, retry_at, commits, fail_commit;
	bool passed_undelivered;
} stub;

static uint64_t first_rec, first_seq; /* a journal's numbers do not begin at 1 */

static char root[64], dir[80];

static int checkpoint(void *ctx, struct slice *out, struct err *e)
{
	(void)ctx;
	(void)e;
	*out = SLICE("state");
	return 0;
}

/* In the ship's thread cmocka's assertions would end the program without a word. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static void *stub_open(const struct sink_settings *s, struct err *e)
{
	(void)s;
	(void)e;
	return &stub;
}

static enum sink_result stub_begin(void *self, struct err *e)
{
	(void)self;
	(void)e;
	memset(stub.put, 0, sizeof(stub.put));
	return SINK_OK;
}

static enum sink_result stub_put(void *self, const struct record *r, struct err *e)
{
	unsigned n = (unsigned)(r->seq - first_rec + 1);

	(void)self;
	must(n >= 1 && n <= RECORDS, "a number that no record has");
	if (++stub.puts == stub.retry_at) {
		err_set(e, 0, "not now");
		return SINK_RETRY;
	}
	if (stub.refuse[n]) {
		err_set(e, 0, "record %u is wrong", n);
		return SINK_REJECT;
	}
	stub.put[n] = true;
	return SINK_OK;
}

/* Number of a frame's record; the control records come first. */
static unsigned number(unsigned frame, unsigned lane, unsigned i)
{
	return frame * (CONTROL + BULK) + (lane == JOURNAL_BULK ? CONTROL : 0) + i + 1;
}

static enum sink_result stub_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	struct journal_cursor c;

	(void)self;
	if (++stub.commits == stub.fail_commit) {
		err_set(e, 0, "the disk is full");
		return SINK_RETRY;
	}
	for (unsigned i = 1; i <= RECORDS; i++)
		stub.committed[i] += stub.put[i];
	must(journal_cursor_decode(cursor, &c), "the cursor can be read");
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		for (unsigned f = 0; f < FRAMES && first_seq + f <= c.lane[l].seq; f++)
			for (unsigned i = 0; i < (l == JOURNAL_BULK ? BULK : CONTROL); i++)
				if (stub.committed[number(f, l, i)] == 0 &&
				    !stub.refuse[number(f, l, i)])
					stub.passed_undelivered = true;
	return SINK_OK;
}

static void stub_abort(void *self)
{
	(void)self;
	memset(stub.put, 0, sizeof(stub.put));
}

static void stub_close(void *self)
{
	(void)self;
}

static const struct sink sink = { .name = "stub",
	.max_records = 7,
	.max_bytes = 1 << 20,
	.open = stub_open,
	.begin = stub_begin,
	.put = stub_put,
	.commit = stub_commit,
	.abort = stub_abort,
	.close = stub_close };

static void put_events(struct buf *block, unsigned n)
{
	struct record_writer w = { 0 };
	struct record_context c = { .host_name = SLICE("h") };
	unsigned origin;

	record_begin(&w, &c);
	origin = record_put_origin(&w, &(struct record_origin){ .hash = 1 });
	for (unsigned i = 0; i < n; i++) {
		struct attr attrs[EVENT_MAX_ATTRS];
		struct event ev = { .body = SLICE("a line"), .attrs = attrs, .offset = i };

		record_put_event(&w, origin, &ev);
	}
	record_end(&w, NULL, block);
	record_writer_free(&w);
}

static void append_frames(struct journal *j)
{
	for (unsigned f = 0; f < FRAMES; f++) {
		struct buf control = { 0 };
		struct buf bulk = { 0 };
		struct journal_frame frame = { .n_control = CONTROL, .n_bulk = BULK };
		struct err e;

		put_events(&control, CONTROL);
		put_events(&bulk, BULK);
		frame.control = buf_as_slice(&control);
		frame.bulk = buf_as_slice(&bulk);
		assert_int_equal(journal_append(j, &frame, &e), 0);
		if (f == 0) {
			first_rec = frame.rec_seq;
			first_seq = frame.seq;
		}
		buf_free(&control);
		buf_free(&bulk);
	}
}

static struct journal *open_journal(void)
{
	struct journal_options o = { .dir = dir, .checkpoint = checkpoint };
	struct journal *j;
	struct err e;

	assert_int_equal(journal_open(&o, &j, &e), 0);
	return j;
}

/* Deliver all there is; the counts of both lanes. */
static struct journal_cursor deliver(struct journal *j)
{
	struct sink_settings set = { .name = "stub" };
	struct ship_status st;
	struct err e;
	struct ship *s = ship_start(&sink, &set, NULL, j, dir, &e);
	const int64_t deadline = clock_now_us() + INT64_C(60000000);

	assert_non_null(s);
	do {
		struct timespec t = { .tv_nsec = 10000000 };

		nanosleep(&t, NULL);
		ship_status(s, &st);
		assert_true(clock_now_us() < deadline);
	} while (st.cursor.lane[JOURNAL_CONTROL].seq < first_seq + FRAMES - 1 ||
		 st.cursor.lane[JOURNAL_BULK].seq < first_seq + FRAMES - 1);
	ship_stop(s, true, 10000);
	return st.cursor;
}

/* The dead letter's numbers: how often each stands there. */
static void read_dead(unsigned times[RECORDS + 1])
{
	char path[128];
	char *line = NULL;
	size_t cap = 0;
	FILE *f;

	memset(times, 0, (RECORDS + 1) * sizeof(*times));
	snprintf(path, sizeof(path), "%s/dead/stub.ndjson", root);
	f = fopen(path, "re");
	while (f != NULL && getline(&line, &cap, f) > 0) {
		unsigned long long rec = 0;
		unsigned seq;
		char reason[64] = "";
		char want[64];

		assert_int_equal(sscanf(line, "{\"seq\":%llu,", &rec), 1);
		seq = (unsigned)(rec - first_rec + 1);
		assert_in_range(seq, 1, RECORDS);
		snprintf(want, sizeof(want), "\"reason\":\"record %u is wrong\"", seq);
		snprintf(reason, sizeof(reason), "%s", strstr(line, "\"reason\""));
		assert_memory_equal(reason, want, strlen(want));
		assert_non_null(strstr(line, "}\n"));
		times[seq]++;
	}
	free(line);
	if (f != NULL)
		fclose(f);
}

static void check_all(struct journal_cursor c)
{
	unsigned dead[RECORDS + 1];
	unsigned n_refused = 0;

	read_dead(dead);
	for (unsigned i = 1; i <= RECORDS; i++) {
		if (stub.committed[i] != !stub.refuse[i] || dead[i] != stub.refuse[i])
			fail_msg("record %u: %u delivered, %u in the dead letter", i,
			    stub.committed[i], dead[i]);
		n_refused += stub.refuse[i];
	}
	assert_false(stub.passed_undelivered);
	assert_int_equal(c.lane[0].rejected + c.lane[1].rejected, n_refused);
	assert_int_equal(c.lane[0].delivered + c.lane[1].delivered, RECORDS - n_refused);
}

static int set_up(void **state)
{
	(void)state;
	stub = (struct stub){ 0 };
	snprintf(root, sizeof(root), "/tmp/sekisho-ship-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/journal", root);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* The lanes are read at different places: a number may be lower than one refused before. */
static void the_dead_letter_has_exactly_what_was_refused(void **state)
{
	struct journal *j = open_journal();

	(void)state;
	stub.refuse[number(FRAMES - 1, JOURNAL_CONTROL, 1)] = true;
	stub.refuse[number(0, JOURNAL_BULK, 0)] = true;
	stub.refuse[number(0, JOURNAL_BULK, 4)] = true;
	stub.refuse[number(4, JOURNAL_BULK, 2)] = true;
	append_frames(j);
	check_all(deliver(j));
	journal_close(j);
}

static void what_was_not_settled_comes_again_and_nothing_twice(void **state)
{
	struct journal *j = open_journal();

	(void)state;
	stub.refuse[number(0, JOURNAL_CONTROL, 0)] = true;
	stub.refuse[number(1, JOURNAL_BULK, 3)] = true;
	stub.retry_at = 5;
	stub.fail_commit = 3;
	append_frames(j);
	check_all(deliver(j));
	assert_true(stub.commits > 3);
	journal_close(j);
}

/* A crash between the dead letter and the commit: the line is there, or is cut off in the middle.
 */
static void after_a_crash_a_refused_record_stands_there_once(void **state)
{
	struct journal *j = open_journal();
	char path[128];
	FILE *f;

	(void)state;
	stub.refuse[1] = stub.refuse[2] = true;
	append_frames(j);
	snprintf(path, sizeof(path), "mkdir %s/dead", root);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/dead/stub.ndjson", root);
	f = fopen(path, "we");
	fprintf(f,
	    "{\"seq\":%llu,\"lane\":\"control\",\"reason\":\"record 1 is wrong\"}\n"
	    "{\"seq\":%llu,\"lane\":\"control\",\"rea",
	    (unsigned long long)first_rec, (unsigned long long)first_rec + 1);
	fclose(f);
	check_all(deliver(j));
	journal_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_dead_letter_has_exactly_what_was_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_was_not_settled_comes_again_and_nothing_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    after_a_crash_a_refused_record_stands_there_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
