/* sekisho version, sekisho formats: what this build is and can read. */
#include "agent/commands.h"
#include "agent/options.h"
#include "parsers/parser.h"

#include <pcre2.h>
#include <sqlite3.h>
#include <stdio.h>

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
	    HAVE_ISAL ? "ISA-L" : "zlib", pcre2, sqlite3_libversion());
	return 0;
}

int cmd_formats(int argc, char **argv)
{
	static const struct usage usage = { "sekisho formats",
		"The parsers that an input can name.", "sekisho formats" };
	static const struct option_def none = { NULL, OPTION_FLAG, NULL, NULL, NULL };
	int rc;

	if (options_read(argc, argv, &none, &usage, &rc) < 0)
		return rc;
	for (const struct parser *const *p = parsers; *p != NULL; p++)
		printf("%-10s %s\n", (*p)->name, (*p)->help);
	return 0;
}
