/* What Sigma 2.1 says of modifiers, values, conditions, filters and placeholders: on one event
 * each. */
#include "agent/pipeline.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "title: t\nname: t.rule\nlogsource: {category: application}\n"

static struct pipeline pipe_line;

/* Does t.rule hold for the JSON event? */
static bool holds(const char *rules, const char *event)
{
	struct problems p = { 0 };
	struct err e;
	struct line_rules lr = {
		.parser = &parser_json, .ref_us = 1795413600000000, .classes = CLASS_OTHER
	};
	struct ruleset *rs = ruleset_load_text("t.yml", slice_of(rules), &p);
	struct trigger_plan *plan;
	char line[1024];
	struct window_in in = { .text = { line,
				    (size_t)snprintf(line, sizeof(line), "%s\n", event) },
		.line = 1,
		.final = true };
	bool yes = false;

	if (p.errors > 0)
		fail_msg("%s\n%.*s", rules, (int)p.text.n, p.text.p);
	plan = trigger_plan_new(rs, NULL, NULL, &e);
	assert_non_null(plan);
	assert_int_equal(pipe_line.events == NULL ? pipeline_init(&pipe_line, plan, NULL, &e)
						  : pipeline_use(&pipe_line, plan, &e),
	    0);
	pipeline_window(&pipe_line, &lr, &in);
	assert_int_equal(pipe_line.n_events, 1);
	for (unsigned i = 0; i < pipe_line.n_hits; i++)
		yes = yes || slice_eq(rs->rules[pipe_line.hits[i].rule].name, SLICE("t.rule"));
	trigger_plan_free(plan);
	ruleset_free(rs);
	problems_free(&p);
	return yes;
}

struct item {
	const char *item, *event;
	bool holds;
};

static void check_items(const struct item *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char rules[4096];

		snprintf(rules, sizeof(rules), HEAD "detection:\n  s:\n    %s\n  condition: s\n",
		    t[i].item);
		if (holds(rules, t[i].event) != t[i].holds)
			fail_msg("%s %s %s", t[i].item, t[i].holds ? "should match" : "matches",
			    t[i].event);
	}
}

#define CHECK(table) check_items(table, sizeof(table) / sizeof(*table))

static void strings(void **state)
{
	static const struct item t[] = {
		{ "a: Foo", "{\"a\":\"fOO\"}", true },
		{ "a: Foo", "{\"a\":\"foo2\"}", false },
		{ "a|cased: Foo", "{\"a\":\"foo\"}", false },
		{ "a|cased: Foo", "{\"a\":\"Foo\"}", true },
		{ "a|contains: oo", "{\"a\":\"xFOOx\"}", true },
		{ "a|startswith: fo", "{\"a\":\"xfoo\"}", false },
		{ "a|endswith: oo", "{\"a\":\"xfoo\"}", true },
		{ "a|contains|all: [x, y]", "{\"a\":\"yax\"}", true },
		{ "a|contains|all: [x, y]", "{\"a\":\"ya\"}", false },
		{ "a|neq: foo", "{\"a\":\"bar\"}", true },
		{ "a|neq: foo", "{\"a\":\"FOO\"}", false },
		{ "a: 'f?o'", "{\"a\":\"fxo\"}", true },
		{ "a: 'f?o'", "{\"a\":\"fo\"}", false },
		{ "a: 'f*o'", "{\"a\":\"fo\"}", true },
		{ "a: 'f\\*o'", "{\"a\":\"f*o\"}", true },
		{ "a: 'f\\*o'", "{\"a\":\"fxo\"}", false },
		{ "a: 'f\\\\*o'", "{\"a\":\"f\\\\xo\"}", true }, /* a backslash, then anything */
		{ "a: 5", "{\"a\":5}", true },
		{ "a: true", "{\"a\":true}", true },
		{ "a: ''", "{\"a\":\"\"}", true },
		{ "a: ''", "{\"a\":\"x\"}", false },
		{ "a: ''", "{\"b\":\"x\"}", false },
		{ "a: null", "{\"b\":\"x\"}", true },
		{ "a: null", "{\"a\":\"x\"}", false },
		{ "a: null", "{\"a\":null}", true },
		{ "a: [x, null]", "{\"b\":1}", true },
		{ "a: [x, null]", "{\"a\":\"x\"}", true },
		{ "a: '*'", "{\"a\":\"x\"}", true },
		{ "a: '*'", "{\"b\":\"x\"}", false },
		{ "a|exists: true", "{\"a\":\"\"}", true },
		{ "a|exists: false", "{\"a\":\"\"}", false },
		{ "a|exists: false", "{\"b\":\"\"}", true },
	};

	(void)state;
	CHECK(t);
}

static void patterns_networks_numbers(void **state)
{
	static const struct item t[] = {
		{ "a|re: '^f.o$'", "{\"a\":\"foo\"}", true },
		{ "a|re: '^f.o$'", "{\"a\":\"FOO\"}", false },
		{ "a|re|i: '^f.o$'", "{\"a\":\"FOO\"}", true },
		{ "a|re: 'b.c'", "{\"a\":\"abbcd\"}", true },
		{ "a|re|s: '^x.y$'", "{\"a\":\"x\\ny\"}", true },
		{ "a|re|i|m: '^Y'", "{\"a\":\"x\\ny\"}", true },
		{ "a|cidr: 10.0.0.0/8", "{\"a\":\"10.2.3.4\"}", true },
		{ "a|cidr: 10.0.0.0/8", "{\"a\":\"11.2.3.4\"}", false },
		{ "a|cidr: '2001:db8::/32'", "{\"a\":\"2001:db8:1::9\"}", true },
		{ "a|cidr: [10.0.0.0/8, 192.168.0.0/16]", "{\"a\":\"192.168.1.1\"}", true },
		{ "a|gt: 5", "{\"a\":6}", true },
		{ "a|gt: 5", "{\"a\":5}", false },
		{ "a|gte: 5", "{\"a\":5}", true },
		{ "a|lt: 5.5", "{\"a\":5.25}", true },
		{ "a|lte: 5", "{\"a\":\"x\"}", false },
		{ "a|neq: 5", "{\"a\":6}", true },
	};

	(void)state;
	CHECK(t);
}

static void parts_of_dates(void **state)
{
	static const struct item t[] = {
		{ "a|hour: 3", "{\"a\":\"2026-11-23T03:04:05Z\"}", true },
		{ "a|hour: 3", "{\"a\":\"2026-11-23 04:03:05+01:00\"}", false },
		{ "a|minute|gte: 4", "{\"a\":\"2026-11-23 03:04\"}", true },
		{ "a|day|lt: 23", "{\"a\":\"2026-11-23\"}", false },
		{ "a|week: 53", "{\"a\":\"2027-01-03\"}", true },
		{ "a|week: 1", "{\"a\":\"2027-01-04\"}", true },
		{ "a|week: 48", "{\"a\":\"2026-11-23\"}", true },
		{ "a|month: [3, 11]", "{\"a\":\"2026-11-23\"}", true },
		{ "a|year|neq: 2026", "{\"a\":\"2026-11-23\"}", false },
		{ "a|hour: 0", "{\"a\":\"2026-11-23\"}", false }, /* says nothing of hours */
		{ "a|hour: 3", "{\"a\":\"soon\"}", false },
		{ "time|hour: 3", "{\"time\":\"2026-11-23T03:04:05Z\",\"b\":1}", true },
		{ "time|hour: 4", "{\"time\":\"2026-11-23T03:04:05Z\",\"b\":1}", false },
	};

	(void)state;
	CHECK(t);
}

static void codings(void **state)
{
	static const struct item t[] = {
		{ "a|base64|contains: foobar", "{\"a\":\"x Zm9vYmFy y\"}", true },
		{ "a|base64offset|contains: foobar", "{\"a\":\"Zm9vYmFy\"}", true },
		{ "a|base64offset|contains: foobar", "{\"a\":\"eGZvb2Jhcg==\"}", true },
		{ "a|base64offset|contains: foobar", "{\"a\":\"eHlmb29iYXI=\"}", true },
		{ "a|wide|base64offset|contains: ping", "{\"a\":\"cABpAG4AZwA=\"}", true },
		{ "a|utf16be|base64|contains: ping", "{\"a\":\"AHAAaQBuAGc=\"}", true },
		{ "a|utf16|base64: ping", "{\"a\":\"//5wAGkAbgBnAA==\"}", true },
		{ "a|utf16le|base64: \xe9\x96\xa2", "{\"a\":\"opU=\"}", true },
		{ "a|utf16le|base64: \xf0\x9f\x98\x80", "{\"a\":\"Pdg43g==\"}", false },
		{ "a|utf16le|base64: \xf0\x9f\x98\x80", "{\"a\":\"PdgA3g==\"}", true },
		{ "a|windash|contains: ' -foo -bar'", "{\"a\":\"x /foo -bar\"}", true },
		{ "a|windash|contains: ' -foo /bar'",
		    "{\"a\":\"x \xe2\x80\x93"
		    "foo \xe2\x80\x95"
		    "bar\"}",
		    true },
		{ "a|windash|contains: ' -foo'", "{\"a\":\"x +foo\"}", false },
		{ "a|windash: 'a-b -c'", "{\"a\":\"a/b -c\"}", false },
		{ "a|fieldref: b", "{\"a\":\"X\",\"b\":\"x\"}", true },
		{ "a|fieldref|cased: b", "{\"a\":\"X\",\"b\":\"x\"}", false },
		{ "a|fieldref: b", "{\"a\":\"X\"}", false },
		{ "a|fieldref|neq: b", "{\"a\":\"X\",\"b\":\"y\"}", true },
		{ "a|fieldref|contains: b", "{\"a\":\"xyz\",\"b\":\"Y\"}", true },
		{ "a|fieldref|startswith: b", "{\"a\":\"xyz\",\"b\":\"Y\"}", false },
		{ "a|fieldref|endswith: b", "{\"a\":\"xyz\",\"b\":\"yz\"}", true },
	};

	(void)state;
	CHECK(t);
}

static const struct {
	const char *condition;
	bool holds;
} conditions[] = {
	{ "sel_a and not sel_b", true },
	{ "sel_b or sel_a and other", false },
	{ "(sel_b or sel_a) and not other", true },
	{ "not sel_b and not other", true },
	{ "not (sel_a and sel_b)", true },
	{ "1 of sel_*", true },
	{ "all of sel_*", false },
	{ "any of s*_a", true },
	{ "1 of *l_b", false },
	{ "1 of s*_*a*", true },
	{ "all of *el*a", true },
	{ "1 of them", true },
	{ "all of them", false },
	{ "not 1 of oth*", true },
	{ "_hidden", true },
	{ "NOT sel_b AND sel_a", true },
	{ "[sel_b, sel_a]", true },
	{ "[sel_b, other]", false },
};

static void conditions_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		char rules[4096];

		snprintf(rules, sizeof(rules),
		    HEAD "detection:\n  sel_a: {a: foo}\n  sel_b: {b: bar}\n  other: {c: x}\n"
			 "  _hidden: {a: foo}\n  condition: %s\n",
		    conditions[i].condition);
		if (holds(rules, "{\"a\":\"foo\",\"b\":\"no\"}") != conditions[i].holds)
			fail_msg("%s", conditions[i].condition);
	}
}

static void keywords_and_lists(void **state)
{
	const char *e = "{\"a\":\"one Two\",\"b\":\"three\"}";

	(void)state;
	assert_true(holds(HEAD "detection:\n  k: [nothing, TWO]\n  condition: k\n", e));
	assert_false(holds(HEAD "detection:\n  k: [nothing, four]\n  condition: k\n", e));
	assert_true(holds(HEAD "detection:\n  k: {'|all': [one, three]}\n  condition: k\n", e));
	assert_false(holds(HEAD "detection:\n  k: {'|all': [one, four]}\n  condition: k\n", e));
	assert_true(holds(HEAD "detection:\n  k: {'|re': 'o.e T'}\n  condition: k\n", e));
	assert_true(holds(HEAD "detection:\n  k: 'one*three'\n  condition: k\n", e));
	assert_true(
	    holds(HEAD "detection:\n  k: [{a: x}, {b: three}, nothing]\n  condition: k\n", e));
	assert_false(holds(HEAD "detection:\n  k: [{a: x, b: three}]\n  condition: k\n", e));
}

#define PLACES "---\nplaceholders:\n  Admins: [root, 'adm_*']\n  Host: db1\n"

static void placeholders(void **state)
{
	(void)state;
#define RULE(item) HEAD "detection:\n  s: {" item "}\n  condition: s\n" PLACES
	assert_true(holds(RULE("a|expand: '%Admins%'"), "{\"a\":\"adm_x\"}"));
	assert_true(holds(RULE("a|expand: '%Admins%@%Host%'"), "{\"a\":\"root@db1\"}"));
	assert_false(holds(RULE("a|expand: '%Admins%@%Host%'"), "{\"a\":\"root@db2\"}"));
	assert_true(holds(RULE("a|expand: '\\%Host%Host%'"), "{\"a\":\"%Hostdb1\"}"));
	assert_true(holds(RULE("a|expand: '100%'"), "{\"a\":\"100%\"}"));
	assert_true(holds(RULE("a: '%Host%'"), "{\"a\":\"%Host%\"}"));
	assert_true(
	    holds(RULE("a|expand|contains|all: ['%Admins%', '%Host%']"), "{\"a\":\"db1 root\"}"));
	assert_false(
	    holds(RULE("a|expand|contains|all: ['%Admins%', '%Host%']"), "{\"a\":\"db1\"}"));
#undef RULE
}

#define BASE                                                                                      \
	HEAD "id: 11111111-2222-4333-8444-555555555555\ndetection:\n  s: {a: foo}\n  condition: " \
	     "s\n---\n"
#define FILTER(rules, source, condition)                                 \
	BASE "title: f\nlogsource: " source "\nfilter:\n  rules: " rules \
	     "\n  s: {u: svc}\n  condition: " condition "\n"

static void filters(void **state)
{
	const char *svc = "{\"a\":\"foo\",\"u\":\"svc\"}";
	const char *man = "{\"a\":\"foo\",\"u\":\"man\"}";

	(void)state;
	assert_false(holds(FILTER("[t.rule]", "{category: application}", "not s"), svc));
	assert_true(holds(FILTER("[t.rule]", "{category: application}", "not s"), man));
	assert_true(holds(FILTER("[t.rule]", "{category: application}", "s"), svc));
	assert_false(holds(FILTER("[t.rule]", "{category: application}", "s"), man));
	assert_false(holds(FILTER("any", "{category: application}", "not s"), svc));
	assert_false(holds(FILTER("[t.*]", "{}", "not s"), svc));
	assert_false(holds(
	    FILTER("[11111111-2222-4333-8444-555555555555]", "{category: application}", "not s"),
	    svc));
	/* of another source: other rules, not this one */
	assert_true(
	    holds(FILTER("any", "{category: webserver}",
		      "not s") "---\ntitle: w\nname: t.web\nlogsource: {category: webserver}\n"
			       "detection:\n  s: {a: foo}\n  condition: s\n",
		svc));
}

/* A filter changes what the rule is: windows that were counted without it are not its own. */
static void a_filter_and_a_placeholder_are_part_of_the_hash(void **state)
{
	struct problems p = { 0 };
	struct ruleset *x = ruleset_load_text("t", slice_of(BASE), &p);
	struct ruleset *y =
	    ruleset_load_text("t", slice_of(FILTER("any", "{category: application}", "not s")), &p);

	(void)state;
	assert_int_equal(p.errors, 0);
	assert_true(x->rules[0].hash != y->rules[0].hash);
	ruleset_free(x);
	ruleset_free(y);
	problems_free(&p);
}

static const struct {
	const char *rules, *message;
} refused[] = {
	{ "a|contain: x", "did you mean 'contains'" },
	{ "a|i: x", "'i' stands after re" },
	{ "a|base64|wide: x", "'wide' stands before base64" },
	{ "a|re|cidr: x", "only one of re, cidr" },
	{ "a|contains|endswith: x", "only one of contains" },
	{ "a|gt: x", "needs a number" },
	{ "a|hour: x", "needs a number" },
	{ "a|exists: maybe", "true or false" },
	{ "a|base64: 'x*'", "wildcards" },
	{ "a|expand: '%Nobody%'", "placeholder %Nobody% has no values" },
	{ "'|cidr': 10.0.0.0/8", "needs a field" },
	{ "a|re: '('", "t.yml:6" },
	{ "a: []", "an empty list" },
	{ "a: {b: c}", "not a list or a map" },
};

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct problems p = { 0 };
		char rules[1024];
		struct ruleset *rs;

		snprintf(rules, sizeof(rules), HEAD "detection:\n  s:\n    %s\n  condition: s\n",
		    refused[i].rules);
		rs = ruleset_load_text("t.yml", slice_of(rules), &p);
		assert_int_equal(rs->n_rules, 0);
		if (p.errors == 0 || memmem(p.text.p, p.text.n, refused[i].message,
					 strlen(refused[i].message)) == NULL)
			fail_msg("%s: %.*s", refused[i].rules, (int)p.text.n, p.text.p);
		ruleset_free(rs);
		problems_free(&p);
	}
}

static void a_filter_for_nobody_is_said(void **state)
{
	struct problems p = { 0 };
	struct ruleset *rs = ruleset_load_text(
	    "t.yml", slice_of(FILTER("[t.rulez]", "{category: application}", "not s")), &p);

	(void)state;
	assert_int_equal(p.errors, 1);
	assert_non_null(memmem(p.text.p, p.text.n, "holds for no rule", 17));
	ruleset_free(rs);
	problems_free(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(patterns_networks_numbers),
		cmocka_unit_test(parts_of_dates),
		cmocka_unit_test(codings),
		cmocka_unit_test(conditions_hold),
		cmocka_unit_test(keywords_and_lists),
		cmocka_unit_test(placeholders),
		cmocka_unit_test(filters),
		cmocka_unit_test(a_filter_and_a_placeholder_are_part_of_the_hash),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_filter_for_nobody_is_said),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	pipeline_free(&pipe_line);
	return rc;
}
