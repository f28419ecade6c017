/* rule_test.h - running the examples that rules carry. */
#ifndef AGENT_RULE_TEST_H
#define AGENT_RULE_TEST_H

#include "agent/offline.h"

struct rule_tally {
	unsigned passed, failed;
};

/*
 * Prints each failure with its place and, where a pattern was to match, the character where it
 * diverged.
 */
struct rule_tally rule_tests(struct offline *o);

#endif
