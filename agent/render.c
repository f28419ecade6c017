#include "agent/render.h"

#include "base/record.h"
#include "base/record_json.h"

static void begin(struct json *j, const char *kind, const uint64_t id[2])
{
	char text[RECORD_ID_TEXT + 1];

	record_id_text(id, text);
	json_open(j, '{');
	json_member_text(j, "kind", slice_of(kind));
	json_member_text(j, "id", (struct slice){ text, RECORD_ID_TEXT });
}

static void event_members(struct json *j, const struct event *ev, struct slice parser)
{
	if (ev->line != 0)
		json_member_u64(j, "line", ev->line);
	json_member_u64(j, "offset", ev->offset);
	JSON_KEY(j, "time");
	json_time(j, ev->time_us);
	json_member_text(j, "parser", parser);
	json_member_text(j, "body", ev->body);
	JSON_KEY(j, "attributes");
	record_json_attributes(j, ev);
	if (ev->n_detections > 0) {
		JSON_KEY(j, "detections");
		record_json_detections(j, ev);
	}
}

void render_event(struct json *j, const struct event *ev, const uint64_t id[2], struct slice parser)
{
	begin(j, "event", id);
	event_members(j, ev, parser);
	json_close(j, '}');
}

static void render_entity(struct json *j, const struct alert *a)
{
	char prefix[IP_TEXT_MAX];

	JSON_KEY(j, "entity");
	json_open(j, '{');
	json_member_text(j, "type", slice_of(entity_names[a->entity]));
	json_member_text(j, "value", slice_of(a->value));
	if (a->has_address && (a->entity == ENTITY_IP || a->entity == ENTITY_CLIENT)) {
		struct ip_prefix p = ip_unit(&a->address);

		json_member_text(j, "prefix", (struct slice){ prefix, ip_prefix_text(&p, prefix) });
		if (a->provenance != PROVENANCE_NONE)
			json_member_text(
			    j, "provenance", slice_of(provenance_names[a->provenance]));
	}
	json_close(j, '}');
}

void render_alert(struct json *j, const struct alert *a)
{
	begin(j, "alert", a->id);
	JSON_KEY(j, "time");
	json_time(j, a->time_us);
	json_member_text(j, "rule", slice_of(a->rule));
	json_member_text(j, "category", slice_of(category_names[a->category]));
	json_member_text(j, "level", slice_of(level_names[a->level]));
	render_entity(j, a);
	json_member_text(j, "action", slice_of(action_names[a->action]));
	if (a->duration_s > 0)
		json_member_i64(j, "duration_s", a->duration_s);
	json_member_u64(j, "count", a->count);
	json_member_u64(j, "revision", a->revision);
	JSON_KEY(j, "page");
	json_bool(j, a->page);
	JSON_KEY(j, "lines");
	json_open(j, '[');
	for (unsigned i = 0; i < a->n_lines; i++)
		json_u64(j, a->lines[i]);
	json_close(j, ']');
	json_close(j, '}');
}

/* ---- what the journal holds ---- */

static void copy_text(struct json *j, const char *key, const struct event *ev, const char *name)
{
	struct slice v = event_get_named(ev, slice_of(name));

	if (v.n > 0)
		json_member_text(j, key, v);
}

/* A number, a boolean or a list, as it stands; what isn't one was not written by us. */
static void copy_json(struct json *j, const char *key, const struct event *ev)
{
	struct slice v = event_get_named(ev, slice_of(key));
	int64_t n;

	if (!slice_i64(v, &n) && !slice_eq(v, SLICE("true")) && !slice_eq(v, SLICE("false")) &&
	    !slice_starts(v, SLICE("[")))
		return;
	json_key(j, slice_of(key));
	json_raw(j, v);
}

/* As scan prints it; the ids of its events stand for line numbers. */
static void alert_members(struct json *j, const struct event *ev)
{
	static const char *const texts[] = { "rule", "category", "level" };
	static const char *const decided[] = { "action", "effective", "mode", "reason" };
	static const char *const rest[] = { "duration_s", "count", "revision", "page",
		"event_ids" };

	for (unsigned i = 0; i < 3; i++)
		copy_text(j, texts[i], ev, texts[i]);
	JSON_KEY(j, "entity");
	json_open(j, '{');
	copy_text(j, "type", ev, "entity_type");
	copy_text(j, "value", ev, "entity_value");
	copy_text(j, "prefix", ev, "entity_prefix");
	copy_text(j, "provenance", ev, "provenance");
	json_close(j, '}');
	for (unsigned i = 0; i < 4; i++)
		copy_text(j, decided[i], ev, decided[i]);
	for (unsigned i = 0; i < 5; i++)
		copy_json(j, rest[i], ev);
}

static void text_if(struct json *j, const char *key, struct slice v)
{
	if (v.n > 0)
		json_member_text(j, key, v);
}

static void kept_beside(struct json *j, const struct record *r)
{
	const struct record_context *c = r->context;
	struct slice service =
	    r->origin != NULL && r->origin->service.n > 0 ? r->origin->service : c->service_name;

	json_member_u64(j, "seq", r->seq);
	if (r->origin != NULL) {
		json_member_text(j, "file", r->origin->path);
		json_member_u64(j, "span", r->ev.span);
	}
	JSON_KEY(j, "observed");
	json_time(j, c->observed_us);
	text_if(j, "service.name", service);
	text_if(j, "service.version", c->service_version);
	text_if(j, "deployment.environment.name", c->environment);
	text_if(j, "host.name", c->host_name);
	text_if(j, "rules_hash", c->rules_hash);
}

void render_record(struct json *j, const struct record *r, bool whole)
{
	static const char *const kinds[] = { "", "event", "alert", "block", "ledger" };

	begin(j, kinds[r->kind], r->id);
	if (r->kind == RECORD_EVENT) {
		event_members(j, &r->ev, r->origin->parser);
	} else {
		JSON_KEY(j, "time");
		json_time(j, r->ev.time_us);
		if (r->kind == RECORD_ALERT)
			alert_members(j, &r->ev);
		if (r->kind != RECORD_ALERT || whole) {
			JSON_KEY(j, "attributes");
			record_json_attributes(j, &r->ev);
		}
	}
	if (whole)
		kept_beside(j, r);
	json_close(j, '}');
}
