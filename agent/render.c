#include "agent/render.h"

#include "base/record.h"
#include "base/record_json.h"

void render_event(struct json *j, const struct event *ev, const uint64_t id[2], struct slice parser)
{
	char text[RECORD_ID_TEXT + 1];

	record_id_text(id, text);
	json_open(j, '{');
	json_member_text(j, "kind", SLICE("event"));
	json_member_text(j, "id", (struct slice){ text, RECORD_ID_TEXT });
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
		struct ip_prefix p = ip_prefix_of(&a->address, ip_is_v4(&a->address) ? 128 : 64);

		json_member_text(j, "prefix", (struct slice){ prefix, ip_prefix_text(&p, prefix) });
		if (a->provenance != PROVENANCE_NONE)
			json_member_text(
			    j, "provenance", slice_of(provenance_names[a->provenance]));
	}
	json_close(j, '}');
}

void render_alert(struct json *j, const struct alert *a)
{
	char id[RECORD_ID_TEXT + 1];

	record_id_text(a->id, id);
	json_open(j, '{');
	json_member_text(j, "kind", SLICE("alert"));
	json_member_text(j, "id", (struct slice){ id, RECORD_ID_TEXT });
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
