#include "base/record_json.h"

static void put_number(struct json *j, const struct attr *a)
{
	struct slice v = { a->p, a->n };
	int64_t n;

	if (slice_i64(v, &n))
		json_i64(j, n);
	else
		json_text(j, v);
}

static bool is_decimal(struct slice v)
{
	bool point = false;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '.' && !point && i > 0 && i + 1 < v.n)
			point = true;
		else if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	}
	/* JSON allows no leading zeros */
	return v.n > 0 && v.n < 24 && (v.p[0] != '0' || v.n == 1 || v.p[1] == '.');
}

static void put_attr(struct json *j, const struct attr *a)
{
	struct slice v = { a->p, a->n };

	json_key(j, attr_name(a));
	switch (attr_defs[a->key].type) {
	case ATTR_TYPE_INT:
		put_number(j, a);
		break;
	case ATTR_TYPE_FLOAT:
		if (is_decimal(v))
			json_raw(j, v);
		else
			json_text(j, v);
		break;
	case ATTR_TYPE_BOOL:
		json_bool(j, slice_eq(v, SLICE("true")));
		break;
	case ATTR_TYPE_TEXT:
		json_text(j, v);
		break;
	}
}

void record_json_attributes(struct json *j, const struct event *ev)
{
	json_open(j, '{');
	for (unsigned i = 0; i < ev->n_attrs; i++)
		put_attr(j, &ev->attrs[i]);
	json_close(j, '}');
}

bool record_json_rest(struct json *j, const struct event *ev)
{
	bool any = false;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		if (attr_defs[ev->attrs[i].key].column != NULL)
			continue;
		if (!any)
			json_open(j, '{');
		any = true;
		put_attr(j, &ev->attrs[i]);
	}
	if (any)
		json_close(j, '}');
	return any;
}

static void text_if(struct json *j, const char *key, struct slice v)
{
	if (v.n > 0)
		json_member_text(j, key, v);
}

static void put_parts(struct json *j, const struct detection *d)
{
	if (d->n_parts == 0)
		return;
	JSON_KEY(j, "parts");
	json_open(j, '[');
	for (const struct detection_part *p = d->parts; p < d->parts + d->n_parts; p++) {
		json_open(j, '{');
		json_member_text(j, "rule", p->rule);
		text_if(j, "field", p->field);
		text_if(j, "match", p->match);
		json_close(j, '}');
	}
	json_close(j, ']');
}

bool record_json_detections(struct json *j, const struct event *ev)
{
	if (ev->n_detections == 0)
		return false;
	json_open(j, '[');
	for (unsigned i = 0; i < ev->n_detections; i++) {
		const struct detection *d = &ev->detections[i];

		json_open(j, '{');
		json_member_text(j, "rule", d->rule);
		text_if(j, "id", d->id);
		json_member_text(j, "category", d->category);
		json_member_text(j, "level", d->level);
		text_if(j, "field", d->field);
		text_if(j, "match", d->match);
		text_if(j, "form", d->form);
		put_parts(j, d);
		json_close(j, '}');
	}
	json_close(j, ']');
	return true;
}
