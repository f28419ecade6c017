/* The decoding side of record.h. Blocks come from disk: every length is checked. */
#include "base/deflate.h"
#include "base/err.h"
#include "base/pack.h"
#include "base/record.h"

#include <errno.h>
#include <stdatomic.h>

enum { CHUNK_DEFLATED = 1, CHUNK_LZ4 = 2, CHUNK_MAX_RAW = 64 << 20 };

void record_reader_free(struct record_reader *r)
{
	buf_free(&r->raw);
}

void record_reader_open(struct record_reader *r, struct slice block, uint64_t first_seq)
{
	r->block = block;
	r->items = (struct cut){ 0 };
	r->next_seq = first_seq;
	r->n_origins = 0;
}

static int next_chunk(struct record_reader *r, struct err *e)
{
	struct cut c = { .s = r->block };
	struct slice flags = cut_raw(&c, 1);
	uint64_t raw_n = cut_varint(&c);
	struct slice coded = cut_bytes(&c);

	if (c.bad || raw_n > CHUNK_MAX_RAW || (uint8_t)flags.p[0] > CHUNK_LZ4)
		return err_set(e, EINVAL, "chunk header is damaged or of a newer version");
	r->block = c.s;
	r->last_offset = 0;
	r->last_time = 0;
	r->n_origins = 0;
	r->context = (struct record_context){ 0 };
	buf_reset(&r->raw);
	if (flags.p[0] == 0) {
		r->items = (struct cut){ .s = coded };
		return 0;
	}

	char *to = buf_room(&r->raw, (size_t)raw_n + 1);

	if (to == NULL)
		return err_set(e, ENOMEM, "no memory for a chunk of %zu bytes", (size_t)raw_n);
	int rc = flags.p[0] == CHUNK_LZ4 ? unpack_block(coded, to, (size_t)raw_n, e)
					 : inflate_block(coded, to, (size_t)raw_n, e);

	if (rc != 0)
		return -1;
	r->raw.n = (size_t)raw_n;
	r->items = (struct cut){ .s = buf_as_slice(&r->raw) };
	return 0;
}

static atomic_uint_fast64_t n_contexts;

static bool read_context(struct record_reader *r, struct cut c)
{
	struct slice *const text[] = { &r->context.service_name, &r->context.service_version,
		&r->context.environment, &r->context.host_name, &r->context.host_image_id,
		&r->context.cloud_region, &r->context.rules_hash };

	r->context.number = ++n_contexts;
	r->context.observed_us = unzigzag(cut_varint(&c));
	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		*text[i] = cut_bytes(&c);
	return !c.bad;
}

static bool read_origin(struct record_reader *r, struct cut c)
{
	if (r->n_origins == RECORD_MAX_ORIGINS)
		return false;

	struct record_origin *o = &r->origins[r->n_origins++];

	o->hash = cut_varint(&c);
	o->path = cut_bytes(&c);
	o->parser = cut_bytes(&c);
	o->service = cut_bytes(&c);
	return !c.bad;
}

static bool read_attrs(struct record_reader *r, struct cut *c, struct event *ev)
{
	uint64_t n = cut_varint(c);
	uint64_t last = 0;

	if (n > EVENT_MAX_ATTRS)
		return false;
	ev->attrs = r->attrs;
	ev->n_attrs = (unsigned)n;
	for (struct attr *a = r->attrs; a < r->attrs + n; a++) {
		uint64_t key = cut_varint(c);

		*a = (struct attr){ .key = (uint16_t)key };
		if (key == ATTR_OTHER || key >= ATTR_N) {
			/* a name of a later version is kept by key only where it is known */
			if (key != ATTR_OTHER)
				return false;

			struct slice name = cut_bytes(c);

			a->name = name.p;
			a->name_n = (uint16_t)name.n;
		}

		uint64_t place = cut_varint(c);

		if ((place & 1) == 0) {
			struct slice v = cut_raw(c, place >> 1);

			a->p = v.p;
			a->n = (uint32_t)v.n;
			continue;
		}

		uint64_t at = last + (uint64_t)unzigzag(place >> 1);
		uint64_t len = cut_varint(c);

		if (at > ev->body.n || len > ev->body.n - at)
			return false;
		a->p = ev->body.p + at;
		a->n = (uint32_t)len;
		last = at + len;
	}
	return !c->bad;
}

static bool read_detections(struct record_reader *r, struct cut *c, struct event *ev)
{
	uint64_t n = cut_varint(c);

	if (n > EVENT_MAX_DETECTIONS)
		return false;
	ev->detections = r->detections;
	ev->n_detections = (unsigned)n;
	for (struct detection *d = r->detections; d < r->detections + n; d++) {
		struct slice *const text[] = { &d->rule, &d->id, &d->category, &d->level, &d->field,
			&d->match, &d->form };

		for (unsigned k = 0; k < sizeof(text) / sizeof(text[0]); k++)
			*text[k] = cut_bytes(c);
		d->n_parts = 0;
	}
	return !c->bad;
}

/* What is left of an event: the parts of its scores. */
static bool read_parts(struct record_reader *r, struct cut *c, struct event *ev)
{
	for (unsigned n = 0; c->s.n > 0 && !c->bad; n++) {
		uint64_t i = cut_varint(c);
		struct detection_part *p = r->parts + n;

		if (n == EVENT_MAX_PARTS || i >= ev->n_detections)
			return false;
		p->rule = cut_bytes(c);
		p->field = cut_bytes(c);
		p->match = cut_bytes(c);
		if (ev->detections[i].n_parts++ == 0)
			ev->detections[i].parts = p;
		else if (ev->detections[i].parts + ev->detections[i].n_parts - 1 != p)
			return false; /* those of a detection stand together */
	}
	return !c->bad;
}

static bool read_event(struct record_reader *r, struct cut c, struct record *rec)
{
	struct event *ev = &rec->ev;
	uint64_t origin = cut_varint(&c);

	ev->offset = r->last_offset + (uint64_t)unzigzag(cut_varint(&c));
	ev->time_us = (int64_t)((uint64_t)r->last_time + (uint64_t)unzigzag(cut_varint(&c)));
	ev->flags = (uint32_t)cut_varint(&c);

	struct slice crc = cut_raw(&c, 3);

	ev->span = cut_varint(&c);
	ev->body = cut_bytes(&c);
	if (c.bad || origin >= r->n_origins)
		return false;
	ev->crc20 = (uint32_t)(uint8_t)crc.p[0] | (uint32_t)(uint8_t)crc.p[1] << 8 |
		    (uint32_t)(uint8_t)crc.p[2] << 16;
	r->last_offset = ev->offset;
	r->last_time = ev->time_us;
	rec->origin = &r->origins[origin];
	record_event_id(rec->origin->hash, ev, rec->id);
	return read_attrs(r, &c, ev) && read_detections(r, &c, ev) && read_parts(r, &c, ev);
}

static bool read_fields(struct record_reader *r, struct cut c, struct record *rec)
{
	struct slice id = cut_raw(&c, 16);

	rec->ev.time_us = unzigzag(cut_varint(&c));
	if (c.bad)
		return false;
	memcpy(rec->id, id.p, 16);
	return read_attrs(r, &c, &rec->ev);
}

/* 1: a record or state item, 0: one that stays inside (context, origin, unknown), -1: damaged */
static int read_item(struct record_reader *r, uint64_t tag, struct record *rec)
{
	struct cut c = { .s = rec->payload };

	switch (tag / 2) {
	case RECORD_CONTEXT:
		return read_context(r, c) ? 0 : -1;
	case RECORD_ORIGIN:
		return read_origin(r, c) ? 0 : -1;
	case RECORD_EVENT:
		return read_event(r, c, rec) ? 1 : -1;
	case RECORD_ALERT:
	case RECORD_BLOCK:
	case RECORD_LEDGER:
		return read_fields(r, c, rec) ? 1 : -1;
	case RECORD_POSITION:
	case RECORD_HIT:
	case RECORD_STATE:
		return 1;
	default:
		return (tag & 1) != 0 ? -1 : 0;
	}
}

int record_next(struct record_reader *r, struct record *rec, struct err *e)
{
	for (;;) {
		while (r->items.s.n == 0) {
			if (r->block.n == 0)
				return 0;
			if (next_chunk(r, e) != 0)
				return -1;
		}

		uint64_t tag = cut_varint(&r->items);

		*rec = (struct record){ .payload = cut_bytes(&r->items), .context = &r->context };

		int rc = r->items.bad ? -1 : read_item(r, tag, rec);

		if (rc < 0)
			return err_set(e, EINVAL,
			    "item of kind %u is damaged or of a newer version",
			    (unsigned)(tag / 2));
		if (rc == 0)
			continue;
		rec->kind = (enum record_kind)(tag / 2);
		if (rec->kind <= RECORD_LAST_NUMBERED)
			rec->seq = r->next_seq++;
		return 1;
	}
}
