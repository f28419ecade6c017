/* confine.h - the system calls that are left to the blocker process. */
#ifndef BLOCKERS_CONFINE_H
#define BLOCKERS_CONFINE_H

/*
 * Netlink, its socket to the agent, memory and time; no file, no process, no other
 * socket: all other calls give EPERM. After the plane was opened. 0, or a negative errno.
 */
int confine_blocker(void);

#endif
