/*
 * rule_feed.h - can a rule work with the inputs that a config has?
 *
 * A rule of sshd on a host that reads only nginx's log does no harm, but whoever relies on it
 * should know. `rules list`, `rules lint` and `check` say so.
 */
#ifndef AGENT_RULE_FEED_H
#define AGENT_RULE_FEED_H

#include "agent/config.h"
#include "detect/ruleset.h"

/*
 * Has an input of c the events and attributes without which the rule can't hold? If not, *missing
 * is the attribute that no input gives (static, or the rule's). Counts what the formats are known
 * to give (parser.h), so true may be too hopeful.
 */
bool rule_is_fed(const struct config *c, const struct rule *r, struct slice *missing);

/*
 * Does it exclude something by the parent of a process? Parents that started before the agent are
 * not known, and a filter by what is absent excludes nothing.
 */
bool rule_is_degraded(const struct rule *r);

/* As rule_is_fed(), of what a correlation counts, by what it groups and sums. */
bool correlation_is_fed(const struct config *c, const struct ruleset *rs,
    const struct correlation *k, struct slice *missing);

/* How many rules and correlations of the set are not fed. */
unsigned rules_unfed(const struct config *c, const struct ruleset *rs);

#endif
