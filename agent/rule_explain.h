/*
 * rule_explain.h - why a line matches, or what kept it from matching.
 *
 * Values are shown as the rules see them, unmasked; only the event itself is printed as it would
 * be stored.
 */
#ifndef AGENT_RULE_EXPLAIN_H
#define AGENT_RULE_EXPLAIN_H

#include "agent/offline.h"

/*
 * Prints how a line is parsed, the forms of its values, what it matches and where, what counts it,
 * and which rules came near and on what they failed. False: nothing matched.
 */
bool rule_explain(struct offline *o, const char *line);

/* Of the last window's events: where r matched, or else on what it failed. */
void rule_explain_example(struct offline *o, const struct line_rules *lr, struct rule *r);

#endif
