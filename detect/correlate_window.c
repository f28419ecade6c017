/* The table of windows: finding, counting, displacing. See correlate.h. */
#include "detect/correlate_state.h"

#include "base/timefmt.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { TABLE = 2 * WINDOWS_MAX, SAMPLE = 16 };

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

static void of_correlation(const struct correlation *k, struct counting *out)
{
	static const enum measure how[] = { COUNT_EVENTS, COUNT_VALUES, COUNT_VALUES, COUNT_ORDER,
		COUNT_SUM, COUNT_AVERAGE };
	double most = isinf(k->at_most) ? k->at_least : k->at_most + 1;

	*out = (struct counting){ .how = how[k->type],
		.span_us = k->timespan_us,
		.at_least = k->at_least,
		.at_most = k->at_most,
		.two_events = k->by_rule,
		.quiet = k->quiet };
	switch (out->how) {
	case COUNT_EVENTS:
	case COUNT_VALUES:
		out->max = (unsigned)most;
		break;
	case COUNT_ORDER:
		out->max = ORDER_SLOTS;
		break;
	case COUNT_SUM:
	case COUNT_AVERAGE:
		out->max = SUM_PARTS + 2;
		break;
	}
}

bool correlate_counting(
    const struct correlator *c, enum sighting_kind kind, uint64_t subject, struct counting *out)
{
	if (kind == SIGHT_CONCLUSIVE) {
		*out = (struct counting){ .span_us = 3600 * US_PER_S,
			.at_least = 1,
			.at_most = (double)INFINITY,
			.max = 1 };
		return true;
	}
	if (kind == SIGHT_QUOTED) {
		*out = (struct counting){ .span_us = QUOTED_SPAN_US,
			.at_least = QUOTED_COUNT,
			.at_most = (double)INFINITY,
			.max = QUOTED_COUNT };
		return true;
	}
	if (kind == SIGHT_ATTACK) {
		*out = (struct counting){ .how = COUNT_VALUES,
			.span_us = AGREE_SPAN_US,
			.at_least = 2,
			.at_most = (double)INFINITY,
			.max = 8,
			.two_events = true };
		return true;
	}
	for (unsigned i = 0; i < c->rs->n_correlations; i++)
		if (c->rs->correlations[i].hash == subject) {
			of_correlation(&c->rs->correlations[i], out);
			return true;
		}
	return false;
}

void correlate_fired(struct correlator *c, const struct sighting *s)
{
	if (memcmp(c->fired_event, s->event, sizeof(s->event)) != 0) {
		memcpy(c->fired_event, s->event, sizeof(s->event));
		c->n_fired = 0;
	}
	if (c->n_fired < CORRELATOR_SIGHTINGS)
		c->fired[c->n_fired++] = s->subject;
}

bool correlate_has_fired(const struct correlator *c, const struct sighting *s)
{
	if (memcmp(c->fired_event, s->event, sizeof(s->event)) != 0)
		return false;
	for (unsigned i = 0; i < c->n_fired; i++)
		if (c->fired[i] == s->via)
			return true;
	return false;
}

static double number_of(const struct slot *s)
{
	double v;

	memcpy(&v, &s->value, sizeof(v));
	return v;
}

/* The longest row of hits, in time, of rules in the order in which they are listed. */
static double in_order(const struct window *w)
{
	uint16_t best[ORDER_SLOTS];
	unsigned longest = 0;

	for (unsigned i = 0; i < w->n_slots && i < ORDER_SLOTS; i++) {
		best[i] = 1;
		for (unsigned k = 0; k < i; k++)
			if (w->slots[k].value < w->slots[i].value && best[k] >= best[i])
				best[i] = (uint16_t)(best[k] + 1);
		longest = best[i] > longest ? best[i] : longest;
	}
	return longest;
}

double correlate_measure(const struct window *w, const struct counting *k)
{
	double n = 0;
	double sum = 0;

	if (k->how == COUNT_VALUES)
		return w->n_slots;
	if (k->how == COUNT_ORDER)
		return in_order(w);
	for (unsigned i = 0; i < w->n_slots; i++) {
		n += w->slots[i].count;
		sum += k->how == COUNT_EVENTS ? 0 : number_of(&w->slots[i]);
	}
	return k->how == COUNT_EVENTS ? n : k->how == COUNT_SUM ? sum : sum / n;
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

void correlate_say(struct correlator *c, struct window *w, bool going, alert_cb *cb, void *ctx)
{
	if (cb == NULL || c->hold != going || w->alert == NULL)
		return;
	correlate_tags(c, w);
	cb(ctx, w->alert);
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

/* How near a window is to firing, from 0 to 1; below 0 what is over. */
static double fullness(
    const struct correlator *c, const struct window *w, int64_t now_us, struct counting *k)
{
	if (!correlate_counting(c, w->kind, w->subject, k))
		return -1;
	if (w->silent_until_us > now_us)
		return 1;
	if (w->n_slots == 0 || w->touched_us + k->span_us < now_us)
		return -1;
	if (k->how == COUNT_AVERAGE || isinf(k->at_least) || k->at_least <= 0)
		return (double)w->n_slots / k->max;
	return correlate_measure(w, k) / k->at_least;
}

struct candidate {
	struct window *w;
	double full;
	struct counting k;
	unsigned same; /* of the sample, windows of its correlation */
};

static bool matters_less(const struct candidate *x, const struct candidate *y)
{
	if (x->same != y->same)
		return x->same > y->same;
	if (x->full < y->full || y->full < x->full)
		return x->full < y->full;
	return x->w->touched_us < y->w->touched_us;
}

/* Of some windows picked at random, the one that matters least: see correlate.h. */
static void displace(struct correlator *c, int64_t now_us, alert_cb *cb, void *ctx)
{
	struct candidate sample[SAMPLE];
	unsigned n = 0;
	unsigned worst = 0;

	for (unsigned tries = 0; n < SAMPLE && tries < 64 * SAMPLE; tries++) {
		struct window *w = &c->table[correlate_random(c) % TABLE];

		if (!w->used)
			continue;
		sample[n] = (struct candidate){ .w = w };
		sample[n].full = fullness(c, w, now_us, &sample[n].k);
		if (sample[n].full < 0) { /* over: nothing matters less */
			correlate_say(c, w, true, cb, ctx);
			correlate_drop(c, w);
			return;
		}
		n++;
	}
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			sample[i].same += sample[k].w->subject == sample[i].w->subject &&
					  sample[k].w->kind == sample[i].w->kind;
	for (unsigned i = 1; i < n; i++)
		if (matters_less(&sample[i], &sample[worst]))
			worst = i;
	c->evicted++;
	correlate_note(c, sample[worst].w, &sample[worst].k);
	correlate_say(c, sample[worst].w, true, cb, ctx);
	correlate_drop(c, sample[worst].w);
}

struct window *correlate_window(
    struct correlator *c, const struct window_key *key, int64_t now_us, alert_cb *cb, void *ctx)
{
	const enum sighting_kind kind = key->kind;
	const uint64_t subject = key->subject;
	const uint64_t group = key->group;
	unsigned i;

	if (c->n_slots >= SLOTS_MAX) /* windows that are there grow, too */
		displace(c, now_us, cb, ctx);
	for (i = (unsigned)(mix(kind, subject, group) % TABLE); c->table[i].used;
	     i = (i + 1) % TABLE) {
		struct window *w = &c->table[i];

		if (w->kind == kind && w->subject == subject && w->group == group)
			return w;
	}
	if (c->n_windows >= WINDOWS_MAX) {
		displace(c, now_us, cb, ctx);
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
	unsigned cap = w->cap_slots != 0 ? w->cap_slots * 2 : 1;

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

/*
 * Numbers are added to the part of the timespan that they fall into: a window has at most
 * SUM_PARTS of them, and what it holds is exact to such a part.
 */
static bool add_number(struct window *w, const struct sighting *s, const struct counting *k)
{
	double v;

	memcpy(&v, &s->value, sizeof(v));
	for (unsigned i = 0; i < w->n_slots; i++) {
		struct slot *x = &w->slots[i];

		if (s->time_us < x->time_us || s->time_us - x->time_us > k->span_us / SUM_PARTS)
			continue;
		v = number_of(x) + v * s->count;
		memcpy(&x->value, &v, sizeof(v));
		x->count += s->count;
		return true;
	}
	return false;
}

/* The hits of one rule that nothing of another parts are one, the latest: nothing is lost by it. */
static void join_row(struct window *w, unsigned at)
{
	if (at + 1 < w->n_slots && w->slots[at + 1].value == w->slots[at].value)
		remove_slot(w, at);
	else if (at > 0 && w->slots[at - 1].value == w->slots[at].value)
		remove_slot(w, at - 1);
}

/* A value that was seen counts from now. False: it was seen later than that. */
static bool renew(struct window *w, struct slot *slot)
{
	for (unsigned i = 0; i < w->n_slots; i++)
		if (w->slots[i].value == slot->value) {
			if (w->slots[i].time_us >= slot->time_us)
				return false;
			slot->line = w->slots[i].line; /* keep the first place it was seen at */
			remove_slot(w, i);
			break;
		}
	return true;
}

bool correlate_count(
    struct correlator *c, struct window *w, const struct sighting *s, const struct counting *k)
{
	struct slot slot = { s->time_us, s->value, { s->event[0], s->event[1] }, s->line,
		s->count };
	bool adds = k->how == COUNT_SUM || k->how == COUNT_AVERAGE;
	unsigned at;

	assert(k->max > 0);
	if (s->time_us > w->touched_us)
		w->touched_us = s->time_us;
	if (s->time_us < w->touched_us - k->span_us)
		return false; /* too late to be in any window that counts */
	while (w->n_slots > 0 && w->slots[0].time_us < w->touched_us - k->span_us)
		remove_slot(w, 0);
	if (adds && add_number(w, s, k))
		return true;
	if (k->how == COUNT_VALUES && !renew(w, &slot))
		return false;
	if (adds && s->count > 1) {
		double v = number_of(&slot) * s->count;

		memcpy(&slot.value, &v, sizeof(v));
	}
	if (w->n_slots == k->max)
		remove_slot(w, 0);
	if (w->n_slots == w->cap_slots && !grow(c, w, k->max))
		return false;
	for (at = w->n_slots; at > 0 && w->slots[at - 1].time_us > s->time_us; at--)
		w->slots[at] = w->slots[at - 1];
	w->slots[at] = slot;
	w->n_slots++;
	if (k->how == COUNT_ORDER)
		join_row(w, at);
	return true;
}
