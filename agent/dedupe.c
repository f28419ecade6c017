#include "agent/dedupe.h"

#include "base/entry.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { SETS = 1024, WAYS = 16, WITHIN_US = 5000000, LABEL_MAX = 64 };

struct message {
	uint64_t hash; /* of host, program and text */
	int64_t time_us;
	uint64_t pid;
	uint64_t order; /* when it was remembered; 0: free */
	bool has_pid;
	bool pid_is_own;  /* journald's finding, which the line need not have */
	bool of_journald; /* the side it was read from */
};

struct dedupe {
	uint64_t key;
	uint64_t order;
	const char *host;
	struct message sets[SETS][WAYS];
};

struct dedupe *dedupe_new(uint64_t key, const char *host, struct err *e)
{
	struct dedupe *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		err_set(e, ENOMEM, "no memory to recognise copies");
		return NULL;
	}
	d->key = key;
	d->host = host;
	return d;
}

void dedupe_free(struct dedupe *d)
{
	free(d);
}

/* "Web1.example.com" and "web1" are one host: syslog daemons cut names or not. */
static size_t host_label(struct slice host, char to[static LABEL_MAX])
{
	size_t n = 0;

	for (; n < host.n && n < LABEL_MAX && host.p[n] != '.'; n++)
		to[n] = (char)(host.p[n] >= 'A' && host.p[n] <= 'Z' ? host.p[n] | 0x20 : host.p[n]);
	return n;
}

/* False: not a message as syslog has them. */
static bool describe(
    const struct dedupe *d, const struct event *ev, const struct entry *x, struct message *m)
{
	struct slice host = event_get(ev, ATTR_SYSLOG_HOSTNAME);
	struct slice program = event_get(ev, ATTR_PROCESS_NAME);
	struct slice text = event_get(ev, ATTR_MESSAGE);
	char label[LABEL_MAX];
	uint64_t h;

	if (program.p == NULL || text.p == NULL || event_get(ev, ATTR_REPEATED).p != NULL)
		return false;
	h = XXH3_64bits_withSeed(
	    label, host_label(host.n > 0 ? host : slice_of(d->host), label), d->key);
	h = XXH3_64bits_withSeed(program.p, program.n, h);
	h = XXH3_64bits_withSeed(text.p, text.n, h);
	*m = (struct message){ .hash = h,
		.time_us = ev->time_us,
		.pid_is_own = x != NULL && x->syslog_pid.n == 0,
		.of_journald = x != NULL };
	m->has_pid = slice_u64(event_get(ev, ATTR_PROCESS_PID), &m->pid);
	return true;
}

static bool same_pid(const struct message *a, const struct message *b)
{
	if (a->has_pid && b->has_pid)
		return a->pid == b->pid;
	return (!a->has_pid || a->pid_is_own) && (!b->has_pid || b->pid_is_own);
}

static bool is_pair(const struct message *a, const struct message *b)
{
	int64_t apart = a->time_us - b->time_us;

	return a->order != 0 && a->hash == b->hash && a->of_journald != b->of_journald &&
	       apart <= WITHIN_US && apart >= -WITHIN_US && same_pid(a, b);
}

bool dedupe_is_copy(void *dedupe, const struct event *ev, const struct entry *x)
{
	struct dedupe *d = dedupe;
	struct message m;
	struct message *set;
	struct message *pair = NULL;
	struct message *oldest;

	if (!describe(d, ev, x, &m))
		return false;
	set = oldest = d->sets[m.hash % SETS];
	for (unsigned i = 0; i < WAYS; i++) {
		if (is_pair(&set[i], &m) && (pair == NULL || set[i].order < pair->order))
			pair = &set[i];
		if (set[i].order < oldest->order)
			oldest = &set[i];
	}
	if (pair != NULL) {
		pair->order = 0;
		return true;
	}
	m.order = ++d->order;
	*oldest = m;
	return false;
}
