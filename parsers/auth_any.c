/*
 * auth_any.c - the messages of programs that nobody taught us.
 *
 * Only a message that says whose address it was counts: without one a guess is of no use,
 * and most of what fails on a host has none. Everything read here is `claimed`, so it may alert
 * and never blocks at the host's firewall.
 */
#include "parsers/auth_parts.h"
#include "parsers/auth_who.h"
#include "parsers/auth_words.h"

enum { TEXT_MAX = 4096 }; /* bytes of a message that are read */

static bool has_digit_and_mark(struct slice m)
{
	return memchr(m.p, '.', m.n) != NULL || memchr(m.p, ':', m.n) != NULL;
}

/*
 * A request in a format that is no parser's, answered by 401: to a POST a refused login, to others
 * perhaps the first answer before anybody was asked for a password.
 */
static enum auth_saying by_status(struct slice m)
{
	static const struct slice methods[] = { { "POST", 4 }, { "GET ", 4 }, { "HEAD", 4 },
		{ "PUT ", 4 } };
	struct slice rest = m;
	struct slice head;

	while (slice_cut_str(rest, SLICE("401"), &head, &rest)) {
		char before = head.n > 0 ? head.p[head.n - 1] : ' ';
		char after = rest.n > 0 ? rest.p[0] : ' ';

		if (memchr(" :=\"|", before, 5) == NULL || memchr(" ,\"|}", after, 5) == NULL)
			continue;
		for (unsigned i = 0; i < sizeof(methods) / sizeof(*methods); i++)
			if (slice_find(m, methods[i]) != NULL)
				return i == 0 ? AUTH_SAYS_FAILURE : AUTH_SAYS_REFUSED;
	}
	return AUTH_SAYS_NOTHING;
}

/*
 * Who went away, or was cut off, before he said who he is, as mail servers and VPNs write it of
 * scanners. What IMAP servers say of an ended session without a login is not here: each phone does
 * it when it loses the network.
 */
static bool is_abandoned(struct slice m)
{
	static const struct slice phrases[] = { SLICE_INIT("lost connection after CONNECT "),
		SLICE_INIT("lost connection after UNKNOWN "),
		SLICE_INIT("lost connection after EHLO "),
		SLICE_INIT("lost connection after HELO "),
		SLICE_INIT("lost connection after AUTH "),
		SLICE_INIT("lost connection after STARTTLS "),
		SLICE_INIT("lost input channel from "), SLICE_INIT(" did not issue MAIL/"),
		SLICE_INIT("no MAIL in SMTP connection from "), SLICE_INIT("PREGREET "),
		SLICE_INIT("HANGUP after "), SLICE_INIT("DNSBL rank "),
		SLICE_INIT("COMMAND TIME LIMIT from "), SLICE_INIT("COMMAND COUNT LIMIT from "),
		SLICE_INIT("COMMAND LENGTH LIMIT from "), SLICE_INIT("BARE NEWLINE from "),
		SLICE_INIT("NON-SMTP COMMAND "), SLICE_INIT("rate limit exceeded: "),
		SLICE_INIT("TLS handshake failed"), SLICE_INIT("during TLS handshake"),
		SLICE_INIT("TLS key negotiation failed"), SLICE_INIT("TLS Error: "),
		SLICE_INIT("VERIFY ERROR: "), SLICE_INIT("SSL negotiation with client failed"),
		SLICE_INIT("Exit before auth"), SLICE_INIT("peer did not return a certificate"),
		SLICE_INIT("disconnected before auth was ready"),
		SLICE_INIT("client didn't finish SASL auth"),
		SLICE_INIT("reading authentication information from client "),
		/* the totals of Postfix: not one of his logins succeeded; each was told before */
		SLICE_INIT(" auth=0/") };

	for (unsigned i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
		if (slice_find(m, phrases[i]) != NULL)
			return true;
	return false;
}

/*
 * Who has no business here: a device that a RADIUS server has no secret of (FreeRADIUS), who is on
 * a list of bad addresses (qmail's), and who was seen to scan ports (scanlogd: "A to B ports 22,
 * 26, ..., fSrpauxy, TOS 00").
 */
static bool is_stranger(struct slice m)
{
	return slice_find(m, SLICE(" from unknown client ")) != NULL ||
	       slice_find(m, SLICE("rblsmtpd: ")) != NULL ||
	       slice_find(m, SLICE(" rbl: ")) != NULL ||
	       (slice_find(m, SLICE(" ports ")) != NULL && slice_find(m, SLICE(", TOS ")) != NULL &&
		   slice_find(m, SLICE(" to ")) != NULL);
}

/*
 * PostgreSQL: who is not let in is told so by FATAL; an ERROR is one of a statement, whatever words
 * stand in it. The two blanks are its own.
 */
static bool is_postgres(struct slice m, enum auth_saying *says)
{
	struct slice head;
	struct slice rest;

	if (slice_find(m, SLICE("FATAL:  ")) == NULL) {
		*says = AUTH_SAYS_NOTHING;
		return slice_find(m, SLICE("ERROR:  ")) != NULL;
	}
	slice_cut_str(m, SLICE("FATAL:  "), &head, &rest);
	*says = AUTH_SAYS_FAILURE;
	return slice_starts(rest, SLICE("no pg_hba.conf entry for ")) ||
	       (slice_starts(rest, SLICE("role \"")) &&
		   slice_find(rest, SLICE("\" does not exist")) != NULL);
}

static enum auth_saying saying_of(struct slice m)
{
	enum auth_saying says;

	if (is_postgres(m, &says))
		return says;
	says = by_status(m);
	if (says == AUTH_SAYS_NOTHING)
		says = auth_saying(m);
	if (says == AUTH_SAYS_NOTHING && is_stranger(m))
		return AUTH_SAYS_REFUSED;
	return says == AUTH_SAYS_NOTHING && is_abandoned(m) ? AUTH_SAYS_ABANDONED : says;
}

void auth_any(struct event *ev, struct slice m)
{
	struct auth_who who;
	bool known = event_get(ev, ATTR_CLIENT_ADDRESS).p != NULL;
	enum auth_saying says;

	if (m.n > TEXT_MAX)
		m.n = TEXT_MAX;
	if (m.n == 0 || event_get(ev, ATTR_AUTH_RESULT).p != NULL ||
	    (!known && !has_digit_and_mark(m)))
		return;
	auth_who(m, &who);
	if (!known && who.addr.n == 0)
		return;
	says = saying_of(m);
	if (says == AUTH_SAYS_NOTHING)
		return;
	if (!known && !auth_client(ev, who.addr, who.port, AUTH_CLAIMED))
		return;
	if (says == AUTH_SAYS_REFUSED || says == AUTH_SAYS_ABANDONED)
		event_add_named(ev, SLICE("sekisho.access.result"),
		    says == AUTH_SAYS_REFUSED ? SLICE("refused") : SLICE("abandoned"));
	else
		auth_result(ev, says == AUTH_SAYS_SUCCESS);
	if (event_get(ev, ATTR_USER_NAME).p == NULL)
		auth_user(ev, who.user);
}
