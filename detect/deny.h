/*
 * deny.h - rules that an event's status alone rules out, so that nobody has to decide them.
 *
 * `status: 401` beside a pattern on the path is asked of every event in which the path's window
 * occurs; a row of bits for each status answers it for all rules at once.
 */
#ifndef DETECT_DENY_H
#define DETECT_DENY_H

#include "detect/ruleset.h"

struct deny {
	uint64_t *bits; /* DENY_STATUSES rows of `words`, a bit a rule; NULL: no rule asks */
	unsigned words;
};

enum { DENY_STATUSES = 1000 };

/* false: no memory. Free d->bits with free(). */
bool deny_init(struct deny *d, const struct ruleset *rs);

/* The row of a status (three digits), or NULL: nothing is known. */
const uint64_t *deny_row(const struct deny *d, struct slice status);

/* From now on nothing is said of this rule. */
void deny_forget(struct deny *d, unsigned rule);

#endif
