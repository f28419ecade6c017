/* sekisho schema: the tables of the data contract, printed or beside those of a live dataset. */
#include "agent/commands.h"
#include "agent/options.h"
#include "base/err.h"
#include "base/schema.h"
#include "sinks/bigquery_schema.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct usage usage = {
	"sekisho schema sqlite | bigquery [DATASET] [--diff | --apply | --clean] | pubsub TABLE",
	"Print the DDL of the tables and views. DATASET: also PROJECT.DATASET (default sekisho).\n"
	"--diff and --apply compare with the live dataset, which is PROJECT.DATASET; exit code 1\n"
	"when it differs (after --apply: by what can't be changed). pubsub: the schema of a\n"
	"table's topic (events, alerts, blocks, rejects or ledger), as a Protocol Buffer.",
	"sekisho schema bigquery myproject.logs | bq query --use_legacy_sql=false"
};

struct schema_options {
	bool diff, apply, clean;
	const char *endpoint, *credentials;
};

/* It goes into SQL between backquotes: what BigQuery allows in names, and no more. */
static bool is_dataset(const char *s)
{
	return s[0] != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-.:") == strlen(s);
}

static int live(const char *dataset, const struct schema_options *o)
{
	char project[128];
	const char *dot = strrchr(dataset, '.');
	struct bigquery_schema s = { .project = project,
		.endpoint = o->endpoint,
		.credentials = o->credentials,
		.apply = o->apply };
	enum bigquery_schema_result result;
	struct buf report = { 0 };
	struct err e = { 0, "" };

	if (dot == NULL || dot == dataset || dot[1] == '\0' ||
	    (size_t)(dot - dataset) >= sizeof(project)) {
		fprintf(stderr, "sekisho: --diff and --apply need PROJECT.DATASET, not '%s'\n",
		    dataset);
		return EX_USAGE;
	}
	snprintf(project, sizeof(project), "%.*s", (int)(dot - dataset), dataset);
	s.dataset = dot + 1;
	result = bigquery_schema_compare(&s, &report, &e);
	if (report.n > 0)
		fwrite(report.p, 1, report.n, stdout);
	buf_free(&report);
	if (result == BIGQUERY_SCHEMA_FAILED)
		fprintf(stderr, "sekisho: %s\n", e.msg);
	else if (result == BIGQUERY_SCHEMA_SAME)
		printf("%s is as it should be\n", dataset);
	return result == BIGQUERY_SCHEMA_FAILED ? EX_UNAVAILABLE : (int)result;
}

static int bigquery(const char *dataset, const struct schema_options *o)
{
	struct buf b = { 0 };

	if (!is_dataset(dataset)) {
		fprintf(stderr, "sekisho: '%s' is no name of a dataset\n", dataset);
		return EX_USAGE;
	}
	if (o->diff || o->apply)
		return live(dataset, o);
	if (o->clean)
		schema_bigquery_clean(&b, dataset);
	else
		schema_bigquery(&b, dataset);
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
	return 0;
}

static int pubsub(const char *name)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < TABLE_N; i++)
		if (strcmp(schema_table((enum schema_table)i)->short_name, name) == 0)
			schema_pubsub(&b, (enum schema_table)i);
	if (b.n == 0) {
		fprintf(stderr,
		    "sekisho: '%s' is no table: events, alerts, blocks, rejects or "
		    "ledger\n",
		    name);
		return EX_USAGE;
	}
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
	return 0;
}

int cmd_schema(int argc, char **argv)
{
	struct schema_options o = { 0 };
	struct buf b = { 0 };
	int rc;
	const struct option_def defs[] = { { "--diff", OPTION_FLAG, &o.diff, NULL,
					       "bigquery: say how the live dataset differs" },
		{ "--apply", OPTION_FLAG, &o.apply, NULL,
		    "bigquery: make tables, columns and views that are missing, change views" },
		{ "--clean", OPTION_FLAG, &o.clean, NULL,
		    "bigquery: print the statement to schedule that removes what came twice" },
		{ "--endpoint", OPTION_TEXT, &o.endpoint, "URL",
		    "--diff, --apply: another server; without --credentials an emulator" },
		{ "--credentials", OPTION_TEXT, &o.credentials, "FILE",
		    "--diff, --apply: default: Google's application default credentials" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	if ((n == 1 || n == 2) && strcmp(argv[1], "bigquery") == 0 &&
	    o.diff + o.apply + o.clean <= 1)
		return bigquery(n == 2 ? argv[2] : "sekisho", &o);
	if (n == 2 && strcmp(argv[1], "pubsub") == 0 && !o.diff && !o.apply && !o.clean)
		return pubsub(argv[2]);
	if (n != 1 || strcmp(argv[1], "sqlite") != 0 || o.diff || o.apply || o.clean) {
		fprintf(stderr,
		    "sekisho: schema knows sqlite, bigquery and pubsub TABLE\nusage: %s\n",
		    usage.line);
		return EX_USAGE;
	}
	schema_sqlite(&b);
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
	return 0;
}
