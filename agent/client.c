#include "agent/client.h"

#include "base/arena.h"

enum { MAX_CHAIN = 16 };

static struct slice text_of(struct arena *a, const struct ip *addr)
{
	char text[IP_TEXT_MAX];
	size_t n = ip_text(addr, text);

	return arena_copy(a, (struct slice){ text, n });
}

/* The addresses of X-Forwarded-For, right to left: what the nearest hop added comes first. */
static unsigned chain_of(struct slice xff, struct slice *out)
{
	unsigned n = 0;

	while (xff.n > 0 && n < MAX_CHAIN) {
		struct slice head;
		struct slice last;

		if (slice_cut_last(xff, ',', &head, &last)) {
			xff = head;
		} else {
			last = xff;
			xff.n = 0;
		}
		out[n++] = slice_trim(last);
	}
	return n;
}

static bool is_hop(const struct client_rule *r, const struct ip *addr)
{
	for (unsigned i = 0; i < r->n_hops; i++)
		if (ip_set_has(r->hops[i], addr))
			return true;
	return false;
}

/* Of the internet, not of networks of one's own (RFC 1918, 6598, 3927, 4193, 4291). */
static bool is_public(const struct ip *address)
{
	struct ip a = ip_behind_nat64(address);
	const uint8_t *b = a.b;

	if (!ip_is_v4(&a))
		return (b[0] & 0xfe) != 0xfc && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) &&
		       b[0] != 0;
	return b[12] != 10 && b[12] != 127 && b[12] != 0 && !(b[12] == 172 && b[13] >> 4 == 1) &&
	       !(b[12] == 192 && b[13] == 168) && !(b[12] == 169 && b[13] == 254) &&
	       !(b[12] == 100 && b[13] >> 6 == 1);
}

/*
 * Somebody of the internet where the next hop should be: at the balancer past the CDN, or at
 * the host past both. What a rule can ask for (rules/web/origin.yml).
 */
static void note_bypass(
    const struct client_rule *r, struct event *ev, const struct ip *at, unsigned hop)
{
	if (hop < r->n_hops && !is_hop(r, at) && is_public(at))
		event_add_named(ev, SLICE(CLIENT_ROUTE), SLICE("bypass"));
}

/*
 * Walk inwards to outwards: the peer must be the nearest hop, what it forwarded the
 * next hop, and so on; the first address that is not a hop's is the client. It is
 * `forwarded` only if every hop before it was where it should be.
 */
static void from_chain(
    const struct client_rule *r, struct arena *a, struct event *ev, const struct ip *peer)
{
	struct slice chain[MAX_CHAIN];
	unsigned n = chain_of(event_get(ev, ATTR_HTTP_XFF), chain);
	struct ip at = *peer;
	unsigned hop = 0;

	for (unsigned i = 0; hop < r->n_hops && i < n; i++) {
		struct ip next;
		unsigned port;

		if (!ip_set_has(r->hops[hop], &at))
			break;
		if (!ip_parse_port(chain[i], &next, &port))
			break;
		at = next;
		hop++;
	}
	note_bypass(r, ev, &at, hop);
	if (hop == 0) { /* not from our balancer: the peer is who it is */
		event_set(
		    ev, ATTR_CLIENT_PROVENANCE, is_hop(r, peer) ? SLICE("claimed") : SLICE("peer"));
		return;
	}
	event_set(ev, ATTR_PEER_ADDRESS, event_get(ev, ATTR_CLIENT_ADDRESS));
	event_set(ev, ATTR_CLIENT_ADDRESS, text_of(a, &at));
	event_set(ev, ATTR_CLIENT_PROVENANCE,
	    hop == r->n_hops && !is_hop(r, &at) ? SLICE("forwarded") : SLICE("claimed"));
}

void client_resolve(const struct client_rule *r, struct arena *a, struct event *ev)
{
	struct slice addr = event_get(ev, ATTR_CLIENT_ADDRESS);
	struct ip peer;
	unsigned port;

	if (addr.p == NULL || event_get(ev, ATTR_CLIENT_PROVENANCE).p != NULL)
		return;
	if (!ip_parse_port(addr, &peer, &port)) {
		event_set(ev, ATTR_CLIENT_PROVENANCE, SLICE("claimed"));
		return;
	}
	if (port != 0)
		event_set(ev, ATTR_CLIENT_ADDRESS, text_of(a, &peer));
	switch (r->log) {
	case CLIENT_PEER:
		event_set(ev, ATTR_CLIENT_PROVENANCE,
		    is_hop(r, &peer) ? SLICE("claimed") : SLICE("peer"));
		break;
	case CLIENT_REALIP:
		/* nginx walked the chain: an address that is still a hop's is nobody's */
		event_set(ev, ATTR_CLIENT_PROVENANCE,
		    is_hop(r, &peer) ? SLICE("claimed")
		    : r->n_hops > 0  ? SLICE("forwarded")
				     : SLICE("peer"));
		break;
	case CLIENT_XFF:
		from_chain(r, a, ev, &peer);
		break;
	}
}
