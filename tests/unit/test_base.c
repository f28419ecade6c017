/* Units, times, addresses, base64, JSON and UTF-8: tables of what must come out. */
#include "base/base64.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "base/units.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void spans_and_sizes_need_their_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: none */
	} spans[] = { { "30s", 30000000 }, { "10m", 600000000 }, { "1.5h", 5400000000 },
		{ "7d", 604800000000 }, { "2w", 1209600000000 }, { "5ms", 5000 }, { "1us", 1 },
		{ "0.000001s", 1 }, { "3 min", 180000000 }, { "5", -1 }, { "s", -1 }, { "", -1 },
		{ "-5s", -1 }, { "1e3s", -1 }, { "5S", -1 }, { "5s ", -1 },
		{ "99999999999999999999s", -1 }, { "106751991d", 9223372022400000000 },
		{ "106751992d", -1 } };
	static const struct {
		const char *text;
		uint64_t bytes; /* 1: none */
	} sizes[] = { { "64MiB", 67108864 }, { "1.5KiB", 1536 }, { "2GB", 2000000000 }, { "0", 0 },
		{ "7 B", 7 }, { "5mb", 1 }, { "lots", 1 }, { "16777216TiB", 1 },
		{ "8388608TiB", 1 }, { "99999999999999999999", 1 } };
	double share = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		int64_t us = -1;

		if (units_duration(slice_of(spans[i].text), &us) != (spans[i].us >= 0) ||
		    us != spans[i].us)
			fail_msg("'%s': %lld", spans[i].text, (long long)us);
	}
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t bytes = 1;

		if (units_bytes(slice_of(sizes[i].text), &bytes) != (sizes[i].bytes != 1) ||
		    bytes != sizes[i].bytes)
			fail_msg("'%s': %llu", sizes[i].text, (unsigned long long)bytes);
	}
	assert_true(units_percent(SLICE("12.5%"), &share) && share > 12.4 && share < 12.6);
	assert_true(units_percent(SLICE("100%"), &share));
	assert_false(units_percent(SLICE("100.1%"), &share));
	assert_false(units_percent(SLICE("10"), &share));
}

enum stamp { RFC3339, CLF, BSD };

/* The text of a stamp as RFC 3339, "" when it is none; all of it must be used. */
static const char *read_stamp(enum stamp kind, const char *text, const char *ref)
{
	static char to[TIMEFMT_MAX];
	struct slice s = slice_of(text);
	int64_t ref_us = 0;
	int64_t us = 0;
	size_t used = 0;

	assert_int_equal(timefmt_parse_rfc3339(slice_of(ref), 0, &ref_us), strlen(ref));
	if (kind == RFC3339)
		used = timefmt_parse_rfc3339(s, 3600, &us);
	else if (kind == CLF)
		used = timefmt_parse_clf(s, &us);
	else
		used = timefmt_parse_bsd(s, 3600, ref_us, &us);
	to[used == s.n ? timefmt_rfc3339(us, to) : 0] = '\0';
	return to;
}

static void stamps_across_years_and_leap_days(void **state)
{
	static const struct {
		enum stamp kind;
		const char *text, *ref, *want;
	} t[] = {
#define NOW "2026-11-23T06:00:00Z"
		{ RFC3339, "2026-11-23T06:00:00Z", NOW, "2026-11-23T06:00:00.000000Z" },
		{ RFC3339, "2026-11-23 06:00:00,123456789+0900", NOW,
		    "2026-11-22T21:00:00.123456Z" },
		{ RFC3339, "2026-11-23T06:00:00", NOW, "2026-11-23T05:00:00.000000Z" },
		{ RFC3339, "2026-12-31T23:30:00-01:00", NOW, "2027-01-01T00:30:00.000000Z" },
		{ RFC3339, "2024-02-29T00:00:00Z", NOW, "2024-02-29T00:00:00.000000Z" },
		{ RFC3339, "2026-02-29T00:00:00Z", NOW, "" },
		{ RFC3339, "2100-02-29T00:00:00Z", NOW, "" },
		{ RFC3339, "2000-02-29T00:00:00Z", NOW, "2000-02-29T00:00:00.000000Z" },
		{ RFC3339, "2016-12-31T23:59:60Z", NOW, "2017-01-01T00:00:00.000000Z" },
		{ RFC3339, "2026-13-01T00:00:00Z", NOW, "" },
		{ RFC3339, "2026-11-31T00:00:00Z", NOW, "" },
		{ RFC3339, "2026-11-23T24:00:00Z", NOW, "" },
		{ CLF, "31/Dec/2026:23:59:59 -0130", NOW, "2027-01-01T01:29:59.000000Z" },
		{ CLF, "29/Feb/2023:00:00:00 +0000", NOW, "" },
		{ CLF, "23/Nov/2026:06:00:00.5 +0000", NOW, "2026-11-23T06:00:00.500000Z" },
		{ CLF, "23/nov/2026:06:00:00 +0000", NOW, "" },
		/* without a year: nearest to the reference, at most a day ahead */
		{ BSD, "Nov 23 06:00:00", NOW, "2026-11-23T05:00:00.000000Z" },
		{ BSD, "Nov  3 06:00:00", NOW, "2026-11-03T05:00:00.000000Z" },
		{ BSD, "Nov 3 06:00:00", NOW, "2026-11-03T05:00:00.000000Z" },
		{ BSD, "Dec 31 23:59:59", "2027-01-01T00:00:10Z", "2026-12-31T22:59:59.000000Z" },
		{ BSD, "Jan  1 00:00:05", "2026-12-31T23:00:00Z", "2026-12-31T23:00:05.000000Z" },
		{ BSD, "Jan  1 12:00:00", "2026-12-31T13:00:00Z", "2027-01-01T11:00:00.000000Z" },
		{ BSD, "Jan  2 00:00:00", "2026-12-31T12:00:00Z", "2026-01-01T23:00:00.000000Z" },
		{ BSD, "Nov 25 00:00:00", NOW, "2025-11-24T23:00:00.000000Z" },
		{ BSD, "Feb 29 12:00:00", NOW, "2024-02-29T11:00:00.000000Z" },
		{ BSD, "Feb 29 12:00:00", "2028-02-29T12:00:00Z", "2028-02-29T11:00:00.000000Z" },
		{ BSD, "Feb 29 12:00:00", "2104-02-27T12:00:00Z", "2096-02-29T11:00:00.000000Z" },
		{ BSD, "Feb 30 12:00:00", NOW, "" },
		{ BSD, "Nov 23 2025 06:00:00", NOW, "2025-11-23T05:00:00.000000Z" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		const char *got = read_stamp(t[i].kind, t[i].text, t[i].ref);

		if (strcmp(got, t[i].want) != 0)
			fail_msg(
			    "'%s' at %s: '%s', expected '%s'", t[i].text, t[i].ref, got, t[i].want);
	}
}

static void every_day_comes_back(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 2932897; day++) { /* up to 9999-12-31 */
		struct civil c;
		int64_t us = 0;

		timefmt_to_civil(day * 86400 * US_PER_S + 1, &c);
		if (!timefmt_from_civil(&c, 0, &us) || us != day * 86400 * US_PER_S + 1 ||
		    c.us != 1)
			fail_msg("day %lld is %d-%d-%d", (long long)day, c.year, c.month, c.day);
	}
}

static void addresses_and_prefixes(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} t[] = { { "203.0.113.7", "203.0.113.7" }, { "203.0.113.0/24", "203.0.113.0/24" },
		{ "203.0.113.7/32", "203.0.113.7" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "2001:db8::/64", "2001:db8::/64" }, { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "2001:db8:0:1:1:1:1:1/128", "2001:db8:0:1:1:1:1:1" },
		{ "::ffff:203.0.113.7", "203.0.113.7" },
		{ "::ffff:203.0.113.0/120", "203.0.113.0/24" }, { "::/0", "::/0" },
		{ "2001:db8::1/64", NULL }, { "203.0.113.7/24", NULL },
		{ "203.0.113.128/24", NULL }, { "10.64.0.0/9", NULL }, { "203.0.113.0/33", NULL },
		{ "2001:db8::/129", NULL }, { "203.0.113", NULL }, { "203.0.113.256", NULL },
		{ "203.0.113.07", NULL }, { "1.2.3.4/", NULL }, { "1.2.3.4/-1", NULL },
		{ "fe80::1%eth0", NULL }, { "", NULL }, { "::g", NULL } };
	struct ip_prefix net;
	struct ip_prefix other;
	struct ip a;
	unsigned port;

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char text[IP_TEXT_MAX] = "";
		bool ok = ip_prefix_parse(slice_of(t[i].text), &net);

		if (ok)
			ip_prefix_text(&net, text);
		if (ok != (t[i].want != NULL) || (ok && strcmp(text, t[i].want) != 0))
			fail_msg("'%s' is '%s'", t[i].text, text);
	}
	assert_true(ip_parse(SLICE("2001:db8:1:2:3:4:5:6"), &a));
	net = ip_prefix_of(&a, 64);
	assert_true(ip_prefix_parse(SLICE("2001:db8:1:2::/64"), &other));
	assert_memory_equal(&net, &other, sizeof(net));
	assert_true(ip_prefix_has(&net, &a));
	assert_true(ip_parse(SLICE("2001:db8:1:3::"), &a));
	assert_false(ip_prefix_has(&net, &a));
	assert_true(ip_prefix_parse(SLICE("2001:db8:1:2:8000::/65"), &other));
	assert_true(ip_prefix_overlaps(&net, &other) && ip_prefix_overlaps(&other, &net));
	assert_true(ip_prefix_parse(SLICE("2001:db8:1:3::/65"), &other));
	assert_false(ip_prefix_overlaps(&net, &other) || ip_prefix_overlaps(&other, &net));
	assert_true(ip_parse_port(SLICE("203.0.113.7:80"), &a, &port) && port == 80);
	assert_true(ip_parse_port(SLICE("[2001:db8::1]:443"), &a, &port) && port == 443);
	assert_true(ip_parse_port(SLICE("2001:db8::1"), &a, &port) && port == 0);
	assert_false(ip_parse_port(SLICE("203.0.113.7:65536"), &a, &port));
}

static void json_says_any_bytes(void **state)
{
	static const struct {
		struct slice in;
		const char *want;
	} t[] = { { { "a\"\\/\n\r\t", 7 }, "a\\\"\\\\/\\n\\r\\t" },
		{ { "\0\x1f\x7f", 3 }, "\\u0000\\u001f\\u007f" },
		{ { "\xc3\xa9\xf0\x9f\x98\x80", 6 }, "\xc3\xa9\xf0\x9f\x98\x80" },
		{ { "\xff"
		    "a\xc3",
		      3 },
		    "\\\\xFFa\\\\xC3" },
		{ { "\xed\xa0\x80", 3 }, "\\\\xED\\\\xA0\\\\x80" } };
	struct buf b = { 0 };
	struct json j = { .out = &b };

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		buf_reset(&b);
		json_escape(&b, t[i].in);
		assert_int_equal(b.n, strlen(t[i].want));
		assert_memory_equal(b.p, t[i].want, b.n);
	}
	buf_reset(&b);
	json_open(&j, '{');
	json_member_text(&j, "a", SLICE("x"));
	JSON_KEY(&j, "b");
	json_open(&j, '[');
	json_i64(&j, INT64_MIN);
	json_u64(&j, UINT64_MAX);
	json_bool(&j, true);
	json_f64(&j, 0.5);
	json_f64(&j, (double)1e308 * 10);
	json_close(&j, ']');
	json_close(&j, '}');
	assert_true(slice_eq(buf_as_slice(&b),
	    SLICE(
		"{\"a\":\"x\",\"b\":[-9223372036854775808,18446744073709551615,true,0.5,null]}")));
	buf_free(&b);
}

static void utf8_is_told_from_what_is_not(void **state)
{
	static const struct {
		const char *text;
		size_t n; /* bytes of its first character; 0: not well-formed */
	} t[] = { { "a", 1 }, { "\xc2\x80", 2 }, { "\xdf\xbf", 2 }, { "\xe0\xa0\x80", 3 },
		{ "\xef\xbf\xbf", 3 }, { "\xf0\x90\x80\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
		{ "\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc3", 0 }, { "\xe0\x9f\xbf", 0 },
		{ "\xed\xa0\x80", 0 }, { "\xe2\x82", 0 }, { "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 }, { "\xc3\x28", 0 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char text[64];

		assert_int_equal(utf8_char(slice_of(t[i].text)), t[i].n);
		for (size_t at = 0; at < 20; at++) { /* wherever it lies in the words of eight */
			memset(text, 'x', sizeof(text));
			memcpy(text + at, t[i].text, strlen(t[i].text));
			assert_int_equal(utf8_is_text((struct slice){ text, 32 }), t[i].n > 0);
			text[at] = '\0';
			assert_false(utf8_is_text((struct slice){ text, 32 }));
		}
	}
}

static void bytes_as_base64(void **state)
{
	static const struct {
		const char *bytes, *text,
		    *url; /* RFC 4648, section 10, and what differs in a URL */
	} cases[] = { { "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbe\xff", "+/++/w==", "-_--_w" } };
	struct buf small = { .max = 4 };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = { 0 };

		buf_str(&b, "=");
		base64_put(&b, slice_of(cases[i].bytes));
		buf_str(&b, "=");
		base64url_put(&b, slice_of(cases[i].bytes));
		buf_char(&b, '\0');
		assert_false(b.full);
		assert_memory_equal(b.p + 1, cases[i].text, strlen(cases[i].text));
		assert_string_equal(b.p + strlen(cases[i].text) + 2, cases[i].url);
		buf_free(&b);
	}
	base64_put(&small, SLICE("foo"));
	assert_true(small.full && small.n == 0); /* there is no room for the NUL */
	buf_free(&small);
}

/* The wide way and the way byte by byte say the same, wherever the odd byte is. */
static void json_text_is_escaped_at_every_place(void **state)
{
	static const char odd[] = { 'x', '"', '\\', 0x1f, 0x7f, 0, (char)0xff };
	char text[70];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		for (size_t at = 0; at < (n > 0 ? n : 1); at++)
			for (size_t k = 0; k < sizeof(odd); k++) {
				struct slice s = { text, n };
				struct buf wide = { 0 };
				struct buf narrow = { 0 };
				struct json j = { .out = &wide };

				memset(text, '~', sizeof(text));
				if (n > 0)
					text[at] = odd[k];
				buf_char(&narrow, '"');
				json_escape(&narrow, s);
				buf_char(&narrow, '"');
				json_text(&j, s);
				assert_true(slice_eq(buf_as_slice(&wide), buf_as_slice(&narrow)));
				j.comma = false;
				buf_reset(&wide);
				json_quoted_text(&j, SLICE(",\"k\":"), s);
				assert_memory_equal(wide.p, "\"k\":", 4);
				assert_true(slice_eq(
				    slice_from(buf_as_slice(&wide), 4), buf_as_slice(&narrow)));
				buf_free(&wide);
				buf_free(&narrow);
			}
}

static void stamps_of_one_second_differ_in_their_fraction(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} t[] = { { 1000001, "1970-01-01T00:00:01.000001Z" },
		{ 1999999, "1970-01-01T00:00:01.999999Z" },
		{ 2000000, "1970-01-01T00:00:02.000000Z" }, { 0, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" }, { INT64_MAX, "1970-01-01T00:00:00.000000Z" },
		{ INT64_MAX - 1, "1970-01-01T00:00:00.000000Z" },
		{ 253402300799999999, "9999-12-31T23:59:59.999999Z" },
		{ 253402300799000000, "9999-12-31T23:59:59.000000Z" } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char to[TIMEFMT_MAX];

		to[timefmt_rfc3339(t[i].us, to)] = '\0';
		assert_string_equal(to, t[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_and_sizes_need_their_unit),
		cmocka_unit_test(bytes_as_base64),
		cmocka_unit_test(stamps_across_years_and_leap_days),
		cmocka_unit_test(every_day_comes_back),
		cmocka_unit_test(addresses_and_prefixes),
		cmocka_unit_test(json_says_any_bytes),
		cmocka_unit_test(json_text_is_escaped_at_every_place),
		cmocka_unit_test(stamps_of_one_second_differ_in_their_fraction),
		cmocka_unit_test(utf8_is_told_from_what_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
