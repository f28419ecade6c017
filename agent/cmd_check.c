/* sekisho check: everything that is wrong with a config, before an agent is started with it. */
#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/options.h"
#include "agent/rotation.h"
#include "agent/rule_feed.h"
#include "base/err.h"
#include "sinks/sink.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Can the files be read, now, by whoever runs this? */
static void check_files(const struct config *c, const char *root, struct problems *p)
{
	for (unsigned i = 0; i < c->inputs.n; i++) {
		const struct input_config *in = config_input(c, i);

		for (unsigned k = 0; k < in->files.n; k++) {
			char path[PATH_MAX];
			glob_t g = { 0 };

			snprintf(path, sizeof(path), "%s%s", root, in->files.v[k]);
			if (glob(path, GLOB_NOSORT, NULL, &g) != 0)
				problem_warn(
				    p, in->files.at[k], "no file matches '%s' now", in->files.v[k]);
			for (size_t f = 0; f < g.gl_pathc; f++)
				if (access(g.gl_pathv[f], R_OK) != 0)
					problem_warn(p, in->files.at[k],
					    "%s: %s (for the user who runs this check)",
					    g.gl_pathv[f], strerror(errno));
			globfree(&g);
		}
	}
}

struct online {
	const char *sink;
	unsigned failed;
};

static void say(void *ctx, bool ok, const char *text)
{
	struct online *o = ctx;

	printf("%s: %s %s\n", o->sink, ok ? "ok:  " : "FAIL:", text);
	o->failed += !ok;
}

/* Every hop to every destination; how many of them failed. */
static unsigned check_online(const struct config *c)
{
	struct online o = { .failed = 0 };

	for (unsigned i = 0; i < c->sinks.n; i++) {
		const struct sink_config *s = config_sink(c, i);
		const struct sink *sink = agent_sink(s->type);
		struct sink_settings set = agent_sink_settings(s);
		struct err e = { 0, "" };
		void *self;

		o.sink = s->name;
		if (sink->check == NULL)
			continue;
		self = sink->open(&set, &e);
		if (self == NULL)
			say(&o, false, e.msg);
		else
			sink->check(self, say, &o);
		sink->close(self);
	}
	return o.failed;
}

static void say_ok(
    const char *path, const struct config *c, const struct ruleset *rs, const struct problems *p)
{
	unsigned unfed = rs != NULL ? rules_unfed(c, rs) : 0;

	printf("%s: ok: %u inputs, %u sinks, %u rules, %u correlations; %u warnings\n", path,
	    c->inputs.n, c->sinks.n, rs != NULL ? rs->n_rules : 0,
	    rs != NULL ? rs->n_correlations : 0, p->warnings);
	if (unfed > 0)
		printf(
		    "%s: %u of the rules and correlations are inactive: no input gives what they "
		    "look at; `sekisho rules list -c %s` says which\n",
		    path, unfed, path);
}

int cmd_check(int argc, char **argv)
{
	static const struct usage usage = { "sekisho check [-c FILE] [--root DIR] [--online]",
		"Config, rules, permissions: names every mistake with its line. Of logrotate, "
		"auditd and\n"
		"journald it says which of their settings lose lines, and how soon. Warnings "
		"don't\n"
		"change the exit code 0. --online also asks the sinks' destinations: credentials, "
		"permissions,\n"
		"topics, tables; exit code 69 when something there would not work.",
		"sekisho check -c /etc/sekisho/sekisho.yaml" };
	static struct config c;
	const char *path = CONFIG_DEFAULT_PATH;
	const char *root = "";
	bool reference = false;
	bool schema = false;
	bool online = false;
	struct problems p = { 0 };
	struct ruleset *rs = NULL;
	struct err e = { 0, "" };
	int rc;
	const struct option_def defs[] = {
		{ "-c", OPTION_TEXT, &path, "FILE", "config (default " CONFIG_DEFAULT_PATH ")" },
		{ "--root", OPTION_TEXT, &root, "DIR",
		    "look at logs and rotation below DIR, as of an image or a chroot" },
		{ "--online", OPTION_FLAG, &online, NULL, "ask the sinks' destinations too" },
		{ "--reference", OPTION_FLAG, &reference, NULL,
		    "print all keys of the config, as Markdown" },
		{ "--schema", OPTION_FLAG, &schema, NULL,
		    "print them as JSON Schema, for editors" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	if (reference || schema) {
		struct buf b = { 0 };

		if (schema)
			config_schema(config_keys, &b);
		else
			config_reference(config_keys, "", &b);
		if (reference && !schema)
			printf("| key | type | default | what it does |\n"
			       "| --- | --- | --- | --- |\n");
		fwrite(b.p, 1, b.n, stdout);
		buf_free(&b);
		return 0;
	}
	if (config_load(path, &c, &p) == 0) {
		if (agent_open_libraries(&c, &e) != 0)
			problem_error(&p, (struct place){ path, 0, 0 }, "%s", e.msg);
		rs = agent_load_rules(&c, &p);
		check_files(&c, root, &p);
		rotation_check(&c, root, &p);
	}
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);
	if (p.errors == 0)
		say_ok(path, &c, rs, &p);
	rc = p.errors > 0 ? EX_CONFIG : 0;
	if (rc == 0 && online && check_online(&c) > 0)
		rc = EX_UNAVAILABLE;
	problems_free(&p);
	ruleset_free(rs);
	config_free(&c);
	return rc;
}
