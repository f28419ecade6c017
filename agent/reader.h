/*
 * reader.h - what the reader_*.c files share: one for each kind of input, one thread. Not for
 * others.
 *
 * A source makes events in r->pipeline, hands them to the batch with reader_put(), says in the
 * batch how far its position moves, and sends it with reader_send().
 */
#ifndef AGENT_READER_H
#define AGENT_READER_H

#include "agent/agent.h"

#include <poll.h>

struct dedupe;
struct reader_journald;
struct reader_stdin;

enum { READER_REPORTS = 64, READER_MAX_AHEAD_US = 300 * 1000000 };

struct reader {
	struct agent *a;
	struct tail *tail;
	struct reader_stdin *in;	  /* NULL: no such input */
	struct reader_journald *journald; /* a list */
	struct dedupe *dedupe;		  /* NULL: nothing can come twice */
	struct success_news *successes;	  /* what was said of them already */
	struct pipeline pipeline;
	struct line_rules *rules; /* one an input */
	struct packer *packer;
	struct record_writer control, bulk;
	struct batch *batch; /* the one being filled, or NULL */
	struct record_context context;
	struct ledger_row reports[READER_REPORTS]; /* for the next batch */
	char report_paths[READER_REPORTS][TAIL_PATH_MAX];
	unsigned n_reports;
	uint64_t dead_gone[16]; /* one a sink: dead letters that are no more, as far as told */
	bool busy;		/* something was read since the last wait */
	struct {
		uint64_t head_hash, number;
	} announced; /* the log of which a place was saved before anything of it was used */
};

/* What the tail of files is to ask and tell. */
struct tail_callbacks reader_tail_callbacks(struct reader *r);

/* Something may be lost: a ledger row in the next batch, and counters. The source is copied. */
void reader_report(struct reader *r, const struct ledger_row *row);

/* The events of the pipeline, with what they are for correlation, into a batch. */
struct batch *reader_put(struct reader *r, unsigned input, const char *path, uint64_t origin_hash);

/* The batch is done: `bytes` of input, with as many lines as the pipeline counted. */
void reader_send(struct reader *r, uint64_t bytes);

/* Standard input. */
int reader_stdin_open(struct reader *r, unsigned input, struct err *e);
void reader_stdin_close(struct reader *r);
bool reader_stdin_read(struct reader *r); /* false: nothing to do now */
int reader_stdin_fd(const struct reader *r);

/* journald: any number of journals. poll: descriptors put to p, *wait_ms made shorter. */
int reader_journald_open(struct reader *r, unsigned input, struct err *e);
void reader_journald_close(struct reader *r);
bool reader_journald_read(struct reader *r);
unsigned reader_journald_poll(const struct reader *r, struct pollfd *p, unsigned max, int *wait_ms);

#endif
