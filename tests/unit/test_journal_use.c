#include "base/err.h"
#include "journal/cursor.h"
#include "journal/journal.h"
#include "journal/journal_io.h"
#include "journal/reader.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static char bytes[64 * 1024];

static int checkpoint(void *ctx, struct slice *out, struct err *e)
{
	(void)ctx;
	(void)e;
	*out = SLICE("state");
	return 0;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sekisho-journal-XXXXXX");
	memset(bytes, 'x', sizeof(bytes));
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_one(void *arg, const char *name)
{
	char path[512];

	(void)arg;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (name[0] != '.')
		unlink(path);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	journal_io_real.list(NULL, dir, remove_one, NULL);
	return rmdir(dir);
}

static struct journal *open_real(uint64_t max_size, uint64_t reserve)
{
	struct journal_options o = {
		.dir = dir,
		.max_size = max_size,
		.segment_size = 256 * 1024,
		.reserved_control = reserve,
		.checkpoint = checkpoint,
	};
	struct journal *j;
	struct err e;

	if (journal_open(&o, &j, &e) != 0)
		fail_msg("%s", e.msg);
	return j;
}

static struct journal_frame frame(size_t control, size_t bulk)
{
	return (struct journal_frame){
		.control = { bytes, control },
		.bulk = { bytes, bulk },
		.n_control = control > 0,
		.n_bulk = bulk > 0 ? 10 : 0,
		.time_us = 1,
		.bytes_in = control + bulk,
	};
}

static void append(struct journal *j, size_t control, size_t bulk)
{
	struct journal_frame f = frame(control, bulk);
	struct err e;

	if (journal_append(j, &f, &e) != 0)
		fail_msg("%s", e.msg);
}

static void a_second_writer_is_told_who_the_first_is(void **state)
{
	struct journal_options o = { .dir = dir, .lock_wait_ms = 50, .checkpoint = checkpoint };
	struct journal *j = open_real(0, 0);
	struct journal *other;
	struct err e;
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	assert_int_equal(journal_open(&o, &other, &e), -1);
	assert_int_equal(e.code, EBUSY);
	assert_non_null(strstr(e.msg, pid));
	o.read_only = true; /* looking is always allowed */
	append(j, 10, 10);
	assert_int_equal(journal_open(&o, &other, &e), 0);
	assert_int_equal(journal_durable(other), 1);

	struct journal_frame f = frame(1, 0);

	assert_int_equal(journal_append(other, &f, &e), -1);
	assert_int_equal(e.code, EROFS);
	journal_close(other);
	journal_close(j);
	o.read_only = false;
	assert_int_equal(journal_open(&o, &other, &e), 0);
	journal_close(other);
}

static void wrong_options_and_frames_are_refused(void **state)
{
	struct journal_options o = { .dir = "", .checkpoint = checkpoint };
	struct journal *j;
	struct err e;

	(void)state;
	assert_int_equal(journal_open(&o, &j, &e), -1);
	o.dir = dir;
	o.checkpoint = NULL;
	assert_int_equal(journal_open(&o, &j, &e), -1);
	assert_int_equal(e.code, EINVAL);
	o.read_only = true;
	assert_int_equal(journal_open(&o, &j, &e), -1);
	assert_int_equal(e.code, ENOENT);
	j = open_real(0, 0);

	struct journal_frame f = frame(1, 1);

	f.flags = FRAME_CHECKPOINT;
	assert_int_equal(journal_append(j, &f, &e), -1);
	assert_int_equal(e.code, EINVAL);
	f.flags = 0;
	f.bulk.n = JOURNAL_PAYLOAD_MAX + 1u;
	assert_int_equal(journal_append(j, &f, &e), -1);
	assert_int_equal(e.code, EMSGSIZE);
	journal_close(j);
}

enum { THREAD_FRAMES = 300 };

struct follower {
	struct journal *j;
	enum journal_lane lane;
	uint64_t records;
	uint64_t last;
	bool ordered;
};

static void *follow(void *arg)
{
	struct follower *f = arg;
	struct journal_reader *r;
	struct journal_item it;
	struct err e;
	enum journal_read got;

	f->ordered = journal_reader_open(f->j, f->lane, 0, &r, &e) == 0;
	while (
	    f->ordered && (got = journal_reader_next(r, 5000, &it, &e)) != JOURNAL_READ_STOPPED) {
		f->ordered = got == JOURNAL_READ_FRAME && it.seq > f->last;
		f->last = it.seq;
		f->records += it.n;
	}
	journal_reader_close(r);
	return NULL;
}

static void readers_follow_while_the_committer_writes(void **state)
{
	struct journal *j = open_real(0, 0);
	struct follower f[4] = { { 0 } };
	pthread_t thread[4];
	struct journal_stats s;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		f[i].j = j;
		f[i].lane = i % 2 == 0 ? JOURNAL_CONTROL : JOURNAL_BULK;
		assert_int_equal(pthread_create(&thread[i], NULL, follow, &f[i]), 0);
	}
	for (unsigned i = 0; i < THREAD_FRAMES; i++)
		append(j, 20 + i, i % 4 == 0 ? 0 : 5000);
	journal_stop(j);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_true(f[i].ordered);
		assert_int_equal(
		    f[i].records, i % 2 == 0 ? THREAD_FRAMES : THREAD_FRAMES / 4 * 3 * 10);
	}
	journal_stats(j, &s);
	assert_int_equal(s.control_records, THREAD_FRAMES);
	assert_int_equal(s.next_rec - s.base_rec, s.control_records + s.bulk_records);
	assert_true(s.segments > 3);
	journal_close(j);
}

static void over_budget_bulk_goes_first_and_every_record_is_accounted_for(void **state)
{
	enum { MAX = 1024 * 1024 };
	struct journal *j = open_real(MAX, 128 * 1024);
	struct journal_cursor c = { 0 };
	struct journal_reader *r;
	struct journal_item it;
	struct journal_stats s;
	struct journal_totals t;
	struct journal_counts counts;
	struct err e;
	uint64_t shed = 0;
	uint64_t given = 0;
	enum journal_read got;

	(void)state;
	assert_true(journal_register(j, &c, &e) >= 0);
	for (unsigned i = 0; i < 100; i++) {
		append(j, 100, 30000);
		journal_stats(j, &s);
		assert_true(s.disk <= MAX);
	}
	assert_true(s.floor > 1 && s.shed_records > 0);
	assert_int_equal(s.first_seq, 1); /* no cursor has passed anything: no control is gone */
	assert_int_equal(journal_reader_open(j, JOURNAL_BULK, 0, &r, &e), 0);
	while ((got = journal_reader_next(r, 0, &it, &e)) != JOURNAL_READ_TIMEOUT) {
		assert_true(got == JOURNAL_READ_SHED || got == JOURNAL_READ_FRAME);
		*(got == JOURNAL_READ_SHED ? &shed : &given) += it.n;
	}
	journal_reader_close(r);
	assert_int_equal(shed, s.shed_records);
	assert_int_equal(shed + given, 1000);
	assert_int_equal(journal_audit(j, &t, NULL, NULL, &e), 0);
	assert_int_equal(t.shed_records, shed);
	assert_int_equal(t.damaged_frames, 0);
	assert_int_equal(t.bulk_records, 1000);
	assert_int_equal(journal_counts_at(j, 1, &counts, &e), 0);
	assert_int_equal(counts.bulk_records, 10);
	journal_close(j);

	j = open_real(MAX, 128 * 1024); /* the floor is durable */
	struct journal_stats again;

	journal_stats(j, &again);
	assert_int_equal(again.floor, s.floor);
	assert_int_equal(again.shed_records, s.shed_records);
	assert_int_equal(again.next_rec, s.next_rec);
	journal_close(j);
}

static void control_alone_may_use_the_reserve_and_then_there_is_an_end(void **state)
{
	enum { MAX = 1024 * 1024, RESERVE = 256 * 1024 };
	struct journal *j = open_real(MAX, RESERVE);
	struct journal_frame f = frame(8000, 0);
	struct journal_stats s;
	struct err e;
	unsigned n = 0;

	(void)state;
	while (n < 10000 && journal_append(j, &f, &e) == 0)
		n++;
	assert_int_equal(e.code, ENOSPC);
	journal_stats(j, &s);
	assert_true(s.disk > MAX - 32 * 1024 && s.disk <= MAX);
	assert_true(n > 80);
	journal_close(j);
}

static void min_free_of_the_file_system_is_respected(void **state)
{
	struct journal_options o = {
		.dir = dir,
		.max_size = UINT64_MAX / 2,
		.reserved_control = UINT64_MAX / 4,
		.min_free_percent = 99, /* surely less than that is free */
		.checkpoint = checkpoint,
	};
	struct journal_frame bulk = frame(10, 10);
	struct journal_frame control = frame(10, 0);
	struct journal *j;
	struct err e;

	(void)state;
	assert_int_equal(journal_open(&o, &j, &e), 0);
	assert_int_equal(journal_append(j, &bulk, &e), -1);
	assert_int_equal(e.code, ENOSPC);
	assert_int_equal(journal_append(j, &control, &e), 0);
	bulk.bulk.n = 0; /* the committer's way out: positions go on, the records are counted */
	assert_int_equal(journal_append(j, &bulk, &e), 0);

	struct journal_totals t;

	assert_int_equal(journal_audit(j, &t, NULL, NULL, &e), 0);
	assert_int_equal(t.shed_records, 10);
	assert_int_equal(t.bulk_records, 10);
	journal_close(j);
}

static void segments_go_when_every_cursor_has_passed_them(void **state)
{
	struct journal *j = open_real(0, 0);
	struct journal_cursor a = { 0 };
	struct journal_cursor b = { 0 };
	struct journal_stats s;
	struct journal_counts counts;
	struct err e;
	int ia = journal_register(j, &a, &e);
	int ib = journal_register(j, &b, &e);

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		append(j, 100, 20000);
	a.lane[0].seq = a.lane[1].seq = journal_durable(j);
	journal_passed(j, ia, &a);
	journal_trim(j);
	journal_stats(j, &s);
	assert_int_equal(s.first_seq, 1);
	b.lane[0].seq = journal_durable(j);
	journal_passed(j, ib, &b); /* one lane is not enough */
	journal_trim(j);
	journal_stats(j, &s);
	assert_int_equal(s.first_seq, 1);
	journal_unregister(j, ib);
	journal_trim(j);
	journal_stats(j, &s);
	assert_int_equal(s.segments, 1);
	assert_true(s.first_seq > 1);
	assert_int_equal(journal_counts_at(j, 1, &counts, &e), -1);
	assert_int_equal(e.code, ENOENT);

	/* a reader from before says what it cannot give */
	struct journal_reader *r;
	struct journal_item it;

	assert_int_equal(journal_reader_open(j, JOURNAL_CONTROL, 0, &r, &e), 0);
	assert_int_equal(journal_reader_next(r, 0, &it, &e), JOURNAL_READ_DAMAGE);
	assert_int_equal(it.damage.seq_from, 1);
	assert_int_equal(it.seq, s.first_seq - 1);
	journal_reader_close(r);
	journal_close(j);
}

static void cursors_are_stored_listed_and_forgotten(void **state)
{
	struct journal_cursor c = { .time_us = 5 };
	struct journal_cursor d;
	struct journal_cursor_file *f;
	uint8_t blob[JOURNAL_CURSOR_BYTES];
	struct err e;

	(void)state;
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		c.lane[l] = (struct journal_cursor_lane){ 1 + l, 2, 3, 4, 5, 6, 7 + l };
	memset(c.journal_id, 9, sizeof(c.journal_id));
	journal_cursor_encode(&c, blob);
	assert_true(journal_cursor_decode(blob, &d));
	assert_memory_equal(&c, &d, sizeof(c));
	for (unsigned i = 0; i < sizeof(blob); i++) {
		blob[i] ^= 1;
		assert_false(journal_cursor_decode(blob, &d));
		blob[i] ^= 1;
	}
	assert_int_equal(journal_cursor_open(NULL, dir, "../x", &f, &d, &e), -1);
	assert_int_equal(e.code, EINVAL);
	assert_int_equal(journal_cursor_load(NULL, dir, "sqlite", &d, &e), -1);
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(journal_cursor_open(NULL, dir, "sqlite", &f, &d, &e), 0);
	assert_false(journal_cursor_found(f));
	for (unsigned i = 0; i < 5; i++) {
		c.time_us++;
		assert_int_equal(journal_cursor_save(f, &c, &e), 0);
		assert_int_equal(journal_cursor_load(NULL, dir, "sqlite", &d, &e), 0);
		assert_memory_equal(&c, &d, sizeof(c));
	}
	journal_cursor_close(f);
	assert_int_equal(journal_cursor_forget(NULL, dir, "sqlite", &e), 0);
	assert_int_equal(journal_cursor_forget(NULL, dir, "sqlite", &e), -1);
	assert_int_equal(e.code, ENOENT);
}

static struct journal_io counting;
static unsigned n_preads;

static ssize_t counted_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	n_preads++;
	return journal_io_real.pread(ctx, fd, buf, n, off);
}

/* What journal_counts_at() must say: every frame here has 1 control record, or 10 of bulk.
 */
static void counts_are(struct journal *j, uint64_t seq, const unsigned char *has_control)
{
	struct journal_counts c;
	struct err e;
	uint64_t control = 0;
	uint64_t bulk = 0;

	for (uint64_t i = 1; i <= seq; i++) {
		control += has_control[i];
		bulk += has_control[i] == 0 ? 10 : 0;
	}
	assert_int_equal(journal_counts_at(j, seq, &c, &e), 0);
	assert_int_equal(c.control_records, control);
	assert_int_equal(c.bulk_records, bulk);
}

enum { MANY = 2000 };

/* Status asks for the same places, or a bit further on, each second: it must not read all
 * headers. */
static void places_that_are_asked_for_again_are_not_walked_to_again(void **state)
{
	static unsigned char has_control[MANY + 100];
	struct journal_options o = {
		.dir = dir, .segment_size = 64 << 20, .checkpoint = checkpoint, .io = &counting
	};
	struct journal *j;
	struct err e;
	unsigned first;

	(void)state;
	counting = journal_io_real;
	counting.pread = counted_pread;
	assert_int_equal(journal_open(&o, &j, &e), 0);
	for (unsigned i = 1; i <= MANY; i++) {
		has_control[i] = i % 1000 == 0;
		append(j, has_control[i] ? 100 : 0, has_control[i] ? 0 : 100);
	}
	n_preads = 0;
	counts_are(j, MANY - 10, has_control);
	assert_true(journal_oldest_after(j, JOURNAL_CONTROL, 1) > 0);
	first = n_preads;
	assert_true(first > MANY / 2); /* headers are not neighbours: some have a read each */
	n_preads = 0;
	for (uint64_t seq = MANY - 10; seq < MANY; seq++) {
		counts_are(j, seq, has_control);
		assert_true(journal_oldest_after(j, JOURNAL_CONTROL, 2 + seq % 900) > 0);
	}
	assert_true(n_preads < 40);
	for (uint64_t seq = 1; seq < MANY;
	     seq += 37) /* also backwards, and with all hints in use */
		counts_are(j, MANY - seq, has_control);
	assert_int_equal(journal_oldest_after(j, JOURNAL_CONTROL, MANY), 0);
	append(j, 100, 0); /* what was not there may come */
	assert_true(journal_oldest_after(j, JOURNAL_CONTROL, MANY) > 0);
	assert_int_equal(journal_oldest_after(j, JOURNAL_BULK, MANY), 0);
	journal_close(j);
}

int main(void)
{
#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		WITH_DIR(a_second_writer_is_told_who_the_first_is),
		WITH_DIR(wrong_options_and_frames_are_refused),
		WITH_DIR(readers_follow_while_the_committer_writes),
		WITH_DIR(over_budget_bulk_goes_first_and_every_record_is_accounted_for),
		WITH_DIR(control_alone_may_use_the_reserve_and_then_there_is_an_end),
		WITH_DIR(min_free_of_the_file_system_is_respected),
		WITH_DIR(segments_go_when_every_cursor_has_passed_them),
		WITH_DIR(places_that_are_asked_for_again_are_not_walked_to_again),
		WITH_DIR(cursors_are_stored_listed_and_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
