#include "base/err.h"
#include "match/regex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pcre2.h>

static struct regex *compiled(const char *pattern, unsigned flags)
{
	struct err e = { 0 };
	struct regex *re = regex_compile((struct slice){ pattern, strlen(pattern) }, flags, &e);

	if (!re)
		fail_msg("%s: %s", pattern, e.msg);
	return re;
}

static enum regex_result run(
    const char *pattern, unsigned flags, struct slice text, struct regex_span *span)
{
	struct err e;
	struct regex *re = compiled(pattern, flags);
	struct regex_ctx *ctx = regex_ctx_new(&e);
	enum regex_result r;

	assert_non_null(ctx);
	r = regex_find(re, ctx, text, span);
	regex_ctx_free(ctx);
	regex_free(re);
	return r;
}

static void a_match_has_its_place(void **state)
{
	struct regex_span span = { 9, 9 };

	(void)state;
	assert_int_equal(run("b+c", 0, SLICE("aabbbcd"), &span), REGEX_YES);
	assert_int_equal(span.start, 2);
	assert_int_equal(span.end, 6);
	span.start = 77;
	assert_int_equal(run("b+c", 0, SLICE("aabbbd"), &span), REGEX_NO);
	assert_int_equal(span.start, 77);
}

static void flags_mean_what_they_say(void **state)
{
	static const struct {
		const char *pattern;
		unsigned flags;
		const char *text;
		enum regex_result want;
	} t[] = {
		{ "abc", 0, "ABC", REGEX_NO },
		{ "abc", REGEX_CASELESS, "xABCx", REGEX_YES },
		{ "^b$", 0, "a\rb", REGEX_NO },
		{ "^b$", REGEX_MULTILINE, "a\rb", REGEX_YES },
		{ "a.b", 0, "a\rb", REGEX_YES },
		{ "a.b", REGEX_DOTALL, "a\rb", REGEX_YES },
		{ "ab$", 0, "ab", REGEX_YES },
		{ "\\x00b", 0, "ab", REGEX_NO },
		{ "\\xe9", REGEX_CASELESS, "\xc9", REGEX_NO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct slice text = { t[i].text, strlen(t[i].text) };

		if (run(t[i].pattern, t[i].flags, text, NULL) != t[i].want)
			fail_msg("row %zu: %s", i, t[i].pattern);
	}
}

static void what_matches_nothing_at_all_is_refused(void **state)
{
	static const char *const bad[] = { "a*", "(?:)", "a|", "\\b", "^$", "(?=a)", "x?y?" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_null(regex_compile((struct slice){ bad[i], strlen(bad[i]) }, 0, &e));
		assert_int_equal(e.code, EINVAL);
	}
}

static void an_error_tells_where(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(regex_compile(SLICE("ab(cd"), 0, &e));
	assert_int_equal(e.code, EINVAL);
	assert_non_null(strstr(e.msg, "offset 5"));
	assert_non_null(strstr(e.msg, "parenthesis"));
}

static void modes_cannot_be_switched_on_from_within(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(regex_compile(SLICE("(*UTF)a"), 0, &e));
	assert_null(regex_compile(SLICE("(*UCP)a"), 0, &e));
}

static void patterns_have_a_longest(void **state)
{
	char *long_one = malloc(REGEX_PATTERN_MAX + 1);
	struct err e = { 0 };

	(void)state;
	assert_non_null(long_one);
	memset(long_one, 'a', REGEX_PATTERN_MAX + 1);
	assert_null(regex_compile((struct slice){ long_one, REGEX_PATTERN_MAX + 1 }, 0, &e));
	assert_int_equal(e.code, EINVAL);
	free(long_one);
}

static void too_much_work_is_not_a_no(void **state)
{
	(void)state;
	assert_int_equal(run("(a+)+$", 0, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), NULL),
	    REGEX_LIMIT);
}

static void too_deep_is_not_a_no(void **state)
{
	size_t n = 200000;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	memset(text, '(', n);
	/* Either a stack or a step limit is met, by JIT or not. */
	assert_int_equal(run("(\\((?1)*[xy])", 0, (struct slice){ text, n }, NULL), REGEX_LIMIT);
	free(text);
}

static void an_empty_text_is_fine(void **state)
{
	(void)state;
	assert_int_equal(run("a", 0, (struct slice){ NULL, 0 }, NULL), REGEX_NO);
}

static void memory_is_told(void **state)
{
	struct regex *re = compiled("abc|def", 0);
	struct regex_ctx *ctx = regex_ctx_new(&(struct err){ 0 });
	size_t at_rest = regex_memory(re);
	uint32_t jit = 0;

	(void)state;
	assert_non_null(ctx);
	assert_true(at_rest > 100);
	assert_int_equal(regex_find(re, ctx, SLICE("abd"), NULL), REGEX_NO);
	pcre2_config(PCRE2_CONFIG_JIT, &jit);
	if (jit)
		assert_true(regex_memory(re) > at_rest + 100);
	regex_ctx_free(ctx);
	regex_free(re);
	regex_free(NULL);
	regex_ctx_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_has_its_place),
		cmocka_unit_test(flags_mean_what_they_say),
		cmocka_unit_test(what_matches_nothing_at_all_is_refused),
		cmocka_unit_test(an_error_tells_where),
		cmocka_unit_test(modes_cannot_be_switched_on_from_within),
		cmocka_unit_test(patterns_have_a_longest),
		cmocka_unit_test(too_much_work_is_not_a_no),
		cmocka_unit_test(too_deep_is_not_a_no),
		cmocka_unit_test(an_empty_text_is_fine),
		cmocka_unit_test(memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
