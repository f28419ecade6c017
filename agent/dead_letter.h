/*
 * dead_letter.h - records that a sink will never take, kept with the reason; and their way back.
 *
 * One NDJSON file a sink, JOURNAL/../dead/NAME.ndjson: a line has the record for people, and the
 * whole of it as a chunk of record.h in base64. Keyed by (sink, lane, seq): after a crash a record
 * may come again, and is then not written twice. Numbers grow within a lane only: the lanes are
 * read at different places.
 *
 * `journal redrive` moves lines to NAME.redrive, the queue, whose first line names it:
 * {"batch":N}. The sink's cursor says how many lines of which queue are settled, so each counts
 * once. A crash between the two renames leaves a line in both files: dead_letter_waiting_from()
 * takes the copy away. While it is queued a line counts as waiting, no more as rejected.
 *
 * Beyond max_bytes the oldest lines go, to three quarters of it, and the file begins with how many
 * are gone: {"gone":N}. They stay counted as rejected. What is queued is not touched.
 *
 * Any thread may ask and move; one thread delivers.
 */
#ifndef AGENT_DEAD_LETTER_H
#define AGENT_DEAD_LETTER_H

#include "base/record.h"
#include "journal/cursor.h"

#include <pthread.h>
#include <stdio.h>

struct err;

struct dead_letter {
	char path[1024], queue_path[1024];
	char sink[72];
	int fd;			    /* -1: nothing was refused since the start */
	off_t size;		    /* of whole lines */
	uint64_t max_bytes;	    /* set by the caller; 0: any */
	uint64_t gone, gone_before; /* lines, ever; and when it was opened */
	uint64_t last_seq[JOURNAL_LANES];
	bool dirty;
	struct buf line;
	struct record_writer writer;

	pthread_mutex_t lock;		 /* of the files and what follows */
	uint64_t batch;			 /* of the queue; 0: there is none */
	uint64_t queued;		 /* its lines, settled ones included */
	uint64_t waiting[JOURNAL_LANES]; /* without those */
	char *text;			 /* a line of either */
	size_t text_cap;

	FILE *queue; /* of the thread that delivers, as its line */
	char *item;
	size_t item_cap;
};

struct dead_letter *dead_letter_open(const char *journal_dir, const char *sink, struct err *e);
void dead_letter_close(struct dead_letter *d); /* takes NULL */

/* -1: nothing was written. */
int dead_letter_put(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e);
/* The same of a record that came from the queue and was refused again. */
int dead_letter_put_again(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e);
int dead_letter_sync(struct dead_letter *d, struct err *e); /* durable from here on */

/* Lines that went for the budget's sake: ever, or since it was opened. */
uint64_t dead_letter_gone(struct dead_letter *d, bool ever);

/* Before n more bytes are written: dead_letter_budget.c. The lock is held. */
int dead_letter_make_room(struct dead_letter *d, size_t n, struct err *e);

/* ---- the way back: dead_letter_queue.c ---- */

struct dead_letter_choice {
	int64_t since_us; /* refused from then on; 0: all */
	struct slice id;  /* of the record; empty: any */
};

struct dead_letter_moved {
	uint64_t moved;
	uint64_t unfit; /* chosen, but written without the record by an older version, or damaged */
};

/* Move what is chosen to the queue. Durable when it returns 0. */
int dead_letter_redrive(struct dead_letter *d, const struct dead_letter_choice *choice,
    struct dead_letter_moved *out, struct err *e);

/* Before the first delivery: what the cursor says is settled. Mends what a crash left. */
int dead_letter_waiting_from(struct dead_letter *d, const struct journal_cursor *c, struct err *e);

/* Records of that lane that are queued and not settled. */
uint64_t dead_letter_waiting(struct dead_letter *d, enum journal_lane lane);

/* A line of the queue. chunk is empty: it can't be read any more. */
struct dead_letter_item {
	enum journal_lane lane;
	uint64_t seq;
	struct slice chunk; /* of one record; valid until the next call */
};

/* Begin to read behind what is settled by *c, which gets the queue's name. */
int dead_letter_queue_open(struct dead_letter *d, struct journal_cursor *c, struct err *e);
/* 1, or 0 at the end. */
int dead_letter_queue_next(struct dead_letter *d, struct dead_letter_item *item);
/* The cursor is durable: so many of each lane are settled. An empty queue goes. */
void dead_letter_settled(
    struct dead_letter *d, const struct journal_cursor *c, const uint64_t n[static JOURNAL_LANES]);

/* What both files share: which record a line holds; false: it is none of ours. */
bool dead_letter_key(const char *line, enum journal_lane *lane, uint64_t *seq);

#endif
