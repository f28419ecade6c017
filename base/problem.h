/*
 * problem.h - everything that is wrong with what a person wrote, with its place.
 *
 * Reading a config or a rule goes on after a mistake, so that one run of
 * `sekisho check` names them all.
 */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include "base/buf.h"

struct place {
	const char *file;
	unsigned line, col; /* 1-based; 0: the file as a whole */
};

struct problems {
	struct buf text; /* lines "FILE:LINE:COL: error: ...", ready to print */
	unsigned errors;
	unsigned warnings;
};

void problem_error(struct problems *p, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warn(struct problems *p, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void problems_free(struct problems *p);

/*
 * The name of `names` (n of them) that a typing mistake could have turned into
 * `wrong`, or NULL: at most a third of its letters differ.
 */
const char *problem_suggest(struct slice wrong, const char *const *names, unsigned n);

#endif
