/* Giving up what waits for a sink, by the sink's own thread. See ship.h. */
#include "agent/ship_internal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

struct ship_order {
	const struct journal_moment *until;
	uint64_t n[JOURNAL_LANES];
	bool taken, done;
	struct err e;
	int rc;
};

/* Into s->next: the lanes at the border, and what they passed. */
static int move_lanes(struct ship *s, struct ship_order *o)
{
	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		struct journal_cursor_lane *lane = &s->next.lane[l];
		struct journal_counts at = { 0 };

		if (lane->seq + 1 >= o->until->seq)
			continue;
		if (lane->seq > 0 && journal_counts_at(s->journal, lane->seq, &at, &o->e) != 0)
			return -1;
		o->n[l] = journal_lane_records(&o->until->before, (enum journal_lane)l) -
			  journal_lane_records(&at, (enum journal_lane)l);
		lane->shed += o->n[l];
		lane->seq = o->until->seq - 1;
		lane->next_rec = o->until->next_rec;
		s->next.forgotten += o->n[l];
	}
	return 0;
}

static int forget(struct ship *s, struct ship_order *o)
{
	enum sink_result rc;

	s->next = s->cursor;
	s->n_records = 0;
	s->n_bytes = 0;
	s->skipped = 0;
	memset(s->dropped_by, 0, sizeof(s->dropped_by));
	if (move_lanes(s, o) != 0)
		return -1;
	if (o->n[0] + o->n[1] == 0)
		return 0;
	rc = s->sink->begin(s->self, &o->e);
	if (rc == SINK_OK)
		rc = ship_commit(s, &o->e);
	if (rc != SINK_OK)
		return err_wrap(&o->e, "the place could not be stored");
	log_warn("what waited for a sink was forgotten, as asked", "sink=%s control=%llu bulk=%llu",
	    s->st.name, (unsigned long long)o->n[JOURNAL_CONTROL],
	    (unsigned long long)o->n[JOURNAL_BULK]);
	return 0;
}

bool ship_forget_asked(struct ship *s)
{
	struct ship_order *o;

	pthread_mutex_lock(&s->lock);
	o = s->order;
	if (o != NULL)
		o->taken = true;
	pthread_mutex_unlock(&s->lock);
	if (o == NULL)
		return false;
	o->rc = forget(s, o);
	pthread_mutex_lock(&s->lock);
	o->done = true;
	s->order = NULL;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return true;
}

int ship_forget(struct ship *s, const struct journal_moment *until, int timeout_ms,
    uint64_t n[static JOURNAL_LANES], struct err *e)
{
	struct ship_order o = { .until = until };
	struct timespec end = clock_in_ms((unsigned)timeout_ms);
	bool late = false;

	pthread_mutex_lock(&s->lock);
	s->order = s->done ? NULL : &o;
	pthread_cond_broadcast(&s->wake);
	/* once taken it is done soon, on this host's disk alone: o must not go before */
	while (s->order == &o && (!late || o.taken)) {
		if (o.taken)
			pthread_cond_wait(&s->wake, &s->lock);
		else
			late = pthread_cond_timedwait(&s->wake, &s->lock, &end) != 0;
	}
	s->order = NULL;
	pthread_mutex_unlock(&s->lock);
	if (!o.done)
		return err_set(
		    e, EAGAIN, "a request is under way that has no answer yet; try again");
	memcpy(n, o.n, sizeof(o.n));
	if (o.rc != 0)
		*e = o.e;
	return o.rc;
}
