#include "sinks/row.h"

#include "base/err.h"
#include "base/json.h"
#include "base/protobuf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { BODY_KEPT = 1024, NUMBER_MAX = 64 };

/* What was parsed is in the attributes; a line that was not is all there is. */
bool row_wants_body(const struct row_rules *rules, const struct record *r)
{
	return rules->keep_body == KEEP_BODY_ALWAYS || (r->ev.flags & EVENT_BAD) != 0 ||
	       r->origin == NULL || slice_eq(r->origin->parser, SLICE("raw")) ||
	       (rules->keep_body == KEEP_BODY_DETECTED && r->ev.n_detections > 0);
}

static bool is_wanted(const struct row_rules *rules, const struct record *r, const struct column *c,
    enum row_size size)
{
	return c->source == FROM_BODY ? row_wants_body(rules, r)
				      : c->source != FROM_ATTRIBUTES || size == ROW_WHOLE;
}

static void shorten(struct slice *s)
{
	if (s->n <= BODY_KEPT)
		return;
	s->n = BODY_KEPT;
	while (s->n > 0 && ((uint8_t)s->p[s->n] & 0xc0) == 0x80)
		s->n--; /* never half a character */
}

struct slice row_body(const struct record *r, enum row_size size)
{
	struct slice body = r->ev.body;

	if (size == ROW_SHORT)
		shorten(&body);
	return body;
}

/* ---- JSON ---- */

static void put_json(
    struct json *j, enum row_form form, const struct table *t, unsigned i, const struct cell *v)
{
	const struct column *c = &t->c[i];

	json_key(j, (struct slice){ c->name, t->name_n[i] });
	if (c->type == COLUMN_BOOL)
		json_bool(j, v->is_number ? v->number != 0 : slice_eq(v->text, SLICE("true")));
	else if (v->is_time)
		json_time(j, v->number);
	else if (v->is_number)
		json_i64(j, v->number);
	else if ((c->type == COLUMN_JSON && form == ROW_JSON) || c->type == COLUMN_REAL)
		json_raw(j, v->text);
	else
		json_text(j, v->text);
}

/* ---- Protocol Buffers ---- */

static bool read_real(struct slice s, double *v)
{
	char text[NUMBER_MAX];
	char *end;

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*v = strtod(text, &end);
	return *end == '\0' && isfinite(*v);
}

static int put_proto(
    struct buf *out, unsigned field, const struct column *c, const struct cell *v, struct err *e)
{
	double real = 0;

	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_JSON:
		pb_bytes(out, field, v->text);
		return 0;
	case COLUMN_BOOL:
		pb_uint(
		    out, field, v->is_number ? v->number != 0 : slice_eq(v->text, SLICE("true")));
		return 0;
	case COLUMN_INT:
	case COLUMN_TIME:
		if (!v->is_number && !v->is_time)
			break;
		pb_uint(out, field, (uint64_t)v->number);
		return 0;
	case COLUMN_REAL:
		if (!v->is_number && !read_real(v->text, &real))
			break;
		pb_double(out, field, v->is_number ? (double)v->number : real);
		return 0;
	}
	return err_set(e, EINVAL, "column %s: '%.*s' is not of its type", c->name,
	    v->text.n < 64 ? (int)v->text.n : 64, v->text.p);
}

/* Two thirds of the columns are empty in most rows: one walk tells which. */
static void note_present(const struct record *r, bool present[static ATTR_N])
{
	memset(present, 0, ATTR_N * sizeof(*present));
	for (unsigned i = 0; i < r->ev.n_attrs; i++)
		if (r->ev.attrs[i].key < ATTR_N)
			present[r->ev.attrs[i].key] = true;
}

int row_put(const struct row_rules *rules, const struct record *r, enum row_size size,
    struct buf *out, struct buf *scratch, struct err *e)
{
	const struct table *t = schema_table(schema_of(r->kind));
	struct json j = { .out = out };
	bool present[ATTR_N];

	note_present(r, present);
	if (rules->form != ROW_PROTO)
		json_open(&j, '{');
	for (unsigned i = 0; i < t->n; i++) {
		const struct column *c = &t->c[i];
		struct cell v;

		if ((c->source == FROM_ATTR && !present[c->key]) || !is_wanted(rules, r, c, size))
			continue;
		schema_value(r, c, scratch, &v);
		if (v.is_null)
			continue;
		if (c->source == FROM_BODY && size == ROW_SHORT)
			shorten(&v.text);
		if (rules->form != ROW_PROTO)
			put_json(&j, rules->form, t, i, &v);
		else if (put_proto(out, i + 1, c, &v, e) != 0)
			return -1;
	}
	if (rules->form != ROW_PROTO)
		json_close(&j, '}');
	return 0;
}
