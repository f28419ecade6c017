#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/unit/test_journal_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FRAMES = 48, SEGMENT = 24 * 1024, MAX_SIZE = 136 * 1024, BLOCK_MAX = 10000 };

/* What the workload was told; it outlives the crash. */
struct truth {
	struct model *m;
	uint64_t promised;  /* last frame number whose append returned 0 */
	uint64_t attempted; /* last one given to append */
	uint64_t seq[256];  /* by frame number, of promised ones */
	uint64_t rec[256];
	uint64_t cursor_saved; /* sequence of the last cursor whose save returned 0 */
	uint64_t cursor_tried;
	struct journal_stats end; /* of the workload */
	uint64_t state;		  /* frame number that the checkpoint state is at */
	unsigned damage;
	bool checking;	   /* no budget: it may be legitimately full */
	bool faulty_reads; /* a failing read may count as damage */
};

static uint8_t control_bytes[BLOCK_MAX];
static uint8_t bulk_bytes[BLOCK_MAX];

/* Frame number u always has the same contents: its number, then bytes derived from it. */
static struct journal_frame make_frame(uint64_t u)
{
	size_t nc = 8 + (u * 37) % 700;
	size_t nb = u % 3 == 0 ? 0 : 1 + (u * 977) % 9000;

	for (size_t i = 0; i < nc; i++)
		control_bytes[i] = (uint8_t)(u * 31 + i * 7);
	for (size_t i = 0; i < nb; i++)
		bulk_bytes[i] = (uint8_t)(u * 17 + i * 3 + 1);
	memcpy(control_bytes, &u, sizeof(u));
	return (struct journal_frame){
		.control = { (const char *)control_bytes, nc },
		.bulk = { (const char *)bulk_bytes, nb },
		.n_control = (uint32_t)(1 + u % 4),
		.n_bulk = nb > 0 ? (uint32_t)(1 + u % 50) : 0,
		.time_us = u,
		.bytes_in = nc + nb,
	};
}

static uint64_t frame_number(struct slice control)
{
	uint64_t u;

	assert_true(control.n >= sizeof(u));
	memcpy(&u, control.p, sizeof(u));
	return u;
}

static int checkpoint(void *ctx, struct slice *out, struct err *e)
{
	struct truth *t = ctx;

	(void)e;
	*out = (struct slice){ (const char *)&t->state, sizeof(t->state) };
	return 0;
}

static int restore(void *ctx, const struct frame_header *h, struct slice s, struct err *e)
{
	struct truth *t = ctx;

	(void)h;
	(void)e;
	assert_int_equal(s.n, sizeof(t->state));
	memcpy(&t->state, s.p, s.n);
	return 0;
}

static int replay(void *ctx, const struct frame_header *h, struct slice control, struct err *e)
{
	struct truth *t = ctx;
	uint64_t u = frame_number(control);

	(void)e;
	assert_true(h->seq > 0);
	if (!t->faulty_reads)
		assert_int_equal(u, t->state + 1);
	t->state = u;
	return 0;
}

static void report(void *ctx, const struct journal_damage *d)
{
	(void)d;
	((struct truth *)ctx)->damage++;
}

static int open_it(struct truth *t, const struct journal_io *io, struct journal **j, struct err *e)
{
	struct journal_options o = {
		.dir = "j",
		.max_size = t->checking ? 0 : MAX_SIZE,
		.segment_size = SEGMENT,
		.reserved_control = 16 * 1024,
		.io = io,
		.ctx = t,
		.checkpoint = checkpoint,
		.report = report,
		.restore = restore,
		.replay = replay,
	};

	t->state = 0;
	return journal_open(&o, j, e);
}

/* Append frame u, trying again as the committer would; without its bulk if there is no room. */
static bool append_it(struct truth *t, struct journal *j, uint64_t u)
{
	struct err e;

	t->state = u;
	t->attempted = u;
	for (unsigned try = 0; try < 6; try++) {
		struct journal_frame f = make_frame(u);

		if (try > 2)
			f.bulk.n = 0; /* shed at birth, the records still counted */
		if (journal_append(j, &f, &e) == 0) {
			t->promised = u;
			t->seq[u] = f.seq;
			t->rec[u] = f.rec_seq;
			return true;
		}
	}
	return false;
}

static void save_cursor(
    struct truth *t, struct journal *j, struct journal_cursor_file *f, int id, uint64_t u)
{
	struct journal_cursor c = { .time_us = u };
	struct err e;

	memcpy(c.journal_id, j->id, sizeof(c.journal_id));
	c.lane[0].seq = c.lane[1].seq = t->seq[u];
	c.lane[0].next_rec = c.lane[1].next_rec = t->rec[u] + 1;
	t->cursor_tried = c.lane[0].seq;
	if (journal_cursor_save(f, &c, &e) == 0) {
		t->cursor_saved = c.lane[0].seq;
		journal_passed(j, id, &c);
	}
}

/* Appends, new segments, cursors, removal and shedding, until the end or the crash. */
static void workload(struct truth *t, const struct journal_io *io)
{
	struct journal_cursor c = { 0 };
	struct journal_cursor_file *f = NULL;
	struct journal *j;
	struct err e;

	if (open_it(t, io, &j, &e) != 0)
		return;
	if (journal_cursor_open(io, "j", "sink", &f, &c, &e) == 0) {
		int id = journal_register(j, &c, &e);

		for (uint64_t u = 1; u <= FRAMES && append_it(t, j, u); u++)
			if (u % 4 == 0 && u < 20)
				save_cursor(t, j, f, id, u - 3);
		journal_cursor_close(f);
	}
	journal_stats(j, &t->end);
	journal_close(j);
}

static void check_frame(
    const struct truth *t, const struct journal_item *it, bool bulk, uint64_t *next)
{
	uint64_t u = it->frame.time_us; /* the frame's number, see make_frame() */
	struct journal_frame f = make_frame(u);

	assert_true(u >= *next);
	if (*next > 0 && !bulk)
		assert_int_equal(u, *next);
	*next = u + 1;
	assert_true(u <= t->attempted);
	if (u <= t->promised && t->seq[u] != 0) {
		assert_int_equal(it->frame.seq, t->seq[u]);
		assert_int_equal(it->frame.rec_seq, t->rec[u]);
	}
	assert_int_equal(it->n, bulk ? f.n_bulk : f.n_control);
	assert_true(slice_eq(it->payload, bulk ? f.bulk : f.control));
}

/* Read one lane from its beginning: every promised frame that is kept must be there. */
static void check_lane(struct truth *t, struct journal *j, enum journal_lane lane)
{
	struct journal_stats s;
	struct journal_reader *r;
	struct journal_item it;
	struct err e;
	uint64_t next = 0;
	uint64_t seq;
	enum journal_read got;

	journal_stats(j, &s);
	seq = s.first_seq - 1;
	assert_int_equal(journal_reader_open(j, lane, seq, &r, &e), 0);
	while ((got = journal_reader_next(r, 0, &it, &e)) != JOURNAL_READ_TIMEOUT) {
		assert_true(it.seq > seq && it.seq <= s.durable_seq);
		seq = it.seq;
		if (got == JOURNAL_READ_SHED) {
			assert_int_equal(lane, JOURNAL_BULK);
			assert_true(it.frame.seq < s.floor || it.frame.bulk_len == 0);
			assert_int_equal(it.n, make_frame(it.frame.time_us).n_bulk);
			next = it.frame.time_us + 1;
			continue;
		}
		assert_int_equal(got, JOURNAL_READ_FRAME);
		check_frame(t, &it, lane == JOURNAL_BULK, &next);
	}
	assert_int_equal(it.seq, s.durable_seq);
	if (lane == JOURNAL_CONTROL && t->promised > 0)
		assert_true(next > t->promised);
	journal_reader_close(r);
}

static void check_cursor(struct truth *t, const struct journal_io *io)
{
	struct journal_cursor c = { 0 };
	struct err e;

	if (journal_cursor_load(io, "j", "sink", &c, &e) != 0) {
		assert_int_equal(e.code, ENOENT);
		assert_int_equal(t->cursor_saved, 0);
		return;
	}
	assert_true(c.lane[0].seq == t->cursor_saved || c.lane[0].seq == t->cursor_tried);
}

/* Everything that must hold after a crash, and that the journal goes on from there. */
static void check_after(struct truth *t, const struct journal_io *io)
{
	struct journal_stats s;
	struct journal_totals totals;
	struct journal *j;
	struct err e;

	t->damage = 0;
	t->checking = true;
	t->faulty_reads = false;
	if (open_it(t, io, &j, &e) != 0)
		fail_msg("open after crash: %s", e.msg);
	assert_int_equal(t->damage, 0);
	assert_true(t->state >= t->promised && t->state <= t->attempted);
	journal_stats(j, &s);
	assert_false(s.state_lost);
	if (t->promised > 0)
		assert_true(s.durable_seq >= t->seq[t->promised]);
	assert_true(s.first_seq - 1 <= t->cursor_tried);
	check_lane(t, j, JOURNAL_CONTROL);
	check_lane(t, j, JOURNAL_BULK);
	check_cursor(t, io);
	assert_int_equal(journal_audit(j, &totals, report, t, &e), 0);
	assert_int_equal(totals.damaged_frames, 0);
	assert_int_equal(totals.frames, s.durable_seq - s.first_seq + 1);
	for (uint64_t u = t->state + 1, end = u + 4; u < end; u++)
		assert_true(append_it(t, j, u));
	assert_true(t->seq[t->promised] > s.durable_seq);
	journal_close(j);
}

/* The cases of one run: how the end comes and what survives it. */
struct variant {
	unsigned keep_percent;
	bool power;	/* lose power; else only the process dies */
	bool twice;	/* and again while recovering */
	unsigned times; /* 0: crash; else this many operations fail first */
	int code;
};

static void one_run(unsigned at, const struct variant *v, uint64_t seed, unsigned *count)
{
	static struct model m;
	struct truth t = { .m = &m };
	struct journal_io io;

	model_init(&m, seed);
	io = model_io(&m);
	m.keep_percent = v->keep_percent;
	m.fault = v->times > 0 ? M_FAIL : M_CRASH;
	m.at = at;
	m.times = v->times;
	m.code = v->code;
	t.faulty_reads = v->times > 0;
	workload(&t, &io);
	*count = m.count;
	if (at == UINT_MAX) { /* the workload must reach what it is there for */
		assert_true(t.end.shed_frames > 3);
		assert_true(t.end.first_seq > 1);
		assert_true(t.end.segments > 3);
		assert_int_equal(t.promised, FRAMES);
	}
	if (v->power)
		model_power_loss(&m);
	else
		model_restart(&m);
	if (v->twice) {
		struct truth lost = t;
		struct journal *j;
		struct err e;

		m.fault = M_CRASH;
		m.at = (unsigned)(m_random(&m) % 30);
		lost.faulty_reads = true;
		if (open_it(&lost, &io, &j, &e) == 0)
			journal_close(j);
		model_power_loss(&m);
	}
	check_after(&t, &io);
	model_power_loss(&m); /* what was appended after the crash must survive the next one */
	check_after(&t, &io);
	model_free(&m);
}

static unsigned operations(void)
{
	static const struct variant none = { .keep_percent = 50, .power = true };
	unsigned n;

	one_run(UINT_MAX, &none, 1, &n);
	return n;
}

static void a_crash_at_any_operation_loses_nothing_promised(void **state)
{
	static const struct variant v[] = {
		{ .keep_percent = 0, .power = true },
		{ .keep_percent = 100, .power = true },
		{ .keep_percent = 100, .power = false },
		{ .keep_percent = 50, .power = true },
		{ .keep_percent = 50, .power = true },
		{ .keep_percent = 85, .power = true },
		{ .keep_percent = 15, .power = true },
		{ .keep_percent = 50, .power = false, .twice = true },
		{ .keep_percent = 50, .power = true, .twice = true },
	};
	unsigned n = operations();
	unsigned ignored;
	unsigned kinds = sizeof(v) / sizeof(v[0]);

	(void)state;
	for (unsigned at = 0; at < n; at++)
		for (unsigned i = 0; i < kinds; i++)
			one_run(at, &v[i], at * 131 + i + 7, &ignored);
	print_message("           %u crash points x %u variants\n", n, kinds);
}

static void a_failure_at_any_operation_loses_nothing_promised(void **state)
{
	static const struct variant v[] = {
		{ .keep_percent = 50, .power = true, .times = 1, .code = EIO },
		{ .keep_percent = 0, .power = true, .times = 1, .code = EIO },
		{ .keep_percent = 50, .power = true, .times = 1, .code = ENOSPC },
		{ .keep_percent = 50, .power = true, .times = 4, .code = EIO },
		{ .keep_percent = 50, .power = true, .times = 40, .code = EIO },
		{ .keep_percent = 0, .power = true, .times = 40, .code = ENOSPC },
		{ .keep_percent = 100, .power = false, .times = 9, .code = EIO },
		{ .keep_percent = 50, .power = true, .twice = true, .times = 3, .code = EIO },
		{ .keep_percent = 0, .power = false, .times = 100000, .code = EIO },
		{ .keep_percent = 30, .power = false, .times = 100000, .code = ENOSPC },
	};
	unsigned n = operations();
	unsigned ignored;
	unsigned kinds = sizeof(v) / sizeof(v[0]);

	(void)state;
	for (unsigned at = 0; at < n; at++)
		for (unsigned i = 0; i < kinds; i++)
			one_run(at, &v[i], at * 257 + i + 3, &ignored);
	print_message("           %u failure points x %u variants\n", n, kinds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_at_any_operation_loses_nothing_promised),
		cmocka_unit_test(a_failure_at_any_operation_loses_nothing_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
