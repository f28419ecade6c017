/* The coding side of record.h; record_read.c is its mirror. */
#include "base/pack.h"
#include "base/record.h"
#include "base/utf8.h"

#include <endian.h>

enum { CHUNK_LZ4 = 2, VARINT_MAX = 10 };

void record_id_text(const uint64_t id[2], char to[static RECORD_ID_TEXT + 1])
{
	/* Eight digits at a time: a nibble a byte, then '0', and for those above 9 the way to 'a'.
	 */
	for (unsigned i = 0; i < 4; i++, to += 8) {
		uint64_t v = i % 2 == 0 ? id[i / 2] >> 32 : id[i / 2] & UINT32_MAX;
		uint64_t above;

		v = (v << 16 | v) & UINT64_C(0x0000ffff0000ffff);
		v = (v << 8 | v) & UINT64_C(0x00ff00ff00ff00ff);
		v = (v << 4 | v) & UINT64_C(0x0f0f0f0f0f0f0f0f);
		above = (v + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
		v += UINT64_C(0x3030303030303030) + above * ('a' - '0' - 10);
		v = htobe64(v);
		memcpy(to, &v, sizeof(v));
	}
	*to = '\0';
}

bool record_id_parse(struct slice s, uint64_t id[2])
{
	id[0] = id[1] = 0;
	if (s.n != RECORD_ID_TEXT)
		return false;
	for (unsigned i = 0; i < RECORD_ID_TEXT; i++) {
		char c = s.p[i];
		unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
						    : 16;

		if (v > 15)
			return false;
		id[i / 16] = id[i / 16] << 4 | v;
	}
	return true;
}

void record_writer_free(struct record_writer *w)
{
	buf_free(&w->raw);
	buf_free(&w->scratch);
}

static char *put_varint(char *q, uint64_t v)
{
	while (v >= 0x80) {
		*q++ = (char)(v | 0x80);
		v >>= 7;
	}
	*q++ = (char)v;
	return q;
}

static char *put_bytes(char *q, struct slice s)
{
	q = put_varint(q, s.n);
	if (s.n > 0)
		memcpy(q, s.p, s.n);
	return q + s.n;
}

static uint64_t tag_of(enum record_kind kind, bool critical)
{
	return (uint64_t)kind * 2 + critical;
}

void record_put_state(struct record_writer *w, enum record_kind kind, struct slice payload)
{
	buf_varint(&w->raw, tag_of(kind, true));
	buf_bytes(&w->raw, payload);
}

void record_begin(struct record_writer *w, const struct record_context *c)
{
	const struct slice text[] = { c->service_name, c->service_version, c->environment,
		c->host_name, c->host_image_id, c->cloud_region, c->rules_hash };

	buf_reset(&w->raw);
	buf_reset(&w->scratch);
	w->last_offset = 0;
	w->last_time = 0;
	w->n_origins = 0;
	w->n_records = 0;
	buf_varint(&w->scratch, zigzag(c->observed_us));
	for (unsigned i = 0; i < sizeof(text) / sizeof(*text); i++)
		buf_bytes(&w->scratch, text[i]);
	record_put_state(w, RECORD_CONTEXT, buf_as_slice(&w->scratch));
}

unsigned record_put_origin(struct record_writer *w, const struct record_origin *o)
{
	buf_reset(&w->scratch);
	buf_varint(&w->scratch, o->hash);
	buf_bytes(&w->scratch, o->path);
	buf_bytes(&w->scratch, o->parser);
	buf_bytes(&w->scratch, o->service);
	record_put_state(w, RECORD_ORIGIN, buf_as_slice(&w->scratch));
	return w->n_origins++;
}

/* Where the next place in the body is counted from, and the body itself. */
struct body {
	const char *p;
	const char *end;
	const char *last;
};

static bool within(const struct body *b, const struct attr *a)
{
	return a->p >= b->p && a->p + a->n <= b->end;
}

static char *put_attrs(char *q, const struct attr *attrs, unsigned n, struct body *b)
{
	q = put_varint(q, n);
	for (const struct attr *a = attrs; a < attrs + n; a++) {
		q = put_varint(q, a->key);
		if (a->key == ATTR_OTHER)
			q = put_bytes(q, (struct slice){ a->name, a->name_n });
		if (a->n > 0 && within(b, a)) {
			q = put_varint(q, zigzag(a->p - b->last) << 1 | 1);
			q = put_varint(q, a->n);
			b->last = a->p + a->n;
		} else {
			q = put_varint(q, (uint64_t)a->n << 1);
			if (a->n > 0)
				memcpy(q, a->p, a->n);
			q += a->n;
		}
	}
	return q;
}

static char *put_detections(char *q, const struct event *ev)
{
	q = put_varint(q, ev->n_detections);
	for (unsigned i = 0; i < ev->n_detections; i++) {
		const struct detection *d = &ev->detections[i];
		const struct slice text[] = { d->rule, d->id, d->category, d->level, d->field,
			d->match, d->form };

		for (unsigned k = 0; k < sizeof(text) / sizeof(*text); k++)
			q = put_bytes(q, text[k]);
	}
	return q;
}

/* Behind all else, and only where there are any: an older reader ends before them. */
static char *put_parts(char *q, const struct event *ev)
{
	for (unsigned i = 0; i < ev->n_detections; i++)
		for (unsigned k = 0; k < ev->detections[i].n_parts; k++) {
			const struct detection_part *p = &ev->detections[i].parts[k];

			q = put_varint(q, i);
			q = put_bytes(q, p->rule);
			q = put_bytes(q, p->field);
			q = put_bytes(q, p->match);
		}
	return q;
}

/* The most that it can take; values that lie in the body will take less. */
static size_t event_bound(const struct event *ev)
{
	size_t n = 8 * VARINT_MAX + 3 + ev->body.n;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		const struct attr *a = &ev->attrs[i];

		n += 4 * VARINT_MAX + a->name_n + a->n;
	}
	for (unsigned i = 0; i < ev->n_detections; i++) {
		const struct detection *d = &ev->detections[i];

		n += 7 * VARINT_MAX + d->rule.n + d->id.n + d->category.n + d->level.n +
		     d->field.n + d->match.n + d->form.n;
		for (const struct detection_part *p = d->parts; p < d->parts + d->n_parts; p++)
			n += 4 * VARINT_MAX + p->rule.n + p->field.n + p->match.n;
	}
	return n;
}

/*
 * The length of an item is known only when it is written: it gets four bytes,
 * a varint of fixed width, filled in afterwards.
 */
enum { LEN_WIDTH = 4 };

static void put_len(char *at, size_t n)
{
	for (int i = 0; i < LEN_WIDTH; i++) {
		at[i] = (char)((n & 0x7f) | (i < LEN_WIDTH - 1 ? 0x80 : 0));
		n >>= 7;
	}
}

static void put_event(struct record_writer *w, unsigned origin, const struct event *ev)
{
	struct body b = { ev->body.p, ev->body.p + ev->body.n, ev->body.p };
	char *start = buf_room(&w->raw, event_bound(ev) + VARINT_MAX + LEN_WIDTH);

	if (start == NULL)
		return;

	char *q = put_varint(start, tag_of(RECORD_EVENT, true));
	char *len = q;

	q = put_varint(q + LEN_WIDTH, origin);
	q = put_varint(q, zigzag((int64_t)(ev->offset - w->last_offset)));
	q = put_varint(q, zigzag(ev->time_us - w->last_time));
	q = put_varint(q, ev->flags);
	*q++ = (char)ev->crc20;
	*q++ = (char)(ev->crc20 >> 8);
	*q++ = (char)(ev->crc20 >> 16);
	q = put_varint(q, ev->span);
	q = put_bytes(q, ev->body);
	q = put_attrs(q, ev->attrs, ev->n_attrs, &b);
	q = put_detections(q, ev);
	q = put_parts(q, ev);
	if (q - len - LEN_WIDTH >= 1 << 28) {
		w->raw.full = true;
		return;
	}
	put_len(len, (size_t)(q - len - LEN_WIDTH));
	w->raw.n += (size_t)(q - start);
	w->last_offset = ev->offset;
	w->last_time = ev->time_us;
	w->n_records++;
}

static struct slice as_text(struct buf *to, struct slice s)
{
	size_t from = to->n;

	utf8_put_text(to, s);
	return (struct slice){ to->p + from, to->n - from };
}

/* The slow way of an event that holds bytes which are not text: a copy, made text. */
static void put_escaped(struct record_writer *w, unsigned origin, const struct event *ev)
{
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event copy = *ev;
	size_t need = 4 * ev->body.n + 64;

	for (unsigned i = 0; i < ev->n_attrs; i++)
		need += 4 * (size_t)ev->attrs[i].n;
	buf_reset(&w->scratch);
	if (buf_room(&w->scratch, need) == NULL) { /* so that no slice moves below */
		w->raw.full = true;
		return;
	}
	copy.body = as_text(&w->scratch, ev->body);
	copy.attrs = attrs;
	for (unsigned i = 0; i < ev->n_attrs; i++) {
		struct slice v =
		    as_text(&w->scratch, (struct slice){ ev->attrs[i].p, ev->attrs[i].n });

		attrs[i] = ev->attrs[i];
		attrs[i].p = v.p;
		attrs[i].n = (uint32_t)v.n;
	}
	event_add(&copy, ATTR_BODY_ESCAPED, SLICE("true"));
	put_event(w, origin, &copy);
}

static bool attrs_are_text(const struct event *ev)
{
	struct body b = { ev->body.p, ev->body.p + ev->body.n, ev->body.p };

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		const struct attr *a = &ev->attrs[i];

		/* A place in a body that is text may still cut a character in two. */
		if ((!within(&b, a) || (a->n > 0 && ((a->p[0] & 0xc0) == 0x80 ||
							(uint8_t)a->p[a->n - 1] >= 0x80))) &&
		    !utf8_is_text((struct slice){ a->p, a->n }))
			return false;
	}
	return true;
}

void record_put_event(struct record_writer *w, unsigned origin, const struct event *ev)
{
	if (utf8_is_text(ev->body) && attrs_are_text(ev))
		put_event(w, origin, ev);
	else
		put_escaped(w, origin, ev);
}

void record_put_fields(
    struct record_writer *w, enum record_kind kind, const uint64_t id[2], const struct event *ev)
{
	struct body none = { NULL, NULL, NULL };
	struct event plain = *ev;

	plain.body = (struct slice){ 0 };
	plain.n_detections = 0;

	char *start = buf_room(&w->raw, event_bound(&plain) + 16 + VARINT_MAX + LEN_WIDTH);

	if (start == NULL)
		return;

	char *q = put_varint(start, tag_of(kind, true));
	char *len = q;

	q += LEN_WIDTH;
	memcpy(q, id, 16);
	q = put_varint(q + 16, zigzag(ev->time_us));
	q = put_attrs(q, ev->attrs, ev->n_attrs, &none);
	put_len(len, (size_t)(q - len - LEN_WIDTH));
	w->raw.n += (size_t)(q - start);
	w->n_records++;
}

void record_end(struct record_writer *w, struct packer *p, struct buf *block)
{
	if (w->raw.full) {
		block->full = true;
		return;
	}

	char head[1 + 2 * VARINT_MAX];
	char *q = head;

	/* the coded length is not known yet: fixed width, as for items */
	*q++ = p != NULL ? CHUNK_LZ4 : 0;
	q = put_varint(q, w->raw.n);

	size_t at = block->n + (size_t)(q - head);

	put_len(q, w->raw.n);
	buf_put(block, head, (size_t)(q - head) + LEN_WIDTH);

	size_t from = block->n;

	if (p != NULL)
		packer_run(p, buf_as_slice(&w->raw), block);
	else
		buf_slice(block, buf_as_slice(&w->raw));
	if (!block->full)
		put_len(block->p + at, block->n - from);
}
