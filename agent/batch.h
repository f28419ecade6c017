/*
 * batch.h - one window of a log, made ready for the journal by a reader.
 *
 * Batches are made once and go round: free list, reader, queue, committer, free list. The
 * queue is bounded by their number, which is how a slow disk slows reading down.
 */
#ifndef AGENT_BATCH_H
#define AGENT_BATCH_H

#include "agent/positions.h"
#include "agent/successes.h"
#include "base/arena.h"
#include "base/record.h"
#include "detect/correlate.h"

#include <pthread.h>
#include <stdatomic.h>

/* A frame takes up to BATCH_GATHERED of a log that is behind, while the others are being filled. */
enum {
	BATCH_COUNT = 6,
	BATCH_GATHERED = 4,
	BATCH_GATHER_MS = 20,
	BATCH_SIGHTINGS = 8192, /* room for them at first; an attack makes more, for its time */
	BATCH_SUCCESSES = 256,
	BATCH_NO_INPUT = 0xffff
};

struct batch {
	struct batch *next;
	struct buf control; /* coded chunks */
	struct buf bulk;
	unsigned n_control, n_bulk; /* records in them */
	unsigned n_events;	    /* of these, events */
	unsigned n_ledger;	    /* and rows of the ledger */
	unsigned input;		    /* whose they are; BATCH_NO_INPUT: rows alone */
	unsigned n_read, n_copies;  /* events made of what was read, those dropped as copies */
	struct sighting *sightings;
	unsigned n_sightings, cap_sightings;
	struct success
	    successes[BATCH_SUCCESSES]; /* what is new of them; more wait for their next time */
	unsigned n_successes;
	struct batch_difference { /* rules whose filters were wrong */
		char rule[128];
		uint64_t event[2];
	} differences[4];
	unsigned n_differences;
	struct arena texts; /* entity values of the sightings */
	struct batch_entity {
		struct slice from, kept;
	} last[ENTITY_N]; /* copied last: an event's sightings are of the same few */
	bool more;	  /* there is more to read at once: the next one is under way */
	bool moved;
	struct position_move move;
	uint64_t bytes_in;
	int64_t read_us; /* when its text was read, to tell how long alerts take */
};

struct batch_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch *head, **tail;
	unsigned n;
	bool more; /* of the last one */
	struct batch *spare;
	bool stopped;	       /* no more will be put */
	atomic_ullong waiting; /* events put and not yet durable */
	struct batch all[BATCH_COUNT];
};

int batch_queue_init(struct batch_queue *q, struct err *e);
void batch_queue_free(struct batch_queue *q);

/* A free batch; waits for one. NULL when the queue was aborted. */
struct batch *batch_take(struct batch_queue *q);
void batch_put(struct batch_queue *q, struct batch *b);
/*
 * All that wait, in order; waits up to wait_ms. NULL: none came. Of a log that is behind, some are
 * gathered: each frame costs a sync.
 */
struct batch *batch_get_all(struct batch_queue *q, unsigned wait_ms);
void batch_recycle(struct batch_queue *q, struct batch *list);
void batch_stop(struct batch_queue *q); /* by the reader: this was all */
bool batch_stopped(struct batch_queue *q);

/*
 * Add a sighting, with a copy of its texts. False: no memory for it. However many an attack makes
 * of a window, none is left out: it might be another attacker's only one.
 */
bool batch_sight(struct batch *b, const struct sighting *s);

/* Wake the committer: there is something to do but batches. */
void batch_wake(struct batch_queue *q);

#endif
