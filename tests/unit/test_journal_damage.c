#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/unit/test_journal_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FRAMES = 9 };

struct seen {
	unsigned reports;
	struct journal_damage damage; /* the last one */
	unsigned replayed;
};

static struct model model;
static struct journal_io io;
static char text[3 * 6000];

static int checkpoint(void *ctx, struct slice *out, struct err *e)
{
	(void)ctx;
	(void)e;
	*out = SLICE("state");
	return 0;
}

static int replay(void *ctx, const struct frame_header *h, struct slice control, struct err *e)
{
	(void)h;
	(void)control;
	(void)e;
	((struct seen *)ctx)->replayed++;
	return 0;
}

static void report(void *ctx, const struct journal_damage *d)
{
	((struct seen *)ctx)->reports++;
	((struct seen *)ctx)->damage = *d;
}

static int open_it(struct seen *seen, struct journal **j, struct err *e)
{
	struct journal_options o = {
		.dir = "j",
		.segment_size = 20 * 1024,
		.io = &io,
		.ctx = seen,
		.checkpoint = checkpoint,
		.report = report,
		.replay = replay,
	};

	memset(seen, 0, sizeof(*seen));
	return journal_open(&o, j, e);
}

static struct journal_frame frame_of(uint64_t u)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	return (struct journal_frame){
		.control = { text + u, 40 + (size_t)u * 5 },
		.bulk = { text + u * 2, u % 2 == 0 ? 0 : 300 + (size_t)u * 600 },
		.n_control = 2,
		.n_bulk = u % 2 == 0 ? 0 : 3,
		.time_us = u,
		.bytes_in = 100,
	};
}

/* A journal of FRAMES frames in some segments. */
static void fill(void)
{
	struct journal *j;
	struct seen seen;
	struct err e;

	model_init(&model, 5);
	io = model_io(&model);
	assert_int_equal(open_it(&seen, &j, &e), 0);
	for (uint64_t u = 1; u <= FRAMES; u++) {
		struct journal_frame f = frame_of(u);

		assert_int_equal(journal_append(j, &f, &e), 0);
	}
	journal_close(j);
	model_restart(&model);
}

static struct m_file *newest_file(struct segment *s)
{
	struct journal *j;
	struct seen seen;
	struct err e;
	char name[FORMAT_SEGMENT_NAME];

	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_true(j->n_seg >= 2);
	assert_true(j->seg[j->n_seg - 1].last_seq >= j->seg[j->n_seg - 1].first_seq + 2);
	*s = j->seg[j->n_seg - 1];
	journal_close(j);
	format_segment_name(s->first_seq, name);
	return &model.file[m_find(&model, name, true)->cache];
}

struct tally {
	uint64_t frames; /* bit by frame number */
	uint64_t records;
	uint64_t lost;
	unsigned damages;
	uint64_t last_seq;
};

/* Read a lane whole; whatever is given must be what was written. */
static struct tally read_lane(struct journal *j, enum journal_lane lane)
{
	struct tally t = { 0 };
	struct journal_reader *r;
	struct journal_item it;
	struct err e;
	enum journal_read got;

	assert_int_equal(journal_reader_open(j, lane, 0, &r, &e), 0);
	while ((got = journal_reader_next(r, 0, &it, &e)) != JOURNAL_READ_TIMEOUT) {
		assert_int_not_equal(got, JOURNAL_READ_ERROR);
		assert_int_not_equal(got, JOURNAL_READ_SHED);
		if (got == JOURNAL_READ_DAMAGE) {
			t.damages++;
			t.lost += it.n;
			assert_true(it.damage.seq_from <= it.damage.seq_to);
			continue;
		}

		struct journal_frame f = frame_of(it.frame.time_us);

		assert_true(slice_eq(it.payload, lane == JOURNAL_BULK ? f.bulk : f.control));
		t.frames |= 1ull << it.frame.time_us;
		t.records += it.n;
	}
	t.last_seq = it.seq;
	journal_reader_close(r);
	return t;
}

static unsigned bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

static void append_more(struct journal *j)
{
	struct err e;

	for (uint64_t u = FRAMES + 1; u <= FRAMES + 3; u++) {
		struct journal_frame f = frame_of(u);

		assert_int_equal(journal_append(j, &f, &e), 0);
	}
}

static void a_tail_torn_at_any_byte_is_cut_and_nothing_else(void **state)
{
	struct segment s;
	struct m_file *file;
	struct m_state *whole = malloc(sizeof(*whole));
	uint64_t start;

	(void)state;
	fill();
	file = newest_file(&s);
	memcpy(whole, file->cache, sizeof(*whole));
	start = s.end;
	while (memcmp(whole->data + start, "SKFR", 4) != 0)
		start = (start - 1) / FORMAT_SECTOR * FORMAT_SECTOR;
	for (uint64_t cut = start; cut < s.end; cut++) {
		struct journal *j;
		struct seen seen;
		struct err e;

		memcpy(file->cache, whole, sizeof(*whole));
		file->cache->size = cut;
		memset(file->cache->data + cut, 0, M_SIZE - cut);
		assert_int_equal(open_it(&seen, &j, &e), 0);
		assert_int_equal(seen.reports, 0);
		assert_int_equal(journal_durable(j), s.last_seq - 1);
		assert_true(file->cache->size <= start);
		assert_int_equal(bits(read_lane(j, JOURNAL_CONTROL).frames), FRAMES - 1);
		append_more(j);
		assert_int_equal(bits(read_lane(j, JOURNAL_CONTROL).frames), FRAMES + 2);
		journal_close(j);
		model_restart(&model);

		/* what append_more() put into new files goes again */
		for (unsigned i = 0; i < model.n_name; i++) {
			uint64_t seq;

			if (format_segment_number(model.name[i].name, &seq) && seq > s.first_seq)
				model.name[i].cache = -1;
		}
		m_forget_ops(file);
	}
	free(whole);
	model_free(&model);
}

/* Which frames a flipped bit may cost: the one it is in, or none (padding, a header's copy). */
static void check_flip(struct segment *newest, uint64_t segment, bool last_segment)
{
	struct journal_totals totals;
	struct journal *j;
	struct seen seen;
	struct err e;
	uint64_t durable;

	if (open_it(&seen, &j, &e) != 0)
		fail_msg("%s", e.msg);
	durable = journal_durable(j);

	struct tally control = read_lane(j, JOURNAL_CONTROL);
	struct tally bulk = read_lane(j, JOURNAL_BULK);

	/* The very last frame has no durable mark above it: to recovery it is torn, not damaged. */
	if (durable < newest->last_seq) {
		assert_true(last_segment);
		assert_int_equal(durable, newest->last_seq - 1);
		assert_int_equal(bits(control.frames), FRAMES - 1);
		assert_int_equal(seen.reports + control.damages + bulk.damages, 0);
	} else {
		assert_int_equal(control.last_seq, newest->last_seq);
		assert_true(control.damages <= 1 && bulk.damages <= 1);
		assert_int_equal(control.records + control.lost, 2 * FRAMES);
		assert_int_equal(bulk.records + bulk.lost, 3 * ((FRAMES + 1) / 2));
		assert_true(bits(control.frames) >= FRAMES - 1);
		assert_true(bits(bulk.frames) >= (FRAMES + 1) / 2 - 1);
	}
	assert_int_equal(journal_audit(j, &totals, NULL, NULL, &e), 0);
	assert_true(totals.damaged_frames <= 1);
	if (seen.reports > 0)
		assert_int_equal(seen.damage.segment, segment);
	journal_close(j);
}

static void a_flipped_bit_costs_the_frame_it_is_in(void **state)
{
	struct segment newest;
	unsigned flips = 0;

	(void)state;
	fill();
	newest_file(&newest);
	for (unsigned i = 0; i < model.n_name; i++) {
		uint64_t seq;

		if (!format_segment_number(model.name[i].name, &seq) || model.name[i].cache < 0)
			continue;

		struct m_file *file = &model.file[model.name[i].cache];
		struct m_state *whole = malloc(sizeof(*whole));

		memcpy(whole, file->cache, sizeof(*whole));
		for (uint64_t at = 0; at < whole->size; at++, flips++) {
			file->cache->data[at] ^= (uint8_t)(1u << (at % 8));
			check_flip(&newest, seq, seq == newest.first_seq);
			memcpy(file->cache, whole, sizeof(*whole));
			m_forget_ops(file);
			model_restart(&model);
		}
		free(whole);
	}
	print_message("           %u flips\n", flips);
	model_free(&model);
}

static void a_missing_segment_is_damage_of_known_size(void **state)
{
	struct journal *j;
	struct seen seen;
	struct err e;

	(void)state;
	fill();
	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_true(j->n_seg >= 3);

	struct segment gone = j->seg[1];
	char name[FORMAT_SEGMENT_NAME];
	uint64_t records = gone.next_cum.control_records - gone.cum.control_records;

	journal_close(j);
	format_segment_name(gone.first_seq, name);
	m_find(&model, name, true)->cache = -1;
	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_int_equal(seen.reports, 1);
	assert_int_equal(seen.damage.seq_from, gone.first_seq);
	assert_int_equal(seen.damage.seq_to, gone.last_seq);
	assert_int_equal(seen.damage.lost.control_records, records);
	assert_int_equal(seen.damage.rec_to - seen.damage.rec_from, gone.next_rec - gone.first_rec);

	struct tally t = read_lane(j, JOURNAL_CONTROL);

	assert_int_equal(t.lost, records);
	assert_int_equal(t.records + t.lost, 2 * FRAMES);
	append_more(j);
	journal_close(j);
	model_free(&model);
}

static void a_lost_tail_below_a_cursor_is_damage_and_its_numbers_are_not_given_again(void **state)
{
	struct segment s;
	struct journal_cursor c = { 0 };
	struct journal_cursor_file *f;
	struct m_file *file;
	struct journal *j;
	struct seen seen;
	struct err e;

	(void)state;
	fill();
	file = newest_file(&s);
	assert_int_equal(open_it(&seen, &j, &e), 0);
	memcpy(c.journal_id, j->id, sizeof(j->id));
	journal_close(j);
	c.lane[0].seq = s.last_seq;
	c.lane[0].next_rec = s.next_rec;
	assert_int_equal(journal_cursor_open(&io, "j", "a", &f, &c, &e), 0);
	assert_false(journal_cursor_found(f));
	assert_int_equal(journal_cursor_save(f, &c, &e), 0);
	journal_cursor_close(f);
	memset(file->cache->data + FORMAT_FIRST_FRAME, 0x5a, M_SIZE - FORMAT_FIRST_FRAME);

	uint64_t size = file->cache->size;

	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_int_equal(seen.reports, 1);
	assert_int_equal(seen.damage.seq_from, s.first_seq);
	assert_int_equal(seen.damage.seq_to, s.last_seq);
	assert_int_equal(file->cache->size, size); /* nothing was cut */

	struct journal_frame fr = frame_of(3);

	assert_int_equal(journal_append(j, &fr, &e), 0);
	assert_int_equal(fr.seq, s.last_seq + 2); /* a checkpoint came first */
	assert_true(fr.rec_seq >= s.next_rec);
	journal_close(j);
	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_int_equal(seen.reports, 1);
	journal_close(j);
	model_free(&model);
}

static void a_segment_that_was_never_finished_is_removed(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 511, 512, 1024, 9000 };
	struct journal *j;
	struct seen seen;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill();
		m_close(&model, m_open(&model, "j/00000000000000000999.seg", O_CREAT));
		model.file[m_find(&model, "j/00000000000000000999.seg", true)->cache].cache->size =
		    sizes[i];
		assert_int_equal(open_it(&seen, &j, &e), 0);
		assert_int_equal(seen.reports, 0);
		assert_int_equal(bits(read_lane(j, JOURNAL_CONTROL).frames), FRAMES);
		append_more(j);
		journal_close(j);
		model_free(&model);
	}
}

static void a_newest_segment_without_headers_is_damage_and_numbers_go_on_above_it(void **state)
{
	struct segment s;
	struct m_file *file;
	struct journal *j;
	struct seen seen;
	struct err e;

	(void)state;
	fill();
	file = newest_file(&s);
	memset(file->cache->data, 0xee, FORMAT_FIRST_FRAME);
	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_int_equal(seen.reports, 1);
	assert_int_equal(seen.damage.seq_from, s.first_seq);
	assert_true(seen.damage.seq_to >= s.last_seq);

	struct journal_frame f = frame_of(1);

	assert_int_equal(journal_append(j, &f, &e), 0);
	assert_true(f.seq > s.last_seq && f.rec_seq >= s.next_rec);
	journal_close(j);
	assert_int_equal(open_it(&seen, &j, &e), 0);
	assert_int_equal(seen.reports, 1);
	journal_close(j);
	model_free(&model);
}

static void what_a_newer_version_wrote_stops_the_start_and_stays(void **state)
{
	static const char critical[] = { 7, (char)0x80, 1, 0, 'x' };
	static const char ignorable[] = { 7, 0, 1, 0, 'x' };
	struct segment s;
	struct m_file *file;
	struct journal *j;
	struct seen seen;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct slice ext = { i == 0 ? critical : ignorable, sizeof(critical) };
		struct frame_header h;
		const char *why;
		uint8_t *at;

		fill();
		file = newest_file(&s);
		at = file->cache->data + FORMAT_FIRST_FRAME;
		assert_int_equal(
		    format_frame_decode(at, FORMAT_SECTOR, s.salt, FORMAT_FIRST_FRAME, &h, &why),
		    FORMAT_OK);
		h.ext_len = (uint32_t)ext.n;
		memmove(at + 144, at + 136, h.control_len);
		format_frame_encode(&h, ext, s.salt, at);

		uint64_t size = file->cache->size;

		if (i == 0) {
			assert_int_equal(open_it(&seen, &j, &e), -1);
			assert_int_equal(e.code, ENOTSUP);
			assert_non_null(strstr(e.msg, "critical"));
			assert_int_equal(file->cache->size, size);
		} else {
			assert_int_equal(open_it(&seen, &j, &e), 0);
			assert_int_equal(seen.reports, 0);
			assert_int_equal(bits(read_lane(j, JOURNAL_CONTROL).frames), FRAMES);
			journal_close(j);
		}
		model_free(&model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tail_torn_at_any_byte_is_cut_and_nothing_else),
		cmocka_unit_test(a_flipped_bit_costs_the_frame_it_is_in),
		cmocka_unit_test(a_missing_segment_is_damage_of_known_size),
		cmocka_unit_test(
		    a_lost_tail_below_a_cursor_is_damage_and_its_numbers_are_not_given_again),
		cmocka_unit_test(a_segment_that_was_never_finished_is_removed),
		cmocka_unit_test(
		    a_newest_segment_without_headers_is_damage_and_numbers_go_on_above_it),
		cmocka_unit_test(what_a_newer_version_wrote_stops_the_start_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
