/* sekisho schema: the tables of the data contract. */
#include "agent/commands.h"
#include "agent/options.h"
#include "base/schema.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* It goes into SQL between backquotes: what BigQuery allows in names, and no more. */
static bool is_dataset(const char *s)
{
	return s[0] != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-.:") == strlen(s);
}

int cmd_schema(int argc, char **argv)
{
	static const struct usage usage = { "sekisho schema sqlite | bigquery [DATASET]",
		"Print the DDL of the tables and views. DATASET: also PROJECT.DATASET (default "
		"sekisho).",
		"sekisho schema bigquery myproject.logs | bq query --use_legacy_sql=false" };
	static const struct option_def none = { NULL, OPTION_FLAG, NULL, NULL, NULL };
	struct buf b = { 0 };
	int rc;
	int n = options_read(argc, argv, &none, &usage, &rc);

	if (n < 0)
		return rc;
	if (n == 1 && strcmp(argv[1], "sqlite") == 0) {
		schema_sqlite(&b);
	} else if ((n == 1 || n == 2) && strcmp(argv[1], "bigquery") == 0) {
		const char *dataset = n == 2 ? argv[2] : "sekisho";

		if (!is_dataset(dataset)) {
			fprintf(stderr, "sekisho: '%s' is no name of a dataset\n", dataset);
			return EX_USAGE;
		}
		schema_bigquery(&b, dataset);
	} else {
		fprintf(
		    stderr, "sekisho: schema knows sqlite and bigquery\nusage: %s\n", usage.line);
		return EX_USAGE;
	}
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
	return 0;
}
