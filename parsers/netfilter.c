/*
 * netfilter.c - packets that iptables or nftables logged by the kernel
 * (net/netfilter/nf_log_syslog.c): "PREFIX IN=eth0 OUT= MAC=.. SRC=A DST=B LEN=40 .. PROTO=TCP
 * SPT=1 DPT=2 .. SYN URGP=0"
 *
 * Nobody answered for the source of a packet: the address is `claimed`.
 */
#include "parsers/auth_parts.h"
#include "parsers/error_logs.h"

static void number(struct event *ev, struct slice name, struct slice v)
{
	uint64_t n;

	if (slice_u64(v, &n) && n <= 65535)
		event_add_named(ev, name, v);
}

static struct slice transport(struct slice proto)
{
	static const struct {
		struct slice logged, name;
	} names[] = { { { "TCP", 3 }, { "tcp", 3 } }, { { "UDP", 3 }, { "udp", 3 } },
		{ { "UDPLITE", 7 }, { "udplite", 7 } }, { { "ICMP", 4 }, { "icmp", 4 } },
		{ { "ICMPv6", 6 }, { "icmpv6", 6 } }, { { "SCTP", 4 }, { "sctp", 4 } } };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(proto, names[i].logged))
			return names[i].name;
	return proto;
}

static bool is_stamp(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(" .0123456789", s.p[i], 12) == NULL)
			return false;
	return true;
}

/* "[12.5] " of the kernel and "[UFW BLOCK] " of a rule: what stands before IN=. */
static void prefix(struct event *ev, struct slice s)
{
	struct slice stamp;
	struct slice rest;

	s = slice_trim(s);
	if (s.n > 1 && s.p[0] == '[' && slice_cut(slice_from(s, 1), ']', &stamp, &rest) &&
	    is_stamp(stamp))
		s = slice_trim(rest);
	if (s.n > 0)
		event_add_named(ev, SLICE("netfilter.prefix"), s);
}

bool netfilter_text(struct event *ev, struct slice s)
{
	const char *in = slice_find(s, SLICE("IN="));
	struct slice src;
	struct slice dst;
	struct slice v;
	struct slice fields;

	if (in == NULL)
		return false;
	fields = slice_from(s, (size_t)(in - s.p));
	src = auth_after(fields, SLICE(" SRC="));
	dst = auth_after(fields, SLICE(" DST="));
	if (!auth_has(fields, SLICE(" OUT=")) || !auth_is_address(src) || !auth_is_address(dst))
		return false;
	prefix(ev, slice_head(s, (size_t)(in - s.p)));
	auth_client(ev, src, auth_after(fields, SLICE(" SPT=")), AUTH_CLAIMED);
	event_add(ev, ATTR_SERVER_ADDRESS, dst);
	number(ev, SLICE("server.port"), auth_after(fields, SLICE(" DPT=")));
	v = auth_after(fields, SLICE(" PROTO="));
	if (v.n > 0)
		event_add_named(ev, SLICE("network.transport"), transport(v));
	v = auth_after(fields, SLICE("IN="));
	if (v.n > 0)
		event_add_named(ev, SLICE("network.interface.name"), v);
	return true;
}

static enum parse_result parse_netfilter(const struct parse_ctx *c, struct event *ev)
{
	unsigned before = ev->n_attrs;

	/* the kernel's message is read as such by the parser of syslog lines */
	if (parser_syslog.parse(c, ev) == PARSE_OK &&
	    event_get_named(ev, SLICE("network.transport")).p != NULL)
		return PARSE_OK;
	ev->n_attrs = before;
	ev->time_us = 0;
	return PARSE_BAD;
}

const struct parser parser_netfilter = {
	.name = "netfilter",
	.help = "packets logged by iptables and nftables, as the kernel writes them to syslog",
	.parse = parse_netfilter,
	.gives = "client.address client.port server.address server.port network.transport "
		 "network.interface.name netfilter.prefix process.name syslog.hostname "
		 "sekisho.message",
};
