/* correlate_state.h - the windows behind correlate.h. Not for others. */
#ifndef DETECT_CORRELATE_STATE_H
#define DETECT_CORRELATE_STATE_H

#include "detect/correlate.h"

enum {
	WINDOWS_MAX = 32768, /* a power of two; the table behind is twice that */
	SLOTS_MAX = 100000,  /* counted hits that are remembered, over all windows */
	SILENT_MAX = 8192,   /* alerts that are kept while their windows are silent: 10 MB */
	AGREE_SPAN_US = 600 * 1000000,
	QUOTED_SPAN_US = 60 * 1000000,
	QUOTED_COUNT = 10, /* more than a person searches for in that time */
	SUM_PARTS = 256,   /* a timespan of numbers to add up is kept in so many parts */
	ORDER_SLOTS = 256, /* changes of rule that an ordered window remembers */
};

/* One counted hit. */
struct slot {
	int64_t time_us;
	uint64_t value;
	uint64_t event[2];
	uint32_t line;
	uint32_t count;
};

struct window {
	bool used;
	enum sighting_kind kind;
	uint64_t subject, group;
	struct slot *slots; /* in order of time */
	unsigned n_slots, cap_slots;
	int64_t silent_until_us; /* > 0: it has fired */
	int64_t touched_us;	 /* newest event */
	uint64_t next_revision;	 /* count at which the alert is said again */
	struct alert *alert;	 /* of the last firing, while silent */
};

struct correlator {
	const struct ruleset *rs;
	uint64_t key;
	bool hold;
	unsigned n_alerts;		       /* windows that are silent */
	int64_t earliest_us;		       /* no silence ends before this */
	struct window *table;		       /* open addressing, 2 * WINDOWS_MAX */
	uint64_t silent[2 * WINDOWS_MAX / 64]; /* bit map: windows of the table with an alert */
	unsigned n_windows;
	unsigned n_slots;
	uint64_t evicted;
	uint64_t random;
	struct note *notes;	 /* of displaced windows; NULL before the first */
	uint64_t fired_event[2]; /* the event that the last firing was on, and */
	uint64_t fired[CORRELATOR_SIGHTINGS];
	unsigned n_fired; /* whose they were */
};

/* How the hits of a subject are counted. */
enum measure { COUNT_EVENTS, COUNT_VALUES, COUNT_ORDER, COUNT_SUM, COUNT_AVERAGE };

struct counting {
	enum measure how;
	int64_t span_us;
	double at_least, at_most; /* fires while the measure is within */
	unsigned max;		  /* slots that a window keeps; at least 1 */
	bool two_events;	  /* hits of one event alone are not enough */
	bool quiet;		  /* fires without an alert: for correlations above it */
};

/* False: there is no such subject now. */
bool correlate_counting(
    const struct correlator *c, enum sighting_kind kind, uint64_t subject, struct counting *out);

/* What the window's hits come to: how many, how many different, how many in order, sum, mean. */
double correlate_measure(const struct window *w, const struct counting *k);

/* s made its subject fire; has the correlation below the chained s just done so on its event? */
void correlate_fired(struct correlator *c, const struct sighting *s);
bool correlate_has_fired(const struct correlator *c, const struct sighting *s);

/* correlate_note.c: a window is displaced; a new window goes on from what was noted of it. */
void correlate_note(struct correlator *c, const struct window *w, const struct counting *k);
void correlate_recall(
    struct correlator *c, struct window *w, const struct counting *k, int64_t now_us);

/* The tags of its alert, of rules and correlations in use now: an alert may be older than they are.
 */
void correlate_tags(const struct correlator *c, struct window *w);

struct window_key {
	enum sighting_kind kind;
	uint64_t subject, group;
};

/* The window of key, made when there is none; one that gives way for it says what it holds. */
struct window *correlate_window(
    struct correlator *c, const struct window_key *key, int64_t now_us, alert_cb *cb, void *ctx);

/* The alert of w, which is going or not: those with their last count (correlator_hold_alerts) are
 * said as it goes. */
void correlate_say(struct correlator *c, struct window *w, bool going, alert_cb *cb, void *ctx);
uint64_t correlate_random(struct correlator *c);
void correlate_drop(struct correlator *c, struct window *w);

/* After w->alert was set or taken away, or w moved to or from its place. */
static inline void correlate_mark(struct correlator *c, const struct window *w)
{
	size_t i = (size_t)(w - c->table);
	uint64_t bit = UINT64_C(1) << (i % 64);

	c->silent[i / 64] = w->alert != NULL ? c->silent[i / 64] | bit : c->silent[i / 64] & ~bit;
}

/* Insert in order of time; drops what the span has left behind. False: it does not count. */
bool correlate_count(
    struct correlator *c, struct window *w, const struct sighting *s, const struct counting *k);

#endif
