/*
 * reader.h - following the journal, one lane at a time.
 *
 * A reader belongs to one thread and has its own file descriptor. It gives every
 * frame after its starting place that has records in its lane, up to the durable
 * sequence, and an item of its own for whatever cannot be given any more, so
 * that a sink's counts always add up. It reads only its lane's blocks.
 */
#ifndef JOURNAL_READER_H
#define JOURNAL_READER_H

#include "journal/journal.h"

struct journal_reader;

enum journal_read {
	JOURNAL_READ_ERROR = -1, /* *e; nothing was passed, call again */
	JOURNAL_READ_FRAME,	 /* payload is the block */
	JOURNAL_READ_SHED,	 /* the block was freed for space: n records */
	JOURNAL_READ_DAMAGE,	 /* damage says what is lost */
	JOURNAL_READ_TIMEOUT,	 /* nothing new */
	JOURNAL_READ_STOPPED,	 /* nothing new, and journal_stop() was called */
};

/* Valid until the next call on the same reader. */
struct journal_item {
	struct frame_header frame; /* FRAME and SHED */
	struct slice payload;	   /* FRAME: the lane's block, possibly empty */
	uint64_t rec_seq;	   /* FRAME, SHED: number of the first record of this lane */
	uint64_t n; /* records of this lane delivered, shed or lost; lost: 0 may mean unknown */
	struct journal_damage damage; /* DAMAGE */
	uint64_t seq; /* every result but ERROR: the cursor may be set here once this is handled */
	uint64_t next_rec; /* likewise */
};

/*
 * Read `lane` from the frame after after_seq. Buffers grow up to JOURNAL_PAYLOAD_MAX.
 * ENOMEM. *out goes to journal_reader_close(), before journal_close().
 */
int journal_reader_open(struct journal *j, enum journal_lane lane, uint64_t after_seq,
    struct journal_reader **out, struct err *e);

/*
 * The next item; waits up to timeout_ms for one. Frames without records in the lane
 * are passed silently; TIMEOUT reports how far that went. A read error (EIO) is
 * returned twice for one frame, then the frame counts as damaged.
 */
enum journal_read journal_reader_next(
    struct journal_reader *r, unsigned timeout_ms, struct journal_item *item, struct err *e);

/*
 * From now on bulk of frames that were committed before that time counts as shed for this
 * reader, and is not read. 0: none.
 */
void journal_reader_skip(struct journal_reader *r, int64_t before_us);

/* Takes NULL too. */
void journal_reader_close(struct journal_reader *r);

#endif
