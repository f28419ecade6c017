/* options.h - command lines: the same rules for every subcommand. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_LIST };

enum { OPTION_LIST_MAX = 32 };

struct option_list {
	const char *v[OPTION_LIST_MAX];
	unsigned n;
};

/* One option; the table ends with name NULL. to: bool *, const char **, struct option_list *. */
struct option_def {
	const char *name; /* "--rules", or "-c" */
	enum option_kind kind;
	void *to;
	const char *arg; /* "DIR", for the help */
	const char *help;
};

struct usage {
	const char *line;    /* "sekisho scan [OPTION]... FILE..." */
	const char *what;    /* one or two sentences */
	const char *example; /* one command */
};

/*
 * Read argv[1..]. Operands are moved to the front, argv[1] on; returns how many, or -1 when the
 * program should end with *exit_code (help was printed, or a mistake was named).
 */
int options_read(
    int argc, char **argv, const struct option_def *defs, const struct usage *u, int *exit_code);

#endif
