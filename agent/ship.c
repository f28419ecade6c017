#include "agent/ship_internal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "journal/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MS = 250, BACKOFF_MIN_MS = 1000, BACKOFF_MAX_MS = 60000, HOLD_MS = 60000 };

/* ---- where to begin ---- */

static int load_cursor(struct ship *s, const char *dir, struct err *e)
{
	struct journal_stats js;
	uint8_t bytes[SINK_CURSOR_BYTES];
	bool found = false;

	journal_stats(s->journal, &js);
	if (s->sink->load_cursor != NULL) {
		if (s->sink->load_cursor(s->self, bytes, &found, e) != 0)
			return -1;
		if (found && !journal_cursor_decode(bytes, &s->cursor))
			return err_set(e, EBADMSG, "the cursor kept in the destination is damaged");
	} else {
		if (journal_cursor_open(NULL, dir, s->name, &s->file, &s->cursor, e) != 0)
			return -1;
		found = journal_cursor_found(s->file);
	}
	if (found && memcmp(s->cursor.journal_id, js.journal_id, 16) != 0) {
		log_warn("the sink knows another journal; it starts at this one's beginning",
		    "sink=%s", s->name);
		found = false;
	}
	if (!found) {
		memset(&s->cursor, 0, sizeof(s->cursor));
		memcpy(s->cursor.journal_id, js.journal_id, 16);
	}
	/* from the first start on: without one, `import` could not know that there was such a sink
	 */
	if (!found && s->file != NULL && journal_cursor_save(s->file, &s->cursor, e) != 0)
		return -1;
	return 0;
}

static void close_readers(struct ship *s)
{
	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		journal_reader_close(s->reader[l]);
		s->reader[l] = NULL;
	}
}

/* At the durable cursor: after an error everything since then is read again. */
static int open_readers(struct ship *s, struct err *e)
{
	close_readers(s);
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		if (journal_reader_open(s->journal, (enum journal_lane)l, s->cursor.lane[l].seq,
			&s->reader[l], e) != 0)
			return -1;
	s->next = s->cursor;
	return 0;
}

/* ---- delivering ---- */

size_t ship_size_of(const struct record *r)
{
	size_t n = r->ev.body.n + 200;

	for (unsigned i = 0; i < r->ev.n_attrs; i++)
		n += r->ev.attrs[i].n;
	return n;
}

static enum sink_result put(
    struct ship *s, const struct record *r, enum journal_lane l, struct err *e)
{
	struct journal_cursor_lane *lane = &s->next.lane[l];
	int drop = s->st.drop != NULL ? drop_find(s->st.drop, r) : DROP_NONE;
	enum sink_result rc = drop != DROP_NONE ? SINK_DROP : s->sink->put(s->self, r, e);

	if (drop >= 0)
		s->dropped_by[drop]++;
	if (rc == SINK_OK) {
		lane->delivered++;
	} else if (rc == SINK_REJECT) {
		log_warn("a record was refused for good", "sink=%s seq=%llu why=\"%s\"", s->name,
		    (unsigned long long)r->seq, e->msg);
		if (dead_letter_put(s->dead, l, r, e->msg, e) != 0)
			return SINK_RETRY;
		lane->rejected++;
		rc = SINK_OK;
	} else if (rc == SINK_DROP) {
		lane->dropped++;
		rc = SINK_OK;
	}
	s->n_records++;
	s->n_bytes += ship_size_of(r);
	return rc;
}

static enum sink_result put_frame(
    struct ship *s, const struct journal_item *item, enum journal_lane l, struct err *e)
{
	struct record r;
	uint64_t n = 0;
	int rc;

	record_reader_open(&s->records, item->payload, item->rec_seq);
	while ((rc = record_next(&s->records, &r, e)) > 0) {
		if (r.seq == 0)
			continue; /* state, not a record */
		enum sink_result put_rc = put(s, &r, l, e);

		if (put_rc != SINK_OK)
			return put_rc;
		n++;
	}
	if (rc < 0 || n < item->n) {
		log_error("a frame could not be read to its end", "sink=%s frame=%llu lost=%llu",
		    s->name, (unsigned long long)item->seq, (unsigned long long)(item->n - n));
		s->next.lane[l].damaged += item->n - n;
	}
	return SINK_OK;
}

/* The next frame of a lane into the commit under way. *more: there was one. */
static enum sink_result take(
    struct ship *s, enum journal_lane l, unsigned wait_ms, bool *more, struct err *e)
{
	struct journal_cursor_lane *lane = &s->next.lane[l];
	struct journal_item item;
	enum sink_result rc = SINK_OK;

	*more = false;
	switch (journal_reader_next(s->reader[l], wait_ms, &item, e)) {
	case JOURNAL_READ_ERROR:
		return SINK_RETRY;
	case JOURNAL_READ_FRAME:
		*more = true;
		if (l == JOURNAL_BULK && s->sink->control_only)
			lane->dropped += item.n;
		else
			rc = put_frame(s, &item, l, e);
		break;
	case JOURNAL_READ_SHED:
		*more = true;
		lane->shed += item.n;
		s->skipped += item.n;
		break;
	case JOURNAL_READ_DAMAGE:
		*more = true;
		lane->damaged += item.n;
		break;
	case JOURNAL_READ_TIMEOUT:
	case JOURNAL_READ_STOPPED:
		break;
	}
	if (rc == SINK_OK) {
		lane->seq = item.seq;
		lane->next_rec = item.next_rec;
	}
	return rc;
}

bool ship_is_full(const struct ship *s)
{
	return s->n_records >= s->sink->max_records || s->n_bytes >= s->sink->max_bytes;
}

enum { MARK_US = 10000000 };

/* The lock is held. */
static void measure(struct ship *s)
{
	int64_t now = clock_boot_us();
	uint64_t n = s->st.cursor.lane[JOURNAL_CONTROL].delivered +
		     s->st.cursor.lane[JOURNAL_BULK].delivered;

	if (now - s->mark[1].us >= MARK_US) {
		s->mark[0] = s->mark[1];
		s->mark[1].us = now;
		s->mark[1].delivered = n;
	}
	s->st.rate = now > s->mark[0].us
			 ? (double)(n - s->mark[0].delivered) * 1e6 / (double)(now - s->mark[0].us)
			 : 0;
}

static void fly(struct ship *s, unsigned n)
{
	pthread_mutex_lock(&s->lock);
	s->st.in_flight = n;
	pthread_mutex_unlock(&s->lock);
}

static void publish(struct ship *s, int64_t ok_us)
{
	pthread_mutex_lock(&s->lock);
	s->st.cursor = s->cursor;
	for (unsigned i = 0; i < DROP_RULES_MAX; i++)
		s->st.dropped_by[i] += s->dropped_by[i];
	measure(s);
	s->st.last_ok_us = ok_us;
	s->st.held = false;
	pthread_mutex_unlock(&s->lock);
}

enum sink_result ship_commit(struct ship *s, struct err *e)
{
	uint8_t bytes[SINK_CURSOR_BYTES];
	enum sink_result rc;

	s->next.time_us = (uint64_t)clock_now_us();
	journal_cursor_encode(&s->next, bytes);
	if (dead_letter_sync(s->dead, e) != 0) {
		s->sink->abort(s->self);
		return SINK_RETRY;
	}
	fly(s, s->n_records);
	rc = s->sink->commit(s->self, bytes, e);
	fly(s, 0);
	if (rc != SINK_OK)
		return rc;
	if (s->file != NULL && journal_cursor_save(s->file, &s->next, e) != 0)
		return SINK_RETRY;
	if (s->skipped > 0)
		log_warn("a sink fell too far behind, or the journal was too full: events but no "
			 "detections were skipped",
		    "sink=%s records=%llu", s->name, (unsigned long long)s->skipped);
	s->cursor = s->next;
	journal_passed(s->journal, s->registration, &s->cursor);
	publish(s, clock_now_us());
	s->backoff_ms = 0;
	return SINK_OK;
}

/* One commit's worth: control first, again after each frame of bulk. *idle: nothing was there. */
static enum sink_result one_round(struct ship *s, bool *idle, struct err *e)
{
	enum sink_result rc;
	bool control = false;
	bool bulk = false;

	*idle = true;
	s->n_records = 0;
	s->n_bytes = 0;
	s->skipped = 0;
	memset(s->dropped_by, 0, sizeof(s->dropped_by));
	if (s->max_lag_us > 0)
		journal_reader_skip(s->reader[JOURNAL_BULK], clock_now_us() - s->max_lag_us);
	rc = s->sink->begin(s->self, e);
	if (rc != SINK_OK)
		return rc;
	do {
		rc = take(s, JOURNAL_CONTROL, 0, &control, e);
		if (rc == SINK_OK && !control)
			rc = take(s, JOURNAL_BULK, 0, &bulk, e);
		*idle = *idle && !control && !bulk;
	} while (rc == SINK_OK && (control || bulk) && !ship_is_full(s));
	if (rc != SINK_OK) {
		s->sink->abort(s->self);
		return rc;
	}
	if (*idle) { /* nothing to say; where there was nothing, the place may still have moved */
		s->sink->abort(s->self);
		return SINK_OK;
	}
	return ship_commit(s, e);
}

static void pause_for(struct ship *s, unsigned ms)
{
	struct timespec until = clock_in_ms(ms);

	pthread_mutex_lock(&s->lock);
	if (!atomic_load(&s->stop) && s->order == NULL)
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
	pthread_mutex_unlock(&s->lock);
}

static void trouble(struct ship *s, enum sink_result rc, const struct err *e)
{
	unsigned ms = s->backoff_ms != 0 ? s->backoff_ms * 2 : BACKOFF_MIN_MS;

	s->backoff_ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	pthread_mutex_lock(&s->lock);
	s->st.retries++;
	s->st.held = rc == SINK_HOLD;
	s->st.last_error_us = clock_now_us();
	snprintf(s->st.last_error, sizeof(s->st.last_error), "%.190s", e->msg);
	pthread_mutex_unlock(&s->lock);
	log_warn("delivery failed; it is tried again", "sink=%s wait_ms=%u why=\"%s\"", s->name,
	    s->backoff_ms, e->msg);
	/* jitter: a fleet must not come back at one moment */
	pause_for(
	    s, rc == SINK_HOLD ? HOLD_MS : s->backoff_ms / 2 + (unsigned)rand() % s->backoff_ms);
}

static void wait_for_frames(struct ship *s)
{
	uint64_t before = journal_durable(s->journal);

	if (s->sink->idle != NULL)
		s->sink->idle(s->self, clock_now_us());
	for (unsigned i = 0; i < 4 && journal_durable(s->journal) == before &&
			     !atomic_load(&s->stop) && !atomic_load(&s->finish);
	     i++)
		pause_for(s, WAIT_MS / 4);
}

static void *ship_main(void *arg)
{
	struct ship *s = arg;
	struct err e = { 0, "" };
	bool idle = false;
	bool open = open_readers(s, &e) == 0;

	while (!atomic_load(&s->stop)) {
		if (ship_forget_asked(s))
			open = open_readers(s, &e) == 0;

		enum sink_result rc = open ? one_round(s, &idle, &e) : SINK_RETRY;

		if (rc == SINK_OK)
			rc = ship_redrive_some(s, &idle, &e);
		if (rc == SINK_AGAIN) {
			open = open_readers(s, &e) == 0;
			continue;
		}
		if (rc != SINK_OK) {
			trouble(s, rc, &e);
			open = open_readers(s, &e) == 0;
			continue;
		}
		if (idle && atomic_load(&s->finish))
			break;
		if (idle)
			wait_for_frames(s);
	}
	close_readers(s);
	pthread_mutex_lock(&s->lock);
	s->done = true;
	s->order = NULL;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- beginning and end ---- */

static void ship_free(struct ship *s)
{
	if (s->registration >= 0)
		journal_unregister(s->journal, s->registration);
	journal_cursor_close(s->file);
	dead_letter_close(s->dead);
	if (s->self != NULL)
		s->sink->close(s->self);
	record_reader_free(&s->records);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int open_all(struct ship *s, const struct sink_settings *set, const char *dir, struct err *e)
{
	s->self = s->sink->open(set, e);
	if (s->self == NULL || load_cursor(s, dir, e) != 0)
		return -1;
	s->dead = dead_letter_open(dir, s->name, e);
	if (s->dead != NULL)
		s->dead->max_bytes = set->dead_max_bytes;
	if (s->dead == NULL || dead_letter_waiting_from(s->dead, &s->cursor, e) != 0)
		return -1;
	s->registration = journal_register(s->journal, &s->cursor, e);
	return s->registration >= 0 ? 0 : -1;
}

struct ship *ship_start(const struct sink *sink, const struct sink_settings *set,
    const struct drop_settings *drop, struct journal *j, const char *journal_dir, struct err *e)
{
	struct ship *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	s->sink = sink;
	s->journal = j;
	s->registration = -1;
	s->max_lag_us = set->max_lag_us;
	snprintf(s->name, sizeof(s->name), "%s", set->name);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	snprintf(s->label, sizeof(s->label), "%s", set->label != NULL ? set->label : set->name);
	s->st.name = s->label;
	s->st.journal = j;
	s->st.type = sink->name;
	s->st.drop = drop;
	if (open_all(s, set, journal_dir, e) != 0) {
		ship_free(s);
		return NULL;
	}
	s->st.cursor = s->cursor;
	for (unsigned i = 0; i < 2; i++) {
		s->mark[i].us = clock_boot_us();
		for (unsigned l = 0; l < JOURNAL_LANES; l++)
			s->mark[i].delivered += s->cursor.lane[l].delivered;
	}
	if (pthread_create(&s->thread, NULL, ship_main, s) != 0) {
		err_set(e, errno, "thread: %s", strerror(errno));
		ship_free(s);
		return NULL;
	}
	return s;
}

void ship_stop(struct ship *s, bool drain, int timeout_ms)
{
	struct timespec until;

	if (s == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->finish, true);
	pthread_cond_broadcast(&s->wake);
	while (drain && !s->done && s->backoff_ms == 0)
		if (pthread_cond_timedwait(&s->wake, &s->lock, &until) != 0)
			break;
	atomic_store(&s->stop, true);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	ship_free(s);
}

void ship_status(struct ship *s, struct ship_status *out)
{
	pthread_mutex_lock(&s->lock);
	measure(s);
	*out = s->st;
	pthread_mutex_unlock(&s->lock);
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		out->requeued[l] = dead_letter_waiting(s->dead, (enum journal_lane)l);
	out->dead_gone = dead_letter_gone(s->dead, true);
}

const char *ship_name(const struct ship *s)
{
	return s->st.name;
}

void ship_cursor(struct ship *s, struct journal_cursor *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->st.cursor;
	pthread_mutex_unlock(&s->lock);
}

uint64_t ship_dead_gone(struct ship *s)
{
	return dead_letter_gone(s->dead, false);
}
