/*
 * client.h - whose address is in the log?
 *
 * An input says what its address field holds and which hops lie in front of it.
 * Provenance is `peer` (the socket's own address), `forwarded` (told by hops that
 * are all in their named networks) or `claimed` (told by somebody else). No trusted
 * hop can become the client.
 */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include "base/event.h"
#include "base/ip.h"

struct arena;

enum client_log {
	CLIENT_PEER,   /* the field is the socket's peer */
	CLIENT_REALIP, /* nginx has put the forwarded address there already */
	CLIENT_XFF,    /* the field is the peer; X-Forwarded-For is logged beside it */
};

enum { CLIENT_MAX_HOPS = 8 };

/* Set to "bypass" where an address of the internet stands in the place of the next hop. */
#define CLIENT_ROUTE "sekisho.client.route"

struct client_rule {
	enum client_log log;
	const struct ip_set *hops[CLIENT_MAX_HOPS]; /* nearest first */
	unsigned n_hops;
};

/*
 * Rewrite client.address and set its provenance (and network.peer.address, where it is
 * another). Events of daemons that name the peer themselves keep what the parser said.
 */
void client_resolve(const struct client_rule *r, struct arena *a, struct event *ev);

#endif
