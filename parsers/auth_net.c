/* auth_net.c - failed and successful logins of mail, FTP and other network daemons. */
#include "parsers/auth_parts.h"

static const struct slice no_port = { NULL, 0 };

/* "[USER] FAIL LOGIN: Client "ADDR"[, "reason"]": the last Client is vsftpd's own */
void auth_vsftpd(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	struct slice addr;
	bool ok;

	if (!auth_cut_last(m, SLICE(" LOGIN: Client \""), &head, &rest) ||
	    !slice_cut(rest, '"', &addr, &rest))
		return;
	ok = slice_ends(head, SLICE("] OK"));
	if (!ok && !slice_ends(head, SLICE("] FAIL")))
		return;
	head.n -= ok ? 4 : 6;
	if (auth_skip(&head, SLICE("[")))
		auth_user(ev, head);
	auth_client(ev, addr, no_port, AUTH_PEER);
	auth_result(ev, ok);
}

/* "server (NAME[ADDR]): USER u: no such user found ...", "server (NAME[ADDR]) - ..." */
void auth_proftpd(struct event *ev, struct slice m)
{
	static const struct slice failures[] = { { ": no such user found", 20 },
		{ " (Login failed)", 15 }, { "SECURITY VIOLATION", 18 },
		{ "Maximum login attempts", 22 } };
	struct slice head;
	struct slice rest;
	struct slice addr;
	struct slice user;

	if (!slice_cut_str(m, SLICE(" ("), &head, &rest) || !slice_cut(rest, '[', &head, &rest) ||
	    !slice_cut_str(rest, SLICE("])"), &addr, &rest))
		return;
	auth_client(ev, addr, no_port, AUTH_PEER);
	if (!auth_skip(&rest, SLICE(": ")) && !auth_skip(&rest, SLICE(" - ")))
		return;
	for (unsigned i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (slice_cut_str(rest, failures[i], &user, &head)) {
			auth_result(ev, false);
			if (auth_skip(&user, SLICE("USER ")))
				auth_user(ev, user);
			return;
		}
	if (auth_skip(&rest, SLICE("USER ")) &&
	    auth_cut_last(rest, SLICE(": Login successful"), &user, &head)) {
		auth_result(ev, true);
		auth_user(ev, user);
	}
}

/* "(USER@ADDR) [WARNING] Authentication failed for user [u]", USER is ? before a login */
void auth_pureftpd(struct event *ev, struct slice m)
{
	struct slice who;
	struct slice user;

	if (!auth_skip(&m, SLICE("(")) || !slice_cut(m, ')', &who, &m) ||
	    !auth_cut_last(who, SLICE("@"), &user, &who))
		return;
	auth_client(ev, who, no_port, slice_eq(user, SLICE("?")) ? AUTH_PEER : AUTH_CLAIMED);
	if (auth_skip(&m, SLICE(" [WARNING] Authentication failed for user ["))) {
		auth_result(ev, false);
		/* "... [u] from ADDR", of whom the brackets say a name; nobody's name ends so */
		if (auth_cut_last(m, SLICE("] from "), &user, &who) && auth_is_address(who)) {
			auth_client(ev, who, no_port, AUTH_CLAIMED);
			auth_user(ev, user);
		} else if (m.n > 1 && m.p[m.n - 1] == ']') {
			auth_user(ev, slice_head(m, m.n - 1));
		}
	} else if (auth_skip(&m, SLICE(" [INFO] ")) && slice_ends(m, SLICE(" is now logged in"))) {
		auth_result(ev, true);
		auth_user(ev, slice_head(m, m.n - 17));
	}
}

/* "imap-login: ... (auth failed, 1 attempts): user=<u>, method=PLAIN, rip=ADDR, lip=..." */
void auth_dovecot(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	struct slice addr;
	struct slice user;

	if (!auth_has(m, SLICE("-login: ")) || !auth_cut_last(m, SLICE(" rip="), &head, &rest))
		return;
	slice_cut(rest, ',', &addr, &rest);
	auth_client(ev, addr, no_port, AUTH_PEER);
	if (slice_cut_str(head, SLICE("user=<"), &rest, &user) &&
	    auth_cut_last(user, SLICE(">,"), &user, &rest))
		auth_user(ev, user);
	if (auth_has(m, SLICE("-login: Login: ")))
		auth_result(ev, true);
	else if (auth_has(m, SLICE("auth failed")) || auth_has(m, SLICE("(tried to use dis")))
		auth_result(ev, false);
}

/* "warning: HOST[ADDR]: SASL LOGIN authentication failed: ..." */
void auth_postfix(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	struct slice addr;

	if (!auth_skip(&m, SLICE("warning: ")) || !slice_cut(m, '[', &head, &rest) ||
	    !slice_cut_str(rest, SLICE("]: SASL "), &addr, &rest))
		return;
	slice_cut(rest, ' ', &head, &rest);
	if (!slice_starts(rest, SLICE("authentication failed")) ||
	    auth_has(rest, SLICE(": Connection lost to ")))
		return; /* the second: nobody could ask whether the password is right */
	auth_client(ev, addr, no_port, AUTH_PEER);
	event_set(ev, ATTR_AUTH_METHOD, head);
	auth_result(ev, false);
	if (auth_cut_last(rest, SLICE(", sasl_username="), &head, &rest))
		auth_user(ev, rest);
}

/* "ADDR:PORT", where the address may be IPv6 without brackets */
static void dropbear_peer(struct event *ev, struct slice s)
{
	struct slice addr;
	struct slice port;

	if (slice_cut_last(s, ':', &addr, &port))
		auth_client(ev, addr, port, AUTH_PEER);
}

/* "Bad password attempt for 'u' from ADDR:PORT", "Exit before auth from <ADDR:PORT>: ..." */
void auth_dropbear(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	struct slice user;
	bool ok;

	/* without syslog's help: "[825] Jul 10 23:57:29 text" */
	if (slice_starts(m, SLICE("[")) && slice_cut_str(m, SLICE("] "), &head, &rest) &&
	    rest.n > 16 && rest.p[9] == ':' && rest.p[12] == ':')
		m = slice_from(rest, 16);
	if (auth_skip(&m, SLICE("Exit before auth from <"))) {
		if (slice_cut(m, '>', &head, &rest))
			dropbear_peer(ev, head);
		if (auth_has(rest, SLICE("Max auth tries reached")))
			auth_result(ev, false);
		return;
	}
	ok = auth_has(m, SLICE(" auth succeeded for '"));
	if (!ok && !auth_has(m, SLICE("ad password attempt for '")) &&
	    !auth_has(m, SLICE("ogin attempt for nonexistent user")) &&
	    !auth_has(m, SLICE("Max auth tries reached")))
		return;
	auth_result(ev, ok);
	if (!auth_cut_last(m, SLICE(" from "), &head, &rest))
		return;
	dropbear_peer(ev, slice_trim(rest));
	if (slice_cut(head, '\'', &rest, &user) && auth_cut_last(user, SLICE("'"), &user, &rest))
		auth_user(ev, user);
}

/* "Invalid login as USER from ADDR" */
void auth_webmin(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice addr;
	struct slice user;
	bool ok = slice_starts(m, SLICE("Successful login as "));

	if (!ok && !slice_starts(m, SLICE("Invalid login as ")) &&
	    !slice_starts(m, SLICE("Non-existent login as ")))
		return;
	auth_result(ev, ok);
	if (!auth_cut_last(slice_trim(m), SLICE(" from "), &head, &addr))
		return;
	auth_client(ev, addr, no_port, AUTH_PEER);
	if (slice_cut_str(head, SLICE(" login as "), &head, &user))
		auth_user(ev, user);
}
