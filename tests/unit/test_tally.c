/* The sums as part of the journal's state: what is saved comes back, and what is no tally does not.
 */
#include "agent/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void fill(struct tally *t, uint64_t epoch, unsigned inputs, unsigned sinks)
{
	char name[32];

	*t = (struct tally){ .epoch_us = epoch, .base = { 1, 2, 3 }, .own = 5 };
	for (unsigned i = 0; i < inputs; i++) {
		struct tally_input *in;

		snprintf(name, sizeof(name), "/var/log/%u.log", i);
		in = tally_input(t, name);
		in->read += 1000 + i;
		in->journalled += 900 + i;
		in->copies += 100;
		in->bytes += UINT64_C(1) << 40;
	}
	for (unsigned i = 0; i < sinks; i++) {
		struct journal_cursor c = { .lane = { { 7 + i, 8, 9, 10, 11, 12, 13 } },
			.forgotten = 6 };

		snprintf(name, sizeof(name), "sink%u", i);
		assert_int_equal(tally_set_sink(t, name, &c), i < TALLY_SINKS);
		assert_false(tally_set_sink(t, name, &c)); /* it is there already */
	}
}

static void what_is_saved_comes_back_and_a_part_of_it_does_not(void **state)
{
	static struct tally t;
	static struct tally back;
	struct buf b = { 0 };

	(void)state;
	fill(&t, 99, 3, 2);
	tally_save(&t, &b);
	assert_true(tally_load(&back, buf_as_slice(&b)));
	assert_memory_equal(&t, &back, sizeof(t));
	for (size_t n = 0; n < b.n;
	     n++) { /* a copy of its own: a sanitizer sees what is read behind */
		char *part = malloc(n + 1);

		memcpy(part, b.p, n);
		assert_false(tally_load(&back, (struct slice){ part, n }));
		free(part);
	}
	buf_free(&b);
}

static void more_than_there_is_room_for_is_counted_together(void **state)
{
	static struct tally t;
	static struct tally back;
	struct buf b = { 0 };
	uint64_t journalled = 0;
	uint64_t want = 0;

	(void)state;
	fill(&t, 99, 3 * TALLY_INPUTS, TALLY_SINKS + 3);
	assert_int_equal(t.n_inputs, TALLY_INPUTS);
	assert_int_equal(t.n_sinks, TALLY_SINKS);
	for (unsigned i = 0; i < t.n_inputs; i++)
		journalled += t.input[i].journalled;
	for (unsigned i = 0; i < 3 * TALLY_INPUTS; i++)
		want += 900 + i;
	assert_int_equal(journalled, want);
	assert_string_equal(t.input[TALLY_INPUTS - 1].label, "(other inputs)");
	tally_save(&t, &b);
	assert_true(tally_load(&back, buf_as_slice(&b)));
	assert_memory_equal(&t, &back, sizeof(t));
	buf_reset(&b);
	for (unsigned i = 0; i < 5; i++)
		buf_varint(&b, 1);
	buf_varint(&b, UINT64_MAX); /* inputs */
	for (unsigned i = 0; i < 10000; i++)
		buf_varint(&b, 0);
	assert_false(tally_load(&back, buf_as_slice(&b)));
	buf_free(&b);
}

static void a_frame_is_added_and_taken_back_but_not_to_sums_of_another_epoch(void **state)
{
	static struct tally sum;
	static struct tally frame;
	static struct tally before;

	(void)state;
	fill(&sum, 99, 2, 1);
	before = sum;
	fill(&frame, 99, 3, 1);
	tally_add(&sum, &frame);
	assert_int_equal(tally_input(&sum, "/var/log/1.log")->journalled, 2 * 901);
	assert_int_equal(tally_input(&sum, "/var/log/2.log")->journalled, 902);
	assert_int_equal(sum.own, 10);
	tally_take_back(&sum, &frame);
	assert_memory_equal(sum.input, before.input, 2 * sizeof(before.input[0]));
	assert_int_equal(tally_input(&sum, "/var/log/2.log")->journalled, 0);
	frame.epoch_us = 100;
	tally_add(&sum, &frame);
	assert_int_equal(sum.epoch_us, 100);
	assert_int_equal(sum.own, 5);
	assert_int_equal(tally_input(&sum, "/var/log/1.log")->journalled, 901);
	assert_non_null(tally_sink(&sum, "sink0"));
	assert_null(tally_sink(&sum, "sink1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_saved_comes_back_and_a_part_of_it_does_not),
		cmocka_unit_test(more_than_there_is_room_for_is_counted_together),
		cmocka_unit_test(a_frame_is_added_and_taken_back_but_not_to_sums_of_another_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
