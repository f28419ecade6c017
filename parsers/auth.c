/*
 * auth.c - messages of OpenSSH (auth.c, auth2.c, packet.c, sshd.c of its sources), sudo
 * (logging.c), shadow's su, login and useradd, systemd-logind and Linux-PAM's pam_unix.
 */
#include "parsers/auth.h"

#include "base/ip.h"

static void result(struct event *ev, bool ok)
{
	event_set(ev, ATTR_AUTH_RESULT, ok ? SLICE("success") : SLICE("failure"));
}

static void user(struct event *ev, struct slice name)
{
	if (name.n > 0)
		event_set(ev, ATTR_USER_NAME, name);
}

static bool is_address(struct slice s)
{
	struct ip a;

	return ip_parse(s, &a);
}

static void client(struct event *ev, struct slice addr, struct slice provenance)
{
	if (!is_address(addr))
		return;
	event_set(ev, ATTR_CLIENT_ADDRESS, addr);
	event_set(ev, ATTR_CLIENT_PROVENANCE, provenance);
}

/* The word after `word` at its first occurrence: "rhost=1.2.3.4 ", up to a blank. */
static struct slice after(struct slice s, struct slice word)
{
	const char *at = slice_find(s, word);
	struct slice rest;

	if (at == NULL)
		return (struct slice){ 0 };
	slice_cut(slice_from(s, (size_t)(at - s.p) + word.n), ' ', &s, &rest);
	return s;
}

static bool has(struct slice s, struct slice what)
{
	return slice_find(s, what) != NULL;
}

/* "... port 22[ anything]" cut from the right: *head is what stands before " port ". */
static bool cut_port(struct slice s, struct slice *head, struct slice *port)
{
	static const struct slice word = { " port ", 6 };

	for (size_t i = s.n; i-- > 0;)
		if (s.n - i >= word.n && memcmp(s.p + i, word.p, word.n) == 0) {
			struct slice rest;
			uint64_t n;

			slice_cut(slice_from(s, i + word.n), ' ', port, &rest);
			while (port->n > 0 &&
			       (port->p[port->n - 1] == ':' || port->p[port->n - 1] == ','))
				port->n--;
			if (port->n > 0 && memchr(port->p, ':', port->n) != NULL)
				slice_cut(*port, ':', port, &rest);
			if (!slice_u64(*port, &n) || n > 65535)
				continue;
			*head = slice_head(s, i);
			return true;
		}
	return false;
}

/* What stands before " from " at its last occurrence, and what is behind it. */
static bool cut_from(struct slice s, struct slice *head, struct slice *addr)
{
	static const struct slice word = { " from ", 6 };

	for (size_t i = s.n; i-- > 0;)
		if (s.n - i >= word.n && memcmp(s.p + i, word.p, word.n) == 0) {
			*head = slice_head(s, i);
			*addr = slice_from(s, i + word.n);
			return true;
		}
	return false;
}

static struct slice strip(struct slice s, struct slice head)
{
	return slice_starts(s, head) ? slice_from(s, head.n) : s;
}

/* "USER from ADDR port N ..." read from its right end, so that a name can't forge the address. */
static bool user_from_port(struct event *ev, struct slice s)
{
	struct slice head;
	struct slice port = { 0 };
	struct slice addr;

	if (!cut_port(s, &head, &port))
		head = s;
	if (!cut_from(head, &head, &addr))
		return false;
	slice_cut(addr, ' ', &addr, &s);
	user(ev, strip(head, SLICE("invalid user ")));
	client(ev, addr, SLICE("peer"));
	if (port.n > 0)
		event_set(ev, ATTR_CLIENT_PORT, port);
	return true;
}

/* "[by |from ][authenticating |invalid ]user U ADDR port N [preauth]" or "ADDR port N". */
static void closed(struct event *ev, struct slice s)
{
	struct slice head;
	struct slice port;
	struct slice name;
	struct slice addr;
	bool named = false;

	s = strip(strip(s, SLICE("by ")), SLICE("from "));
	if (slice_starts(s, SLICE("authenticating user ")) ||
	    slice_starts(s, SLICE("invalid user "))) {
		s = strip(strip(s, SLICE("authenticating user ")), SLICE("invalid user "));
		named = true;
	} else if (slice_starts(s, SLICE("user "))) {
		user(ev, after(s, SLICE("user ")));
	}
	if (!cut_port(s, &head, &port)) {
		slice_cut(s, ' ', &addr, &s);
		client(ev, addr, SLICE("peer"));
		return;
	}
	event_set(ev, ATTR_CLIENT_PORT, port);
	if (!slice_cut_last(head, ' ', &name, &addr)) {
		client(ev, head, SLICE("peer"));
		return;
	}
	client(ev, addr, SLICE("peer"));
	if (named) {
		user(ev, name);
		result(ev, false);
	}
}

/* pam_unix(sshd:auth): authentication failure; logname= uid=0 ... rhost=ADDR  user=NAME */
static bool pam(struct event *ev, struct slice m)
{
	struct slice name;

	if (has(m, SLICE("authentication failure")) ||
	    has(m, SLICE("more authentication failure"))) {
		name = after(m, SLICE(" user="));
		user(ev, name.n > 0 ? name : after(m, SLICE("ruser=")));
		client(ev, after(m, SLICE("rhost=")), SLICE("claimed"));
		result(ev, false);
		return true;
	}
	if (has(m, SLICE("session opened for user ")) ||
	    has(m, SLICE("session closed for user "))) {
		struct slice rest;

		slice_cut(after(m, SLICE(" for user ")), '(', &name, &rest);
		user(ev, name);
		return true;
	}
	return slice_starts(m, SLICE("pam_"));
}

/* Failed|Accepted METHOD for [invalid user ]USER from ADDR port N ssh2[: KEY] */
static void sshd_attempt(struct event *ev, struct slice m, bool ok)
{
	struct slice method;
	struct slice rest;

	slice_cut(m, ' ', &method, &rest); /* Failed, Accepted */
	slice_cut(rest, ' ', &method, &rest);
	event_set(ev, ATTR_AUTH_METHOD, method);
	result(ev, ok);
	if (slice_starts(rest, SLICE("for ")))
		user_from_port(ev, slice_from(rest, 4));
}

static void sshd(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;

	m = strip(strip(m, SLICE("error: ")), SLICE("fatal: "));
	if (slice_starts(m, SLICE("Failed "))) {
		sshd_attempt(ev, m, false);
	} else if (slice_starts(m, SLICE("Accepted "))) {
		sshd_attempt(ev, m, true);
	} else if (slice_starts(m, SLICE("Invalid user ")) ||
		   slice_starts(m, SLICE("Illegal user "))) {
		user_from_port(ev, slice_from(m, 13));
		result(ev, false);
	} else if (slice_starts(m, SLICE("maximum authentication attempts exceeded for "))) {
		user_from_port(ev, slice_from(m, 45));
		result(ev, false);
	} else if (slice_starts(m, SLICE("User ")) &&
		   slice_cut_str(m, SLICE(" not allowed because"), &head, &rest)) {
		user_from_port(ev, slice_from(head, 5));
		result(ev, false);
	} else if (slice_starts(m, SLICE("ROOT LOGIN REFUSED FROM "))) {
		closed(ev, slice_from(m, 24));
		user(ev, SLICE("root"));
		result(ev, false);
	} else if (slice_starts(m, SLICE("Connection closed ")) ||
		   slice_starts(m, SLICE("Connection reset "))) {
		closed(ev, slice_from(m, m.p[11] == 'c' ? 18 : 17));
	} else if (slice_starts(m, SLICE("Disconnected "))) {
		closed(ev, slice_from(m, 13));
	} else if (slice_starts(m, SLICE("Received disconnect from "))) {
		closed(ev, slice_from(m, 25));
	} else if (slice_starts(m, SLICE("Did not receive identification string from "))) {
		closed(ev, slice_from(m, 43));
	} else if (slice_starts(m, SLICE("Unable to negotiate with "))) {
		closed(ev, slice_from(m, 25));
	} else if (slice_starts(m, SLICE("Postponed "))) {
		slice_cut_str(m, SLICE(" for "), &head, &rest);
		user_from_port(ev, rest);
	} else if (slice_starts(m, SLICE("Bad protocol version identification")) ||
		   slice_starts(m, SLICE("banner exchange: Connection from "))) {
		if (cut_port(m, &head, &rest) && (slice_cut_last(head, ' ', &head, &m)))
			client(ev, m, SLICE("peer"));
	} else {
		pam(ev, m);
	}
}

/* "alice : TTY=pts/0 ; PWD=/home ; USER=root ; COMMAND=/bin/ls" */
static void sudo(struct event *ev, struct slice m)
{
	struct slice name;
	struct slice rest;

	if (pam(ev, m) || !slice_cut_str(m, SLICE(" : "), &name, &rest))
		return;
	user(ev, slice_trim(name));
	if (has(rest, SLICE("incorrect password attempt")) || has(rest, SLICE("NOT in sudoers")) ||
	    has(rest, SLICE("a password is required")) || has(rest, SLICE("command not allowed")) ||
	    has(rest, SLICE("authentication failure")))
		result(ev, false);
	while (rest.n > 0) {
		struct slice part;
		struct slice value;

		if (slice_starts(
			slice_trim(rest), SLICE("COMMAND="))) { /* the last one; may hold ; */
			event_set(ev, ATTR_PROCESS_COMMAND, slice_from(slice_trim(rest), 8));
			break;
		}
		slice_cut_str(rest, SLICE(" ; "), &part, &rest);
		if (!slice_cut(part, '=', &part, &value))
			continue;
		part = slice_trim(part);
		if (slice_eq(part, SLICE("TTY")))
			event_set(ev, ATTR_PROCESS_TTY, value);
		else if (slice_eq(part, SLICE("PWD")))
			event_set(ev, ATTR_PROCESS_CWD, value);
		else if (slice_eq(part, SLICE("USER")))
			event_add_named(ev, SLICE("sekisho.sudo.user"), value);
	}
}

/* "FAILED SU (to root) alice on pts/0", "(to root) alice on pts/1", "Successful su for root by
 * alice", "+ pts/0 a:b" */
static void su(struct event *ev, struct slice m)
{
	struct slice rest;
	struct slice tty;

	if (pam(ev, m))
		return;
	if (slice_cut_str(m, SLICE(") "), &rest, &m)) {
		if (slice_cut_str(m, SLICE(" on "), &m, &tty))
			event_set(ev, ATTR_PROCESS_TTY, tty);
		user(ev, m);
		result(ev, !slice_starts(rest, SLICE("FAILED")));
	} else if (slice_cut_str(m, SLICE(" su for "), &rest, &m)) {
		user(ev, after(m, SLICE(" by ")));
		result(ev, slice_eq(rest, SLICE("Successful")));
	} else if (m.n > 2 && (m.p[0] == '+' || m.p[0] == '-') && m.p[1] == ' ') {
		slice_cut_last(m, ' ', &rest, &m);
		slice_cut(m, ':', &rest, &m);
		user(ev, rest);
		result(ev, ev->body.n > 0 && slice_find(ev->body, SLICE(": + ")) != NULL);
	}
}

/* "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', ...", "LOGIN ON tty1 BY root", "ROOT LOGIN ON tty1"
 */
static void login(struct event *ev, struct slice m)
{
	struct slice name = after(m, SLICE(" FOR "));

	if (slice_starts(m, SLICE("FAILED LOGIN"))) {
		while (name.n > 0 && (name.p[0] == '\'' || name.p[0] == '`'))
			name = slice_from(name, 1);
		while (name.n > 0 && memchr("',", name.p[name.n - 1], 2) != NULL)
			name.n--;
		user(ev, name);
		client(ev, after(m, SLICE(" FROM ")), SLICE("claimed"));
		result(ev, false);
	} else if (slice_starts(m, SLICE("ROOT LOGIN"))) {
		user(ev, SLICE("root"));
		result(ev, true);
	} else if (slice_starts(m, SLICE("LOGIN ON "))) {
		user(ev, after(m, SLICE(" BY ")));
		result(ev, true);
	} else {
		pam(ev, m);
	}
}

static struct slice no_comma(struct slice s)
{
	while (s.n > 0 && memchr(",'", s.p[s.n - 1], 2) != NULL)
		s.n--;
	while (s.n > 0 && s.p[0] == '\'')
		s = slice_from(s, 1);
	return s;
}

/* "new user: name=x, UID=1001, ...", "delete user 'x'", "add 'x' to group 'sudo'", "password
 * changed for x" */
static void accounts(struct event *ev, struct slice m)
{
	struct slice uid = no_comma(after(m, SLICE("UID=")));

	if (slice_starts(m, SLICE("new user: name=")))
		user(ev, no_comma(after(m, SLICE("name="))));
	else if (slice_starts(m, SLICE("delete user ")))
		user(ev, no_comma(after(m, SLICE("delete user "))));
	else if (slice_starts(m, SLICE("add '")))
		user(ev, no_comma(after(m, SLICE("add "))));
	else if (has(m, SLICE("password changed for ")))
		user(ev, after(m, SLICE("password changed for ")));
	if (uid.n > 0)
		event_set(ev, ATTR_USER_ID, uid);
}

/* "New session 5 of user alice." */
static void logind(struct event *ev, struct slice m)
{
	struct slice name = after(m, SLICE(" of user "));

	if (!slice_starts(m, SLICE("New session ")))
		return;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	user(ev, name);
	event_set(ev, ATTR_SESSION_ID, after(m, SLICE("New session ")));
}

void auth_message(struct event *ev, struct slice program, struct slice m)
{
	static const struct {
		struct slice program;
		void (*read)(struct event *ev, struct slice m);
	} programs[] = {
		{ { "sshd", 4 }, sshd },
		{ { "sshd-session", 12 }, sshd },
		{ { "sudo", 4 }, sudo },
		{ { "su", 2 }, su },
		{ { "login", 5 }, login },
		{ { "useradd", 7 }, accounts },
		{ { "adduser", 7 }, accounts },
		{ { "userdel", 7 }, accounts },
		{ { "usermod", 7 }, accounts },
		{ { "passwd", 6 }, accounts },
		{ { "systemd-logind", 14 }, logind },
	};

	for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (slice_eq(program, programs[i].program)) {
			programs[i].read(ev, m);
			return;
		}
	if (slice_starts(m, SLICE("pam_")))
		pam(ev, m);
}
