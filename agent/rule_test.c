#include "agent/rule_test.h"

#include "agent/rule_explain.h"
#include "agent/ssh_clients.h"
#include "base/clock.h"
#include "base/json.h"
#include "parsers/json_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 16, GIVEN_MAX = 4 };

struct tester {
	struct offline *o;
	char text[TEXT_MAX]; /* lines of the case being run */
	size_t n;
	struct line_rules lr; /* that it is read by */
	unsigned passed, failed;
	const struct rule *rule;	       /* whose tests these are, or */
	const struct correlation *correlation; /* this one's */
	struct slice known;		       /* an example's answer of DNS: no line can say it */
	struct identity_map given[GIVEN_MAX];  /* nor what is the agent's own word */
	unsigned n_given;
	bool fired;
	char entity[ALERT_MAX_VALUE];
};

static bool put_line(struct tester *t, struct slice s)
{
	if (s.n + 1 > TEXT_MAX - t->n)
		return false;
	memcpy(t->text + t->n, s.p, s.n);
	t->n += s.n;
	if (t->n == 0 || t->text[t->n - 1] != '\n')
		t->text[t->n++] = '\n';
	return true;
}

/* An example may name fields as rules do: the attribute that stands for one, else the name. */
static struct slice attribute_of(struct slice name)
{
	struct field f = field_find(name);

	return f.kind == FIELD_ATTR || f.kind == FIELD_OTHER ? field_output_name(&f) : name;
}

static struct slice known_crawler(void *ctx, const struct event *ev, const struct rule *r)
{
	(void)ev;
	(void)r;
	return ((const struct tester *)ctx)->known;
}

/* The name by which the JSON line says it: one that no log can say goes by another to its event. */
static struct slice given(struct tester *t, struct slice name)
{
	static const struct slice by[GIVEN_MAX] = { { "given1", 6 }, { "given2", 6 },
		{ "given3", 6 }, { "given4", 6 } };

	for (unsigned i = 0; i < t->n_given; i++)
		if (slice_eq(t->given[i].attribute, name))
			return by[i];
	if (!json_is_reserved(name) || t->n_given == GIVEN_MAX)
		return name;
	t->given[t->n_given] = (struct identity_map){ name, by[t->n_given] };
	return by[t->n_given++];
}

/* An attribute map is given as a JSON line: the json parser takes OpenTelemetry names as they are.
 */
static bool put_map(struct tester *t, const struct yaml *y)
{
	struct buf b = { .max = TEXT_MAX };
	struct json j = { .out = &b };
	bool ok;

	json_open(&j, '{');
	for (unsigned i = 0; i < y->n; i++) {
		if (slice_eq(y->child[i].key, SLICE(ENGINE_VERIFICATION))) {
			t->known = y->child[i].text;
			continue;
		}
		json_key(&j, given(t, attribute_of(y->child[i].key)));
		json_text(&j, y->child[i].text);
	}
	json_close(&j, '}');
	ok = put_line(t, buf_as_slice(&b));
	buf_free(&b);
	return ok;
}

static const struct parser *parser_for(const struct tester *t, bool is_map)
{
	if (is_map)
		return &parser_json;
	return t->o->rules.parser;
}

static void on_alert(void *ctx, const struct alert *a)
{
	struct tester *t = ctx;

	if (t->correlation != NULL && strcmp(a->rule, t->correlation->name.p) == 0) {
		t->fired = true;
		snprintf(t->entity, sizeof(t->entity), "%s", a->value);
	}
}

static void on_sighting(void *ctx, const struct sighting *s)
{
	struct tester *t = ctx;

	correlator_feed(t->o->correlator, s, on_alert, t);
}

static void run(struct tester *t, bool is_map)
{
	struct window_in in = { .text = { t->text, t->n }, .line = 1, .final = true };

	t->lr = t->o->rules;
	t->lr.parser = parser_for(t, is_map);
	if (is_map && t->rule != NULL) /* what kind of event it is goes without saying */
		t->lr.classes = t->rule->classes;
	if (t->n_given > 0) {
		t->lr.identity = t->given;
		t->lr.n_identity = t->n_given;
	}
	t->lr.ref_us = clock_now_us();
	t->fired = false;
	t->o->pipeline.last_time_us = 0;
	ssh_clients_forget(t->o->pipeline.ssh_clients);
	t->o->pipeline.engine->verify = t->known.n > 0 ? known_crawler : NULL;
	t->o->pipeline.engine->verify_ctx = t;
	pipeline_window(&t->o->pipeline, &t->lr, &in);
	if (t->correlation == NULL)
		return;
	correlator_free(t->o->correlator);
	t->o->correlator = correlator_new(t->o->rs, 1);
	if (t->o->correlator != NULL)
		sight_window(&t->o->pipeline, t->o->correlator, 0, on_sighting, t);
}

/* Did the rule hold for the (first) event, silent rules and weights included? */
static bool rule_held(const struct tester *t)
{
	const struct pipeline *p = &t->o->pipeline;

	for (unsigned i = 0; i < p->n_hits; i++)
		if (&t->o->rs->rules[p->hits[i].rule] == t->rule)
			return true;
	return false;
}

static void verdict(struct tester *t, const struct rule_test *test, bool ok, const char *why)
{
	struct slice file = t->rule != NULL ? t->rule->file : t->correlation->file;
	struct slice name = t->rule != NULL ? t->rule->name : t->correlation->name;

	if (ok) {
		t->passed++;
		return;
	}
	t->failed++;
	printf("%.*s:%u: %.*s: %s\n", SLICE_ARG(file), test->y->line, SLICE_ARG(name), why);
}

static void test_rule(struct tester *t, struct rule *r, const struct rule_test *test)
{
	unsigned weight = r->weight;

	t->rule = r;
	t->correlation = NULL;
	t->n = 0;
	t->known = (struct slice){ 0 };
	t->n_given = 0;
	if (test->y->kind == YAML_MAP ? !put_map(t, test->y) : !put_line(t, test->y->text)) {
		verdict(t, test, false, "the example is longer than 64 KiB");
		return;
	}
	r->weight = 0; /* a weighted rule by itself makes no detection: here it must show */
	run(t, test->y->kind == YAML_MAP);
	r->weight = weight;

	bool ok = rule_held(t) == test->match;

	verdict(t, test, ok,
	    test->match ? "should match this example, and does not"
			: "should ignore this example, and matches");
	if (!ok)
		rule_explain_example(t->o, &t->lr, r);
}

/* A sequence of lines; or {lines: [...], entity: VALUE, repeat: N}. */
static void test_correlation(struct tester *t, struct correlation *c, const struct rule_test *test)
{
	bool quiet = c->quiet;
	const struct yaml *lines = test->y->kind == YAML_MAP ? yaml_get(test->y, "lines") : test->y;
	const struct yaml *entity = yaml_get(test->y, "entity");
	const struct yaml *repeat = yaml_get(test->y, "repeat");
	uint64_t times = 1;
	bool ok = lines != NULL && lines->kind == YAML_SEQ;
	bool is_map = ok && lines->n > 0 && lines->child[0].kind == YAML_MAP;

	t->rule = NULL;
	t->correlation = c;
	t->n = 0;
	t->known = (struct slice){ 0 };
	t->n_given = 0;
	if (repeat != NULL && (!slice_u64(repeat->text, &times) || times == 0 || times > 1000))
		ok = false;
	for (uint64_t k = 0; ok && k < times; k++)
		for (unsigned i = 0; ok && i < lines->n; i++)
			ok = is_map ? put_map(t, &lines->child[i])
				    : put_line(t, lines->child[i].text);
	if (!ok) {
		verdict(t, test, false, "expected a list of lines, or lines:, entity:, repeat:");
		return;
	}
	c->quiet = false; /* one that only feeds others raises no alert: here it must show */
	run(t, is_map);
	c->quiet = quiet;
	verdict(t, test, t->fired == test->match,
	    test->match ? "should raise an alert on this sequence, and does not"
			: "should not raise an alert on this sequence, and does");
	if (t->fired && test->match && entity != NULL)
		verdict(t, test, slice_eq(entity->text, slice_of(t->entity)),
		    "the alert names another entity");
}

struct rule_tally rule_tests(struct offline *o)
{
	struct tester *t = calloc(1, sizeof(*t));
	struct rule_tally tally = { 0, 1 };

	if (t == NULL)
		return tally;
	t->o = o;
	for (unsigned i = 0; i < o->rs->n_rules; i++)
		for (unsigned k = 0; k < o->rs->rules[i].n_tests; k++)
			test_rule(t, &o->rs->rules[i], &o->rs->rules[i].tests[k]);
	for (unsigned i = 0; i < o->rs->n_correlations; i++)
		for (unsigned k = 0; k < o->rs->correlations[i].n_tests; k++)
			test_correlation(
			    t, &o->rs->correlations[i], &o->rs->correlations[i].tests[k]);
	tally = (struct rule_tally){ t->passed, t->failed };
	free(t);
	return tally;
}
