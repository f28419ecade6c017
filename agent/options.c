#include "agent/options.h"

#include "base/problem.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void help(const struct option_def *defs, const struct usage *u)
{
	printf("usage: %s\n\n%s\n", u->line, u->what);
	if (defs->name != NULL)
		printf("\noptions:\n");
	for (; defs->name != NULL; defs++) {
		char left[48];

		snprintf(left, sizeof(left), "%s%s%s", defs->name, defs->arg != NULL ? " " : "",
		    defs->arg != NULL ? defs->arg : "");
		printf("  %-22s %s\n", left, defs->help);
	}
	printf("\nexample:\n  %s\n", u->example);
}

static int wrong(const struct option_def *defs, const struct usage *u, const char *arg)
{
	const char *names[32];
	unsigned n = 0;

	for (; defs[n].name != NULL && n < 32; n++)
		names[n] = defs[n].name;

	const char *s = problem_suggest(slice_of(arg), names, n);

	fprintf(stderr, "sekisho: there is no option %s%s%s%s\nusage: %s\n", arg,
	    s != NULL ? "; did you mean " : "", s != NULL ? s : "", s != NULL ? "?" : "", u->line);
	return -1;
}

static bool set(const struct option_def *d, const char *value)
{
	struct option_list *list = d->to;

	switch (d->kind) {
	case OPTION_FLAG:
		*(bool *)d->to = true;
		return true;
	case OPTION_TEXT:
		*(const char **)d->to = value;
		return value != NULL;
	case OPTION_LIST:
		if (value == NULL || list->n == OPTION_LIST_MAX)
			return false;
		list->v[list->n++] = value;
		return true;
	}
	return false;
}

int options_read(
    int argc, char **argv, const struct option_def *defs, const struct usage *u, int *exit_code)
{
	int operands = 0;
	bool ended = false;

	*exit_code = EX_USAGE;
	for (int i = 1; i < argc; i++) {
		const struct option_def *d = defs;
		char *arg = argv[i];

		if (ended || arg[0] != '-' || arg[1] == '\0') {
			argv[++operands] = arg;
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			ended = true;
			continue;
		}
		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			help(defs, u);
			*exit_code = 0;
			return -1;
		}

		char *eq = arg[1] == '-' ? strchr(arg, '=') : NULL;
		size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);

		while (d->name != NULL && (strlen(d->name) != n || strncmp(d->name, arg, n) != 0))
			d++;
		if (d->name == NULL)
			return wrong(defs, u, arg);

		const char *value = d->kind == OPTION_FLAG ? NULL
				    : eq != NULL	   ? eq + 1
				    : i + 1 < argc	   ? argv[++i]
							   : NULL;

		if (!set(d, value)) {
			fprintf(stderr, "sekisho: %s needs a value (%s)\nusage: %s\n", d->name,
			    d->arg != NULL ? d->arg : "text", u->line);
			return -1;
		}
	}
	*exit_code = 0;
	return operands;
}
