/*
 * journal_import.h - `journal import`: the journal of a host that ended, for this host to deliver.
 *
 * Copied to JOURNAL/../imported/ID, ID being its own random id in hex: journal/ (frames that a sink
 * still wants, floor, cursors) and dead/ (its dead letters, waiting ones included). The invariants
 * are in DESIGN.md, "Forgetting and importing". agent/imported.h is what the agent does with it.
 */
#ifndef AGENT_JOURNAL_IMPORT_H
#define AGENT_JOURNAL_IMPORT_H

#include "agent/config.h"

/*
 * dir: a journal's folder. sink: only what waits for that one, from the beginning if the journal
 * has no place of it; NULL: all that have one. An exit code, after having said on stdout what waits
 * or on stderr what is wrong.
 */
int journal_import(const struct config *c, const char *dir, const char *sink);

#endif
