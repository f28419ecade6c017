/*
 * bigquery_schema.h - the live tables and views of a dataset beside those of base/schema.h, by REST
 * (BigQuery v2, tables.get, insert and patch: no job, so no permission for jobs is needed).
 */
#ifndef SINKS_BIGQUERY_SCHEMA_H
#define SINKS_BIGQUERY_SCHEMA_H

#include "base/buf.h"

#include <stdbool.h>

struct err;

struct bigquery_schema {
	const char *project, *dataset;
	const char *endpoint, *credentials; /* as of a sink; NULL: Google, application default */
	bool apply;			    /* else only say what would be done */
};

enum bigquery_schema_result {
	BIGQUERY_SCHEMA_SAME,	 /* now, that is after what was done */
	BIGQUERY_SCHEMA_DIFFERS, /* by what can be applied, or by what nobody can change */
	BIGQUERY_SCHEMA_FAILED,	 /* *e */
};

/*
 * A line into report for each table and view that is missing or not as it should be. Missing
 * tables, columns and views are made, views that differ are changed; a column of another type,
 * another partitioning and other clusters are only told. Nothing is ever removed.
 */
enum bigquery_schema_result bigquery_schema_compare(
    const struct bigquery_schema *s, struct buf *report, struct err *e);

#endif
