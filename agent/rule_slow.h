/* rule_slow.h - which patterns can be made to run long? */
#ifndef AGENT_RULE_SLOW_H
#define AGENT_RULE_SLOW_H

#include "agent/offline.h"

/*
 * Search for a text that takes a pattern of rule r long: what its own examples match, cut and
 * repeated to 4 KiB, as an attacker would, or that it gives up on. Prints a warning with the text
 * if one takes over two milliseconds of CPU time. Returns whether it did.
 */
bool rule_slow(struct offline *o, struct rule *r);

#endif
