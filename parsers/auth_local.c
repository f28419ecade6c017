/*
 * auth_local.c - messages of sudo (logging.c), su and login (shadow, util-linux), the
 * programs that change accounts (shadow), and systemd-logind.
 */
#include "parsers/auth_parts.h"

/* "alice : TTY=pts/0 ; PWD=/home ; USER=root ; COMMAND=/bin/ls" */
void auth_sudo(struct event *ev, struct slice m)
{
	struct slice name;
	struct slice rest;

	if (!slice_cut_str(m, SLICE(" : "), &name, &rest))
		return;
	auth_user(ev, slice_trim(name));
	if (auth_has(rest, SLICE("incorrect password attempt")) ||
	    auth_has(rest, SLICE("NOT in sudoers")) ||
	    auth_has(rest, SLICE("a password is required")) ||
	    auth_has(rest, SLICE("a terminal is required")) ||
	    auth_has(rest, SLICE("NOT authorized")) ||
	    auth_has(rest, SLICE("command not allowed")) ||
	    auth_has(rest, SLICE("authentication failure")))
		auth_result(ev, false);
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

/*
 * "FAILED SU (to root) alice on pts/0", "(to root) alice on pts/1", "FAILED su for root by
 * alice", "Successful su for root by alice", "+ pts/0 alice:root". Who ran su is the user.
 */
void auth_su(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	struct slice tty;

	if ((slice_starts(m, SLICE("FAILED SU (to ")) || slice_starts(m, SLICE("(to "))) &&
	    slice_cut_str(m, SLICE(") "), &head, &rest)) {
		if (auth_cut_last(rest, SLICE(" on "), &rest, &tty))
			event_set(ev, ATTR_PROCESS_TTY, tty);
		auth_user(ev, rest);
		auth_result(ev, head.p[0] != 'F');
		slice_cut_str(head, SLICE("(to "), &head, &rest);
	} else if (slice_starts(m, SLICE("FAILED su for ")) ||
		   slice_starts(m, SLICE("Successful su for "))) {
		slice_cut_str(m, SLICE(" su for "), &head, &rest);
		auth_result(ev, head.p[0] == 'S');
		if (!auth_cut_last(rest, SLICE(" by "), &rest, &head))
			return;
		auth_user(ev, head);
	} else if (m.n > 2 && (m.p[0] == '+' || m.p[0] == '-') && m.p[1] == ' ') {
		slice_cut_last(slice_from(m, 2), ' ', &tty, &rest);
		auth_result(ev, m.p[0] == '+');
		event_set(ev, ATTR_PROCESS_TTY, tty);
		slice_cut(rest, ':', &head, &rest);
		auth_user(ev, head);
	} else {
		return;
	}
	if (rest.n > 0)
		event_add_named(ev, SLICE("sekisho.sudo.user"), rest);
}

static struct slice no_comma(struct slice s)
{
	while (s.n > 0 && memchr(",'", s.p[s.n - 1], 2) != NULL)
		s.n--;
	while (s.n > 0 && s.p[0] == '\'')
		s = slice_from(s, 1);
	return s;
}

/* "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', ...", "LOGIN ON tty1 BY root", "ROOT LOGIN ON tty1"
 */
void auth_login(struct event *ev, struct slice m)
{
	struct slice name = auth_after(m, SLICE(" FOR "));
	struct slice from = auth_after(m, SLICE(" FROM "));

	if (slice_starts(m, SLICE("FAILED LOGIN"))) {
		while (name.n > 0 && (name.p[0] == '\'' || name.p[0] == '`'))
			name = slice_from(name, 1);
		while (name.n > 0 && memchr("',", name.p[name.n - 1], 2) != NULL)
			name.n--;
		auth_user(ev, name);
		if (from.n == 0) /* util-linux: from '192.0.2.1' FOR 'root' */
			from = no_comma(auth_after(m, SLICE(" from ")));
		auth_client(ev, from, (struct slice){ 0 }, AUTH_CLAIMED);
		auth_result(ev, false);
	} else if (slice_starts(m, SLICE("ROOT LOGIN"))) {
		auth_user(ev, SLICE("root"));
		auth_result(ev, true);
	} else if (slice_starts(m, SLICE("LOGIN ON "))) {
		auth_user(ev, auth_after(m, SLICE(" BY ")));
		auth_result(ev, true);
	}
}

/* "new user: name=x, UID=1001, ...", "delete user 'x'", "add 'x' to group 'sudo'", "password
 * changed for x" */
void auth_accounts(struct event *ev, struct slice m)
{
	struct slice uid = no_comma(auth_after(m, SLICE("UID=")));

	if (slice_starts(m, SLICE("new user: name=")))
		auth_user(ev, no_comma(auth_after(m, SLICE("name="))));
	else if (slice_starts(m, SLICE("delete user ")))
		auth_user(ev, no_comma(auth_after(m, SLICE("delete user "))));
	else if (slice_starts(m, SLICE("add '")))
		auth_user(ev, no_comma(auth_after(m, SLICE("add "))));
	else if (auth_has(m, SLICE("password changed for ")))
		auth_user(ev, auth_after(m, SLICE("password changed for ")));
	if (uid.n > 0)
		event_set(ev, ATTR_USER_ID, uid);
}

/* "New session 5 of user alice." */
void auth_logind(struct event *ev, struct slice m)
{
	struct slice name = auth_after(m, SLICE(" of user "));

	if (!slice_starts(m, SLICE("New session ")))
		return;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	auth_user(ev, name);
	event_set(ev, ATTR_SESSION_ID, auth_after(m, SLICE("New session ")));
}
