/*
 * event_store.h - events that were read, parsed and kept, through detection again.
 *
 * The journal of an agent, also while it runs, and the database of its sqlite sink. Events go in
 * order of their time as far as frames allow it, so correlation sees them as it did. What was
 * masked before it was stored, what was shed and what is damaged can't be found again: it is
 * counted, since a count over the rest is a lower bound.
 */
#ifndef AGENT_EVENT_STORE_H
#define AGENT_EVENT_STORE_H

#include "agent/offline.h"

struct event_store {
	struct offline *off;
	int64_t from_us, to_us; /* events of then, both included */
	/* called with the events of off->pipeline, which are gone afterwards */
	void (*batch)(void *ctx);
	void *ctx;
	/* what came of it */
	uint64_t events;
	uint64_t masked;  /* of them, with a masked value somewhere */
	uint64_t bare;	  /* of them, without the line */
	uint64_t missing; /* records that were there and can't be read: shed, or damaged */
	/* inside */
	bool open;	 /* a batch was begun */
	bool proxy;	 /* its events are of inputs with `logsource: proxy` */
	char path[256];	 /* of the event before, */
	bool path_proxy; /* and what the config says of it */
};

/* All of a journal, or of a database. 0, or an exit code after having said why on stderr. */
int event_store_journal(struct event_store *s, const char *dir);
int event_store_sqlite(struct event_store *s, const char *path);

/*
 * For those two: one event, of which nothing is kept. seq: its number. path: of its log.
 * event_store_end() after the last one.
 */
void event_store_put(
    struct event_store *s, const struct event *ev, uint64_t seq, struct slice path);
void event_store_end(struct event_store *s);

#endif
