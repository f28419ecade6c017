/*
 * tally.h - where every record came from and how far each sink was, as part of the journal's state.
 *
 * A frame holds what it adds to each input's sums and where the sinks that moved are; a checkpoint
 * holds all of it. So the sums since any frame are a difference of two states that are durable with
 * the frames themselves, exact after any crash, and their other side is the journal's own headers:
 *
 *	events read = journalled + copies			for each input
 *	events of all inputs + own records = records		of the frames' headers
 *	bytes of all inputs = bytes				of the frames' headers
 *	waiting then + journalled = settled since + waiting now	for each sink and lane
 */
#ifndef AGENT_TALLY_H
#define AGENT_TALLY_H

#include "base/buf.h"
#include "journal/journal.h"

enum {
	TALLY_INPUTS = 64, /* further ones are counted together with the last */
	TALLY_SINKS = 32,  /* of further ones nothing is kept: JOURNAL_CURSORS_MAX */
	TALLY_LABEL = 128,
};

struct tally_input {
	char label[TALLY_LABEL]; /* its first pattern, journald..., or - */
	uint64_t read;		 /* events made of what was read */
	uint64_t journalled;	 /* of these, in frames */
	uint64_t copies;	 /* and dropped as read from elsewhere too */
	uint64_t bytes;		 /* of the log */
};

struct tally_sink {
	char name[TALLY_LABEL];
	struct journal_cursor_lane lane[JOURNAL_LANES];
	uint64_t forgotten; /* as far as the ledger has it */
};

struct tally {
	uint64_t epoch_us;	    /* when counting began: sums of two epochs don't compare */
	struct journal_counts base; /* of the journal then */
	uint64_t own;		    /* records that are no events: alerts, decisions, ledger */
	unsigned n_inputs, n_sinks;
	struct tally_input input[TALLY_INPUTS];
	struct tally_sink sink[TALLY_SINKS];
};

/* The input of that name, made when there is none. Never NULL. */
struct tally_input *tally_input(struct tally *t, const char *label);

/* NULL: nothing is known of that sink. *t is not changed. */
const struct tally_sink *tally_sink(const struct tally *t, const char *name);

/* Set a sink's place. False: it is where it was, or there is no room for it. */
bool tally_set_sink(struct tally *t, const char *name, const struct journal_cursor *c);

/* Add what a frame says: sums are added, places replaced. */
void tally_add(struct tally *t, const struct tally *more);

/* Take a frame's sums away again; places stay. */
void tally_take_back(struct tally *t, const struct tally *more);

/* As the payload of a state item, and back. False: it can't be read, *t means nothing. */
void tally_save(const struct tally *t, struct buf *out);
bool tally_load(struct tally *t, struct slice in);

#endif
