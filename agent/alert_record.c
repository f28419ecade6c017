#include "agent/alert_record.h"

#include "agent/agent.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

static const char *const mode_names[] = { "shadow", "canary", "enforce" };
static const char *const block_states[] = { "active", "shadow", "expired", "removed" };

/* A record under construction: values are kept in `text` until it is written. */
struct fields {
	struct attr attrs[40];
	struct event ev;
	char text[8192];
	size_t n;
};

static void put(struct fields *f, const char *name, struct slice v)
{
	if (f->ev.n_attrs == sizeof(f->attrs) / sizeof(*f->attrs) || v.n > sizeof(f->text) - f->n)
		return;
	if (v.n > 0)
		memcpy(f->text + f->n, v.p, v.n);
	f->attrs[f->ev.n_attrs++] = (struct attr){ .p = f->text + f->n,
		.n = (uint32_t)v.n,
		.name = name,
		.name_n = (uint16_t)strlen(name) };
	f->n += v.n;
}

static void put_text(struct fields *f, const char *name, const char *v)
{
	if (v[0] != '\0')
		put(f, name, slice_of(v));
}

static void put_i64(struct fields *f, const char *name, int64_t v)
{
	char text[24];

	put(f, name, (struct slice){ text, (size_t)snprintf(text, sizeof(text), "%" PRId64, v) });
}

static void put_id(struct fields *f, const char *name, const uint64_t id[2])
{
	char text[RECORD_ID_TEXT + 1];

	record_id_text(id, text);
	put(f, name, (struct slice){ text, RECORD_ID_TEXT });
}

static void begin(struct fields *f, int64_t time_us)
{
	f->n = 0;
	f->ev = (struct event){ .time_us = time_us, .attrs = f->attrs };
}

static void put_lists(struct fields *f, const struct alert *a)
{
	struct buf b = { .max = 6000 };
	struct json j = { .out = &b };

	json_open(&j, '[');
	for (unsigned i = 0; i < a->n_events; i++) {
		char text[RECORD_ID_TEXT + 1];

		record_id_text(a->events[i], text);
		json_text(&j, (struct slice){ text, RECORD_ID_TEXT });
	}
	json_close(&j, ']');
	put(f, "event_ids", buf_as_slice(&b));
	buf_free(&b);
}

void alert_of_difference(const char *rule, const uint64_t event[2], int64_t now_us, struct alert *a)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(rule, strlen(rule), (uint64_t)now_us);

	*a = (struct alert){ .id = { h.high64, h.low64 },
		.time_us = now_us,
		.first_us = now_us,
		.last_us = now_us,
		.category = CATEGORY_PROTOCOL,
		.level = LEVEL_CRITICAL,
		.entity = ENTITY_OTHER,
		.action = ACTION_NOTIFY,
		.count = 1,
		.revision = 1,
		.page = true,
		.events = { { event[0], event[1] } },
		.n_events = 1 };
	snprintf(a->rule, sizeof(a->rule), "sekisho.engine.difference");
	snprintf(a->value, sizeof(a->value), "%s", rule);
}

void alert_record(struct record_writer *w, const struct alert *a, const struct verdict_on_alert *v)
{
	struct fields f;

	begin(&f, a->time_us);
	put_i64(&f, "revision", a->revision);
	put_text(&f, "rule", a->rule);
	put_text(&f, "category", category_names[a->category]);
	put_text(&f, "level", level_names[a->level]);
	put_text(&f, "entity_type", entity_names[a->entity]);
	put_text(&f, "entity_value", a->value);
	if (a->has_address) {
		char text[IP_TEXT_MAX];
		struct ip_prefix p = ip_unit(&a->address);

		put(&f, "entity_prefix", (struct slice){ text, ip_prefix_text(&p, text) });
		put_text(&f, "provenance", provenance_names[a->provenance]);
	}
	put_text(&f, "action", action_names[a->action]);
	put_text(&f, "effective", action_names[v->effective]);
	put_text(&f, "mode", mode_names[v->mode]);
	put_text(&f, "reason", v->reason);
	if (v->collateral >= 0)
		put_i64(&f, "collateral", v->collateral);
	put_text(&f, "page", a->page ? "true" : "false");
	put_i64(&f, "duration_s", a->duration_s);
	put_i64(&f, "count", (int64_t)a->count);
	put_i64(&f, "first_time", a->first_us);
	put_i64(&f, "last_time", a->last_us);
	put_lists(&f, a);
	record_put_fields(w, RECORD_ALERT, a->id, &f.ev);
}

void block_record(struct record_writer *w, const struct block *b, unsigned mode)
{
	char prefix[IP_TEXT_MAX];
	struct fields f;

	begin(&f, b->since_us);
	put_i64(&f, "revision", b->revision);
	put(&f, "prefix", (struct slice){ prefix, ip_prefix_text(&b->prefix, prefix) });
	put_text(&f, "state", block_states[b->state]);
	put_i64(&f, "since", b->since_us);
	put_i64(&f, "until", b->until_us);
	put_text(&f, "rule", b->rule);
	if (b->alert_id[0] != 0 || b->alert_id[1] != 0)
		put_id(&f, "alert_id", b->alert_id);
	put_text(&f, "reason", b->reason);
	put_text(&f, "manual", b->manual ? "true" : "false");
	put_i64(&f, "strikes", b->strikes);
	put_text(&f, "mode", mode_names[mode]);
	record_put_fields(w, RECORD_BLOCK, b->id, &f.ev);
}

void ledger_put(struct record_writer *w, const struct ledger_row *row, uint64_t host_id)
{
	struct fields f;
	uint64_t in[2] = { host_id, (uint64_t)row->time_us };
	XXH128_hash_t h = XXH3_128bits(in, sizeof(in));
	uint64_t id[2] = { h.high64, h.low64 ^ XXH3_64bits(row->source, strlen(row->source)) };

	begin(&f, row->time_us);
	put_text(&f, "what", row->what);
	put_text(&f, "source", row->source);
	put_i64(&f, "lost_bytes", (int64_t)row->lost_bytes);
	put_i64(&f, "lost_records", (int64_t)row->lost_records);
	record_put_fields(w, RECORD_LEDGER, id, &f.ev);
}
