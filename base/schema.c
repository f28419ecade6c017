#include "base/schema.h"

#include "base/level.h"
#include "base/record_json.h"
#include "base/timefmt.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#define CONTEXT(m) offsetof(struct record_context, m)

static const struct column always[] = {
	{ "service_name", COLUMN_TEXT, FROM_SERVICE, 0, "service.name" },
	{ "service_version", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(service_version),
	    "service.version" },
	{ "deployment_environment_name", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(environment),
	    "deployment.environment.name" },
	{ "host_name", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(host_name),
	    "the host that wrote this row" },
	{ "host_image_id", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(host_image_id), "its machine image" },
	{ "cloud_region", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(cloud_region), "its region" },
	{ "rules_hash", COLUMN_TEXT, FROM_CONTEXT, CONTEXT(rules_hash),
	    "of the rules in use then" },
};

static const struct column event_first[] = {
	{ "seq", COLUMN_INT, FROM_SEQ, 0, "number in the host's journal" },
	{ "id", COLUMN_TEXT, FROM_ID, 0, "of the event: host, log, offset and first bytes" },
	{ "time", COLUMN_TIME, FROM_TIME, 0, "of the event, UTC" },
	{ "observed_time", COLUMN_TIME, FROM_OBSERVED, 0, "when the line was read" },
	{ "parser", COLUMN_TEXT, FROM_PARSER, 0, "format of the line" },
	{ "log_file_path", COLUMN_TEXT, FROM_PATH, 0, "where the line was" },
	{ "log_offset", COLUMN_INT, FROM_OFFSET, 0, "of the line, in uncompressed bytes" },
	{ "category", COLUMN_TEXT, FROM_STRONGEST, 0, "of the strongest detection" },
	{ "level", COLUMN_TEXT, FROM_STRONGEST, 1, "of the strongest detection" },
	{ "rule", COLUMN_TEXT, FROM_STRONGEST, 2, "of the strongest detection" },
	{ "detections", COLUMN_JSON, FROM_DETECTIONS, 0, "all detections" },
};

static const struct column event_last[] = {
	{ "attributes", COLUMN_JSON, FROM_ATTRIBUTES, 0, "attributes without a column" },
	{ "body", COLUMN_TEXT, FROM_BODY, 0, "the line" },
};

#define NAMED(name, type, help)                 \
	{                                       \
		name, type, FROM_NAMED, 0, help \
	}
#define HEAD                                                                          \
	{ "seq", COLUMN_INT, FROM_SEQ, 0, "number in the host's journal" },           \
	    { "id", COLUMN_TEXT, FROM_ID, 0, "the same for all revisions" },          \
	    { "time", COLUMN_TIME, FROM_TIME, 0, "UTC" },                             \
	{                                                                             \
		"observed_time", COLUMN_TIME, FROM_OBSERVED, 0, "when it was decided" \
	}

static const struct column alert_columns[] = {
	HEAD,
	NAMED("revision", COLUMN_INT, "raised when the count has doubled"),
	NAMED("rule", COLUMN_TEXT, "rule or correlation"),
	NAMED("category", COLUMN_TEXT, "what kind of attack"),
	NAMED("level", COLUMN_TEXT, "how bad"),
	NAMED("entity_type", COLUMN_TEXT, "ip, client, account, session, other"),
	NAMED("entity_value", COLUMN_TEXT, "address last seen, account ..."),
	NAMED("entity_prefix", COLUMN_TEXT, "what would be blocked"),
	NAMED("provenance", COLUMN_TEXT, "peer, forwarded or claimed"),
	NAMED("action", COLUMN_TEXT, "what the policy asks for"),
	NAMED("effective", COLUMN_TEXT, "what is left of it after guard and collateral"),
	NAMED("mode", COLUMN_TEXT, "shadow, canary or enforce"),
	NAMED("reason", COLUMN_TEXT, "why effective is less than action"),
	NAMED("page", COLUMN_BOOL, "worth waking somebody"),
	NAMED("collateral", COLUMN_INT,
	    "accounts, else sessions, else agents that succeeded from the address in 24 h; NULL: "
	    "unknown"),
	NAMED("duration_s", COLUMN_INT, "of a first block"),
	NAMED("count", COLUMN_INT, "hits counted in"),
	NAMED("first_time", COLUMN_TIME, "of the counted hits"),
	NAMED("last_time", COLUMN_TIME, "of the counted hits"),
	NAMED("event_ids", COLUMN_JSON, "ids of the first events"),
};

static const struct column block_columns[] = {
	HEAD,
	NAMED("revision", COLUMN_INT, "raised at every change"),
	NAMED("prefix", COLUMN_TEXT, "address or network"),
	NAMED("state", COLUMN_TEXT, "active, shadow, expired, removed"),
	NAMED("since", COLUMN_TIME, "when it began"),
	NAMED("until", COLUMN_TIME, "when it ends"),
	NAMED("rule", COLUMN_TEXT, "whose alert it was, or manual"),
	NAMED("alert_id", COLUMN_TEXT, "id in alerts"),
	NAMED("reason", COLUMN_TEXT, "in words"),
	NAMED("manual", COLUMN_BOOL, "by a person"),
	NAMED("strikes", COLUMN_INT, "blocks of this prefix within a week"),
	NAMED("mode", COLUMN_TEXT, "shadow, canary or enforce"),
};

static const struct column ledger_columns[] = {
	HEAD,
	NAMED("what", COLUMN_TEXT,
	    "truncated, rewritten, shortened, gone, vacuumed, unreadable, dead_letters"),
	NAMED("source", COLUMN_TEXT, "file, or sink"),
	NAMED("lost_bytes", COLUMN_INT, "known to be lost"),
	NAMED("lost_records", COLUMN_INT, "known to be lost"),
};

static const struct column reject_columns[] = {
	HEAD,
	NAMED("sink", COLUMN_TEXT, "that refused the record"),
	NAMED("reason", COLUMN_TEXT, "in its words"),
	NAMED("kind", COLUMN_TEXT, "table of the record"),
	NAMED("record_id", COLUMN_TEXT, "id of the record"),
	{ "body", COLUMN_TEXT, FROM_BODY, 0, "the line" },
};

enum { KEY_MAX = 48 };

static struct table tables[TABLE_N];
static char keys[TABLE_N][SCHEMA_MAX_COLUMNS][KEY_MAX];

static void add(struct table *t, const struct column *c, size_t n)
{
	for (size_t i = 0; i < n && t->n < SCHEMA_MAX_COLUMNS; i++)
		t->c[t->n++] = c[i];
}

static bool has(const struct table *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->c[i].name, name) == 0)
			return true;
	return false;
}

static void add_attrs(struct table *t)
{
	static const enum column_type types[] = { COLUMN_TEXT, COLUMN_INT, COLUMN_REAL,
		COLUMN_BOOL };

	for (unsigned k = 1; k < ATTR_N; k++) {
		struct column c = { attr_defs[k].column, types[attr_defs[k].type], FROM_ATTR, k,
			attr_defs[k].name };

		if (c.name != NULL && !has(t, c.name))
			add(t, &c, 1);
	}
}

#define ADD(t, list) add((t), (list), sizeof(list) / sizeof(*(list)))

static bool is_shared(const struct column *c)
{
	return c->source == FROM_CONTEXT || c->source == FROM_SERVICE || c->source == FROM_PARSER ||
	       c->source == FROM_PATH || c->source == FROM_OBSERVED;
}

static void make_lists(struct table *t)
{
	memset(t->of_attr, SCHEMA_NO_COLUMN, sizeof(t->of_attr));
	for (unsigned i = 0; i < t->n; i++)
		if (is_shared(&t->c[i]))
			t->shared[t->n_shared++] = (uint8_t)i;
		else if (t->c[i].source == FROM_ATTR)
			t->of_attr[t->c[i].key] = (uint8_t)i;
		else
			t->own[t->n_own++] = (uint8_t)i;
}

static void make_tables(void)
{
	static const char *const names[TABLE_N][2] = { { "events_raw", "events" },
		{ "alerts_raw", "alerts" }, { "blocks_raw", "blocks" }, { "rejects", "rejects" },
		{ "ledger", "ledger" } };

	for (unsigned k = 0; k < TABLE_N; k++) {
		tables[k].name = names[k][0];
		tables[k].short_name = names[k][1];
	}
	ADD(&tables[TABLE_EVENTS], event_first);
	ADD(&tables[TABLE_EVENTS], always);
	add_attrs(&tables[TABLE_EVENTS]);
	ADD(&tables[TABLE_EVENTS], event_last);
	ADD(&tables[TABLE_ALERTS], alert_columns);
	ADD(&tables[TABLE_BLOCKS], block_columns);
	ADD(&tables[TABLE_REJECTS], reject_columns);
	ADD(&tables[TABLE_LEDGER], ledger_columns);
	for (unsigned k = TABLE_ALERTS; k < TABLE_N; k++)
		ADD(&tables[k], always);
	for (unsigned k = 0; k < TABLE_N; k++) {
		make_lists(&tables[k]);
		for (unsigned i = 0; i < tables[k].n; i++) {
			char *to = keys[k][i];
			int n = snprintf(to, KEY_MAX, ",\"%s\":", tables[k].c[i].name);

			tables[k].key[i] = (struct slice){ to, (size_t)n };
		}
	}
}

const struct table *schema_table(enum schema_table which)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_tables);
	return &tables[which];
}

enum schema_table schema_of(enum record_kind kind)
{
	switch (kind) {
	case RECORD_EVENT:
		return TABLE_EVENTS;
	case RECORD_ALERT:
		return TABLE_ALERTS;
	case RECORD_BLOCK:
		return TABLE_BLOCKS;
	case RECORD_LEDGER:
		return TABLE_LEDGER;
	case RECORD_CONTEXT:
	case RECORD_ORIGIN:
	case RECORD_POSITION:
	case RECORD_HIT:
	case RECORD_STATE:
		break;
	}
	return TABLE_N;
}

/* ---- values ---- */

static void set_text(struct cell *out, struct slice s)
{
	out->is_null = s.p == NULL;
	out->text = s;
}

static void set_number(struct cell *out, int64_t v)
{
	out->is_null = false;
	out->is_number = true;
	out->number = v;
}

static void set_time(struct cell *out, int64_t time_us)
{
	out->is_null = false;
	out->is_time = true;
	out->number = time_us;
}

/* A value that was written as text, as its column wants it. */
void schema_typed(const struct column *c, struct slice v, struct cell *out)
{
	int64_t n;

	*out = (struct cell){ .is_null = true };
	if (v.p == NULL)
		return;
	if (c->type == COLUMN_TIME && slice_i64(v, &n))
		set_time(out, n);
	else if (c->type == COLUMN_BOOL)
		set_number(out, slice_eq(v, SLICE("true")));
	else if (c->type == COLUMN_INT && slice_i64(v, &n))
		set_number(out, n);
	else
		set_text(out, v);
}

static void strongest(struct cell *out, const struct record *r, unsigned part)
{
	const struct detection *best = NULL;
	int best_level = -1;

	for (unsigned i = 0; i < r->ev.n_detections; i++) {
		enum level level = level_of(r->ev.detections[i].level);

		if (level < LEVEL_N && (int)level > best_level) {
			best = &r->ev.detections[i];
			best_level = (int)level;
		}
	}
	if (best != NULL)
		set_text(out, part == 0 ? best->category : part == 1 ? best->level : best->rule);
}

static void from_json(
    struct cell *out, const struct record *r, bool detections, struct buf *scratch)
{
	struct json j = { .out = scratch };
	size_t from = scratch->n;
	bool any = detections ? record_json_detections(&j, &r->ev) : record_json_rest(&j, &r->ev);

	if (any && !scratch->full)
		set_text(out, (struct slice){ scratch->p + from, scratch->n - from });
}

void schema_value(
    const struct record *r, const struct column *c, struct buf *scratch, struct cell *out)
{
	const char *context = (const char *)r->context;
	struct slice s;

	*out = (struct cell){ .is_null = true };
	buf_reset(scratch);
	switch (c->source) {
	case FROM_SEQ:
		set_number(out, (int64_t)r->seq);
		break;
	case FROM_ID: {
		char *to = buf_room(scratch, RECORD_ID_TEXT + 1);

		if (to != NULL) {
			record_id_text(r->id, to);
			set_text(out, (struct slice){ to, RECORD_ID_TEXT });
		}
		break;
	}
	case FROM_TIME:
		set_time(out, r->ev.time_us);
		break;
	case FROM_OBSERVED:
		set_time(out, r->context->observed_us);
		break;
	case FROM_CONTEXT:
		memcpy(&s, context + c->key, sizeof(s));
		if (s.n > 0)
			set_text(out, s);
		break;
	case FROM_SERVICE:
		set_text(out, r->origin != NULL && r->origin->service.n > 0
				  ? r->origin->service
				  : r->context->service_name);
		break;
	case FROM_PARSER:
		if (r->origin != NULL)
			set_text(out, r->origin->parser);
		break;
	case FROM_PATH:
		if (r->origin != NULL)
			set_text(out, r->origin->path);
		break;
	case FROM_OFFSET:
		set_number(out, (int64_t)r->ev.offset);
		break;
	case FROM_STRONGEST:
		strongest(out, r, c->key);
		break;
	case FROM_DETECTIONS:
		from_json(out, r, true, scratch);
		break;
	case FROM_ATTRIBUTES:
		from_json(out, r, false, scratch);
		break;
	case FROM_BODY:
		set_text(out, r->ev.body);
		break;
	case FROM_ATTR:
		schema_typed(c, event_get(&r->ev, (enum attr_key)c->key), out);
		break;
	case FROM_NAMED:
		schema_typed(c, event_get_named(&r->ev, slice_of(c->name)), out);
		break;
	}
}

void schema_cell(
    const struct record *r, const struct column *c, struct buf *scratch, struct cell *out)
{
	char *to;

	schema_value(r, c, scratch, out);
	if (!out->is_time)
		return;
	out->is_time = false;
	out->is_null = true;
	to = buf_room(scratch, TIMEFMT_MAX);
	if (to != NULL)
		set_text(out, (struct slice){ to, timefmt_rfc3339(out->number, to) });
}

/* ---- DDL ---- */

void schema_sqlite(struct buf *out)
{
	static const char *const types[] = { "TEXT", "INTEGER", "REAL", "INTEGER", "TEXT", "TEXT" };

	for (unsigned k = 0; k < TABLE_N; k++) {
		const struct table *t = schema_table((enum schema_table)k);

		buf_printf(out, "CREATE TABLE IF NOT EXISTS %s (\n", t->name);
		for (unsigned i = 0; i < t->n; i++)
			buf_printf(out, "  \"%s\" %s%s%s -- %s\n", t->c[i].name,
			    types[t->c[i].type], t->c[i].source == FROM_SEQ ? " PRIMARY KEY" : "",
			    i + 1 < t->n ? "," : "", t->c[i].help);
		buf_str(out, ");\n");
	}
	/* alerts and blocks are few, and asked for by id */
	buf_str(out,
	    "CREATE INDEX IF NOT EXISTS alerts_latest ON alerts_raw (id, revision, seq);\n"
	    "CREATE INDEX IF NOT EXISTS blocks_latest ON blocks_raw (id, revision, seq);\n");
	/* times are RFC 3339 text, so day and hour are parts of it in every dialect */
	buf_str(out,
	    "CREATE VIEW IF NOT EXISTS events AS SELECT substr(\"time\", 1, 10) AS day,\n"
	    "  substr(\"time\", 12, 2) AS hour, * FROM events_raw;\n"
	    "CREATE VIEW IF NOT EXISTS alerts AS SELECT substr(\"time\", 1, 10) AS day,\n"
	    "  substr(\"time\", 12, 2) AS hour, * FROM alerts_raw AS a WHERE seq =\n"
	    "  (SELECT b.seq FROM alerts_raw AS b WHERE b.id = a.id\n"
	    "   ORDER BY b.revision DESC, b.seq DESC LIMIT 1);\n"
	    "CREATE VIEW IF NOT EXISTS blocks AS SELECT substr(\"time\", 1, 10) AS day,\n"
	    "  substr(\"time\", 12, 2) AS hour, * FROM blocks_raw AS a WHERE seq =\n"
	    "  (SELECT b.seq FROM blocks_raw AS b WHERE b.id = a.id\n"
	    "   ORDER BY b.revision DESC, b.seq DESC LIMIT 1);\n"
	    "CREATE VIEW IF NOT EXISTS detections AS SELECT substr(e.\"time\", 1, 10) AS day,\n"
	    "  substr(e.\"time\", 12, 2) AS hour, e.seq, e.id, e.\"time\", e.service_name, "
	    "e.host_name,\n"
	    "  e.client_address, e.user_name, e.url_path,\n"
	    "  json_extract(d.value, '$.rule') AS rule, json_extract(d.value, '$.category') AS "
	    "category,\n"
	    "  json_extract(d.value, '$.level') AS level, json_extract(d.value, '$.field') AS "
	    "field,\n"
	    "  json_extract(d.value, '$.match') AS match\n"
	    "  FROM events_raw AS e, json_each(e.detections) AS d WHERE e.detections IS NOT NULL;\n"
	    "CREATE TABLE IF NOT EXISTS sekisho_cursor (id INTEGER PRIMARY KEY, cursor BLOB NOT "
	    "NULL);\n");
}
