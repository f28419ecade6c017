/*
 * ship.h - a sink's thread: reads the journal at its cursor, delivers, moves the cursor.
 *
 * Control comes before bulk, from a reader of its own, so a backlog of bulk does not delay
 * alerts. Frames are gathered into one commit until the sink's limits or until nothing
 * waits. What a sink refuses for good goes to the dead letter, durably, before the cursor
 * passes it; what it can't take now is tried again, with growing pauses.
 */
#ifndef AGENT_SHIP_H
#define AGENT_SHIP_H

#include "agent/dead_letter.h"
#include "agent/drop.h"
#include "journal/journal.h"
#include "sinks/sink.h"

struct err;
struct ship;

struct ship_status {
	const char *name, *type;
	struct journal *journal; /* that the cursor is of */
	struct journal_cursor cursor;
	int64_t last_ok_us, last_error_us;
	char last_error[200];
	uint64_t retries;
	bool held;
	unsigned in_flight; /* records of the commit under way */
	double rate;	    /* records delivered a second, over the last 10 to 20 seconds */
	uint64_t requeued[JOURNAL_LANES];    /* dead letters that wait again */
	uint64_t dead_gone;		     /* dead letters that are no more, for their budget */
	const struct drop_settings *drop;    /* NULL: none */
	uint64_t dropped_by[DROP_RULES_MAX]; /* since the start */
};

/*
 * Opens the sink, registers its cursor with the journal (so: before the first append), starts.
 * drop: rules of drop.h that outlive it, or NULL.
 */
struct ship *ship_start(const struct sink *sink, const struct sink_settings *set,
    const struct drop_settings *drop, struct journal *j, const char *journal_dir, struct err *e);

/* drain: go on until everything durable is delivered, at most that long. Takes NULL. */
void ship_stop(struct ship *s, bool drain, int timeout_ms);

void ship_status(struct ship *s, struct ship_status *out);

/* What status calls it. */
const char *ship_name(const struct ship *s);

/* The durable cursor alone, without a wait for the disk. */
void ship_cursor(struct ship *s, struct journal_cursor *out);

/*
 * Give up what was journalled before that border and is not delivered; it counts as shed. Done
 * by the sink's thread after the request under way; waits for it. n: records by lane.
 * EAGAIN: it did not come to it in that time, and nothing is given up. From any thread.
 */
int ship_forget(struct ship *s, const struct journal_moment *until, int timeout_ms,
    uint64_t n[static JOURNAL_LANES], struct err *e);

/* Dead letters that went for their budget's sake since the start. From any thread. */
uint64_t ship_dead_gone(struct ship *s);

/* Dead letters back into what waits: see dead_letter.h. From any thread. */
int ship_redrive(struct ship *s, const struct dead_letter_choice *choice,
    struct dead_letter_moved *out, struct err *e);

#endif
