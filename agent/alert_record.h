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
	STATE_SUCCESSES = 5
};

void alert_record(struct record_writer *w, const struct alert *a, const struct verdict_on_alert *v);
void block_record(struct record_writer *w, const struct block *b, unsigned mode);

#endif
