/*
 * imported.h - the agent's side of `journal import`: sinks that deliver what other hosts could not.
 *
 * For each imported journal (agent/journal_import.h) and each sink with a place in it a further
 * thread, named SINK@ID, delivers the rest. Nothing of it enters this host's journal.
 */
#ifndef AGENT_IMPORTED_H
#define AGENT_IMPORTED_H

struct agent;

/*
 * After the agent's own sinks. What can't be opened is logged and left for the next start. Of a
 * journal of which all is delivered the frames are removed; its name and cursors stay.
 */
void imported_open(struct agent *a);

/* Before their sinks are stopped: end their waits. */
void imported_stop(struct agent *a);

/* After. */
void imported_close(struct agent *a);

#endif
