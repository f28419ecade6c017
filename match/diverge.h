/*
 * diverge.h - how far a pattern that does not match a text came: for whoever writes it.
 *
 * The pattern is run again by PCRE2's interpreter with a callout before each of its items
 * (pcre2callout(3), PCRE2_AUTO_CALLOUT), and the attempt that matched most bytes literally is
 * remembered: a `.*` that swallows the text has come nowhere. Slow, and for one thread.
 */
#ifndef MATCH_DIVERGE_H
#define MATCH_DIVERGE_H

#include "base/slice.h"

struct diverge {
	size_t start, at;  /* of the text: [start, at) matched, what is at `at` did not */
	size_t pattern_at; /* of the pattern: what it wanted there; its length: nothing more */
	size_t literal;	   /* bytes of [start, at) that the pattern names, not only allows */
	size_t missing;	   /* bytes that it still wanted, about: on the shortest way to its end */
};

/*
 * flags: REGEX_*. False: it matches, is no pattern, memory is short, or not one item held.
 * A run is bounded as in regex_find(); what was reached until then is given.
 */
bool diverge_find(struct slice pattern, unsigned flags, struct slice text, struct diverge *out);

/* How many bytes of `want` stand at the beginning of `have`. */
size_t diverge_head(struct slice want, struct slice have, bool cased);

#endif
