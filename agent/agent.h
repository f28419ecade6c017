/*
 * agent.h - everything a running agent is made of.
 *
 * Threads: the reader (reader.c) follows logs and makes batches; the committer
 * (committer.c) correlates, decides and appends frames; one thread a sink (ship.c)
 * delivers; the control thread (control.c) answers on the socket; one asks DNS (crawlers.c). What
 * they share is the queue of batches, the journal's durable sequence, counters, and the mailbox
 * through which the control thread asks the committer. No lock is held over I/O.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/batch.h"
#include "agent/config.h"
#include "agent/pipeline.h"
#include "agent/policy.h"
#include "agent/stats.h"
#include "agent/tally.h"
#include "base/identity.h"
#include "journal/journal.h"

struct crawlers;
struct planes;
struct ship;
struct control;
struct http;

/* A rule set with what is made of it; a reload makes a new one. */
struct rules_in_use {
	struct ruleset *rs;
	struct trigger_plan *plan;
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* run by the committer; its records go into the next frame; answered when that is durable
	 */
	void (*call)(void *agent, void *arg);
	void *arg;
	bool done;
	bool busy;
};

enum { AGENT_OWN_SHIPS = 16, AGENT_SHIPS = JOURNAL_CURSORS_MAX, AGENT_IMPORTED = 8 };

struct agent {
	struct config cfg;
	struct host_identity host;
	const char *service;
	char rules_hash[17];
	struct stats stats;
	int64_t started_us;

	struct rules_in_use rules;
	_Atomic(struct rules_in_use *) pending; /* of a reload: the reader takes it */
	struct redactor *redactor;

	struct batch_queue queue;
	struct positions *positions;
	bool first_start; /* no journal was there */
	int64_t alive_us; /* else: the time of the newest frame */

	struct journal *journal;
	struct correlator *correlator;
	struct policy *policy;
	struct planes *planes;
	struct crawlers *crawlers; /* NULL: nobody is verified */
	struct mailbox mailbox;
	struct buf checkpoint;
	struct record_writer said; /* records of the committer's own, for the next frame */
	struct packer *packer;

	struct tally tally; /* the committer's: with the effect of the frame under way */
	struct {
		pthread_mutex_t lock;
		struct tally tally;	 /* what is durable, */
		struct journal_stats at; /* with that frame as the newest */
	} audited;

	struct ship *ships[AGENT_SHIPS]; /* of this journal, then of imported ones */
	unsigned n_own, n_ships;
	struct journal *imported[AGENT_IMPORTED];
	unsigned n_imported;

	atomic_bool stopping;
	atomic_bool reader_ready; /* first look at all inputs is done */
	atomic_bool journal_ok;
	atomic_llong last_commit_us;
	bool running;
	struct control *control;
	struct http *http;
	int stop_fd; /* eventfd: readable when the reader should end */
	int wake_fd; /* another: there is something for the reader but logs */
	pthread_t reader_thread, committer_thread;
};

/* In order; -1: agent_close() takes back what there is. */
int agent_open(struct agent *a, struct err *e);
int agent_start(struct agent *a, struct err *e);
/* Drain: what was read is journalled, what is journalled is delivered if the sinks take it. */
void agent_close(struct agent *a);

/* The rules that the config names; problems are added to p. NULL: no memory. */
struct ruleset *agent_load_rules(const struct config *c, struct problems *p);
void agent_take_rules(void *committer, void *arg);

/* Ask the agent to end: from any thread, also a signal handler's. */
void agent_stop(struct agent *a);

/* New rules wait for it: from any thread. */
void agent_wake_reader(struct agent *a);

/* By the reader: new rules are in use from the next window on. */
void agent_rules_changed(struct agent *a, const struct rules_in_use *next);

void agent_context(const struct agent *a, struct record_context *out);

/* reader.c, committer.c: thread functions. */
void *reader_main(void *agent);
void *committer_main(void *agent);

/* committer.c: state at start and for checkpoints. */
int agent_checkpoint(void *agent, struct slice *out, struct err *e);
int agent_restore(
    void *agent, const struct frame_header *h, struct slice checkpoint, struct err *e);
int agent_replay(void *agent, const struct frame_header *h, struct slice control, struct err *e);

/* From any thread but the committer: run call(agent, arg) there and wait until its records are
 * durable. */
void agent_ask(struct agent *a, void (*call)(void *agent, void *arg), void *arg);

/* For such a call, whose first argument is the committer: how decisions are recorded. */
block_cb *committer_block_cb(void);
struct agent *committer_agent(void *committer);

/* A ledger row: what may be lost, and where. From the reader: through its batch. */
struct ledger_row {
	const char *what; /* truncated rewritten shortened gone vacuumed unreadable dead_letters
			     forgotten */
	const char *source;
	uint64_t lost_bytes, lost_records;
	int64_t time_us;
};
void ledger_put(struct record_writer *w, const struct ledger_row *row, uint64_t host_id);

/* sinks.c: by enum sink_type, and what the config says of one; texts stay the config's. */
const struct sink *agent_sink(unsigned type);

struct sink_settings agent_sink_settings(const struct sink_config *s);

/* Open the libraries that the configured sinks and /metrics call. -1 with *e: one can't be had. */
int agent_open_libraries(const struct config *c, struct err *e);

#endif
