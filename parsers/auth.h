/* auth.h - what the messages of sshd, sudo, su, login, useradd and PAM say. Not for others than
 * syslog.c. */
#ifndef PARSERS_AUTH_H
#define PARSERS_AUTH_H

#include "base/event.h"

struct arena;

/*
 * Add user.name, client.address, client.port, sekisho.auth.* and the like to ev.
 * Addresses that the daemon itself reports are `peer`; what a user or a remote name server could
 * have written is `claimed`.
 */
void auth_message(struct event *ev, struct slice program, struct slice message);

#endif
