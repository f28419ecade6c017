/* sekisho version, sekisho formats: what this build is and can read. */
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/options.h"
#include "libs/sqlite.h"
#include "parsers/parser.h"

#include <pcre2.h>
#include <stdio.h>
#include <sysexits.h>

int cmd_version(int argc, char **argv)
{
	static const struct usage usage = { "sekisho version", "Version and build.",
		"sekisho version" };
	static const struct option_def none = { NULL, OPTION_FLAG, NULL, NULL, NULL };
	char pcre2[64] = "";
	int rc;

	if (options_read(argc, argv, &none, &usage, &rc) < 0)
		return rc;
	pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
	printf("sekisho %s\ncompression: %s\nPCRE2: %s\nSQLite: %s\n", SEKISHO_VERSION,
	    HAVE_ISAL ? "ISA-L" : "zlib", pcre2,
	    late_open(&sqlite_late) == NULL ? sqlite3_libversion() : "none");
	return 0;
}

int cmd_formats(int argc, char **argv)
{
	static const struct usage usage = { "sekisho formats [-c FILE]",
		"The parsers that an input can name; with -c also those that the config declares.",
		"sekisho formats -c /etc/sekisho/sekisho.yaml" };
	static struct config c;
	struct problems p = { 0 };
	const char *path = NULL;
	int rc;
	const struct option_def defs[] = {
		{ "-c", OPTION_TEXT, &path, "FILE", "a config with `parsers:`" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	rc = path != NULL && config_load(path, &c, &p) != 0 ? EX_CONFIG : 0;
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);
	for (const struct parser *const *q = parsers; rc == 0 && *q != NULL; q++)
		printf("%-12s %s\n", (*q)->name, (*q)->help);
	for (unsigned i = 0; rc == 0 && i < c.formats.n; i++)
		printf("%-12s a format of %s\n", config_format(&c, i)->name, path);
	problems_free(&p);
	config_free(&c);
	return rc;
}
