/* rule_bundle.h - sekisho rules bundle: the rules of a fleet as one file. See detect/bundle.h. */
#ifndef AGENT_RULE_BUNDLE_H
#define AGENT_RULE_BUNDLE_H

#include "agent/offline.h"

struct rule_bundle_options {
	const char *out;     /* file to write, in one step */
	const char *version; /* of the rules, for people; NULL: their hash */
};

/*
 * o: the rules, tested, with so many examples passed; opt: what they were loaded by. The bundle is
 * loaded again before it gets its name, and must be the same set. Exit code.
 */
int rule_bundle(const struct offline *o, const struct offline_options *opt,
    const struct rule_bundle_options *b, unsigned passed);

#endif
