/* sekisho schema: the tables of the data contract. */
#include "agent/commands.h"
#include "agent/options.h"
#include "base/schema.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int cmd_schema(int argc, char **argv)
{
	static const struct usage usage = { "sekisho schema sqlite",
		"Print the DDL of the tables and views.",
		"sekisho schema sqlite | sqlite3 new.db" };
	static const struct option_def none = { NULL, OPTION_FLAG, NULL, NULL, NULL };
	struct buf b = { 0 };
	int rc;
	int n = options_read(argc, argv, &none, &usage, &rc);

	if (n < 0)
		return rc;
	if (n != 1 || strcmp(argv[1], "sqlite") != 0) {
		fprintf(
		    stderr, "sekisho: schema knows one dialect: sqlite\nusage: %s\n", usage.line);
		return EX_USAGE;
	}
	schema_sqlite(&b);
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
	return 0;
}
