/*
 * correlate.h - counting hits in sliding windows, and what raises an alert.
 *
 * Three things do: a correlation whose threshold is met; one detection whose rule
 * says that one is enough (evidence: conclusive); and agreement: two detections of
 * attack categories, of different rules on different events of one address within
 * ten minutes. Attacks where a person types (quoted.h) count apart: ten in a minute.
 *
 * A window slides: it holds the newest hits that lie within one timespan. When the
 * threshold is met the alert fires once; then the pair is silent for one timespan,
 * with further hits counted into the same alert, and may fire again.
 *
 * Memory is fixed. When the table is full, sixteen windows are picked at random; of those of
 * the correlation that has most of them (the one that is flooded) the least full goes, the
 * oldest of equals. So a flood of entities with one hit each displaces itself, not what has
 * more hits and not what other correlations count. What is displaced leaves a note of 16
 * bytes, since when and how many, in a table of a million (correlate_note.c), and goes on
 * from there at its next hit: so many entities can't make it forget the first hit either.
 * Notes are not part of the state that is saved.
 *
 * Everything is a function of the sightings, in order: replaying recorded sightings
 * gives the same state, which is how the agent starts again after a crash.
 */
#ifndef DETECT_CORRELATE_H
#define DETECT_CORRELATE_H

#include "base/buf.h"
#include "base/event.h"
#include "detect/alert.h"
#include "detect/ruleset.h"

struct correlator;
struct err;

/* Of one hit, at most: loading refuses a rule that counts for more correlations. */
enum { CORRELATOR_SIGHTINGS = 32 };

/*
 * Which of the three a sighting belongs to. A chained one is for a correlation of correlations: it
 * counts if the one below it (via) has just fired on the same event.
 */
enum sighting_kind {
	SIGHT_CORRELATION,
	SIGHT_CONCLUSIVE,
	SIGHT_ATTACK,
	SIGHT_CHAINED,
	SIGHT_QUOTED, /* an attack where a person types: see quoted.h */
};

/* What one hit says to one of them; small enough to be recorded as it is. */
struct sighting {
	enum sighting_kind kind;
	uint64_t subject; /* content hash of the correlation or rule */
	uint64_t group;	  /* keyed hash of the group-by values */
	/*
	 * The keyed hash of the counted value; a number to add up, as the bits of a double; which
	 * of the rules it is, where they are awaited together. SIGHT_ATTACK: hash of the rule.
	 */
	uint64_t value;
	uint64_t via; /* SIGHT_CHAINED: content hash of the correlation below */
	int64_t time_us;
	uint32_t count;	   /* of events: "message repeated N times" counts N */
	uint64_t event[2]; /* id */
	uint32_t line;
	/* for the alert's text; not recorded */
	enum entity_type entity;
	struct slice entity_value;
	bool has_address;
	struct ip address;
	enum provenance provenance;
	uint32_t agent; /* ENTITY_CLIENT: alert_agent() */
};

typedef void alert_cb(void *ctx, const struct alert *a);

/* key: of the host, for keyed hashes. NULL: out of memory. */
struct correlator *correlator_new(const struct ruleset *rs, uint64_t key);
void correlator_free(struct correlator *c);

/* After a reload: windows of unchanged content stay. */
void correlator_use(struct correlator *c, const struct ruleset *rs);

/*
 * The sightings that one hit of rule r of rs on ev makes; how many. The engine's part,
 * which may run in another thread: reads c's rule set and key only.
 */
unsigned correlator_sightings(const struct correlator *c, const struct ruleset *rs,
    const struct rule *r, const struct event *ev, const uint64_t id[2],
    struct sighting out[static CORRELATOR_SIGHTINGS]);

/* What field i of the group-by is in an event of that member; empty: it belongs to no group. */
struct slice correlator_group_value(
    const struct correlation *k, unsigned member, unsigned i, const struct event *ev);

/* Also for detections without a rule behind them (scores). */
unsigned correlator_sight_attack(const struct correlator *c, const struct detection *d,
    const struct event *ev, const uint64_t id[2], struct sighting *out);

/*
 * Count it. cb is called when an alert fires (revision 1) and when the count of one
 * that fired has doubled (revision + 1). With cb NULL (replay) only the state changes.
 */
void correlator_feed(struct correlator *c, const struct sighting *s, alert_cb *cb, void *ctx);

/*
 * In `scan` an alert is said once, when its silence is over (in event time) or at
 * the end of input: cb gets those that are done by `now_us`; INT64_MAX: all.
 */
void correlator_finish(struct correlator *c, int64_t now_us, alert_cb *cb, void *ctx);
void correlator_hold_alerts(struct correlator *c, bool hold);

/*
 * The state for a checkpoint in parts, so that nobody needs room for the whole: from is 0 at
 * first, then what the last call returned; it returns 0 with the last part. load() takes them in
 * any order; false when a part is damaged.
 */
unsigned correlator_save(const struct correlator *c, unsigned from, struct buf *out);
bool correlator_load(struct correlator *c, struct slice in);

unsigned correlator_windows(const struct correlator *c); /* in use now */
uint64_t correlator_evicted(const struct correlator *c); /* live ones displaced so far */

/* A sighting as bytes for the journal. */
void sighting_save(const struct sighting *s, struct buf *out);
bool sighting_load(struct slice in, struct sighting *s);

#endif
