#include "agent/tap.h"

#include "agent/agent.h"
#include "agent/render.h"
#include "agent/tap_filter.h"
#include "base/err.h"
#include "journal/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TAPS_MAX = 8, WAIT_MS = 100, BEHIND_FRAMES = 64, OUT_BYTES = 64 << 10 };

struct tap {
	struct tap_set *set;
	int fd;
	bool used; /* the thread was started and not joined yet */
	atomic_bool done;
	pthread_t thread;
	struct tap_filter filter;
	struct journal_reader *reader[JOURNAL_LANES];
	uint64_t at[JOURNAL_LANES]; /* frame that the lane's reader is behind */
	uint64_t
	    passed[JOURNAL_LANES]; /* records of the lane up to there, since the journal began */
	struct record_reader records;
	struct buf out;
	uint64_t dropped; /* not yet told */
};

struct tap_set {
	struct agent *a;
	atomic_bool stop;
	struct tap tap[TAPS_MAX];
};

/* ---- the connection ---- */

/* All of `out`, however long the other side takes. False: it is gone, or the agent ends. */
static bool flush(struct tap *t)
{
	size_t at = 0;

	while (at < t->out.n) {
		struct pollfd p = { .fd = t->fd, .events = POLLOUT };
		ssize_t n = send(t->fd, t->out.p + at, t->out.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		if ((n < 0 && errno != EAGAIN && errno != EINTR) || atomic_load(&t->set->stop))
			return false;
		poll(&p, 1, WAIT_MS);
	}
	buf_reset(&t->out);
	return true;
}

/* Nobody sends anything more on it: readable means closed. */
static bool is_gone(const struct tap *t)
{
	char c;
	ssize_t n = recv(t->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void tell_dropped(struct tap *t)
{
	if (t->dropped > 0)
		buf_printf(&t->out, "{\"kind\":\"dropped\",\"records\":%" PRIu64 "}\n", t->dropped);
	t->dropped = 0;
}

/* ---- the journal ---- */

static uint64_t lane_records(const struct tap *t, unsigned lane, uint64_t seq)
{
	struct journal_counts c;
	struct err e;

	if (journal_counts_at(t->set->a->journal, seq, &c, &e) != 0)
		return t->passed[lane]; /* not known: nothing is counted twice */
	return journal_lane_records(&c, (enum journal_lane)lane);
}

static bool open_at(struct tap *t, unsigned lane, uint64_t seq, struct err *e)
{
	journal_reader_close(t->reader[lane]);
	t->reader[lane] = NULL;
	t->at[lane] = seq;
	t->passed[lane] = lane_records(t, lane, seq);
	return journal_reader_open(
		   t->set->a->journal, (enum journal_lane)lane, seq, &t->reader[lane], e) == 0;
}

/* Too far behind: go on at the newest frame, and count what is passed over. */
static bool catch_up(struct tap *t, unsigned lane, struct err *e)
{
	uint64_t newest = journal_durable(t->set->a->journal);
	uint64_t before = t->passed[lane];

	if (newest < t->at[lane] + BEHIND_FRAMES)
		return true;
	if (!open_at(t, lane, newest, e))
		return false;
	t->dropped += t->passed[lane] > before ? t->passed[lane] - before : 0;
	return true;
}

static void put_record(struct tap *t, const struct record *r)
{
	struct json j = { .out = &t->out };

	render_record(&j, r, false);
	buf_char(&t->out, '\n');
}

static bool put_frame(struct tap *t, const struct journal_item *item, struct err *e)
{
	struct record r;

	record_reader_open(&t->records, item->payload, item->rec_seq);
	while (record_next(&t->records, &r, e) > 0) {
		if (r.seq == 0 || !tap_filter_holds(&t->filter, &r))
			continue;
		put_record(t, &r);
		if (t->out.n > OUT_BYTES && !flush(t))
			return false;
	}
	return true;
}

/* The next frame of a lane, if there is one. False: the tap is over. */
static bool take(struct tap *t, unsigned lane, unsigned wait_ms, bool *more, struct err *e)
{
	struct journal_item item;
	enum journal_read got;

	if (!catch_up(t, lane, e))
		return false;
	tell_dropped(t);
	got = journal_reader_next(t->reader[lane], wait_ms, &item, e);
	*more = got == JOURNAL_READ_FRAME || got == JOURNAL_READ_SHED || got == JOURNAL_READ_DAMAGE;
	if (got == JOURNAL_READ_ERROR || got == JOURNAL_READ_STOPPED)
		return false;
	t->at[lane] = item.seq;
	t->passed[lane] += item.n;
	if (got == JOURNAL_READ_SHED || got == JOURNAL_READ_DAMAGE)
		t->dropped += item.n;
	return got != JOURNAL_READ_FRAME || put_frame(t, &item, e);
}

static void *tap_main(void *arg)
{
	struct tap *t = arg;
	uint64_t from = journal_durable(t->set->a->journal);
	struct err e;
	bool go = open_at(t, JOURNAL_CONTROL, from, &e) && open_at(t, JOURNAL_BULK, from, &e);

	buf_printf(&t->out, "ok %" PRIu64 "\n", from);
	while (go && flush(t) && !is_gone(t) && !atomic_load(&t->set->stop)) {
		bool more = false;
		bool bulk = false;

		go = take(t, JOURNAL_CONTROL, 0, &more, &e);
		if (go && !t->filter.control_only)
			go = take(t, JOURNAL_BULK, more ? 0 : WAIT_MS, &bulk, &e);
		else if (go && !more)
			go = take(t, JOURNAL_CONTROL, WAIT_MS, &more, &e);
	}
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		journal_reader_close(t->reader[l]);
	record_reader_free(&t->records);
	buf_free(&t->out);
	close(t->fd);
	atomic_store(&t->done, true);
	return NULL;
}

/* ---- by the control thread ---- */

static struct tap *free_place(struct tap_set *set)
{
	for (unsigned i = 0; i < TAPS_MAX; i++) {
		struct tap *t = &set->tap[i];

		if (t->used && atomic_load(&t->done)) {
			pthread_join(t->thread, NULL);
			t->used = false;
		}
		if (!t->used)
			return t;
	}
	return NULL;
}

static void refuse(int fd, const char *why)
{
	char text[320];
	int n = snprintf(text, sizeof(text), "%.300s\n", why);

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		errno = 0; /* gone already */
	close(fd);
}

void tap_serve(struct tap_set *set, int fd, struct slice filter)
{
	struct tap *t = free_place(set);
	struct err e = { 0, "" };

	if (t == NULL) {
		refuse(fd, "there are as many taps as there may be (8)");
		return;
	}
	memset(t, 0, sizeof(*t));
	if (!tap_filter_parse(filter, &t->filter, &e)) {
		refuse(fd, e.msg);
		return;
	}
	t->set = set;
	t->fd = fd;
	t->used = pthread_create(&t->thread, NULL, tap_main, t) == 0;
	if (!t->used)
		refuse(fd, "no thread for one more tap");
}

struct tap_set *tap_open(struct agent *a)
{
	struct tap_set *set = calloc(1, sizeof(*set));

	if (set != NULL)
		set->a = a;
	return set;
}

void tap_close(struct tap_set *set)
{
	if (set == NULL)
		return;
	atomic_store(&set->stop, true);
	for (unsigned i = 0; i < TAPS_MAX; i++)
		if (set->tap[i].used)
			pthread_join(set->tap[i].thread, NULL);
	free(set);
}
