/* Protocol Buffers against what protoc makes of the same messages, and what replies of gRPC are
 * made of. */
#include "base/deflate.h"
#include "base/protobuf.h"
#include "base/schema.h"
#include "sinks/bigquery_write.h"
#include "sinks/google_api.h"
#include "sinks/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_hex(const struct buf *b, const char *want)
{
	char got[2048] = "";

	assert_false(b->full);
	assert_true(b->n * 2 < sizeof(got));
	for (size_t i = 0; i < b->n; i++)
		snprintf(got + 2 * i, 3, "%02x", (uint8_t)b->p[i]);
	assert_string_equal(got, want);
}

static size_t unhex(const char *hex, char *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		to[i] = (char)v;
	}
	return n;
}

/* A length that is known is written as one that is not. */
static void a_known_length_gives_the_same_bytes(void **state)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 128, 129, 16379, 16380, 16383, 16384,
		70000 };
	static char text[70000];

	(void)state;
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct slice s = { text, lengths[i] };
		struct buf a = { 0 };
		struct buf b = { 0 };
		size_t at = pb_open(&a, 2);

		pb_bytes(&a, 1, s);
		pb_close(&a, at);
		pb_head(&b, 2, pb_size(s.n));
		pb_bytes(&b, 1, s);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n);
		buf_free(&a);
		buf_free(&b);
	}
}

/* google.pubsub.v1.PublishRequest, by protoc. */
static void a_message_is_written_as_protoc_writes_it(void **state)
{
	struct buf b = { 0 };
	size_t message = 0;
	size_t entry = 0;

	(void)state;
	pb_bytes(&b, 1, SLICE("projects/p/topics/t"));
	message = pb_open(&b, 2);
	pb_bytes(&b, 1, SLICE("{\"a\":1}"));
	entry = pb_open(&b, 2);
	pb_bytes(&b, 1, SLICE("k"));
	pb_bytes(&b, 2, SLICE("v"));
	pb_close(&b, entry);
	pb_bytes(&b, 5, SLICE("h1"));
	pb_close(&b, message);
	assert_hex(&b, "0a1370726f6a656374732f702f746f706963732f7412150a077b2261223a317d"
		       "12060a016b1201762a026831");
	buf_free(&b);
}

/* The same by lengths of one, two and three bytes; numbers below zero and fractions. */
static void lengths_and_numbers_are_read_as_written(void **state)
{
	static char text[70000];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n = n * 3 + 1) {
		struct buf b = { 0 };
		struct pb_field f;
		struct cut c;
		struct cut inner;
		size_t at = pb_open(&b, 7);

		memset(text, 'x', sizeof(text));
		pb_bytes(&b, 536870911, (struct slice){ text, n });
		pb_uint(&b, 2, (uint64_t)INT64_C(-5));
		pb_double(&b, 3, -0.5);
		pb_close(&b, at);
		c = (struct cut){ .s = buf_as_slice(&b) };
		assert_true(pb_next(&c, &f) && f.number == 7 && f.wire == PB_BYTES);
		inner = (struct cut){ .s = f.bytes };
		assert_true(pb_next(&inner, &f) && f.number == 536870911 && f.bytes.n == n);
		assert_true(pb_next(&inner, &f) && f.number == 2 && (int64_t)f.value == -5);
		assert_true(pb_next(&inner, &f) && f.wire == PB_FIXED64 &&
			    f.value == UINT64_C(0xbfe0000000000000));
		assert_false(pb_next(&inner, &f) || inner.bad);
		assert_false(pb_next(&c, &f) || c.bad);
		for (size_t cut = 1; cut < b.n; cut = cut * 2 + 1) {
			c = (struct cut){ .s = { b.p, cut } };
			assert_false(pb_next(&c, &f));
			assert_true(c.bad);
		}
		buf_free(&b);
	}
}

static void what_is_no_message_is_refused(void **state)
{
	static const char *const bad[] = {
		"00",			  /* field 0 */
		"0b",			  /* a group begins */
		"0c", "0e", "0f",	  /* it ends; types that there are not */
		"08",			  /* no value */
		"08ffffffffffffffffffff", /* one that does not end */
		"0a05616263",		  /* longer than what is left */
		"0affffffffffffffffff01", /* far longer */
		"0900000000000000",	  /* 7 of 8 bytes */
		"8080808080808001",	  /* a field number beyond the last */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char raw[64];
		struct cut c = { .s = { raw, unhex(bad[i], raw) } };
		struct pb_field f;

		if (pb_next(&c, &f) || !c.bad)
			fail_msg("%s: taken", bad[i]);
	}
}

static void a_frame_is_whole(void **state)
{
	static const struct {
		const char *hex;
		int n; /* -1: refused */
	} cases[] = { { "", -1 }, { "00000000", -1 }, { "0000000000", 0 },
		{ "0000000003616263", 3 }, { "000000000361626364", 3 }, { "00000000046162", -1 },
		{ "0100000003616263", -1 }, { "0200000003616263", -1 }, { "00ffffffff61", -1 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char raw[64];
		struct slice body = { raw, unhex(cases[i].hex, raw) };
		struct buf unzipped = { 0 };
		struct slice m;

		assert_int_equal(grpc_unframe(body, &unzipped, &m), cases[i].n >= 0);
		if (cases[i].n >= 0)
			assert_int_equal(m.n, cases[i].n);
		buf_free(&unzipped);
	}
}

static void a_frame_may_be_compressed(void **state)
{
	static char text[200000];
	struct deflater *d = deflater_new();
	struct buf frame = { 0 };
	struct buf unzipped = { 0 };
	struct slice m;

	(void)state;
	memset(text, 'x', sizeof(text));
	buf_put(&frame, "\1\0\0\0", 5);
	deflater_gzip(
	    d, (struct slice){ text, 300 }, (struct slice){ text, sizeof(text) - 300 }, &frame);
	frame.p[3] = (char)((frame.n - 5) >> 8);
	frame.p[4] = (char)(frame.n - 5);
	assert_true(grpc_unframe(buf_as_slice(&frame), &unzipped, &m));
	assert_true(slice_eq(m, (struct slice){ text, sizeof(text) }));
	frame.p[frame.n - 5] ^= 1; /* its CRC */
	assert_false(grpc_unframe(buf_as_slice(&frame), &unzipped, &m));
	frame.p[4]--; /* cut short */
	assert_false(grpc_unframe(buf_as_slice(&frame), &unzipped, &m));
	buf_free(&frame);
	buf_free(&unzipped);
	deflater_free(d);
}

/* By Google's own classes: Status{code 8, details [DebugInfo, RetryInfo{1.5 s}]}. */
static void how_long_to_wait_is_in_the_details(void **state)
{
	static const char *const text = "CAgSBHNsb3caKgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLk"
					"RlYnVnSW5mbxo2Cih0eXBlLmdvb2dsZW"
					"FwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgBEIDKte4B";
	char cut[256];

	(void)state;
	assert_int_equal(grpc_retry_of(slice_of(text)), 1500);
	for (size_t n = 0; n + 1 < strlen(text); n++) {
		memcpy(cut, text, n);
		assert_true(grpc_retry_of((struct slice){ cut, n }) >= 0);
	}
	assert_int_equal(grpc_retry_of(SLICE("")), 0);
	assert_int_equal(grpc_retry_of(SLICE("====")), 0);
	assert_int_equal(grpc_retry_of(SLICE("no base64!")), 0);
}

static void each_code_has_its_rule(void **state)
{
	static const char rules[] = "ORRBRHRHRHRBHRRRH"; /* 0 to 16: ok, retry, bad, hold */
	static const char letters[] = {
		[ANSWER_OK] = 'O', [ANSWER_BAD] = 'B', [ANSWER_RETRY] = 'R', [ANSWER_HOLD] = 'H'
	};

	(void)state;
	for (unsigned code = 0; code < GRPC_CODES; code++)
		if (letters[google_api_answer(code)] != rules[code])
			fail_msg("%s", grpc_name(code));
	assert_int_equal(google_api_answer(17), ANSWER_RETRY);
	assert_int_equal(google_api_answer(UINT64_MAX), ANSWER_RETRY);
}

/* google.cloud.bigquery.storage.v1.AppendRowsResponse, by protoc. */
static void an_answer_names_the_rows_that_are_wrong(void **state)
{
	static const char *const good[] = { "0a050a0308f403", "0a020a002a0173" };
	char raw[64];
	struct append_reply reply;
	struct append_error one;
	struct cut c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(append_reply_read((struct slice){ raw, unhex(good[i], raw) }, &reply));
		assert_false(reply.failed);
	}
	/* code 3 "bad", row 2: "x" */
	assert_true(append_reply_read(
	    (struct slice){ raw, unhex("1207080312036261642207080210011a0178", raw) }, &reply));
	assert_true(reply.failed && reply.status.code == GRPC_INVALID_ARGUMENT);
	assert_true(slice_eq(reply.status.message, SLICE("bad")));
	c = (struct cut){ .s = reply.whole };
	assert_true(
	    append_reply_next(&c, &one) && one.index == 2 && slice_eq(one.message, SLICE("x")));
	assert_false(append_reply_next(&c, &one));
}

/* The writer schema of a table of two columns, as protoc has it. */
static void a_table_becomes_a_descriptor(void **state)
{
	struct table t = { .name = "t",
		.n = 2,
		.c = { { "ts", COLUMN_TIME, FROM_TIME, 0, "" },
		    { "msg", COLUMN_JSON, FROM_BODY, 0, "" } } };
	struct buf b = { 0 };

	(void)state;
	schema_descriptor(&b, &t);
	assert_hex(&b, "0a03526f77120a0a027473180120012803120b0a036d73671802200128"
		       "09");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_written_as_protoc_writes_it),
		cmocka_unit_test(a_known_length_gives_the_same_bytes),
		cmocka_unit_test(lengths_and_numbers_are_read_as_written),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(a_frame_is_whole),
		cmocka_unit_test(a_frame_may_be_compressed),
		cmocka_unit_test(how_long_to_wait_is_in_the_details),
		cmocka_unit_test(each_code_has_its_rule),
		cmocka_unit_test(an_answer_names_the_rows_that_are_wrong),
		cmocka_unit_test(a_table_becomes_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
