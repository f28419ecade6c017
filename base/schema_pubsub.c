/* The tables of the data contract as schemas of Pub/Sub topics. See schema.h. */
#include "base/schema.h"

/*
 * Protocol Buffers, not Avro: in Avro's JSON a column that may be NULL must stand there and name
 * its type ({"string": "x"}), which would make each message larger and a new column break older
 * hosts.
 */
void schema_pubsub(struct buf *out, enum schema_table which)
{
	/* a subscription makes TIMESTAMP and JSON columns of strings */
	static const char *const types[] = { [COLUMN_TEXT] = "string",
		[COLUMN_INT] = "int64",
		[COLUMN_REAL] = "double",
		[COLUMN_BOOL] = "bool",
		[COLUMN_TIME] = "string",
		[COLUMN_JSON] = "string" };
	const struct table *t = schema_table(which);

	buf_printf(out,
	    "syntax = \"proto2\";\n\n"
	    "// %s: for messages in JSON and a BigQuery subscription with the topic's schema.\n"
	    "message Row {\n",
	    t->name);
	for (unsigned i = 0; i < t->n; i++)
		buf_printf(out, "  optional %s %s = %u;  // %s\n", types[t->c[i].type],
		    t->c[i].name, i + 1, t->c[i].help);
	buf_str(out, "}\n");
}
