/* sekisho rules ...: the tools of whoever writes rules. */
#include "agent/backtest.h"
#include "agent/commands.h"
#include "agent/offline.h"
#include "agent/rule_explain.h"
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
	"would have found and blocked in these logs, or in what an agent kept.",
	"sekisho rules backtest new.yml --since 7d --fail-if 'honest_blocked>0' "
	"/var/log/nginx/access.log*",
};

static void list(const struct offline *o)
{
	for (unsigned i = 0; i < o->rs->n_rules; i++) {
		const struct rule *r = &o->rs->rules[i];

		printf("%-40.*s %-13s %-13s %s%s%s%s\n", SLICE_ARG(r->name),
		    category_names[r->category], level_names[r->level],
		    r->conclusive ? "conclusive " : "", r->weight > 0 ? "weighted " : "",
		    r->generate ? "" : "silent ",
		    r->untriggered && !r->agent_only ? "UNTRIGGERED" : "");
	}
	for (unsigned i = 0; i < o->rs->n_correlations; i++) {
		const struct correlation *c = &o->rs->correlations[i];
		char span[32];

		printf("%-40.*s %-13s %-13s correlation: %g in %s\n", SLICE_ARG(c->name),
		    category_names[c->category], level_names[c->level], c->at_least,
		    units_show_duration(c->timespan_us, span));
	}
	printf("%u rules, %u correlations\n", o->rs->n_rules, o->rs->n_correlations);
}

/* What loading accepted and a careful author would not. */
static int lint(struct offline *o)
{
	unsigned bad = 0;

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
	printf(
	    "%u rules, %u correlations, %u errors\n", o->rs->n_rules, o->rs->n_correlations, bad);
	return bad > 0 ? EX_DATAERR : 0;
}

static int test(struct offline *o)
{
	struct rule_tally t = rule_tests(o);

	printf("%u passed, %u failed\n", t.passed, t.failed);
	return t.failed == 0 ? 0 : EX_DATAERR;
}

int cmd_rules(int argc, char **argv)
{
	struct offline_options opt = { 0 };
	struct backtest_options back = { 0 };
	struct host_identity host;
	struct offline o;
	bool watch = false;
	int rc;
	const struct option_def defs[] = {
		{ "--rules", OPTION_LIST, &opt.rules, "DIR", "rules to use; may be repeated" },
		{ "--parser", OPTION_TEXT, &opt.parser, "NAME",
		    "explain, bench, backtest: format of the lines (default auto)" },
		{ "-c", OPTION_TEXT, &opt.config, "FILE",
		    "bench, backtest: take formats, networks, identities and rules from it" },
		{ "--since", OPTION_TEXT, &back.since, "T",
		    "backtest: events from then on: a span such as 7d, or a time" },
		{ "--until", OPTION_TEXT, &back.until, "T", "backtest: events until then" },
		{ "--journal", OPTION_TEXT, &back.journal, "DIR",
		    "backtest: the events of an agent's journal, also while it runs" },
		{ "--sqlite", OPTION_TEXT, &back.sqlite, "FILE",
		    "backtest: the events of an sqlite sink's database" },
		{ "--fail-if", OPTION_LIST, &back.fail_if, "COUNT>N",
		    "backtest: exit code 65 if so; may be repeated" },
		{ "--junit", OPTION_TEXT, &back.junit, "FILE", "backtest: the same as JUnit XML" },
		{ "--watch", OPTION_FLAG, &watch, NULL, "test: again whenever a rule is saved" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;

	const char *verb = n > 0 ? argv[1] : "";
	bool explain = strcmp(verb, "explain") == 0;

	if (strcmp(verb, "bench") == 0 && n >= 2)
		return rules_bench(&opt, argv + 2, (unsigned)n - 1);
	if (strcmp(verb, "backtest") == 0 && n >= 2) {
		back.config = opt.config;
		back.parser = opt.parser;
		back.rules = opt.rules;
		return backtest(&back, argv[2], argv + 3, (unsigned)n - 2);
	}
	if ((strcmp(verb, "list") != 0 && strcmp(verb, "lint") != 0 && strcmp(verb, "test") != 0 &&
		!explain) ||
	    n != (explain ? 2 : 1)) {
		fprintf(stderr, "usage: %s\n", usage.line);
		return EX_USAGE;
	}
	opt.raw = !explain;
	identity_host(&host);
	if (watch && strcmp(verb, "test") == 0)
		return rule_watch(&opt, host.key);
	rc = offline_open(&o, &opt, host.key);
	if (rc != 0)
		return rc;
	if (strcmp(verb, "list") == 0)
		list(&o);
	else if (strcmp(verb, "lint") == 0)
		rc = lint(&o);
	else if (strcmp(verb, "test") == 0)
		rc = test(&o);
	else
		rc = rule_explain(&o, argv[2]) ? 0 : 1;
	offline_close(&o);
	return rc;
}
