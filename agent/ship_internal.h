/* ship_internal.h - inside ship*.c. */
#ifndef AGENT_SHIP_INTERNAL_H
#define AGENT_SHIP_INTERNAL_H

#include "agent/ship.h"
#include "journal/reader.h"

#include <pthread.h>
#include <stdatomic.h>

struct ship {
	const struct sink *sink;
	void *self;
	struct journal *journal;
	char name[64];
	char label[96];			  /* as people see it */
	struct journal_cursor_file *file; /* when the sink keeps no cursor */
	int registration;
	struct dead_letter *dead;
	int64_t max_lag_us; /* bulk that waited longer is skipped; 0: none */
	uint64_t skipped;   /* records, in the commit under way */
	struct journal_reader *reader[JOURNAL_LANES];
	struct record_reader records;
	struct journal_cursor cursor; /* what is durable */
	struct journal_cursor next;   /* what will be, after the commit under way */
	unsigned n_records;
	size_t n_bytes;
	uint64_t dropped_by[DROP_RULES_MAX]; /* in the commit under way */
	unsigned backoff_ms;
	pthread_t thread;
	atomic_bool stop;     /* end now */
	atomic_bool finish;   /* end when everything is delivered */
	pthread_mutex_t lock; /* of st, and of waiting */
	pthread_cond_t wake;
	bool done;
	struct ship_status st;
	struct ship_order *order; /* of ship_forget(), under lock; NULL: none */
	struct {
		int64_t us; /* CLOCK_BOOTTIME */
		uint64_t delivered;
	} mark[2]; /* of the rate: an earlier and a later moment */
};

/* What a record counts towards the sink's max_bytes. */
size_t ship_size_of(const struct record *r);
/* Is the commit under way as large as the sink takes? */
bool ship_is_full(const struct ship *s);
/* Settle what was put since begin, and what s->next says. */
enum sink_result ship_commit(struct ship *s, struct err *e);

/* A commit of dead letters that were queued again, if there are any: then *idle is false. */
enum sink_result ship_redrive_some(struct ship *s, bool *idle, struct err *e);

/* What ship_forget() asked for, if it did: then the readers are to be opened anew. */
bool ship_forget_asked(struct ship *s);

#endif
