/*
 * ssh_clients.h - who is on the other side of an sshd process, from its messages seen so far.
 *
 * One process serves one connection, and half of what it says has no address: "no matching mac
 * found", "Too many authentication failures", "session closed". Those get the address of the
 * message before, with its provenance, if that is at most ten minutes of the log's time ago. The
 * table has 1,024 processes in sets of four; in a full set the one that spoke longest ago goes. It
 * is not saved: after a start such messages have no address, as they would have without it.
 */
#ifndef AGENT_SSH_CLIENTS_H
#define AGENT_SSH_CLIENTS_H

struct arena;
struct event;
struct ssh_clients;

struct ssh_clients *ssh_clients_new(void); /* NULL: no memory */
void ssh_clients_free(struct ssh_clients *c);
void ssh_clients_forget(struct ssh_clients *c); /* all of them: what follows is of another host */

/* Learn from a message of sshd, or add what is known. Other events are let pass. */
void ssh_clients_event(struct ssh_clients *c, struct arena *a, struct event *ev);

#endif
