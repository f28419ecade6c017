/*
 * near.h - how near a rule came to holding for an event, and on what it failed.
 *
 * For `rules explain` and `rules test`: the condition is gone through as eval.c does, and for
 * each item that does not hold the value that came furthest is remembered, with the byte where it
 * diverged. Slow; not for the agent.
 */
#ifndef DETECT_NEAR_H
#define DETECT_NEAR_H

#include "detect/engine.h"

enum near_why {
	NEAR_VALUE,    /* no value of the item fits the field */
	NEAR_ABSENT,   /* the event does not have the field */
	NEAR_EXCLUDED, /* a part behind `not` holds */
};

/* The part of a condition that failed first. */
struct near_miss {
	enum near_why why;
	struct field field;
	const struct matcher *value; /* that came furthest; NULL: absent, excluded */
	enum form form;
	struct slice text; /* the field's; in the arena */
	size_t start, end; /* of the text: what did fit */
	size_t at;	   /* and the byte that did not; its length: the text ends there */
	size_t pattern_at; /* of value->text: what was wanted there */
};

struct near {
	uint32_t rule;
	double score;	   /* 0: nothing fits, 1: it holds */
	unsigned held, of; /* items on the way of the condition that came furthest */
	struct near_miss miss;
};

/*
 * How near came rule r to event number `event` of the batch that was added to g? False: it holds,
 * or its logsource is another.
 */
bool near_rule(struct engine *g, unsigned event, struct rule *r, struct arena *a, struct near *out);

/*
 * The nearest rules of the set, the nearest first; how many, at most max. Those of which less
 * than half fits, and labels of crawlers, are left out.
 */
unsigned near_all(
    struct engine *g, unsigned event, struct arena *a, struct near *out, unsigned max);

#endif
