#include "agent/balance.h"

#include "base/err.h"
#include "journal/journal.h"

void balance_of(const struct ship_status *st, enum journal_lane l, struct balance *b)
{
	const struct journal_cursor_lane *c = &st->cursor.lane[l];
	struct journal_counts at = { 0 };
	struct journal_counts all;
	struct journal_stats js;
	uint64_t requeued;
	struct err e;

	journal_stats(st->journal, &js);
	all = journal_counts_now(&js);
	b->journalled = journal_lane_records(&all, l);
	b->delivered = c->delivered;
	b->rejected = c->rejected;
	b->shed = c->shed;
	b->dropped = c->dropped;
	b->damaged = c->damaged;
	b->waiting = 0;
	b->ok = c->seq == 0 || journal_counts_at(st->journal, c->seq, &at, &e) == 0;

	uint64_t passed = journal_lane_records(&at, l);

	/* a dead letter that is queued again is counted as rejected until it is delivered */
	requeued = st->requeued[l] < b->rejected ? st->requeued[l] : b->rejected;
	b->rejected -= requeued;
	b->waiting = b->journalled - passed + requeued;
	b->lag_bytes = b->journalled > passed ? js.bytes_in - at.bytes_in : 0;
	b->oldest_us = b->journalled > passed ? journal_oldest_after(st->journal, l, c->seq) : 0;
	/* two sources, which must agree: the journal's own count, and the sink's */
	b->ok = b->ok &&
		b->delivered + b->rejected + b->shed + b->dropped + b->damaged == passed - requeued;
}
