/* The tables of keys as JSON Schema, for editors. See config.h. */
#include "base/config.h"
#include "base/json.h"

static void type_is(struct json *j, const char *type)
{
	json_member_text(j, "type", slice_of(type));
}

/* Sizes, spans and shares are numbers with a unit, or bare. */
static void pattern(struct json *j, const char *regex)
{
	JSON_KEY(j, "type");
	json_open(j, '[');
	json_text(j, SLICE("string"));
	json_text(j, SLICE("integer"));
	json_close(j, ']');
	json_member_text(j, "pattern", slice_of(regex));
}

static void one_or_list(struct json *j)
{
	JSON_KEY(j, "oneOf");
	json_open(j, '[');
	json_raw(j, SLICE("{\"type\":[\"string\",\"number\"]}"));
	json_raw(j, SLICE("{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"number\"]}}"));
	json_close(j, ']');
}

static void enumeration(struct json *j, const char *const *names)
{
	JSON_KEY(j, "enum");
	json_open(j, '[');
	for (; *names != NULL; names++) {
		json_text(j, slice_of(*names));
		/* YAML 1.1 editors read these words as booleans */
		if (slice_eq(slice_of(*names), SLICE("off")))
			json_bool(j, false);
		if (slice_eq(slice_of(*names), SLICE("on")))
			json_bool(j, true);
	}
	json_close(j, ']');
}

static void object(struct json *j, const struct config_key *keys);

/* A map's values are sections, or one value under the name "". */
static void value(struct json *j, const struct config_key *k);

static void items(struct json *j, const struct config_key *k)
{
	json_open(j, '{');
	if (k->keys[0].name != NULL && k->keys[0].name[0] == '\0')
		value(j, &k->keys[0]);
	else
		object(j, k->keys);
	json_close(j, '}');
}

static void value(struct json *j, const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		json_raw(j, SLICE("\"type\":[\"string\",\"number\",\"boolean\"]"));
		break;
	case CONFIG_BOOL:
		type_is(j, "boolean");
		break;
	case CONFIG_UINT:
		type_is(j, "integer");
		break;
	case CONFIG_BYTES:
		pattern(j, "^[0-9]+ ?([KMGT]i?B|B)?$");
		break;
	case CONFIG_DURATION:
		pattern(j, "^[0-9]+ ?(us|ms|s|m|h|d|w)?$");
		break;
	case CONFIG_PERCENT:
		pattern(j, "^[0-9]+([.][0-9]+)? ?%?$");
		break;
	case CONFIG_SPACE:
		pattern(j, "^[0-9]+([.][0-9]+)? ?(%|[KMGT]i?B|B)?$");
		break;
	case CONFIG_ENUM:
		enumeration(j, k->names);
		break;
	case CONFIG_TEXTS:
	case CONFIG_PREFIXES:
		one_or_list(j);
		break;
	case CONFIG_SECTION:
		object(j, k->keys);
		break;
	case CONFIG_LIST:
		type_is(j, "array");
		JSON_KEY(j, "items");
		items(j, k);
		break;
	case CONFIG_MAP:
		type_is(j, "object");
		JSON_KEY(j, "additionalProperties");
		items(j, k);
		break;
	}
}

/* The tables are ours and three levels deep: recursion is bounded by them. */
static void object(struct json *j, const struct config_key *keys)
{
	type_is(j, "object");
	JSON_KEY(j, "additionalProperties");
	json_bool(j, false);
	JSON_KEY(j, "properties");
	json_open(j, '{');
	for (const struct config_key *k = keys; k->name != NULL; k++) {
		json_key(j, slice_of(k->name));
		json_open(j, '{');
		json_member_text(j, "description", slice_of(k->help));
		if (k->def != NULL)
			json_member_text(j, "default", slice_of(k->def));
		value(j, k);
		json_close(j, '}');
	}
	json_close(j, '}');
	JSON_KEY(j, "required");
	json_open(j, '[');
	for (const struct config_key *k = keys; k->name != NULL; k++)
		if (k->required)
			json_text(j, slice_of(k->name));
	json_close(j, ']');
}

void config_schema(const struct config_key *keys, struct buf *out)
{
	struct json j = { .out = out };

	json_open(&j, '{');
	json_member_text(&j, "$schema", SLICE("https://json-schema.org/draft/2020-12/schema"));
	json_member_text(&j, "title", SLICE("Sekisho's configuration"));
	object(&j, keys);
	json_close(&j, '}');
	buf_char(out, '\n');
}
