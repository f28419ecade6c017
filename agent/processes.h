/*
 * processes.h - which program a process runs, from the audit events seen so far.
 *
 * An execve says what its process runs from then on; any later event of a child names
 * only the parent's number. The table has 4,096 processes in sets of four; in a full set
 * the one that was used longest ago goes. It is not saved: after a start, and for whatever
 * audit did not show, a parent is unknown, and its attributes are absent.
 */
#ifndef AGENT_PROCESSES_H
#define AGENT_PROCESSES_H

struct arena;
struct event;
struct processes;

struct processes *processes_new(void); /* NULL: no memory */
void processes_free(struct processes *p);

/*
 * Learn from an event, and if it starts a program add process.parent.executable.path and
 * process.parent.command_line, where they are known. Events that are not of audit are let pass.
 */
void processes_event(struct processes *p, struct arena *a, struct event *ev);

#endif
