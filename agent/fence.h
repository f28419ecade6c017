/*
 * fence.h - what the agent's process may still do once it parses what others wrote.
 *
 * A bug in a parser must not become "reads every file of this host as root". Landlock
 * limits the files to those the config names (and TCP to the port it names), seccomp
 * takes away the system calls by which a process leaves such limits or becomes another
 * program. Neither can be taken back. Both hold for the calling thread and all it starts,
 * so this is called before there are threads.
 */
#ifndef AGENT_FENCE_H
#define AGENT_FENCE_H

struct config;
struct err;

/*
 * Folders that are written to (journal, dead letters, file sinks, the socket's) are made
 * here, since what isn't there can't be allowed. What the kernel doesn't offer is logged and
 * gone without; -1: it is offered and failed.
 */
int fence_close(const struct config *c, struct err *e);

/* The part of it that is system calls. 0, or a negative errno. */
int fence_calls_deny(void);

#endif
