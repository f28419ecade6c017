/*
 * dedupe.h - the same message read twice: from journald, and from the file syslog writes.
 *
 * A message is known by host, program, pid and text. A copy is one from the other side whose
 * time is within 5 s, and each message has one copy at most: N equal messages on both
 * sides are N. Only what was kept is remembered, and only its copy is dropped; a pair that
 * is not recognised is stored twice, never lost.
 *
 * Fixed size: 1,024 sets of 16. In a full set the message remembered longest ago goes. Nothing
 * is saved: copies of what was read before a restart are not recognised.
 */
#ifndef AGENT_DEDUPE_H
#define AGENT_DEDUPE_H

#include "base/event.h"

struct dedupe;
struct entry;
struct err;

/* key: a secret of the host, so that nobody can aim at a set. host: for lines that name none. */
struct dedupe *dedupe_new(uint64_t key, const char *host, struct err *e);
void dedupe_free(struct dedupe *d);

/* Is it a copy? Otherwise it is remembered. x: the entry it was made of, NULL: it was a line. */
bool dedupe_is_copy(void *dedupe, const struct event *ev, const struct entry *x);

#endif
