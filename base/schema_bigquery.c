/* The tables of the data contract as BigQuery has them. See schema.h. */
#include "base/json.h"
#include "base/protobuf.h"
#include "base/schema.h"

static const char *const types[] = { [COLUMN_TEXT] = "STRING",
	[COLUMN_INT] = "INT64",
	[COLUMN_REAL] = "FLOAT64",
	[COLUMN_BOOL] = "BOOL",
	[COLUMN_TIME] = "TIMESTAMP",
	[COLUMN_JSON] = "JSON" };

/* What analysts filter by, most selective last (BigQuery takes four). */
static const char *const clusters[] = { [TABLE_EVENTS] = "service_name, host_name, category",
	[TABLE_ALERTS] = "service_name, host_name, category",
	[TABLE_BLOCKS] = "service_name, host_name",
	[TABLE_REJECTS] = "service_name, host_name",
	[TABLE_LEDGER] = "service_name, host_name" };

static void put_table(struct buf *out, const struct table *t, const char *dataset, unsigned k)
{
	buf_printf(out, "CREATE TABLE IF NOT EXISTS `%s.%s` (\n", dataset, t->name);
	for (unsigned i = 0; i < t->n; i++) {
		struct json j = { .out = out };

		buf_printf(
		    out, "  `%s` %s OPTIONS(description=", t->c[i].name, types[t->c[i].type]);
		json_text(&j, slice_of(t->c[i].help)); /* GoogleSQL quotes and escapes alike */
		buf_printf(out, ")%s\n", i + 1 < t->n ? "," : "");
	}
	buf_printf(out, ")\nPARTITION BY DATE(`time`)\nCLUSTER BY %s;\n\n", clusters[k]);
}

const char *schema_bigquery_type(enum column_type type)
{
	return types[type];
}

const char *schema_bigquery_clusters(enum schema_table t)
{
	return clusters[t];
}

static const char *const views[SCHEMA_VIEWS] = { "events", "alerts", "blocks", "detections" };

const char *schema_bigquery_view_name(unsigned i)
{
	return views[i];
}

/*
 * Deliveries repeat. The partitions of the window functions begin with `time`, so that a filter
 * on time still prunes the table's.
 */
void schema_bigquery_view(struct buf *out, unsigned i, const char *d)
{
	static const char day[] = "FORMAT_TIMESTAMP('%F', `time`) AS day,\n"
				  "  FORMAT_TIMESTAMP('%H', `time`) AS hour, *";

	if (i == 0)
		buf_printf(out,
		    "SELECT %s\n  FROM `%s.events_raw` WHERE TRUE\n"
		    "  QUALIFY ROW_NUMBER() OVER (PARTITION BY `time`, id ORDER BY observed_time) "
		    "= 1",
		    day, d);
	else if (i < SCHEMA_VIEWS - 1)
		buf_printf(out,
		    "SELECT %s\n  FROM `%s.%s_raw` WHERE TRUE\n"
		    "  QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY revision DESC, seq "
		    "DESC) = 1",
		    day, d, views[i]);
	else
		buf_printf(out,
		    "SELECT day, hour, seq, id, `time`, service_name,\n"
		    "  host_name, client_address, user_name, url_path,\n"
		    "  JSON_VALUE(d, '$.rule') AS rule, JSON_VALUE(d, '$.category') AS category,\n"
		    "  JSON_VALUE(d, '$.level') AS level, JSON_VALUE(d, '$.field') AS field,\n"
		    "  JSON_VALUE(d, '$.match') AS match\n"
		    "  FROM `%s.events`, UNNEST(JSON_QUERY_ARRAY(detections)) AS d",
		    d);
}

void schema_bigquery(struct buf *out, const char *dataset)
{
	for (unsigned k = 0; k < TABLE_N; k++)
		put_table(out, schema_table((enum schema_table)k), dataset, k);
	for (unsigned i = 0; i < SCHEMA_VIEWS; i++) {
		buf_printf(out, "CREATE OR REPLACE VIEW `%s.%s` AS ", dataset, views[i]);
		schema_bigquery_view(out, i, dataset);
		buf_str(out, i + 1 < SCHEMA_VIEWS ? ";\n\n" : ";\n");
	}
}

/*
 * The days of a month that hold a row twice and got none for two hours: what is newer may still be
 * where BigQuery lets no statement change it. A MERGE on FALSE replaces them at one instant.
 */
void schema_bigquery_clean(struct buf *out, const char *d)
{
	buf_printf(out,
	    "-- to be scheduled, such as each 6 hours: it removes what was delivered twice\n"
	    "DECLARE days ARRAY<DATE> DEFAULT (SELECT ARRAY_AGG(day) FROM (\n"
	    "  SELECT DATE(`time`) AS day FROM `%s.events_raw`\n"
	    "  WHERE `time` >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY) GROUP BY day\n"
	    "  HAVING COUNT(*) > COUNT(DISTINCT CONCAT(id, CAST(UNIX_MICROS(`time`) AS STRING)))\n"
	    "  AND MAX(observed_time) < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR)));\n",
	    d);
	buf_printf(out,
	    "MERGE `%s.events_raw` AS t USING (SELECT * FROM `%s.events_raw`\n"
	    "  WHERE DATE(`time`) IN UNNEST(days)\n"
	    "  QUALIFY ROW_NUMBER() OVER (PARTITION BY `time`, id ORDER BY observed_time) = 1) AS "
	    "s\n"
	    "ON FALSE\n"
	    "WHEN NOT MATCHED BY SOURCE AND DATE(t.`time`) IN UNNEST(days) THEN DELETE\n"
	    "WHEN NOT MATCHED THEN INSERT ROW;\n",
	    d, d);
}

/* google/protobuf/descriptor.proto; a FieldDescriptorProto's label 1 is OPTIONAL. */
void schema_descriptor(struct buf *out, const struct table *t)
{
	enum { DOUBLE = 1, INT64 = 3, BOOL = 8, STRING = 9 };
	static const unsigned kinds[] = { [COLUMN_TEXT] = STRING,
		[COLUMN_INT] = INT64,
		[COLUMN_REAL] = DOUBLE,
		[COLUMN_BOOL] = BOOL,
		[COLUMN_TIME] = INT64,
		[COLUMN_JSON] = STRING };

	pb_bytes(out, 1, SLICE("Row"));
	for (unsigned i = 0; i < t->n; i++) {
		size_t at = pb_open(out, 2);

		pb_bytes(out, 1, slice_of(t->c[i].name));
		pb_uint(out, 3, i + 1);
		pb_uint(out, 4, 1);
		pb_uint(out, 5, kinds[t->c[i].type]);
		pb_close(out, at);
	}
}
