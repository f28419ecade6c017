/* Where a pattern diverged, and which part of a condition failed. */
#include "base/err.h"
#include "detect/near.h"
#include "match/diverge.h"
#include "match/regex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_pattern_diverges_at_a_character(void **state)
{
	static const struct {
		const char *pattern, *text;
		size_t start, at, pattern_at;
	} cases[] = {
		{ "union\\b.{1,40}select", "1 union all selekt", 2, 16, 18 },
		{ "(?:union|insert)\\s+into", "x insert  onto", 2, 10, 19 },
		{ "(?!.*safe)eval\\(", "aa eval [", 3, 7, 14 }, /* a lookahead takes nothing */
		{ ".*foo.*bar", "xx fooo ba", 0, 10, 9 },	/* nor does a dot name anything */
		{ "(?:a|so|s)lr", "s", 0, 1, 10 },
		{ "\\.\\./(?:[^/]+/)*etc/passwd", "a/../../etc/shadow", 2, 12, 20 },
		{ "^/admin$", "/admins", 0, 6, 7 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct diverge d;

		if (!diverge_find(
			slice_of(cases[i].pattern), REGEX_CASELESS, slice_of(cases[i].text), &d))
			fail_msg("%s", cases[i].pattern);
		if (d.start != cases[i].start || d.at != cases[i].at ||
		    d.pattern_at != cases[i].pattern_at)
			fail_msg("%s: %zu %zu %zu", cases[i].pattern, d.start, d.at, d.pattern_at);
	}
}

static void what_matches_does_not_diverge(void **state)
{
	struct diverge d;

	(void)state;
	assert_false(diverge_find(SLICE("a.c"), 0, SLICE("xabc"), &d));
	assert_false(diverge_find(SLICE("abc"), 0, SLICE("xyz"), &d)); /* not one byte */
	assert_false(diverge_find(SLICE("(abc"), 0, SLICE("abc"), &d));
	assert_false(diverge_find(SLICE("abc"), 0, SLICE(""), &d));
	/* a run that would take forever ends, with what it came to */
	assert_true(diverge_find(SLICE("x(?:a+)+$"), 0,
	    SLICE("xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), &d));
}

static const char rules[] =
    "title: a\nname: t.two\nid: 7b0fbb2b-8f1b-4f6f-9a43-000000000001\ncategory: recon\n"
    "level: high\nlogsource: {category: webserver}\n"
    "detection: {s: {cs-uri-stem|startswith: /probe}, w: {cs-referer|contains: evil.example},\n"
    "  f: {sc-status: 404}, condition: s and w and not f}\n"
    "---\n"
    "title: b\nname: t.far\nid: 7b0fbb2b-8f1b-4f6f-9a43-000000000002\ncategory: recon\n"
    "level: high\nlogsource: {category: webserver}\n"
    "detection: {s: {cs-uri-stem|startswith: /nothing-like-it}, condition: s}\n"
    "---\n"
    "title: c\nname: t.other\nid: 7b0fbb2b-8f1b-4f6f-9a43-000000000003\ncategory: recon\n"
    "level: high\nlogsource: {product: linux, service: sshd}\n"
    "detection: {s: {path|contains: /probe}, condition: s}\n";

struct bench {
	struct ruleset *rs;
	struct trigger_plan *plan;
	struct engine *g;
	struct arena a;
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev;
	struct near near[2];
};

static void open_bench(struct bench *b)
{
	struct problems p = { 0 };
	struct err e;

	*b = (struct bench){ .ev = { .body = SLICE("line") } };
	b->rs = ruleset_load_text("r.yml", (struct slice){ rules, sizeof(rules) - 1 }, &p);
	assert_int_equal(p.errors, 0);
	b->plan = trigger_plan_new(b->rs, NULL, NULL, &e);
	b->g = engine_new(b->plan, &e);
	assert_int_equal(arena_init(&b->a, 1 << 20, &e), 0);
	b->ev.attrs = b->attrs;
	problems_free(&p);
}

static void close_bench(struct bench *b)
{
	engine_free(b->g);
	trigger_plan_free(b->plan);
	ruleset_free(b->rs);
	arena_free(&b->a);
}

static unsigned near_of(struct bench *b, const char *path, const char *referer, const char *status)
{
	b->ev.n_attrs = 0;
	event_add(&b->ev, ATTR_URL_PATH, slice_of(path));
	event_add(&b->ev, ATTR_HTTP_STATUS, slice_of(status));
	if (referer != NULL)
		event_add(&b->ev, ATTR_HTTP_REFERER, slice_of(referer));
	engine_begin(b->g);
	assert_true(engine_add(b->g, &b->ev, engine_classes(&b->ev, false)));
	return near_all(b->g, 0, &b->a, b->near, 2);
}

static void the_part_that_failed_is_named(void **state)
{
	struct bench b;
	const struct near_miss *m = &b.near[0].miss;

	(void)state;
	open_bench(&b);
	assert_int_equal(near_of(&b, "/probe", "https://evil.exchange/", "200"), 1);
	assert_int_equal(m->why, NEAR_VALUE);
	assert_int_equal(b.near[0].held, 1);
	assert_int_equal(b.near[0].of, 2);
	assert_int_equal(m->start, 8);
	assert_int_equal(m->at, 8 + 7);
	assert_int_equal(m->pattern_at, 7);

	assert_int_equal(near_of(&b, "/probe", NULL, "200"), 1);
	assert_int_equal(m->why, NEAR_ABSENT);

	assert_int_equal(near_of(&b, "/probe", "https://evil.example/", "404"), 1);
	assert_int_equal(m->why, NEAR_EXCLUDED);
	assert_true(slice_eq(m->text, SLICE("404")));

	assert_int_equal(near_of(&b, "/probe", "https://evil.example/", "200"), 0); /* it holds */
	assert_int_equal(near_of(&b, "/", "-", "200"), 0); /* nothing of it fits */
	close_bench(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_diverges_at_a_character),
		cmocka_unit_test(what_matches_does_not_diverge),
		cmocka_unit_test(the_part_that_failed_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
