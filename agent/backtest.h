/*
 * backtest.h - what would a rule have found in logs that are there already, and whom hit?
 *
 * Over files, or over events that were kept in a journal or a database, with the whole rule set:
 * matches by day, clients, those of them that also succeeded (who would have been hit by mistake),
 * alerts and blocks, and what the set does not find without the rule. Fixed tables: 400 days,
 * 65,536 clients; more are counted together.
 */
#ifndef AGENT_BACKTEST_H
#define AGENT_BACKTEST_H

#include "agent/options.h"

struct backtest_options {
	const char *config, *parser;
	const char *since, *until;    /* a span before now, or a time; NULL: all */
	const char *journal, *sqlite; /* a folder, a database; NULL: the files */
	struct option_list rules;     /* folders */
	struct option_list fail_if;   /* such as "alerts>0" */
	const char *junit;	      /* a file to write, or NULL */
};

/*
 * rule: a file with rules, or the name of one of the set (* stands for anything). Prints the
 * report; returns an exit code: EX_DATAERR when a --fail-if holds.
 */
int backtest(const struct backtest_options *o, const char *rule, char **files, unsigned n_files);

#endif
