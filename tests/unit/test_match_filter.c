#include "base/err.h"
#include "match/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROOM = 8192, FOUND_MAX = 4096 };

struct found {
	unsigned n;
	struct {
		uint32_t tag;
		ptrdiff_t at;
	} f[FOUND_MAX];
};

static uint8_t memory[ROOM + FILTER_BEFORE + FILTER_AFTER + 64];
static struct filter_entry entries[2000];
static struct found got, plain;

static void on_window(void *ctx, uint32_t tag, ptrdiff_t at)
{
	struct found *f = ctx;

	assert_true(f->n < FOUND_MAX);
	f->f[f->n].tag = tag;
	f->f[f->n++].at = at;
}

/* A window of the bytes of text; '\1' stands for any byte. */
static struct window window_of(const char *text)
{
	struct window w = { .n = (uint8_t)strlen(text) };

	for (unsigned i = 0; i < w.n; i++) {
		if (text[i] == '\1')
			w.cls[i] = byteset_not(w.cls[i]);
		else
			byteset_add(&w.cls[i], (unsigned char)text[i]);
	}
	return w;
}

static struct filter *built(unsigned n)
{
	struct err e = { 0 };
	struct filter *f = filter_build(entries, n, GRAMS_URL, &e);

	if (!f)
		fail_msg("%s", e.msg);
	return f;
}

/* Scan text at an alignment, between bytes that must not matter. */
static void scan(
    const struct filter *f, const char *text, size_t n, unsigned align, struct found *out)
{
	uint8_t *p = memory + FILTER_BEFORE + align;

	memset(memory, 'z', sizeof(memory));
	memcpy(p, text, n);
	p[-1] = p[n] = '\n';
	out->n = 0;
	filter_scan(f, p, n, on_window, out);
}

static void assert_found(const struct found *f, uint32_t tag, ptrdiff_t at)
{
	unsigned times = 0;

	for (unsigned i = 0; i < f->n; i++)
		times += f->f[i].tag == tag && f->f[i].at == at;
	if (times != 1)
		fail_msg("tag %u at %td: %u times", tag, at, times);
}

/* Windows of 1 to 12 bytes, then n - 12 of 4 to 9 digits, which need a hash. */
static void make_entries(unsigned n)
{
	memset(entries, 0, sizeof(entries));
	for (unsigned i = 0; i < n; i++) {
		char text[16] = "QWXZJKVBPYFG";

		if (i < WINDOW_LEN_MAX)
			text[i + 1] = '\0';
		else
			snprintf(
			    text, sizeof(text), "%u#%u%s", i, i * 7919 % 100, i % 3 ? "" : "ab");
		entries[i].w = window_of(text);
		entries[i].tag = i * 3 + 1;
	}
}

static void windows_are_found_everywhere(void **state)
{
	static const unsigned sizes[] = { 1, 12, 40, 300, 1500 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct filter *f;

		make_entries(sizes[s]);
		f = built(sizes[s]);
		for (unsigned i = 0; i < sizes[s]; i += 1 + sizes[s] / 40) {
			const struct window *w = &entries[i].w;

			for (unsigned align = 0; align < 64; align++) {
				char text[200];
				size_t at = (align * 7 + i) % 150;

				memset(text, '.', sizeof(text));
				for (unsigned k = 0; k < w->n; k++)
					for (unsigned b = 0; b < 256; b++)
						if (byteset_has(&w->cls[k], b))
							text[at + k] = (char)b;
				scan(f, text, sizeof(text), align, &got);
				assert_found(&got, entries[i].tag, (ptrdiff_t)at);
			}
		}
		filter_free(f);
	}
}

static void windows_are_found_at_both_ends(void **state)
{
	static const char *const text = "abcdefgh";

	(void)state;
	for (unsigned len = 1; len <= 8; len++) {
		char piece[16] = "";
		struct filter *f;

		memset(entries, 0, sizeof(entries));
		entries[0].tag = 1;
		memcpy(piece, text, len);
		entries[0].w = window_of(piece);
		entries[1].tag = 2;
		entries[1].w = window_of(text + 8 - len);
		entries[2].tag = 3;
		piece[0] = '\n';
		memcpy(piece + 1, text, len);
		entries[2].w = window_of(piece);
		entries[3].tag = 4;
		memcpy(piece, text + 8 - len, len);
		piece[len] = '\n';
		entries[3].w = window_of(piece);
		f = built(4);
		for (unsigned align = 0; align < 64; align++) {
			scan(f, text, 8, align, &got);
			assert_int_equal(got.n, 4);
			assert_found(&got, 1, 0);
			assert_found(&got, 2, 8 - (ptrdiff_t)len);
			assert_found(&got, 3, -1);
			assert_found(&got, 4, 8 - (ptrdiff_t)len);
		}
		filter_free(f);
	}
}

static void nothing_is_found_outside_the_text(void **state)
{
	struct filter *f;

	(void)state;
	memset(entries, 0, sizeof(entries));
	entries[0].w = window_of("zz");
	entries[1].w = window_of("\nz");
	entries[2].w = window_of("z\n");
	entries[3].w = window_of("a\nzz");
	f = built(4);
	scan(f, "a", 1, 0, &got);
	assert_int_equal(got.n, 0);
	scan(f, "", 0, 5, &got);
	assert_int_equal(got.n, 0);
	filter_free(f);
}

static void an_empty_text_can_hold_its_ends(void **state)
{
	struct filter *f;

	(void)state;
	memset(entries, 0, sizeof(entries));
	entries[0].w = window_of("\n");
	entries[1].w = window_of("\n\n");
	entries[1].tag = 1;
	f = built(2);
	memset(memory, '\n', sizeof(memory));
	got.n = 0;
	filter_scan(f, memory + FILTER_BEFORE, 0, on_window, &got);
	assert_int_equal(got.n, 3);
	assert_found(&got, 1, -1);
	filter_free(f);
}

static void every_processor_finds_the_same(void **state)
{
	static char text[ROOM];
	static const unsigned sizes[] = { 5, 60, 700 };
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		text[i] = "0123456789#abQWXZ\n"[(x >> 33) % 18];
	}
	for (size_t s = 0; s < 3; s++) {
		struct filter *f;

		make_entries(sizes[s]);
		entries[0].w = window_of("QW\1\1#");
		entries[1].w = window_of("\1\1\1b#");
		f = built(sizes[s]);
		scan(f, text, sizeof(text), 3, &got);
		filter_use_plain(f);
		scan(f, text, sizeof(text), 17, &plain);
		assert_true(got.n > 0);
		assert_int_equal(got.n, plain.n);
		assert_memory_equal(got.f, plain.f, got.n * sizeof(got.f[0]));
		for (unsigned i = 1; i < got.n; i++)
			assert_true(got.f[i].at > got.f[i - 1].at - WINDOW_LEN_MAX);
		filter_free(f);
	}
}

static void no_windows_are_fine(void **state)
{
	struct filter *f = built(0);

	(void)state;
	scan(f, "abc", 3, 0, &got);
	assert_int_equal(got.n, 0);
	assert_true(filter_memory(f) > 0);
	filter_free(f);
	filter_free(NULL);
}

static void a_window_that_cannot_occur_does_not(void **state)
{
	struct filter *f;

	(void)state;
	memset(entries, 0, sizeof(entries));
	entries[0].w.n = 1;
	f = built(1);
	scan(f, "abc", 3, 0, &got);
	assert_int_equal(got.n, 0);
	filter_free(f);
}

static void bad_windows_are_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	memset(entries, 0, sizeof(entries));
	assert_null(filter_build(entries, 1, GRAMS_URL, &e));
	assert_int_equal(e.code, EINVAL);
	entries[0].w.n = WINDOW_LEN_MAX + 1;
	assert_null(filter_build(entries, 1, GRAMS_URL, &e));
	assert_int_equal(e.code, EINVAL);
	assert_null(filter_build(entries, FILTER_WINDOWS_MAX + 1, GRAMS_URL, &e));
	assert_int_equal(e.code, E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_found_everywhere),
		cmocka_unit_test(windows_are_found_at_both_ends),
		cmocka_unit_test(nothing_is_found_outside_the_text),
		cmocka_unit_test(an_empty_text_can_hold_its_ends),
		cmocka_unit_test(every_processor_finds_the_same),
		cmocka_unit_test(no_windows_are_fine),
		cmocka_unit_test(a_window_that_cannot_occur_does_not),
		cmocka_unit_test(bad_windows_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
