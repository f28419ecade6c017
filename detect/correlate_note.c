/*
 * Notes of displaced windows: when it began and how many, or one value. A million of them, made
 * when the first window is displaced; in sets of sixteen, where the oldest goes. A note never says
 * more than the window did: hits are as old as its oldest, so they are forgotten rather too early.
 */
#include "base/timefmt.h"
#include "detect/correlate_state.h"

#include <stdlib.h>
#include <xxhash.h>

enum { NOTE_SETS = 1 << 16, NOTE_WAYS = 16 };

struct note {
	uint32_t mark;	 /* of kind, subject and group; 0: free */
	uint32_t time_s; /* since 1970 */
	uint64_t value;	 /* events: how many; else as slot.value */
};

/* The set of a window's note, and its mark. */
static struct note *set_of(struct correlator *c, const struct window *w, uint32_t *mark)
{
	uint64_t in[3] = { w->kind, w->subject, w->group };
	uint64_t h = XXH3_64bits(in, sizeof(in));

	*mark = (uint32_t)h | 1;
	return c->notes + (h >> 32) % NOTE_SETS * NOTE_WAYS;
}

void correlate_note(struct correlator *c, const struct window *w, const struct counting *k)
{
	const struct slot *slot = w->n_slots > 0 ? &w->slots[0] : NULL;
	struct note *set;
	struct note *to;
	uint32_t mark;
	uint64_t value;

	if (slot == NULL || w->silent_until_us != 0 || k->how == COUNT_AVERAGE)
		return;
	if (c->notes == NULL &&
	    (c->notes = calloc((size_t)NOTE_SETS * NOTE_WAYS, sizeof(*c->notes))) == NULL)
		return;
	if (k->how == COUNT_VALUES || k->how == COUNT_ORDER) /* one of them: the newest */
		slot = &w->slots[w->n_slots - 1];
	value = slot->value;
	if (k->how != COUNT_VALUES && k->how != COUNT_ORDER) {
		double sum = correlate_measure(w, k);

		if (k->how == COUNT_EVENTS)
			value = (uint64_t)sum;
		else
			memcpy(&value, &sum, sizeof(value));
	}
	set = to = set_of(c, w, &mark);
	for (unsigned i = 0; i < NOTE_WAYS; i++) {
		if (set[i].mark == mark) {
			to = &set[i];
			break;
		}
		if (set[i].time_s < to->time_s)
			to = &set[i];
	}
	*to = (struct note){ mark, (uint32_t)(slot->time_us / US_PER_S), value };
}

void correlate_recall(
    struct correlator *c, struct window *w, const struct counting *k, int64_t now_us)
{
	struct sighting s = { .count = 1 };
	struct note *set;
	uint32_t mark;

	if (c->notes == NULL)
		return;
	set = set_of(c, w, &mark);
	for (unsigned i = 0; i < NOTE_WAYS; i++) {
		if (set[i].mark != mark)
			continue;
		s.time_us = (int64_t)set[i].time_s * US_PER_S;
		s.value = set[i].value;
		if (k->how == COUNT_EVENTS) {
			s.count = (uint32_t)set[i].value;
			s.value = 0;
		}
		set[i] = (struct note){ 0 };
		if (s.time_us <= now_us && s.time_us >= now_us - k->span_us)
			correlate_count(c, w, &s, k);
		return;
	}
}
