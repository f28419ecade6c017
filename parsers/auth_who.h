/* auth_who.h - whose address and which user a message of any program names. Not for others than
 * auth_*.c. */
#ifndef PARSERS_AUTH_WHO_H
#define PARSERS_AUTH_WHO_H

#include "base/slice.h"

struct auth_who {
	struct slice addr; /* as written, without brackets and port; empty: none */
	struct slice port; /* empty: none */
	struct slice user; /* empty: none */
};

/*
 * The address of the other side: each address in text is judged by the words before it
 * ("from", rip=, "client:" against "to", lip=, "server:"), by its port and by its place. A user
 * may have been called "x from 192.0.2.1": what is found here is a claim.
 */
void auth_who(struct slice text, struct auth_who *who);

#endif
