/* eval.h - what eval.c, eval_value.c and near.c share. Not for others. */
#ifndef DETECT_EVAL_H
#define DETECT_EVAL_H

#include "detect/engine.h"
#include "detect/records.h"

/* One rule on one event, or on one record of an audit event. */
struct run {
	struct engine *g;
	unsigned event;
	struct rule *r;
	struct evidence *evidence;
	const struct records *records; /* NULL: the whole event */
	unsigned record;
	/* NULL, or told of every text on which an item did not hold: near.c */
	void (*on_miss)(void *ctx, const struct node *n, struct slice t, enum form form);
	void *miss_ctx;
};

/* One item, and a part of a condition by the index of its node. */
enum verdict eval_item(struct run *x, const struct node *n);
enum verdict eval_node(struct run *x, unsigned id);

/* The value of a field that is one attribute, as it was written. */
struct slice eval_plain(struct run *x, const struct field *f);

/* The item's values on one text: yes if any holds. */
enum verdict eval_texts(struct run *x, const struct node *n, struct slice t, enum form form);

/* The same on a value that is in no lane: LF as in lanes, and cut as there. */
enum verdict eval_written(struct run *x, const struct node *n, struct slice value);

static inline enum verdict eval_either(enum verdict a, enum verdict b)
{
	if (a == VERDICT_YES || b == VERDICT_YES)
		return VERDICT_YES;
	return a == VERDICT_UNDECIDED || b == VERDICT_UNDECIDED ? VERDICT_UNDECIDED : VERDICT_NO;
}

#endif
