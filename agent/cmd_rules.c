/* sekisho rules ...: the tools of whoever writes rules. */
#include "agent/backtest.h"
#include "agent/commands.h"
#include "agent/offline.h"
#include "agent/rule_bundle.h"
#include "agent/rule_explain.h"
#include "agent/rule_feed.h"
#include "agent/rule_slow.h"
#include "agent/rule_test.h"
#include "agent/rule_watch.h"
#include "agent/rules_bench.h"
#include "base/identity.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct usage usage = {
	"sekisho rules list | lint | test | explain LINE | bench FILE... | backtest RULE "
	"[FILE]...\n"
	"       [--rules DIR]... [--parser NAME]",
	"list: the rules and what they cost. lint: everything that is wrong or slow. test: run "
	"the\n"
	"examples that rules carry. explain: why a line matches, or what nearly does. bench:\n"
	"what each rule costs on these logs. backtest: what a rule (a file, or a name of the set)\n"
	"would have found and blocked in these logs, or in what an agent kept. bundle: all of\n"
	"them as one file for a fleet, if lint and test find nothing against it.",
	"sekisho rules backtest new.yml --since 7d --fail-if 'honest_blocked>0' "
	"/var/log/nginx/access.log*",
};

/* What the command line says. */
struct asked {
	struct offline_options opt;
	struct backtest_options back;
	struct rule_bundle_options bundle;
	bool watch;
	const char *line; /* explain */
};

/* Of one that waits for what no input of the config can say. */
static void say_unfed(struct slice missing)
{
	printf("inactive: no input gives %.*s", SLICE_ARG(missing));
}

static void end_of_row(bool inactive, struct slice missing)
{
	if (inactive)
		say_unfed(missing);
	putchar('\n');
}

static int list(struct offline *o, const struct asked *a)
{
	struct slice missing = { 0 };

	(void)a;
	for (unsigned i = 0; i < o->rs->n_rules; i++) {
		const struct rule *r = &o->rs->rules[i];

		printf("%-40.*s %-13s %-13s %s%s%s%s%s", SLICE_ARG(r->name),
		    category_names[r->category], level_names[r->level],
		    r->conclusive ? "conclusive " : "", r->weight > 0 ? "weighted " : "",
		    r->generate ? "" : "silent ",
		    r->untriggered && !r->agent_only ? "UNTRIGGERED " : "",
		    rule_is_degraded(r) ? "degraded " : "");
		end_of_row(o->config != NULL && !rule_is_fed(o->config, r, &missing), missing);
	}
	for (unsigned i = 0; i < o->rs->n_correlations; i++) {
		const struct correlation *c = &o->rs->correlations[i];
		char span[32];

		printf("%-40.*s %-13s %-13s correlation: %g in %s ", SLICE_ARG(c->name),
		    category_names[c->category], level_names[c->level], c->at_least,
		    units_show_duration(c->timespan_us, span));
		end_of_row(o->config != NULL && !correlation_is_fed(o->config, o->rs, c, &missing),
		    missing);
	}
	printf("%u rules, %u correlations\n", o->rs->n_rules, o->rs->n_correlations);
	return 0;
}

static void note_unfed(struct slice file, unsigned line, struct slice name, struct slice missing)
{
	printf("%.*s:%u: note: %.*s: ", SLICE_ARG(file), line, SLICE_ARG(name));
	say_unfed(missing);
	putchar('\n');
}

static void lint_feed(struct offline *o)
{
	struct slice missing;

	if (o->config == NULL)
		return;
	for (unsigned i = 0; i < o->rs->n_rules; i++) {
		const struct rule *r = &o->rs->rules[i];

		if (!rule_is_fed(o->config, r, &missing))
			note_unfed(r->file, r->line, r->name, missing);
	}
	for (unsigned i = 0; i < o->rs->n_correlations; i++) {
		const struct correlation *c = &o->rs->correlations[i];

		if (!correlation_is_fed(o->config, o->rs, c, &missing))
			note_unfed(c->file, c->line, c->name, missing);
	}
}

/* What loading accepted and a careful author would not. */
static int lint(struct offline *o, const struct asked *a)
{
	unsigned bad = 0;

	(void)a;
	for (unsigned i = 0; i < o->rs->n_rules; i++) {
		struct rule *r = &o->rs->rules[i];
		bool match = false;
		bool ignore = false;

		if (r->untriggered && !r->agent_only) {
			printf("%.*s:%u: error: %.*s: no part of the condition is rare enough to "
			       "look for: "
			       "every event would be tried. Add a literal of three bytes or more\n",
			    SLICE_ARG(r->file), r->line, SLICE_ARG(r->name));
			bad++;
		}
		for (unsigned k = 0; k < r->n_tests; k++) {
			match = match || r->tests[k].match;
			ignore = ignore || !r->tests[k].match;
		}
		rule_slow(o, r);
		if (!match || !ignore)
			printf("%.*s:%u: warning: %.*s: tests of %s are missing\n",
			    SLICE_ARG(r->file), r->line, SLICE_ARG(r->name),
			    !match && !ignore ? "both kinds (match, ignore)"
			    : match	      ? "what it must ignore"
					      : "what it must match");
	}
	lint_feed(o);
	printf(
	    "%u rules, %u correlations, %u errors\n", o->rs->n_rules, o->rs->n_correlations, bad);
	return bad > 0 ? EX_DATAERR : 0;
}

static int test(struct offline *o, const struct asked *a)
{
	struct rule_tally t = rule_tests(o);

	(void)a;
	printf("%u passed, %u failed\n", t.passed, t.failed);
	return t.failed == 0 ? 0 : EX_DATAERR;
}

static int explain(struct offline *o, const struct asked *a)
{
	return rule_explain(o, a->line) ? 0 : 1;
}

/* Nothing leaves that lint or its own examples speak against. */
static int bundle(struct offline *o, const struct asked *a)
{
	struct rule_tally t;

	if (a->bundle.out == NULL || a->opt.config != NULL) {
		fprintf(stderr,
		    "sekisho: bundle needs --out FILE, and takes rules from --rules: a config has "
		    "some of its own (decoys)\n");
		return EX_USAGE;
	}
	if (lint(o, a) != 0) {
		fprintf(stderr, "sekisho: no bundle of rules with errors\n");
		return EX_DATAERR;
	}
	t = rule_tests(o);
	if (t.failed == 0)
		return rule_bundle(o, &a->opt, &a->bundle, t.passed);
	fprintf(stderr, "sekisho: no bundle of rules of which %u examples fail\n", t.failed);
	return EX_DATAERR;
}

/* What is done with the loaded set. */
static const struct verb {
	const char *name;
	int operands;
	int (*run)(struct offline *o, const struct asked *a);
} verbs[] = { { "list", 0, list }, { "lint", 0, lint }, { "test", 0, test },
	{ "explain", 1, explain }, { "bundle", 0, bundle } };

static int on_set(struct asked *a, char **operand, int n)
{
	const struct verb *v = NULL;
	struct host_identity host;
	struct offline o;
	int rc;

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(*verbs) && n > 0; i++)
		if (strcmp(operand[0], verbs[i].name) == 0)
			v = &verbs[i];
	if (v == NULL || n - 1 != v->operands || (a->watch && v->run != test)) {
		fprintf(stderr, "usage: %s\n", usage.line);
		return EX_USAGE;
	}
	a->line = v->operands > 0 ? operand[1] : NULL;
	a->opt.raw = v->run != explain;
	identity_host(&host);
	if (a->watch)
		return rule_watch(&a->opt, host.key);
	rc = offline_open(&o, &a->opt, host.key);
	if (rc != 0)
		return rc;
	rc = v->run(&o, a);
	offline_close(&o);
	return rc;
}

int cmd_rules(int argc, char **argv)
{
	struct asked a = { .watch = false };
	int rc;
	const struct option_def defs[] = {
		{ "--rules", OPTION_LIST, &a.opt.rules, "DIR", "rules to use; may be repeated" },
		{ "--parser", OPTION_TEXT, &a.opt.parser, "NAME",
		    "explain, bench, backtest: format of the lines (default auto)" },
		{ "-c", OPTION_TEXT, &a.opt.config, "FILE",
		    "take formats, networks, identities and rules from it; list, lint:\n"
		    "                         say which rules no input of it can feed" },
		{ "--since", OPTION_TEXT, &a.back.since, "T",
		    "backtest: events from then on: a span such as 7d, or a time" },
		{ "--until", OPTION_TEXT, &a.back.until, "T", "backtest: events until then" },
		{ "--journal", OPTION_TEXT, &a.back.journal, "DIR",
		    "backtest: the events of an agent's journal, also while it runs" },
		{ "--sqlite", OPTION_TEXT, &a.back.sqlite, "FILE",
		    "backtest: the events of an sqlite sink's database" },
		{ "--fail-if", OPTION_LIST, &a.back.fail_if, "COUNT>N",
		    "backtest: exit code 65 if so; may be repeated" },
		{ "--junit", OPTION_TEXT, &a.back.junit, "FILE",
		    "backtest: the same as JUnit XML" },
		{ "--watch", OPTION_FLAG, &a.watch, NULL, "test: again whenever a rule is saved" },
		{ "--out", OPTION_TEXT, &a.bundle.out, "FILE", "bundle: the file to write" },
		{ "--version", OPTION_TEXT, &a.bundle.version, "TEXT",
		    "bundle: what to call it (default: the hash of the rules)" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	if (n >= 2 && strcmp(argv[1], "bench") == 0)
		return rules_bench(&a.opt, argv + 2, (unsigned)n - 1);
	if (n >= 2 && strcmp(argv[1], "backtest") == 0) {
		a.back.config = a.opt.config;
		a.back.parser = a.opt.parser;
		a.back.rules = a.opt.rules;
		return backtest(&a.back, argv[2], argv + 3, (unsigned)n - 2);
	}
	return on_set(&a, argv + 1, n);
}
