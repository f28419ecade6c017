/*
 * protocol.h - what the blocker process makes of a packet. See blocker.h for the words.
 *
 * Apart from the process, so that it can be tested and fuzzed without its privileges. The
 * agent that sends is not trusted: it may have been taken over.
 */
#ifndef BLOCKERS_PROTOCOL_H
#define BLOCKERS_PROTOCOL_H

#include "blockers/blocker.h"

struct protocol {
	const struct blocker *b;
	void *self; /* what b->open() gave */
	const struct ip_set *never;
	struct blocked *want; /* all that should be blocked; room for BLOCKER_MAX */
	unsigned n;
	bool collecting; /* between begin and fill */
};

/*
 * Do what a packet says. text is NUL-terminated, shorter than BLOCKER_PACKET + 1, and is
 * changed. answer: text to send, or empty when none is due.
 */
void protocol_packet(struct protocol *p, char *text, char answer[static BLOCKER_PACKET]);

/* The kernel's tables changed: make ours anew if it is no longer whole. */
void protocol_look_after(struct protocol *p, char answer[static BLOCKER_PACKET]);

void protocol_answer(bool ok, const struct err *e, char answer[static BLOCKER_PACKET]);

#endif
