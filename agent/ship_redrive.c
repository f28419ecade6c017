/* Dead letters on their way back to a sink, between its other commits. See dead_letter.h. */
#include "agent/ship_internal.h"
#include "base/err.h"

#include <string.h>

/* A dead letter on its way back: it leaves `rejected` for what now becomes of it. */
static enum sink_result put_again(
    struct ship *s, const struct dead_letter_item *item, struct err *e)
{
	struct journal_cursor_lane *lane = &s->next.lane[item->lane];
	uint64_t *to = &lane->damaged;
	enum sink_result rc = SINK_OK;
	struct record r;

	record_reader_open(&s->records, item->chunk, item->seq);
	while (item->chunk.n > 0 && record_next(&s->records, &r, e) > 0)
		if (r.seq == item->seq) {
			rc = s->sink->put(s->self, &r, e);
			to = rc == SINK_DROP ? &lane->dropped : &lane->delivered;
			s->n_bytes += ship_size_of(&r);
			break;
		}
	if (rc == SINK_REJECT)
		return dead_letter_put_again(s->dead, item->lane, &r, e->msg, e) == 0 ? SINK_OK
										      : SINK_RETRY;
	if (rc != SINK_OK && rc != SINK_DROP)
		return rc;
	lane->rejected -= lane->rejected > 0;
	++*to;
	return SINK_OK;
}

static enum sink_result redrive_round(struct ship *s, struct err *e)
{
	struct dead_letter_item item;
	uint64_t n[JOURNAL_LANES] = { 0 };
	enum sink_result rc;

	s->n_records = 0;
	s->n_bytes = 0;
	s->skipped = 0;
	memset(s->dropped_by, 0, sizeof(s->dropped_by));
	s->next = s->cursor;
	if (dead_letter_queue_open(s->dead, &s->next, e) != 0)
		return SINK_RETRY;
	rc = s->sink->begin(s->self, e);
	if (rc != SINK_OK)
		return rc;
	while (rc == SINK_OK && !ship_is_full(s) && dead_letter_queue_next(s->dead, &item) > 0) {
		rc = put_again(s, &item, e);
		n[item.lane]++;
		s->n_records++;
		s->next.redrive_done++;
	}
	if (rc != SINK_OK) {
		s->sink->abort(s->self);
		return rc;
	}
	rc = ship_commit(s, e);
	if (rc == SINK_OK)
		dead_letter_settled(s->dead, &s->cursor, n);
	return rc;
}

/* What the destination refuses while they are sent must be asked at once: see outbox.h. */
enum sink_result ship_redrive_some(struct ship *s, bool *idle, struct err *e)
{
	enum sink_result rc = SINK_OK;

	if (dead_letter_waiting(s->dead, JOURNAL_CONTROL) +
		dead_letter_waiting(s->dead, JOURNAL_BULK) ==
	    0)
		return rc;
	do
		rc = redrive_round(s, e);
	while (rc == SINK_AGAIN && !atomic_load(&s->stop));
	*idle = false;
	return rc;
}

int ship_redrive(struct ship *s, const struct dead_letter_choice *choice,
    struct dead_letter_moved *out, struct err *e)
{
	return dead_letter_redrive(s->dead, choice, out, e);
}
