/* main.c - `sekisho COMMAND ...`: finds the command and hands over. */
#include "agent/commands.h"
#include "base/problem.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "the agent, in the foreground" },
	{ "scan", cmd_scan, "parse, detect and correlate over files, print what was found" },
	{ "rules", cmd_rules, "list, lint, test and explain rules" },
	{ "check", cmd_check, "config, rules, permissions, rotation: what is wrong" },
	{ "status", cmd_status, "what the running agent does" },
	{ "tap", cmd_tap, "live events and detections of the running agent" },
	{ "audit", cmd_audit, "do the sums of what was read and delivered balance?" },
	{ "blocks", cmd_blocks, "who is blocked, why, and how to undo it" },
	{ "journal", cmd_journal, "list, print, verify and export the journal" },
	{ "schema", cmd_schema, "the tables" },
	{ "formats", cmd_formats, "the parsers" },
	{ "version", cmd_version, "version and build" },
};

enum { N_COMMANDS = sizeof(commands) / sizeof(*commands) };

static void help(FILE *to)
{
	fprintf(to, "usage: sekisho COMMAND [OPTION]...\n\ncommands:\n");
	for (unsigned i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n`sekisho COMMAND --help` tells more.\n");
}

/*
 * Large blocks always from the kernel and back to it. By default glibc learns from the first ones
 * that are freed (of building the filters) to keep such blocks for ever.
 */
static void give_memory_back(void)
{
	enum { LARGE_BYTES = 128 << 10 };

	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* What could not be written must not look like nothing found. */
static int said(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "sekisho: standard output could not be written: %s\n", strerror(errno));
	return code == 0 ? EX_IOERR : code;
}

int main(int argc, char **argv)
{
	const char *names[N_COMMANDS];

	give_memory_back();

	if (argc < 2) {
		help(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], commands[i].name) == 0)
			return said(commands[i].run(argc - 1, argv + 1));
	}

	const char *s = problem_suggest(slice_of(argv[1]), names, N_COMMANDS);

	fprintf(stderr, "sekisho: there is no command '%s'%s%s%s\n", argv[1],
	    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
	help(stderr);
	return EX_USAGE;
}
