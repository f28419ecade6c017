#include "match/grams.h"
#include "match/regex.h"
#include "match/syntax.h"
#include "match/window.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { A = WINDOW_ANCHORS | WINDOW_COMMON, N = WINDOW_COMMON, I = REGEX_CASELESS };

static struct window_set set;

/* A window as text: ^ for '\n', a byte for itself, [3] for a class of three. */
static void show(const struct window *w, char *out, size_t room)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < w->n; i++) {
		unsigned count = byteset_count(&w->cls[i]), b = 0;

		while (b < 255 && !byteset_has(&w->cls[i], b))
			b++;
		if (count == 1)
			n += (size_t)snprintf(out + n, room - n, "%c", b == '\n' ? '^' : (int)b);
		else
			n += (size_t)snprintf(out + n, room - n, "[%u]", count);
	}
}

static bool among(const char *want)
{
	for (unsigned i = 0; i < set.n; i++) {
		char text[200];

		show(&set.w[i], text, sizeof(text));
		if (strcmp(text, want) == 0)
			return true;
	}
	return false;
}

static unsigned choose(const char *pattern, unsigned flags)
{
	return window_choose((struct slice){ pattern, strlen(pattern) }, flags, GRAMS_URL, &set);
}

static void one_window_patterns(void **state)
{
	static const struct {
		const char *pattern;
		unsigned flags;
		const char *window;
	} t[] = {
		{ "sqlmap", N, "sqlmap" },
		{ "sqlmap", A | I, "[2][2][2][2][2][2]" },
		{ "^sqlmap$", A, "^sqlmap^" },
		{ "^sqlmap$", N, "sqlmap" },
		{ "\\bzgrab\\b", A, "[193]zgrab[193]" },
		{ "\\bzgrab\\b", N, "zgrab" },
		{ "zgrab\\b.x", N, "zgrab[192]x" },
		{ "\\Bzgrab", A, "[63]zgrab" },
		{ "z[xq]z", N, "z[2]z" },
		{ "z(?:x|q)z", N, "z[2]z" },
		{ "(?x) z q # z", N, "zq" },
		{ "zq(?#x){2}zq", N, "zqqzq" },
		{ "\\Qz*q\\Ez", N, "z*qz" },
		{ "z(?=abc)q", N, "zq" },
		{ "a\\Kzq", N, "azq" },
		{ "zqxj(?:\\1|(b))", N, "zqxj" },
		{ ".*zqxj.*", N, "zqxj" },
		{ "zq[\\r\\n]x", N, "zq\rx" },
		{ "z(?i)Q(?-i)x", N, "z[2]x" },
		{ "zqxjzqxjzqxjzqxj", N, "jzqxjzqxj" },
		{ "z\\x51\\121\\o{121}", N, "zQQQ" },
		{ "z\\cAq", N, "z\001q" },
		{ "z(?:q\\nx|jjj)", N, "zjjj" },
		{ "zq{3}x", N, "zqqqx" },
		{ "(q)\\11zq", N, "q\tzq" },
		{ "(e)()()()()()()()()(e)\\10zq", N, "zq" },
		{ "(?<!z)zq(?!x)", N, "zq" },
		{ "zqxj(?R)?j", N, "zqxj" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned n = choose(t[i].pattern, t[i].flags);
		char text[200] = "none";

		if (n)
			show(&set.w[0], text, sizeof(text));
		if (n != 1 || strcmp(text, t[i].window) != 0)
			fail_msg("row %zu: %s: %u windows, %s", i, t[i].pattern, n, text);
	}
}

static void alternatives_have_a_window_each(void **state)
{
	(void)state;
	assert_int_equal(choose("(?:zqxj|xjzq|/etc/shadow)foo|qqqq$", A), 4);
	assert_true(among("qqqq^"));
}

static void patterns_without_windows(void **state)
{
	static const char *const t[] = {
		"(*UCP)abcd",
		"(*pla:a)abcd",
		"\\Gabcd",
		"abcd(*ACCEPT)",
		"(?C\"x\")abcd",
		"\\1(a|b)?",
		"(?:abcd|\\1)(x)?",
		"(?(1)abcd|efgh)(x)?",
		".+",
		"[^a]{3}",
		"(?xx i)abcd",
		"ab(cd",
		"ab)cd",
		"[abcd",
		"+abcd",
		"abcd\\",
		"\\qabcd",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (choose(t[i], A) != 0)
			fail_msg("row %zu: %s: %u windows", i, t[i], set.n);
		assert_true(isinf(set.cost));
	}
}

static void common_windows_are_of_no_use(void **state)
{
	(void)state;
	assert_int_equal(choose("e", WINDOW_ANCHORS), 0);
	assert_int_equal(choose("e", A), 1);
	assert_true(set.cost > .01);
}

static void what_cannot_match_has_a_window_that_cannot_occur(void **state)
{
	(void)state;
	assert_int_equal(choose("ab\\ncd", A), 1);
	assert_int_equal(set.w[0].n, 1);
	assert_true(byteset_empty(&set.w[0].cls[0]));
	assert_int_equal(choose("a^b", A), 1);
	assert_true(byteset_empty(&set.w[0].cls[0]));
}

static void depth_and_size_are_bounded(void **state)
{
	char deep[4096] = "", *huge = malloc(REGEX_PATTERN_MAX + 1);

	(void)state;
	for (int i = 0; i < 300; i++)
		strcat(deep, "(");
	strcat(deep, "abcd");
	for (int i = 0; i < 300; i++)
		strcat(deep, ")+");
	assert_int_equal(choose(deep, A), 0);
	assert_non_null(huge);
	for (size_t i = 0; i < REGEX_PATTERN_MAX; i += 2)
		memcpy(huge + i, "a?", 2);
	huge[REGEX_PATTERN_MAX] = '\0';
	assert_int_equal(choose(huge, A), 0);
	memset(huge, 'q', REGEX_PATTERN_MAX);
	assert_int_equal(choose(huge, A), 1);
	free(huge);
	/* Nested repeats multiply; this would be 65535 to the power of 4 bytes. */
	choose("(?:(?:(?:(?:ab){65535}c){65535}d){65535}e){65535}f", A);
}

static void literals_may_hold_any_byte(void **state)
{
	const struct window_place whole = { .at_start = true, .at_end = true },
				  any = { .at_start = false };

	(void)state;
	assert_int_equal(window_literal(SLICE("(z\\q)*\0["), any, N, GRAMS_TEXT, &set), 1);
	assert_true(set.w[0].n >= 4);
	assert_true(byteset_has(&set.w[0].cls[set.w[0].n - 2], 0));
	assert_int_equal(window_literal(SLICE("Zq"), whole, A | I, GRAMS_TEXT, &set), 1);
	assert_true(among("^[2][2]^"));
	assert_int_equal(window_literal(SLICE("Zq"), whole, N, GRAMS_TEXT, &set), 1);
	assert_true(among("Zq"));
	assert_int_equal(window_literal(SLICE(""), any, N, GRAMS_TEXT, &set), 0);
}

static void rarity_is_by_profile(void **state)
{
	struct grams_class z, q, e;
	struct byteset s = { { 0 } };

	(void)state;
	byteset_add(&s, 'z');
	grams_class_init(&z, &s);
	s = (struct byteset){ { 0 } };
	byteset_add(&s, 'q');
	grams_class_init(&q, &s);
	s = (struct byteset){ { 0 } };
	byteset_add(&s, 'e');
	grams_class_init(&e, &s);
	for (int p = GRAMS_URL; p <= GRAMS_TEXT; p++) {
		const struct grams_class *rare[] = { &z, &q, &z, &q }, *common[] = { &e };
		double r = grams_share((enum grams_profile)p, rare, 4);

		assert_true(r > 0 && r < 1e-6);
		assert_true(grams_share((enum grams_profile)p, common, 1) > .01);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_window_patterns),
		cmocka_unit_test(alternatives_have_a_window_each),
		cmocka_unit_test(patterns_without_windows),
		cmocka_unit_test(common_windows_are_of_no_use),
		cmocka_unit_test(what_cannot_match_has_a_window_that_cannot_occur),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(literals_may_hold_any_byte),
		cmocka_unit_test(rarity_is_by_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
