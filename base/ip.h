/*
 * ip.h - addresses and prefixes.
 *
 * Everything is IPv6 inside: IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 section
 * 2.5.5.2) with bits counted in the mapped form, so 10.0.0.0/8 has bits 104.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/slice.h"

struct ip {
	uint8_t b[16];
};

struct ip_prefix {
	struct ip addr; /* host bits are zero */
	unsigned bits;	/* 0..128, in the mapped form */
};

enum { IP_TEXT_MAX = 64 };

/* "203.0.113.7", "2001:db8::1", "[2001:db8::1]", "::ffff:203.0.113.7". No port, no zone. */
bool ip_parse(struct slice s, struct ip *out);

/* The same with an optional ":port" after an IPv4 or bracketed address; port 0: none. */
bool ip_parse_port(struct slice s, struct ip *out, unsigned *port);

/* An address or address/bits; host bits set in the text are an error (false). */
bool ip_prefix_parse(struct slice s, struct ip_prefix *out);

bool ip_is_v4(const struct ip *a);

/*
 * What is counted and blocked as one: an IPv4 address, a /64 of IPv6. Behind NAT64 (RFC 6052,
 * 64:ff9b::/96) it is one address too, as the /64 of all of them is the whole of IPv4.
 */
struct ip_prefix ip_unit(const struct ip *a);

/* The IPv4 address that a is behind NAT64; a itself when it is none. */
struct ip ip_behind_nat64(const struct ip *a);

/* Does it hold addresses that are none of a host: unspecified, multicast, broadcast? */
bool ip_prefix_is_special(const struct ip_prefix *p);

/* Wider than what may ever be blocked: /24, and /48 for IPv6. */
bool ip_prefix_is_wide(const struct ip_prefix *p);

/* The prefix of that many (mapped) bits around a. */
struct ip_prefix ip_prefix_of(const struct ip *a, unsigned bits);

bool ip_prefix_has(const struct ip_prefix *p, const struct ip *a);
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);

/* Does p overlap x, or the IPv4 addresses that x has behind NAT64? */
bool ip_prefix_concerns(const struct ip_prefix *p, const struct ip_prefix *x);

/* Canonical text (RFC 5952), NUL-terminated, into to. Returns its length. */
size_t ip_text(const struct ip *a, char to[static IP_TEXT_MAX]);

/* "203.0.113.0/24"; a whole address without "/32" or "/128". */
size_t ip_prefix_text(const struct ip_prefix *p, char to[static IP_TEXT_MAX]);

/* A list of prefixes, owned. Looked up linearly: lists are tens of entries. */
struct ip_set {
	struct ip_prefix *p;
	unsigned n, cap;
};

bool ip_set_add(struct ip_set *s, const struct ip_prefix *p); /* false: out of memory */
bool ip_set_has(const struct ip_set *s, const struct ip *a);
bool ip_set_concerns(const struct ip_set *s, const struct ip_prefix *p); /* is one of them? */
void ip_set_free(struct ip_set *s);

#endif
