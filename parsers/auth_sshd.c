/*
 * auth_sshd.c - messages of OpenSSH's daemon (auth.c, auth2.c, packet.c, sshd.c and
 * sshd-session.c of its sources, version 3 to 10).
 *
 * Half of what stands in them was sent by a stranger: user names, version strings,
 * reasons of a disconnect, key ids. An address becomes `peer`, which may be blocked,
 * only where sshd's own words fix its place: at the left end before any such text, or
 * at the right end behind it. Where both could be, it is `claimed`.
 */
#include "parsers/auth_parts.h"

enum { MAX_CANDIDATES = 16 };

/* "port N" at the start of s, or nothing. */
static struct slice port_at(struct slice s)
{
	size_t n = 0;

	if (!auth_skip(&s, SLICE("port ")))
		return (struct slice){ 0 };
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return slice_head(s, n);
}

/* "ADDR port N..." or "ADDR: ..." at the left end, where nobody else's text can stand. */
static bool left(struct event *ev, struct slice s)
{
	struct slice addr;
	struct slice rest;

	slice_cut(s, ' ', &addr, &rest);
	while (addr.n > 0 && memchr(":,.", addr.p[addr.n - 1], 3) != NULL)
		addr.n--;
	return auth_client(ev, addr, port_at(rest), AUTH_PEER);
}

struct tail {
	struct slice head; /* what precedes the address */
	struct slice addr, port;
};

/* "... ADDR port N" or "... ADDR": the address at the right end. */
static bool right(struct slice s, struct tail *t)
{
	struct slice head;
	struct slice last;
	uint64_t n;

	*t = (struct tail){ 0 };
	if (slice_cut_last(s, ' ', &head, &last) && slice_u64(last, &n) &&
	    slice_ends(head, SLICE(" port"))) {
		t->port = last;
		s = slice_head(head, head.n - 5);
	}
	if (!slice_cut_last(s, ' ', &t->head, &t->addr)) {
		t->addr = s;
		t->head = (struct slice){ s.p, 0 };
	}
	return auth_is_address(t->addr) || memchr(t->addr.p, '%', t->addr.n) != NULL;
}

static struct slice without_kind(struct slice name)
{
	static const struct slice kinds[] = { { "invalid user ", 13 }, { "illegal user ", 13 },
		{ "authenticating user ", 20 }, { "user ", 5 } };

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (slice_starts(name, kinds[i]))
			return slice_from(name, kinds[i].n);
	return name;
}

/* "USER from ADDR[ port N]" with nothing behind it. */
static bool user_from(struct event *ev, struct slice s)
{
	struct tail t;

	if (right(s, &t) && slice_ends(t.head, SLICE(" from"))) {
		auth_user(ev, without_kind(slice_head(t.head, t.head.n - 5)));
		return auth_client(ev, t.addr, t.port, AUTH_PEER);
	}
	/* a host name, of "UseDNS yes" */
	if (auth_cut_last(s, SLICE(" from "), &t.head, &t.addr)) {
		struct slice host;
		struct slice rest;

		auth_user(ev, without_kind(t.head));
		slice_cut(t.addr, ' ', &host, &rest);
		auth_host(ev, host);
	}
	return false;
}

/* ---- Failed, Accepted, Postponed, Partial ---- */

enum ending {
	ENDING_NONE,  /* not the end of such a message */
	ENDING_FIRM,  /* nothing follows, or a key's type and fingerprint */
	ENDING_LOOSE, /* " ssh2: " and text that may be the client's: key id, host, principal */
};

/* What follows " from " in "ADDR port N ssh2[: INFO]" */
static enum ending ending_of(struct slice s, struct slice *addr, struct slice *port)
{
	struct slice rest;
	struct slice word;

	slice_cut(s, ' ', addr, &rest);
	*port = (struct slice){ 0 };
	if (!auth_is_address(*addr))
		return ENDING_NONE;
	*port = port_at(rest);
	if (port->n == 0)
		return ENDING_NONE;
	rest = slice_from(rest, 5 + port->n);
	if (rest.n == 0 || slice_eq(rest, SLICE(" ssh2")) || slice_eq(rest, SLICE(" ssh1")))
		return ENDING_FIRM;
	if (!auth_skip(&rest, SLICE(" ssh2: ")) && !auth_skip(&rest, SLICE(" ssh1: ")))
		return ENDING_NONE;
	if (slice_cut(rest, ' ', &word, &rest) && word.n > 0 && rest.n > 0 && rest.n <= 128 &&
	    memchr(rest.p, ' ', rest.n) == NULL)
		return ENDING_FIRM;
	return ENDING_LOOSE;
}

struct attempt {
	struct slice user, addr, port;
	bool sure; /* no other reading of the message is possible */
};

/*
 * "USER from ADDR port N ssh2[: INFO]". USER and, of some methods, INFO can hold the same
 * words: every " from " is looked at, from the right. With a firm end the right-most one
 * is sshd's, unless INFO could have brought it.
 */
static bool find_end(struct slice s, bool info, struct attempt *a)
{
	const char *end = s.p + s.n;
	unsigned seen = 0;
	unsigned fit = 0;
	bool firm = false;
	struct slice rest;

	while (seen++ < MAX_CANDIDATES && auth_cut_last(s, SLICE(" from "), &s, &rest)) {
		struct slice addr;
		struct slice port;

		rest.n = (size_t)(end - rest.p);

		enum ending e = ending_of(rest, &addr, &port);

		if (e == ENDING_NONE)
			continue;
		fit++;
		if (firm)
			continue;
		*a = (struct attempt){ .user = s, .addr = addr, .port = port };
		firm = e == ENDING_FIRM;
		if (firm && !info)
			break;
	}
	a->sure = fit == 1 && seen <= MAX_CANDIDATES;
	return fit > 0;
}

/* METHOD for [invalid user ]USER from ADDR port N ssh2[: INFO] */
static void attempt(struct event *ev, struct slice m, const char *outcome)
{
	struct attempt a;
	struct slice method;
	struct slice rest;

	slice_cut(m, ' ', &method, &rest);
	if (!auth_skip(&rest, SLICE("for ")))
		return;
	event_set(ev, ATTR_AUTH_METHOD, method);

	bool unknown = slice_starts(rest, SLICE("invalid user ")) ||
		       slice_starts(rest, SLICE("illegal user "));
	bool key = slice_eq(method, SLICE("publickey"));
	bool info =
	    key || slice_eq(method, SLICE("hostbased")) || slice_starts(method, SLICE("gssapi"));

	/* an honest client offers its keys one after the other: only strangers fail by them */
	if (outcome[0] == '+' || (outcome[0] == '-' && (unknown || !key)))
		auth_result(ev, outcome[0] == '+');
	if (find_end(rest, info, &a)) {
		auth_user(ev, without_kind(a.user));
		auth_client(ev, a.addr, a.port, a.sure ? AUTH_PEER : AUTH_CLAIMED);
	} else {
		user_from(ev, rest);
	}
}

static void failed(struct event *ev, struct slice m)
{
	attempt(ev, m, "-");
}

static void accepted(struct event *ev, struct slice m)
{
	attempt(ev, m, "+");
}

static void undecided(struct event *ev, struct slice m)
{
	attempt(ev, m, "");
}

/* ---- the other messages ---- */

static void invalid_user(struct event *ev, struct slice m)
{
	user_from(ev, m);
	auth_result(ev, false);
}

/* "USER from ADDR port N ssh2" */
static void too_many(struct event *ev, struct slice m)
{
	struct attempt a;

	if (find_end(m, false, &a)) {
		auth_user(ev, without_kind(a.user));
		auth_client(ev, a.addr, a.port, a.sure ? AUTH_PEER : AUTH_CLAIMED);
	}
	auth_result(ev, false);
}

/* "Authentication failure for [illegal user ]USER from HOST[ via ADDR]", PAM's words first */
static void pam_error(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;

	if (!slice_cut_str(m, SLICE(" for "), &head, &m))
		return;
	if (auth_cut_last(m, SLICE(" via "), &head, &rest) && auth_is_address(rest))
		m = head;
	user_from(ev, m);
	auth_result(ev, false);
}

/*
 * "USER from HOST not allowed because ...", "USER not allowed because account is locked". Without
 * a host it is a remark: the method that fails next and the end of the connection say whose it was.
 */
static void not_allowed(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;

	if (!auth_cut_last(m, SLICE(" not allowed because "), &head, &rest))
		return;
	if (!auth_has(head, SLICE(" from "))) {
		auth_user(ev, head);
		return;
	}
	user_from(ev, head);
	auth_result(ev, false);
}

static void root_refused(struct event *ev, struct slice m)
{
	auth_user(ev, SLICE("root"));
	auth_result(ev, false);
	left(ev, m);
}

static void plain(struct event *ev, struct slice m)
{
	left(ev, m);
}

/* "ADDR port N:11: TEXT", "ADDR: 3: TEXT": all but the address is the client's */
static void received_disconnect(struct event *ev, struct slice m)
{
	left(ev, m);
	if (auth_has(m, SLICE(": Auth fail")) ||
	    auth_has(m, SLICE(" authentication methods available")))
		auth_result(ev, false);
}

/* "[authenticating user |invalid user |user ]USER ADDR port N", "ADDR port N" */
static void closed(struct event *ev, struct slice m)
{
	struct tail t;
	struct slice user;

	if (!right(m, &t))
		return;
	auth_client(ev, t.addr, t.port, AUTH_PEER);
	user = without_kind(t.head);
	if (user.n == t.head.n)
		return;
	auth_user(ev, user);
	if (t.head.p[0] != 'u')
		auth_result(ev, false);
}

/*
 * "from KIND user USER ADDR port N: REASON" and the like, where REASON may repeat what the
 * user sent: certain only if there is one place that could be the end of the port.
 */
static void named_with_reason(struct event *ev, struct slice m)
{
	struct slice s = m;
	struct slice head;
	struct slice rest;
	struct tail t;
	struct tail best = { 0 };
	unsigned fit = 0;

	if (without_kind(m).n == m.n) {
		left(ev, m);
		return;
	}
	for (unsigned i = 0; i < MAX_CANDIDATES && auth_cut_last(s, SLICE(": "), &head, &rest);
	     i++, s = head) {
		if (!right(head, &t) || t.port.n == 0)
			continue;
		best = t;
		fit++;
	}
	if (fit == 0)
		return;
	auth_user(ev, without_kind(best.head));
	auth_client(ev, best.addr, best.port, fit == 1 ? AUTH_PEER : AUTH_CLAIMED);
}

/*
 * "[KIND user USER ADDR port N]: REASON"; old ones name the user behind the reason, and no address:
 * the failures themselves were told of before.
 */
static void disconnecting(struct event *ev, struct slice m)
{
	if (auth_skip(&m, SLICE(": Too many authentication failures"))) {
		if (auth_skip(&m, SLICE(" for ")))
			auth_user(ev, m);
	} else if (auth_skip(&m, SLICE(" "))) {
		if (auth_has(m, SLICE(": Change of username or service not allowed: ")))
			auth_result(ev, false);
		named_with_reason(ev, m);
	}
}

/* "HOST [ADDR] failed - POSSIBLE BREAK-IN ATTEMPT!": HOST is what a name server said */
static void reverse_mapping(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;

	if (auth_cut_last(m, SLICE(" ["), &head, &rest) && slice_cut(rest, ']', &rest, &m))
		auth_client(ev, rest, (struct slice){ 0 }, AUTH_PEER);
}

/* "NAME (ADDR)", of TCP wrappers; NAME may hold what the ident protocol answered */
static void refused(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;

	if (auth_cut_last(m, SLICE(" ("), &head, &rest) && slice_cut(rest, ')', &rest, &m))
		auth_client(ev, rest, (struct slice){ 0 }, AUTH_PEER);
	auth_result(ev, false);
}

/* "'TEXT' from ADDR port N" */
static void bad_version(struct event *ev, struct slice m)
{
	struct tail t;

	if (right(m, &t) && slice_ends(t.head, SLICE("' from")))
		auth_client(ev, t.addr, t.port, AUTH_PEER);
}

/* "#5 from [ADDR]:PORT on [ADDR]:PORT past MaxStartups" */
static void drop(struct event *ev, struct slice m)
{
	struct slice addr;
	struct slice rest;
	struct slice port;

	if (!slice_cut(m, '[', &addr, &rest) || !slice_cut(rest, ']', &addr, &rest) ||
	    !auth_skip(&rest, SLICE(":")))
		return;
	slice_cut(rest, ' ', &port, &rest);
	auth_client(ev, addr, port, AUTH_PEER);
}

static void only_user(struct event *ev, struct slice m)
{
	auth_user(ev, m);
}

static const struct {
	struct slice head;
	void (*read)(struct event *ev, struct slice rest);
} messages[] = {
#define MESSAGE(text, read)                      \
	{                                        \
		{ text, sizeof(text) - 1 }, read \
	}
	MESSAGE("Failed ", failed),
	MESSAGE("Accepted ", accepted),
	MESSAGE("Postponed ", undecided),
	MESSAGE("Partial ", undecided),
	MESSAGE("Invalid user ", invalid_user),
	MESSAGE("Illegal user ", invalid_user),
	MESSAGE("maximum authentication attempts exceeded for ", too_many),
	MESSAGE("PAM: ", pam_error),
	MESSAGE("User ", not_allowed),
	MESSAGE("ROOT LOGIN REFUSED FROM ", root_refused),
	MESSAGE("Connection closed by ", closed),
	MESSAGE("Connection reset by ", closed),
	MESSAGE("Disconnected from ", closed),
	MESSAGE("Received disconnect from ", received_disconnect),
	MESSAGE("Disconnecting", disconnecting),
	MESSAGE("Connection from ", named_with_reason),
	MESSAGE("banner exchange: Connection from ", named_with_reason),
	MESSAGE("ssh_dispatch_run_fatal: Connection from ", named_with_reason),
	MESSAGE("Unable to negotiate with ", named_with_reason),
	MESSAGE("Protocol major versions differ for ", plain),
	MESSAGE("Did not receive identification string from ", plain),
	MESSAGE("Timeout before authentication for connection from ", plain),
	MESSAGE("Timeout before authentication for ", plain),
	MESSAGE("scanned from ", plain),
	MESSAGE("probed from ", plain),
	MESSAGE("Address ", plain),
	MESSAGE("reverse mapping checking getaddrinfo for ", reverse_mapping),
	MESSAGE("refused connect from ", refused),
	MESSAGE("Bad protocol version identification ", bad_version),
	MESSAGE("drop connection ", drop),
	MESSAGE("input_userauth_request: invalid user ", only_user),
#undef MESSAGE
};

void auth_sshd(struct event *ev, struct slice m)
{
	struct slice id;

	/* Solaris: "[ID 800047 auth.info] text" */
	if (slice_starts(m, SLICE("[ID ")) && slice_cut_str(m, SLICE("] "), &id, &m) && m.n == 0)
		return;
	while (auth_skip(&m, SLICE("error: ")) || auth_skip(&m, SLICE("fatal: ")))
		;
	m = slice_trim(m);
	if (slice_ends(m, SLICE(" [preauth]")))
		m.n -= 10;
	else if (slice_ends(m, SLICE(" [postauth]")))
		m.n -= 11;
	for (unsigned i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		if (auth_skip(&m, messages[i].head)) {
			messages[i].read(ev, m);
			return;
		}
}
