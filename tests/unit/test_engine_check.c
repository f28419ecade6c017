/* An engine whose filter is broken: found by the check, said, and the rule goes without it. */
#include "base/arena.h"
#include "base/err.h"
#include "detect/engine.h"
#include "match/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char rules[] = "title: Union\n"
			    "name: t.union\n"
			    "level: high\n"
			    "logsource: {category: webserver}\n"
			    "detection:\n"
			    "  s:\n"
			    "    cs-uri-query|contains: 'union select'\n"
			    "  condition: s\n"
			    "---\n"
			    "title: Scanner\n"
			    "name: t.scanner\n"
			    "level: high\n"
			    "logsource: {category: webserver}\n"
			    "detection:\n"
			    "  s:\n"
			    "    cs-user-agent|contains: 'sqlmap'\n"
			    "  condition: s\n";

struct fixture {
	struct ruleset *rs;
	struct trigger_plan *plan;
	struct engine *g;
	struct arena arena;
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct problems p = { 0 };
	struct err e;

	assert_non_null(f);
	f->rs = ruleset_load_text("test.yml", (struct slice){ rules, sizeof(rules) - 1 }, &p);
	assert_int_equal(p.errors, 0);
	assert_int_equal(f->rs->n_rules, 2);
	f->plan = trigger_plan_new(f->rs, NULL, NULL, &e);
	assert_non_null(f->plan);
	f->g = engine_new(f->plan, &e);
	assert_non_null(f->g);
	assert_int_equal(arena_init(&f->arena, 1 << 20, &e), 0);
	f->g->check_one_in = 2;
	problems_free(&p);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	engine_free(f->g);
	trigger_plan_free(f->plan);
	ruleset_free(f->rs);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static void break_filter(struct fixture *f, unsigned lane)
{
	assert_non_null(f->plan->filters[lane]);
	filter_free(f->plan->filters[lane]);
	f->plan->filters[lane] = NULL;
}

/* One request alone in a batch: does a rule hit? */
static bool hits(struct fixture *f, const char *query, const char *agent)
{
	f->ev = (struct event){ .attrs = f->attrs, .body = SLICE("GET /") };
	event_add(&f->ev, ATTR_HTTP_METHOD, SLICE("GET"));
	event_add(&f->ev, ATTR_URL_PATH, SLICE("/"));
	event_add(&f->ev, ATTR_URL_QUERY, slice_of(query));
	event_add(&f->ev, ATTR_USER_AGENT, slice_of(agent));
	arena_reset(&f->arena);
	engine_begin(f->g);
	assert_true(engine_add(f->g, &f->ev, CLASS_WEB));
	engine_run(f->g, &f->arena);
	return f->g->n_hits > 0;
}

static void test_whole_filters_agree(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++) {
		assert_true(hits(f, "q=union+select", "x"));
		assert_int_equal(f->g->n_differences, 0);
		assert_true(hits(f, "q=1", "sqlmap/1"));
		assert_false(hits(f, "q=1", "x"));
		assert_int_equal(f->g->n_differences, 0);
	}
	assert_int_equal(f->g->checks, 15);
	assert_false(f->rs->rules[0].untriggered);
}

static void test_a_broken_filter_is_found_once_and_then_not_used(void **state)
{
	struct fixture *f = *state;

	break_filter(f, LANE_URI);
	assert_false(hits(f, "q=union%20select", "x")); /* not checked: missed */
	assert_true(hits(f, "q=union%20select", "x"));	/* checked: found after all */
	assert_int_equal(f->g->n_differences, 1);
	assert_int_equal(f->g->differences[0].rule, 0);
	assert_true(f->rs->rules[0].untriggered);
	assert_false(f->rs->rules[1].untriggered);
	for (int i = 0; i < 5; i++) {
		assert_true(hits(f, "q=union+select", "x"));
		assert_int_equal(f->g->n_differences, 0);
		assert_false(hits(f, "q=1", "x"));
	}
}

static void test_what_is_remembered_of_agents_is_checked_too(void **state)
{
	struct fixture *f = *state;

	break_filter(f, LANE_AGENT);
	assert_false(hits(f, "q=1", "sqlmap/1"));
	assert_true(hits(f, "q=1", "sqlmap/1"));
	assert_int_equal(f->g->n_differences, 1);
	for (int i = 0; i < 5; i++)
		assert_true(hits(f, "q=1", "sqlmap/1"));
}

static void test_off(void **state)
{
	struct fixture *f = *state;

	f->g->check_one_in = 0;
	break_filter(f, LANE_URI);
	for (int i = 0; i < 5; i++)
		assert_false(hits(f, "q=union+select", "x"));
	assert_int_equal(f->g->checks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_filters_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_a_broken_filter_is_found_once_and_then_not_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_what_is_remembered_of_agents_is_checked_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
