/* alert_record.h - alerts, blocks and ledger rows as records: named attributes, one a column. */
#ifndef AGENT_ALERT_RECORD_H
#define AGENT_ALERT_RECORD_H

#include "agent/policy.h"
#include "base/record.h"

/* First byte of a RECORD_STATE payload. */
enum state_kind {
	STATE_EVICTED = 1,
	STATE_WINDOWS = 2,
	STATE_POLICY = 3,
	STATE_BLOCK = 4,
	STATE_SUCCESSES = 5,
	STATE_TALLY = 6,    /* what a frame adds */
	STATE_TALLY_ALL = 7 /* of a checkpoint */
};

/* The engine's own alarm: a filter missed what that rule matches in that event. */
void alert_of_difference(
    const char *rule, const uint64_t event[2], int64_t now_us, struct alert *a);

void alert_record(struct record_writer *w, const struct alert *a, const struct verdict_on_alert *v);
void block_record(struct record_writer *w, const struct block *b, unsigned mode);

#endif
