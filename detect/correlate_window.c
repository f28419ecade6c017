/* The table of windows: finding, counting, displacing. See correlate.h. */
#include "detect/correlate_state.h"

#include <assert.h>
#include <stdlib.h>

enum { TABLE = 2 * WINDOWS_MAX, SAMPLE = 8 };

static uint64_t mix(uint64_t kind, uint64_t subject, uint64_t group)
{
	uint64_t h = (subject ^ kind) * 0x9E3779B97F4A7C15u ^ group;

	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

uint64_t correlate_random(struct correlator *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

unsigned correlate_threshold(
    const struct correlator *c, const struct window *w, int64_t *span_us, bool *distinct)
{
	*distinct = false;
	if (w->kind == SIGHT_CONCLUSIVE) {
		*span_us = 3600 * INT64_C(1000000);
		return 1;
	}
	if (w->kind == SIGHT_ATTACK) {
		*span_us = AGREE_SPAN_US;
		*distinct = true;
		return 2;
	}
	for (unsigned i = 0; i < c->rs->n_correlations; i++) {
		const struct correlation *k = &c->rs->correlations[i];

		if (k->hash != w->subject)
			continue;
		*span_us = k->timespan_us;
		*distinct = k->type == CORRELATE_VALUE_COUNT;
		return (unsigned)k->threshold;
	}
	return 0;
}

bool correlate_by_rule(const struct correlator *c, const struct window *w)
{
	for (unsigned i = 0; w->kind == SIGHT_CORRELATION && i < c->rs->n_correlations; i++)
		if (c->rs->correlations[i].hash == w->subject)
			return c->rs->correlations[i].by_rule;
	return false;
}

void correlate_tags(const struct correlator *c, struct window *w)
{
	const struct ruleset *rs = c->rs;

	w->alert->tags = NULL;
	w->alert->n_tags = 0;
	for (unsigned i = 0; w->kind == SIGHT_CORRELATION && i < rs->n_correlations; i++)
		if (rs->correlations[i].hash == w->subject) {
			w->alert->tags = rs->correlations[i].tags;
			w->alert->n_tags = rs->correlations[i].n_tags;
		}
	for (unsigned i = 0; w->kind == SIGHT_CONCLUSIVE && i < rs->n_rules; i++)
		if (rs->rules[i].hash == w->subject) {
			w->alert->tags = rs->rules[i].tags;
			w->alert->n_tags = rs->rules[i].n_tags;
		}
}

void correlate_drop(struct correlator *c, struct window *w)
{
	unsigned i = (unsigned)(w - c->table);

	c->n_slots -= w->cap_slots;
	c->n_windows--;
	c->n_alerts -= w->alert != NULL;
	free(w->slots);
	free(w->alert);
	*w = (struct window){ 0 };
	correlate_mark(c, w);
	/* close the gap: move up what would no longer be found (linear probing) */
	for (unsigned k = (i + 1) % TABLE; c->table[k].used; k = (k + 1) % TABLE) {
		struct window *x = &c->table[k];
		unsigned home = (unsigned)(mix(x->kind, x->subject, x->group) % TABLE);

		if ((k > i && (home <= i || home > k)) || (k < i && home <= i && home > k)) {
			c->table[i] = *x;
			*x = (struct window){ 0 };
			correlate_mark(c, &c->table[i]);
			correlate_mark(c, x);
			i = k;
		}
	}
}

/* Of a few windows picked at random, the one that matters least. */
static void displace(struct correlator *c, int64_t now_us)
{
	struct window *worst = NULL;
	double worst_full = 2;

	for (unsigned n = 0, tries = 0; n < SAMPLE && tries < 64 * SAMPLE; tries++) {
		struct window *w = &c->table[correlate_random(c) % TABLE];
		int64_t span;
		bool distinct;

		if (!w->used)
			continue;

		unsigned need = correlate_threshold(c, w, &span, &distinct);
		bool over =
		    need == 0 || (w->touched_us + span < now_us && w->silent_until_us < now_us);
		double full = over			    ? -1
			      : w->silent_until_us > now_us ? 1
							    : (double)w->n_slots / need;

		n++;
		if (worst == NULL || full < worst_full ||
		    (full <= worst_full && w->touched_us < worst->touched_us)) {
			worst = w;
			worst_full = full;
		}
	}
	if (worst == NULL)
		return;
	c->evicted += worst_full >= 0;
	correlate_drop(c, worst);
}

struct window *correlate_window(
    struct correlator *c, enum sighting_kind kind, uint64_t subject, uint64_t group, int64_t now_us)
{
	unsigned i = (unsigned)(mix(kind, subject, group) % TABLE);

	for (; c->table[i].used; i = (i + 1) % TABLE) {
		struct window *w = &c->table[i];

		if (w->kind == kind && w->subject == subject && w->group == group)
			return w;
	}
	if (c->n_windows >= WINDOWS_MAX || c->n_slots >= SLOTS_MAX) {
		displace(c, now_us);
		for (i = (unsigned)(mix(kind, subject, group) % TABLE); c->table[i].used;)
			i = (i + 1) % TABLE;
	}
	c->table[i] =
	    (struct window){ .used = true, .kind = kind, .subject = subject, .group = group };
	c->n_windows++;
	return &c->table[i];
}

static bool grow(struct correlator *c, struct window *w, unsigned max)
{
	unsigned cap = w->cap_slots != 0 ? w->cap_slots * 2 : 2;

	if (cap > max)
		cap = max;

	struct slot *p = realloc(w->slots, cap * sizeof(*p));

	if (p == NULL)
		return false;
	c->n_slots += cap - w->cap_slots;
	w->slots = p;
	w->cap_slots = cap;
	return true;
}

static void remove_slot(struct window *w, unsigned i)
{
	memmove(w->slots + i, w->slots + i + 1, (w->n_slots - i - 1) * sizeof(*w->slots));
	w->n_slots--;
}

bool correlate_count(struct correlator *c, struct window *w, const struct sighting *s,
    int64_t span_us, unsigned max, bool distinct)
{
	struct slot slot = { s->time_us, s->value, { s->event[0], s->event[1] }, s->line,
		s->count };
	unsigned at;

	assert(max > 0);
	if (s->time_us > w->touched_us)
		w->touched_us = s->time_us;
	if (s->time_us < w->touched_us - span_us)
		return false; /* too late to be in any window that counts */
	while (w->n_slots > 0 && w->slots[0].time_us < w->touched_us - span_us)
		remove_slot(w, 0);
	for (unsigned i = 0; distinct && i < w->n_slots; i++)
		if (w->slots[i].value == s->value) { /* seen: it counts from now */
			if (w->slots[i].time_us >= s->time_us)
				return false;
			slot.line = w->slots[i].line; /* keep the first place it was seen at */
			remove_slot(w, i);
			break;
		}
	if (w->n_slots == max)
		remove_slot(w, 0);
	if (w->n_slots == w->cap_slots && !grow(c, w, max))
		return false;
	for (at = w->n_slots; at > 0 && w->slots[at - 1].time_us > s->time_us; at--)
		w->slots[at] = w->slots[at - 1];
	w->slots[at] = slot;
	w->n_slots++;
	return true;
}
