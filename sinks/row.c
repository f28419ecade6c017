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

/* rest: some attribute has no column. */
static bool is_wanted(const struct row_rules *rules, const struct record *r,
    enum column_source source, enum row_size size, bool rest)
{
	if (source == FROM_BODY)
		return row_wants_body(rules, r);
	if (source == FROM_ATTRIBUTES)
		return rest && size == ROW_WHOLE;
	return r->ev.n_detections > 0 || (source != FROM_STRONGEST && source != FROM_DETECTIONS);
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

	json_quoted(j, t->key[i]);
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

static void put_text(const struct row_rules *rules, struct json *j, const struct table *t,
    unsigned i, struct slice text)
{
	if (rules->form == ROW_PROTO)
		pb_bytes(j->out, i + 1, text);
	else
		json_quoted_text(j, t->key[i], text);
}

static int put_cell(const struct row_rules *rules, struct json *j, const struct table *t,
    unsigned i, const struct cell *v, struct err *e)
{
	if (rules->form == ROW_PROTO)
		return put_proto(j->out, i + 1, &t->c[i], v, e);
	put_json(j, rules->form, t, i, v);
	return 0;
}

/* ---- what rows have in common ---- */

static void parts_of(const struct record *r, struct slice part[static ROW_PARTS])
{
	static const struct record_origin none;
	const struct record_context *c = r->context;
	const struct record_origin *o = r->origin != NULL ? r->origin : &none;
	const struct slice all[ROW_PARTS] = { c->service_name, c->service_version, c->environment,
		c->host_name, c->host_image_id, c->cloud_region, c->rules_hash, o->path, o->parser,
		o->service };

	memcpy(part, all, sizeof(all));
}

/* By content: the next frame's may stand at the same place. */
static bool is_as_before(const struct row_memory *m, const struct record *r, enum schema_table t,
    const struct slice part[static ROW_PARTS])
{
	if (!m->is_set || m->table != t || m->observed_us != r->context->observed_us)
		return false;
	for (unsigned i = 0; i < ROW_PARTS; i++)
		if (!slice_eq(m->part[i], part[i]))
			return false;
	return true;
}

static void keep(struct row_memory *m, const struct record *r, enum schema_table t,
    const struct slice part[static ROW_PARTS])
{
	size_t at = 0;

	buf_reset(&m->text);
	for (unsigned i = 0; i < ROW_PARTS; i++)
		buf_slice(&m->text, part[i]);
	for (unsigned i = 0; i < ROW_PARTS; at += part[i++].n)
		m->part[i] = (struct slice){ m->text.p + at, part[i].n };
	m->table = t;
	m->observed_us = r->context->observed_us;
	m->is_set = !m->text.full && !m->shared.full;
}

/* Into m->shared. */
static void make_shared(const struct row_rules *rules, const struct record *r, struct row_memory *m,
    enum schema_table which)
{
	const struct table *t = schema_table(which);
	struct slice part[ROW_PARTS];
	struct json j = { .out = &m->shared };
	struct err never;

	if (m->is_set && m->table == which && m->context != 0 && m->context == r->context->number &&
	    m->origin == r->origin)
		return;
	m->context = r->context->number;
	m->origin = r->origin;
	parts_of(r, part);
	if (is_as_before(m, r, which, part))
		return;
	buf_reset(&m->shared);
	for (unsigned k = 0; k < t->n_shared; k++) {
		unsigned i = t->shared[k];
		struct cell v;

		schema_value(r, &t->c[i], &m->scratch, &v);
		if (!v.is_null) /* texts and a time fit their columns */
			put_cell(rules, &j, t, i, &v, &never);
	}
	keep(m, r, which, part);
}

void row_memory_free(struct row_memory *m)
{
	buf_free(&m->scratch);
	buf_free(&m->shared);
	buf_free(&m->text);
}

/* ---- a row ---- */

/* From the attributes' side: two thirds of the columns are empty in most rows. */
static int put_attrs(const struct row_rules *rules, struct json *j, const struct table *t,
    const struct event *ev, struct err *e)
{
	uint64_t seen[ATTR_N / 64 + 1] = { 0 };

	for (const struct attr *a = ev->attrs; a < ev->attrs + ev->n_attrs; a++) {
		unsigned i = t->of_attr[a->key];
		struct slice text = { a->p, a->n };
		struct cell v;

		if (i == SCHEMA_NO_COLUMN || (seen[a->key / 64] >> a->key % 64 & 1) != 0 ||
		    a->p == NULL)
			continue;
		seen[a->key / 64] |= UINT64_C(1) << a->key % 64; /* the first counts */
		if (t->c[i].type == COLUMN_TEXT) {		 /* most are */
			put_text(rules, j, t, i, text);
			continue;
		}
		schema_typed(&t->c[i], text, &v);
		if (put_cell(rules, j, t, i, &v, e) != 0)
			return -1;
	}
	return 0;
}

static bool has_rest(const struct event *ev)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (attr_defs[ev->attrs[i].key].column == NULL)
			return true;
	return false;
}

/* The columns that are neither shared nor an attribute. */
static int put_own(const struct row_rules *rules, const struct record *r, enum row_size size,
    struct json *j, struct row_memory *m, struct err *e)
{
	const struct table *t = schema_table(schema_of(r->kind));
	bool rest = has_rest(&r->ev);

	for (unsigned k = 0; k < t->n_own; k++) {
		const struct column *c = &t->c[t->own[k]];
		struct cell v;

		if (!is_wanted(rules, r, c->source, size, rest))
			continue;
		schema_value(r, c, &m->scratch, &v);
		if (v.is_null)
			continue;
		if (c->source == FROM_BODY && size == ROW_SHORT)
			shorten(&v.text);
		if (put_cell(rules, j, t, t->own[k], &v, e) != 0)
			return -1;
	}
	return 0;
}

int row_put(const struct row_rules *rules, const struct record *r, enum row_size size,
    struct buf *out, struct row_memory *m, struct err *e)
{
	enum schema_table which = schema_of(r->kind);
	struct json j = { .out = out };

	make_shared(rules, r, m, which);
	if (rules->form != ROW_PROTO)
		json_open(&j, '{');
	buf_slice(out, buf_as_slice(&m->shared));
	out->full = out->full || m->shared.full;
	j.comma = m->shared.n > 0;
	if (put_own(rules, r, size, &j, m, e) != 0 ||
	    put_attrs(rules, &j, schema_table(which), &r->ev, e) != 0)
		return -1;
	if (rules->form != ROW_PROTO)
		json_close(&j, '}');
	return 0;
}
