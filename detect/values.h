/*
 * values.h - agents and referers repeat: what each came to is remembered.
 *
 * Fixed tables, by a keyed hash of 128 bits, so that nobody can aim at a slot. The quiet
 * ones hold agents of which no rule has to be tried, and referers in which no window occurs.
 * The third one holds agents with the verdicts of the rules that look at nothing else, and the
 * rules that have to be tried because of it. A new entry takes the place of the older of the two
 * in its set.
 */
#ifndef DETECT_VALUES_H
#define DETECT_VALUES_H

#include "base/slice.h"

struct engine;
struct evidence;
struct rule;
struct values;

enum { MEMO_YES = 5, MEMO_OTHERS = 6, MEMO_MATCH = 46 };

/* An agent's rules. */
struct agent_memo {
	uint64_t hash[2];
	unsigned n_yes, n_others;
	uint32_t others[MEMO_OTHERS]; /* rules to be tried: they look at more than the agent */
	struct agent_verdict {
		uint32_t rule;
		bool found; /* evidence: */
		uint8_t form, n;
		char match[MEMO_MATCH];
	} yes[MEMO_YES];
};

struct values *values_new(uint64_t seed);
void values_free(struct values *v);
void values_begin(struct values *v); /* a batch */

/*
 * Is v's outcome known? Then its rules are candidates of the event now. Otherwise it has
 * to be laid out right after this call, and will be learnt from.
 */
bool values_known(struct engine *g, unsigned event, unsigned lane, struct slice v);

/* While lanes are scanned: a window of a rule that needs more than the agent is in it. */
void values_other(struct engine *g, unsigned event, uint32_t rule);

/* After all lanes were scanned: the quiet ones. */
void values_learn_quiet(struct engine *g);

/* While an event is decided: a rule that looks at the agent alone holds. */
void values_yes(struct engine *g, unsigned event, const struct rule *r, const struct evidence *e);
/* Its agent can't be remembered. */
void values_spoil(struct engine *g, unsigned event);
/* All are decided. */
void values_learn_agents(struct engine *g);

#endif
