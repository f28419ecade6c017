/* sekisho status, audit, blocks: questions to the running agent. */
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/control.h"
#include "agent/journal_export.h"
#include "agent/options.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int cmd_status(int argc, char **argv)
{
	static const struct usage usage = { "sekisho status [-c FILE] [--json] [--check]",
		"What the running agent does: inputs, journal, sinks with their lag, blocks.\n"
		"--check only says by its exit code whether the agent is ready.",
		"sekisho status --json" };
	const char *path = CONFIG_DEFAULT_PATH;
	bool json = false;
	bool check = false;
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--json", OPTION_FLAG, &json, NULL, "as one JSON object" },
		{ "--check", OPTION_FLAG, &check, NULL, "exit 0 when ready" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	return control_ask(path, check ? "check" : json ? "status json" : "status");
}

int cmd_audit(int argc, char **argv)
{
	static const struct usage usage = { "sekisho audit [-c FILE] [--since T] [--json]",
		"Sums of what was read, journalled and delivered, for each input and destination.\n"
		"Exits with 1 when they don't balance. T: the sums begin with the first frame\n"
		"journalled then or later.",
		"sekisho audit --since 24h" };
	const char *path = CONFIG_DEFAULT_PATH;
	const char *since = NULL;
	char request[64] = "audit";
	int64_t since_us = 0;
	bool json = false;
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--since", OPTION_TEXT, &since, "T",
		    "from then on: a time such as 2026-11-23T06:00:00Z or a span such as 24h" },
		{ "--json", OPTION_FLAG, &json, NULL, "as one JSON object" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	if (since != NULL && (!journal_export_since(since, &since_us) || since_us <= 0)) {
		fprintf(stderr, "sekisho: --since: expected a time such as 2026-11-23T06:00:00Z or "
				"a span such as 24h\n");
		return EX_USAGE;
	}
	snprintf(
	    request, sizeof(request), "audit %lld%s", (long long)since_us, json ? " json" : "");
	return control_ask(path, request);
}

/* What follows a word, and the word itself. */
static int most_words(const char *verb)
{
	static const struct {
		const char *verb;
		int words;
	} most[] = { { "list", 1 }, { "remove", 2 }, { "explain", 2 } };

	for (unsigned i = 0; i < sizeof(most) / sizeof(*most); i++)
		if (strcmp(verb, most[i].verb) == 0)
			return most[i].words;
	return 3;
}

int cmd_blocks(int argc, char **argv)
{
	static const struct usage usage = { "sekisho blocks [-c FILE] list | add PREFIX [TTL] | "
					    "remove PREFIX | explain ADDRESS |\n"
					    "       allow PREFIX [TTL] | undo SPAN [RULE]",
		"Who is blocked, where, why and since when; and how to undo it.",
		"sekisho blocks add 203.0.113.7 1h" };
	const char *path = CONFIG_DEFAULT_PATH;
	bool json = false;
	char request[1024] = "blocks";
	size_t n = 6;
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--json", OPTION_FLAG, &json, NULL, "list: one JSON object a line" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	int words = options_read(argc, argv, defs, &usage, &rc);

	if (words < 0)
		return rc;
	if (words == 0 || words > most_words(argv[1])) {
		fprintf(stderr, "usage: %s\n", usage.line);
		return EX_USAGE;
	}
	for (int i = 1; i <= words && n < sizeof(request); i++)
		n += (size_t)snprintf(request + n, sizeof(request) - n, " %s", argv[i]);
	if (json && n < sizeof(request))
		snprintf(request + n, sizeof(request) - n, " json");
	return control_ask(path, request);
}
