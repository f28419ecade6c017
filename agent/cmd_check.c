/* sekisho check: everything that is wrong with a config, before an agent is started with it. */
#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/options.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Can the files be read, now, by whoever runs this? */
static void check_files(const struct config *c, struct problems *p)
{
	for (unsigned i = 0; i < c->inputs.n; i++) {
		const struct input_config *in = config_input(c, i);

		for (unsigned k = 0; k < in->files.n; k++) {
			glob_t g = { 0 };

			if (glob(in->files.v[k], GLOB_NOSORT, NULL, &g) != 0)
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

/* logrotate loses what is written between its copy and its truncation. */
static void check_rotation(struct problems *p)
{
	glob_t g = { 0 };

	if (glob("/etc/logrotate.d/*", 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *fp = fopen(g.gl_pathv[i], "re");
		char line[512];
		unsigned n = 0;

		while (fp != NULL && fgets(line, sizeof(line), fp) != NULL) {
			const char *at = line + strspn(line, " \t");

			n++;
			if (strncmp(at, "copytruncate", 12) == 0)
				problem_warn(p,
				    (struct place){ g.gl_pathv[i], n, (unsigned)(at - line) + 1 },
				    "copytruncate loses the lines written while it works; use "
				    "rename rotation (create)");
		}
		if (fp != NULL)
			fclose(fp);
	}
	globfree(&g);
}

int cmd_check(int argc, char **argv)
{
	static const struct usage usage = { "sekisho check [-c FILE]",
		"Config, rules, permissions and log rotation: names every mistake with its line.",
		"sekisho check -c /etc/sekisho/sekisho.yaml" };
	static struct config c;
	const char *path = CONFIG_DEFAULT_PATH;
	bool reference = false;
	struct problems p = { 0 };
	struct ruleset *rs = NULL;
	int rc;
	const struct option_def defs[] = {
		{ "-c", OPTION_TEXT, &path, "FILE", "config (default " CONFIG_DEFAULT_PATH ")" },
		{ "--reference", OPTION_FLAG, &reference, NULL,
		    "print all keys of the config, as Markdown" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	if (reference) {
		struct buf b = { 0 };

		config_reference(config_keys, "", &b);
		printf("| key | type | default | what it does |\n| --- | --- | --- | --- |\n");
		fwrite(b.p, 1, b.n, stdout);
		buf_free(&b);
		return 0;
	}
	if (config_load(path, &c, &p) == 0) {
		rs = agent_load_rules(&c, &p);
		check_files(&c, &p);
		check_rotation(&p);
	}
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);
	if (p.errors == 0)
		printf("%s: ok: %u inputs, %u sinks, %u rules, %u correlations; %u warnings\n",
		    path, c.inputs.n, c.sinks.n, rs != NULL ? rs->n_rules : 0,
		    rs != NULL ? rs->n_correlations : 0, p.warnings);
	rc = p.errors > 0 ? EX_CONFIG : 0;
	problems_free(&p);
	ruleset_free(rs);
	config_free(&c);
	return rc;
}
