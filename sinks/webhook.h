/*
 * webhook.h - inside of the webhook sink: which alerts are sent (webhook_gate), and what is
 * sent (webhook_text).
 */
#ifndef SINKS_WEBHOOK_H
#define SINKS_WEBHOOK_H

#include "base/buf.h"
#include "sinks/sink.h"

struct err;

/* ---- the gate ---- */

enum { GATE_SEEN_SETS = 256, GATE_SEEN_WAYS = 4, GATE_RULES = 256 };

/* Two rates of the same size: alerts that page are not held back by those that don't. */
enum gate_class { GATE_PAGES, GATE_OTHERS, GATE_CLASSES };

enum gate_answer {
	GATE_SEND,
	GATE_SENT,     /* this revision is there already */
	GATE_UNWANTED, /* below the level */
	GATE_HELD,     /* over the rate, too old, or noise of a rule that had its page today */
};

/* What is asked of an alert; made by gate_read(). */
struct gate_alert {
	uint64_t key;  /* hash of id and revision, never 0 */
	uint64_t rule; /* hash, never 0 */
	int64_t time_us;
	unsigned level; /* 1: informational to 5: critical */
	bool page, blocks;
};

struct gate {
	unsigned
	    min_level; /* 0: what pages, and once a day for each rule what blocks or is critical */
	double per_minute;
	double tokens[GATE_CLASSES];
	int64_t filled_us;			       /* CLOCK_BOOTTIME */
	uint64_t seen[GATE_SEEN_SETS][GATE_SEEN_WAYS]; /* newest first */
	struct {
		uint64_t rule;
		int64_t until_us; /* CLOCK_BOOTTIME */
	} noise[GATE_RULES];	  /* by hash: a newer rule takes the place of another */
	uint64_t held;		  /* since the last message that said so */

	/* of the commit under way; forgotten by gate_begin() */
	unsigned planned[GATE_CLASSES];
	uint64_t planned_rules[64];
	unsigned n_planned_rules;
	uint64_t holding;
};

void gate_init(struct gate *g, unsigned min_level, uint64_t per_minute);
void gate_read(const struct record *r, struct gate_alert *out);
void gate_begin(struct gate *g);
enum gate_answer gate_ask(struct gate *g, const struct gate_alert *a);
/* It was delivered: takes its token, and remembers it. */
void gate_sent(struct gate *g, const struct gate_alert *a);
/* The commit is settled: what was held back counts. */
void gate_settle(struct gate *g);
/* May a message of the sink's own be sent now? */
bool gate_may_tell(struct gate *g);

/* ---- the text ---- */

struct webhook_message {
	enum webhook_template template;
	const char *token;  /* PagerDuty's routing key */
	struct slice alert; /* its row, as JSON; none: a message that some were held back */
	uint64_t held;
};

/* Appends the request's body. -1 with *e: the row can't be read, or no memory. */
int webhook_text(const struct webhook_message *m, struct buf *out, struct err *e);

#endif
