/* Windows and sightings as bytes: for checkpoints and for the journal. See correlate.h. */
#include "detect/correlate_state.h"

#include <stdlib.h>

enum { TABLE = 2 * WINDOWS_MAX, PART_SLOTS = 1024 };

void sighting_save(const struct sighting *s, struct buf *out)
{
	buf_varint(out, s->kind);
	buf_varint(out, s->subject);
	buf_varint(out, s->group);
	buf_varint(out, s->value);
	buf_varint(out, zigzag(s->time_us));
	buf_varint(out, s->count);
	buf_put(out, s->event, sizeof(s->event));
	buf_varint(out, s->line);
	if (s->kind == SIGHT_CHAINED)
		buf_varint(out, s->via);
}

bool sighting_load(struct slice in, struct sighting *s)
{
	struct cut c = { .s = in };

	*s = (struct sighting){ 0 };
	s->kind = (enum sighting_kind)cut_varint(&c);
	s->subject = cut_varint(&c);
	s->group = cut_varint(&c);
	s->value = cut_varint(&c);
	s->time_us = unzigzag(cut_varint(&c));
	s->count = (uint32_t)cut_varint(&c);

	struct slice id = cut_raw(&c, sizeof(s->event));

	s->line = (uint32_t)cut_varint(&c);
	if (!c.bad && s->kind == SIGHT_CHAINED)
		s->via = cut_varint(&c);
	if (c.bad || s->kind > SIGHT_QUOTED)
		return false;
	memcpy(s->event, id.p, sizeof(s->event));
	return true;
}

static void save_slot(const struct slot *s, struct buf *out)
{
	buf_varint(out, zigzag(s->time_us));
	buf_varint(out, s->value);
	buf_put(out, s->event, sizeof(s->event));
	buf_varint(out, s->line);
	buf_varint(out, s->count);
}

static void load_slot(struct cut *c, struct slot *s)
{
	s->time_us = unzigzag(cut_varint(c));
	s->value = cut_varint(c);

	struct slice id = cut_raw(c, sizeof(s->event));

	if (!c->bad)
		memcpy(s->event, id.p, sizeof(s->event));
	s->line = (uint32_t)cut_varint(c);
	s->count = (uint32_t)cut_varint(c);
}

static void save_window(const struct window *w, struct buf *out)
{
	buf_varint(out, w->kind);
	buf_varint(out, w->subject);
	buf_varint(out, w->group);
	buf_varint(out, zigzag(w->silent_until_us));
	buf_varint(out, zigzag(w->touched_us));
	buf_varint(out, w->next_revision);
	buf_varint(out, w->n_slots);
	for (unsigned k = 0; k < w->n_slots; k++)
		save_slot(&w->slots[k], out);
	buf_varint(out, w->alert != NULL);
	if (w->alert != NULL)
		buf_bytes(out, (struct slice){ (const char *)w->alert, sizeof(*w->alert) });
}

unsigned correlator_save(const struct correlator *c, unsigned from, struct buf *out)
{
	unsigned windows = 0;
	unsigned slots = 0;
	unsigned to = from;

	for (; to < TABLE && slots < PART_SLOTS; to++) {
		windows += c->table[to].used;
		slots += c->table[to].used ? c->table[to].n_slots + 1 : 0;
	}
	buf_varint(out, windows);
	for (; from < to; from++)
		if (c->table[from].used)
			save_window(&c->table[from], out);
	return to < TABLE ? to : 0;
}

static bool load_alert(struct cut *c, struct window *w)
{
	if (cut_varint(c) == 0)
		return true;

	struct slice s = cut_bytes(c);

	/* written by another build: the alert was said already, only its count is lost */
	if (s.n != sizeof(*w->alert))
		return !c->bad;
	w->alert = malloc(sizeof(*w->alert));
	if (w->alert != NULL)
		memcpy(w->alert, s.p, sizeof(*w->alert));
	return !c->bad;
}

static bool load_window(struct correlator *c, struct cut *in)
{
	struct window_key key = { .kind = (enum sighting_kind)cut_varint(in) };

	key.subject = cut_varint(in);
	key.group = cut_varint(in);
	if (in->bad || key.kind > SIGHT_QUOTED)
		return false;

	struct window *w = correlate_window(c, &key, 0, NULL, NULL);

	w->silent_until_us = unzigzag(cut_varint(in));
	w->touched_us = unzigzag(cut_varint(in));
	w->next_revision = cut_varint(in);

	uint64_t n = cut_varint(in);

	if (in->bad || n > SLOTS_MAX)
		return false;
	free(w->slots);
	c->n_slots -= w->cap_slots;
	w->slots = n > 0 ? calloc((size_t)n, sizeof(*w->slots)) : NULL;
	w->n_slots = w->cap_slots = w->slots != NULL ? (unsigned)n : 0;
	c->n_slots += w->cap_slots;
	for (unsigned k = 0; k < n; k++) {
		struct slot s = { 0 };

		load_slot(in, &s);
		if (k < w->n_slots)
			w->slots[k] = s;
	}
	if (!load_alert(in, w))
		return false;
	correlate_mark(c, w);
	if (w->alert != NULL) {
		c->n_alerts++;
		if (c->n_alerts == 1 || w->silent_until_us < c->earliest_us)
			c->earliest_us = w->silent_until_us;
	}
	return !in->bad;
}

bool correlator_load(struct correlator *c, struct slice in)
{
	struct cut cut = { .s = in };
	uint64_t n = cut_varint(&cut);

	if (cut.bad || n > WINDOWS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!load_window(c, &cut))
			return false;
	return true;
}
