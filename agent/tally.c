#include "agent/tally.h"

#include <stdio.h>
#include <string.h>

struct tally_input *tally_input(struct tally *t, const char *label)
{
	struct tally_input *in;

	for (unsigned i = 0; i < t->n_inputs; i++)
		if (strncmp(t->input[i].label, label, TALLY_LABEL - 1) == 0)
			return &t->input[i];
	if (t->n_inputs == TALLY_INPUTS)
		return &t->input[TALLY_INPUTS - 1];
	in = &t->input[t->n_inputs++];
	*in = (struct tally_input){ 0 };
	snprintf(in->label, sizeof(in->label), "%s",
	    t->n_inputs < TALLY_INPUTS ? label : "(other inputs)");
	return in;
}

static struct tally_sink *find(struct tally *t, const char *name)
{
	for (unsigned i = 0; i < t->n_sinks; i++)
		if (strncmp(t->sink[i].name, name, TALLY_LABEL - 1) == 0)
			return &t->sink[i];
	return NULL;
}

const struct tally_sink *tally_sink(const struct tally *t, const char *name)
{
	return find((struct tally *)(uintptr_t)t, name);
}

static bool put_sink(struct tally *t, const char *name,
    const struct journal_cursor_lane lane[JOURNAL_LANES], uint64_t forgotten)
{
	struct tally_sink *s = find(t, name);

	if (s != NULL && s->forgotten == forgotten && memcmp(s->lane, lane, sizeof(s->lane)) == 0)
		return false;
	if (s == NULL && t->n_sinks == TALLY_SINKS)
		return false;
	if (s == NULL)
		s = &t->sink[t->n_sinks++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	memcpy(s->lane, lane, sizeof(s->lane));
	s->forgotten = forgotten;
	return true;
}

bool tally_set_sink(struct tally *t, const char *name, const struct journal_cursor *c)
{
	return put_sink(t, name, c->lane, c->forgotten);
}

/* times: 1, or -1 modulo 2^64 */
static void add_sums(struct tally *t, const struct tally *more, uint64_t times)
{
	t->own += times * more->own;
	for (unsigned i = 0; i < more->n_inputs; i++) {
		const struct tally_input *from = &more->input[i];
		struct tally_input *to = tally_input(t, from->label);

		to->read += times * from->read;
		to->journalled += times * from->journalled;
		to->copies += times * from->copies;
		to->bytes += times * from->bytes;
	}
}

void tally_add(struct tally *t, const struct tally *more)
{
	if (t->epoch_us != more->epoch_us) { /* what was before is not known */
		t->n_inputs = t->n_sinks = 0;
		t->own = 0;
		t->epoch_us = more->epoch_us;
		t->base = more->base;
	}
	add_sums(t, more, 1);
	for (unsigned i = 0; i < more->n_sinks; i++)
		put_sink(t, more->sink[i].name, more->sink[i].lane, more->sink[i].forgotten);
}

void tally_take_back(struct tally *t, const struct tally *more)
{
	add_sums(t, more, (uint64_t)-1);
}

/* ---- as bytes ---- */

enum { LANE_NUMBERS = 7 };

static void save_lane(const struct journal_cursor_lane *l, struct buf *out)
{
	const uint64_t v[LANE_NUMBERS] = { l->seq, l->next_rec, l->delivered, l->rejected, l->shed,
		l->dropped, l->damaged };

	for (unsigned i = 0; i < LANE_NUMBERS; i++)
		buf_varint(out, v[i]);
}

static void load_lane(struct cut *c, struct journal_cursor_lane *l)
{
	uint64_t v[LANE_NUMBERS];

	for (unsigned i = 0; i < LANE_NUMBERS; i++)
		v[i] = cut_varint(c);
	*l = (struct journal_cursor_lane){ v[0], v[1], v[2], v[3], v[4], v[5], v[6] };
}

void tally_save(const struct tally *t, struct buf *out)
{
	buf_varint(out, t->epoch_us);
	buf_varint(out, t->base.control_records);
	buf_varint(out, t->base.bulk_records);
	buf_varint(out, t->base.bytes_in);
	buf_varint(out, t->own);
	buf_varint(out, t->n_inputs);
	for (unsigned i = 0; i < t->n_inputs; i++) {
		const struct tally_input *in = &t->input[i];

		buf_bytes(out, slice_of(in->label));
		buf_varint(out, in->read);
		buf_varint(out, in->journalled);
		buf_varint(out, in->copies);
		buf_varint(out, in->bytes);
	}
	buf_varint(out, t->n_sinks);
	for (unsigned i = 0; i < t->n_sinks; i++) {
		buf_bytes(out, slice_of(t->sink[i].name));
		for (unsigned l = 0; l < JOURNAL_LANES; l++)
			save_lane(&t->sink[i].lane[l], out);
		buf_varint(out, t->sink[i].forgotten);
	}
}

static void load_text(struct cut *c, char to[TALLY_LABEL])
{
	struct slice s = cut_bytes(c);

	snprintf(to, TALLY_LABEL, "%.*s", s.n < TALLY_LABEL ? (int)s.n : TALLY_LABEL - 1,
	    s.n > 0 ? s.p : "");
}

bool tally_load(struct tally *t, struct slice in)
{
	struct cut c = { .s = in };

	memset(t, 0, sizeof(*t));
	t->epoch_us = cut_varint(&c);
	t->base.control_records = cut_varint(&c);
	t->base.bulk_records = cut_varint(&c);
	t->base.bytes_in = cut_varint(&c);
	t->own = cut_varint(&c);
	for (uint64_t n = cut_varint(&c); !c.bad && t->n_inputs < n; t->n_inputs++) {
		struct tally_input *to = &t->input[t->n_inputs];

		if (t->n_inputs == TALLY_INPUTS)
			return false;
		load_text(&c, to->label);
		to->read = cut_varint(&c);
		to->journalled = cut_varint(&c);
		to->copies = cut_varint(&c);
		to->bytes = cut_varint(&c);
	}
	for (uint64_t n = cut_varint(&c); !c.bad && t->n_sinks < n; t->n_sinks++) {
		if (t->n_sinks == TALLY_SINKS)
			return false;
		load_text(&c, t->sink[t->n_sinks].name);
		for (unsigned l = 0; l < JOURNAL_LANES; l++)
			load_lane(&c, &t->sink[t->n_sinks].lane[l]);
		t->sink[t->n_sinks].forgotten = cut_varint(&c);
	}
	return !c.bad;
}
