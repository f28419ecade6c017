#include "base/err.h"
#include "base/pack.h"
#include "base/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

static const struct record_context context = {
	.service_name = { "shop", 4 },
	.host_name = { "web-1", 5 },
	.observed_us = 1700000000000000,
};

__attribute__((format(printf, 3, 4))) static struct slice text_of(
    char *to, size_t n, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(to, n, fmt, args);
	va_end(args);
	return (struct slice){ to, (size_t)len };
}

/* A chunk of n events from n_origins origins, each with every attribute there is. */
static void write_events(struct record_writer *w, unsigned n, unsigned n_origins)
{
	char path[32];

	record_begin(w, &context);
	for (unsigned o = 0; o < n_origins; o++)
		assert_int_equal(
		    record_put_origin(w, &(struct record_origin){ .hash = o + 1,
					     .path = text_of(path, sizeof(path), "/var/log/%u", o),
					     .parser = SLICE("combined") }),
		    o);
	for (unsigned i = 0; i < n; i++) {
		struct attr attrs[EVENT_MAX_ATTRS];
		struct detection d = { .rule = SLICE("sqli"), .level = SLICE("high") };
		char body[64];
		struct event ev = { .body = text_of(body, sizeof(body), "line %u of it", i),
			.offset = (n - i) * 1000,
			.time_us = context.observed_us - i * 7,
			.attrs = attrs,
			.n_detections = i % 2,
			.detections = &d };

		for (unsigned k = 1; k < ATTR_N; k++)
			event_add(&ev, (enum attr_key)k,
			    k % 2 ? (struct slice){ body, 4 } : SLICE("elsewhere"));
		event_add_named(&ev, SLICE("of.no.table"), SLICE(""));
		record_put_event(w, i % n_origins, &ev);
	}
}

static void check_event(const struct record *r, unsigned i, unsigned n, unsigned n_origins)
{
	char want[64];
	struct slice body = text_of(want, sizeof(want), "line %u of it", i);

	assert_int_equal(r->kind, RECORD_EVENT);
	assert_int_equal(r->seq, 100 + i);
	assert_true(slice_eq(r->ev.body, body));
	assert_int_equal(r->ev.offset, (n - i) * 1000);
	assert_int_equal(r->ev.time_us, context.observed_us - i * 7);
	assert_int_equal(r->origin->hash, i % n_origins + 1);
	assert_int_equal(r->id[0], i % n_origins + 1);
	assert_true(slice_eq(r->context->host_name, SLICE("web-1")));
	assert_int_equal(r->ev.n_attrs, ATTR_N);
	for (unsigned k = 1; k < ATTR_N; k++)
		assert_true(slice_eq(event_get(&r->ev, (enum attr_key)k),
		    k % 2 ? SLICE("line") : SLICE("elsewhere")));
	assert_true(slice_eq(attr_name(&r->ev.attrs[ATTR_N - 1]), SLICE("of.no.table")));
	assert_int_equal(r->ev.attrs[ATTR_N - 1].n, 0);
	assert_int_equal(r->ev.n_detections, i % 2);
	if (i % 2)
		assert_true(slice_eq(r->ev.detections[0].rule, SLICE("sqli")));
}

static void events_come_back_as_they_were(void **state)
{
	struct record_writer w = { 0 };
	struct packer *p = packer_new();
	struct record_reader *r = calloc(1, sizeof(*r));
	struct buf block = { 0 };
	struct record rec;
	struct err e = { 0, "" };
	unsigned i = 0;
	int rc;

	(void)state;
	write_events(&w, 500, 200);
	record_end(&w, p, &block);
	assert_false(block.full);
	record_reader_open(r, buf_as_slice(&block), 100);
	while ((rc = record_next(r, &rec, &e)) > 0)
		if (rec.seq != 0)
			check_event(&rec, i++, 500, 200);
	assert_int_equal(rc, 0);
	assert_int_equal(i, 500);
	record_reader_free(r);
	record_writer_free(&w);
	buf_free(&block);
	packer_free(p);
	free(r);
}

/* What follows the head of a chunk that is stored as it is: a flag, two lengths. */
static struct slice stored_items(struct slice chunk)
{
	struct cut c = { .s = chunk };
	uint64_t n;

	cut_raw(&c, 1);
	n = cut_varint(&c);

	struct slice items = cut_bytes(&c);

	assert_false(c.bad);
	assert_int_equal(items.n, n);
	return items;
}

/* An agent that is upgraded in place still has to deliver what the one before has journalled. */
static void deflated_chunks_of_before_are_read(void **state)
{
	struct record_writer w = { 0 };
	struct record_reader *r = calloc(1, sizeof(*r));
	struct buf plain = { 0 }, block = { 0 };
	z_stream z = { 0 };
	struct record rec;
	struct err e = { 0, "" };
	unsigned i = 0;
	char coded[65536];

	(void)state;
	write_events(&w, 50, 20);
	record_end(&w, NULL, &plain);

	struct slice items = stored_items(buf_as_slice(&plain));

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)items.p;
	z.avail_in = (uInt)items.n;
	z.next_out = (Bytef *)coded;
	z.avail_out = sizeof(coded);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_char(&block, 1);
	buf_varint(&block, items.n);
	buf_bytes(&block, (struct slice){ coded, z.total_out });
	deflateEnd(&z);
	record_reader_open(r, buf_as_slice(&block), 100);
	while (record_next(r, &rec, &e) > 0)
		if (rec.seq != 0)
			check_event(&rec, i++, 50, 20);
	assert_int_equal(i, 50);
	record_reader_free(r);
	record_writer_free(&w);
	buf_free(&plain);
	buf_free(&block);
	free(r);
}

/* Cut short anywhere, or of another length than is said: refused, and nothing beyond is read. */
static void damaged_packs_are_refused(void **state)
{
	static const char text[] = "GET /profile/1 GET /profile/2 GET /profile/3 GET /profile/4";
	struct packer *p = packer_new();
	struct buf block = { 0 };
	char to[sizeof(text)];
	struct err e = { 0, "" };

	(void)state;
	packer_run(p, (struct slice){ text, sizeof(text) - 1 }, &block);
	assert_true(!block.full && block.n < sizeof(text));
	assert_int_equal(unpack_block(buf_as_slice(&block), to, sizeof(text) - 1, &e), 0);
	assert_memory_equal(to, text, sizeof(text) - 1);
	for (size_t n = 0; n < block.n; n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, block.p, n);
		assert_int_equal(
		    unpack_block((struct slice){ exact, n }, to, sizeof(text) - 1, &e), -1);
		free(exact);
	}
	assert_int_equal(unpack_block(buf_as_slice(&block), to, sizeof(text) - 2, &e), -1);
	assert_int_equal(unpack_block(buf_as_slice(&block), to, sizeof(text), &e), -1);
	buf_reset(&block);
	packer_run(p, (struct slice){ NULL, 0 }, &block);
	assert_int_equal(unpack_block(buf_as_slice(&block), to, 0, &e), 0);
	packer_free(p);
	buf_free(&block);
}

static void fields_and_state_come_back(void **state)
{
	struct record_writer w = { 0 };
	struct record_reader *r = calloc(1, sizeof(*r));
	struct buf block = { 0 };
	struct record rec = { 0 };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .time_us = 5, .attrs = attrs };
	const uint64_t id[2] = { 1, 2 };
	struct err e = { 0, "" };

	(void)state;
	event_add_named(&ev, SLICE("rule"), SLICE("brute-force"));
	record_begin(&w, &context);
	record_put_state(&w, RECORD_STATE, SLICE("opaque"));
	record_put_fields(&w, RECORD_ALERT, id, &ev);
	record_end(&w, NULL, &block);
	record_reader_open(r, buf_as_slice(&block), 7);
	while (record_next(r, &rec, &e) > 0 && rec.kind != RECORD_STATE)
		;
	assert_int_equal(rec.seq, 0);
	assert_true(slice_eq(rec.payload, SLICE("opaque")));
	assert_int_equal(record_next(r, &rec, &e), 1);
	assert_int_equal(rec.kind, RECORD_ALERT);
	assert_int_equal(rec.seq, 7);
	assert_int_equal(rec.id[1], 2);
	assert_int_equal(rec.ev.n_attrs, 1);
	assert_true(slice_eq(attr_name(&rec.ev.attrs[0]), SLICE("rule")));
	assert_int_equal(record_next(r, &rec, &e), 0);
	record_reader_free(r);
	record_writer_free(&w);
	buf_free(&block);
	free(r);
}

static void bytes_that_are_not_text_are_escaped_and_said_to_be(void **state)
{
	struct record_writer w = { 0 };
	struct record_reader *r = calloc(1, sizeof(*r));
	struct buf block = { 0 };
	struct record rec = { 0 };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .body = SLICE("a\xff z"), .attrs = attrs };
	struct err e = { 0, "" };

	(void)state;
	event_add(&ev, ATTR_URL_PATH, SLICE("/\xc3")); /* half a character */
	record_begin(&w, &context);
	record_put_origin(&w, &(struct record_origin){ .path = SLICE("-") });
	record_put_event(&w, 0, &ev);
	record_end(&w, NULL, &block);
	record_reader_open(r, buf_as_slice(&block), 1);
	while (record_next(r, &rec, &e) > 0 && rec.kind != RECORD_EVENT)
		;
	assert_true(slice_eq(rec.ev.body, SLICE("a\\xFF z")));
	assert_true(slice_eq(event_get(&rec.ev, ATTR_URL_PATH), SLICE("/\\xC3")));
	assert_true(slice_eq(event_get(&rec.ev, ATTR_BODY_ESCAPED), SLICE("true")));
	record_reader_free(r);
	record_writer_free(&w);
	buf_free(&block);
	free(r);
}

/* Touch everything a record points at: a slice outside the buffers is found by ASan. */
static unsigned walk(const struct record *rec)
{
	unsigned sum = 0;

	for (size_t i = 0; i < rec->ev.body.n; i++)
		sum += (unsigned char)rec->ev.body.p[i];
	for (unsigned k = 0; k < rec->ev.n_attrs; k++)
		for (uint32_t i = 0; i < rec->ev.attrs[k].n; i++)
			sum += (unsigned char)rec->ev.attrs[k].p[i];
	return sum;
}

static void damage_is_an_error_or_other_records_never_a_crash(void **state)
{
	struct record_writer w = { 0 };
	struct record_reader *r = calloc(1, sizeof(*r));
	struct buf block = { 0 };
	unsigned bad = 0;
	unsigned x = 1;
	volatile unsigned sum = 0;

	(void)state;
	write_events(&w, 5, 2);
	record_end(&w, NULL, &block); /* not compressed: the damage reaches the items */
	for (unsigned i = 0; i < 20000; i++) {
		char *copy = malloc(block.n); /* exact, so that ASan sees one byte too many */
		size_t n = i % 3 == 0 ? i % block.n : block.n;
		struct record rec;
		struct err e = { 0, "" };
		int rc;

		memcpy(copy, block.p, block.n);
		for (unsigned k = 0; k < 1 + i % 4; k++) {
			x = x * 1664525u + 1013904223u;
			copy[(x >> 8) % block.n] = (char)(x >> 3);
		}
		record_reader_open(r, (struct slice){ copy, n }, 1);
		while ((rc = record_next(r, &rec, &e)) > 0)
			sum = sum + walk(&rec);
		bad += rc < 0;
		free(copy);
	}
	assert_true(bad > 5000);
	record_reader_free(r);
	record_writer_free(&w);
	buf_free(&block);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_back_as_they_were),
		cmocka_unit_test(deflated_chunks_of_before_are_read),
		cmocka_unit_test(damaged_packs_are_refused),
		cmocka_unit_test(fields_and_state_come_back),
		cmocka_unit_test(bytes_that_are_not_text_are_escaped_and_said_to_be),
		cmocka_unit_test(damage_is_an_error_or_other_records_never_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
