/* rule_test.h - running the examples that rules carry, and explaining one line. */
#ifndef AGENT_RULE_TEST_H
#define AGENT_RULE_TEST_H

#include "agent/offline.h"

/* Prints each failure with its place, then "N passed, N failed". */
bool rule_tests(struct offline *o);

/* Prints how a line is parsed and what it matches. False: nothing matched. */
bool rule_explain(struct offline *o, const char *line);

#endif
