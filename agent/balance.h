/* balance.h - one line of sums for a sink's lane: what was journalled, and where it is. */
#ifndef AGENT_BALANCE_H
#define AGENT_BALANCE_H

#include "agent/ship.h"

struct balance {
	uint64_t journalled, delivered, waiting, rejected, shed, dropped, damaged;
	uint64_t lag_bytes; /* of logs, journalled since */
	uint64_t oldest_us; /* when the first that waits was journalled; 0: none waits */
	bool ok;	    /* the journal's own count and the sink's agree */
};

/* Of a lane, since the journal began. A dead letter that is queued again waits. */
void balance_of(const struct ship_status *st, enum journal_lane l, struct balance *b);

#endif
