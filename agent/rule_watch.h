/*
 * rule_watch.h - the rules' tests again whenever a rule is saved.
 *
 * All of them, which takes some 0.2 s with the rules of the package: a filter, a placeholder or a
 * rule in another folder can change what any file's tests come to. A file may be written in place
 * or renamed over, folders may come and go.
 */
#ifndef AGENT_RULE_WATCH_H
#define AGENT_RULE_WATCH_H

#include "agent/offline.h"

/*
 * Runs until SIGINT or SIGTERM. Each run ends with one line: the time, the files that changed,
 * and what the tests came to. Exit code: that of the last run, or why it can't watch.
 */
int rule_watch(const struct offline_options *opt, uint64_t key);

#endif
