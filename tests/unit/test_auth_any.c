/* What messages of unknown programs are taken to say, whose address and user they name, and when.
 */
#include "parsers/auth_who.h"
#include "parsers/auth_words.h"
#include "parsers/stamp_any.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_sayings(void **state)
{
	static const struct {
		const char *text;
		enum auth_saying says;
	} cases[] = {
		{ "", AUTH_SAYS_NOTHING },
		{ "LOGIN FAILED, user=bob", AUTH_SAYS_FAILURE },
		{ "AUTHFAIL: user=bob", AUTH_SAYS_FAILURE },
		{ "AuthFailed:LogonDenied", AUTH_SAYS_FAILURE },
		{ "status [NT_STATUS_NO_SUCH_USER]", AUTH_SAYS_FAILURE },
		{ "no such user", AUTH_SAYS_FAILURE },
		{ "User bob@example.org doesn't exist", AUTH_SAYS_FAILURE },
		{ "user 'bob' was not found", AUTH_SAYS_FAILURE },
		{ "could not authenticate bob: bad password", AUTH_SAYS_FAILURE },
		{ "Authentication attempt from 192.0.2.1 for user \"null\" failed.",
		    AUTH_SAYS_FAILURE },
		{ "\"event\":\"user.login\",\"success\":false", AUTH_SAYS_FAILURE },
		{ "Login with a token succeeded", AUTH_SAYS_SUCCESS },
		{ "password accepted", AUTH_SAYS_SUCCESS },
		{ "user bob logged in", AUTH_SAYS_SUCCESS },
		{ "relay access denied", AUTH_SAYS_REFUSED },
		{ "Refused connection from somewhere", AUTH_SAYS_REFUSED },
		{ "host x is not allowed to talk to us", AUTH_SAYS_REFUSED },
		{ "too many errors after RCPT", AUTH_SAYS_REFUSED },
		{ "failure from 192.0.2.1", AUTH_SAYS_REFUSED },
		{ "client bob not authorized", AUTH_SAYS_FAILURE },
		{ "bob was refused a token: revoked token", AUTH_SAYS_FAILURE },
		{ "account bob is suspended", AUTH_SAYS_FAILURE },
		{ "user bob is temporarily locked", AUTH_SAYS_FAILURE },
		{ "bob failed to log in", AUTH_SAYS_FAILURE },
		{ "failed sign-in by bob", AUTH_SAYS_FAILURE },
		{ "failed to log into a file", AUTH_SAYS_NOTHING },
		{ "failed to log incoming packets", AUTH_SAYS_NOTHING },
		{ "SSO failed for bob", AUTH_SAYS_FAILURE },
		{ "brute force by 192.0.2.1", AUTH_SAYS_REFUSED },
		{ "dropped by the ACL", AUTH_SAYS_REFUSED },
		{ "AUTH used when not advertised", AUTH_SAYS_FAILURE },
		{ "you are not whitelisted here", AUTH_SAYS_REFUSED },
		{ "bad packet size, which could indicate an attack", AUTH_SAYS_NOTHING },
		{ "Temporary authentication failure", AUTH_SAYS_NOTHING },
		{ "authentication failed: backend unavailable", AUTH_SAYS_NOTHING },
		{ "invalid request, missing Authorization header", AUTH_SAYS_NOTHING },
		{ "mx.example.org said: 535 authentication failed", AUTH_SAYS_NOTHING },
		{ "access denied -- client: empty password", AUTH_SAYS_FAILURE },
		{ "login query for 'bob' port tty1 from 192.0.2.1 rejected", AUTH_SAYS_FAILURE },
		{ "Authorization of user test-ipv6 to access /a failed", AUTH_SAYS_FAILURE },
		{ "hello, user login-failed", AUTH_SAYS_NOTHING },
		{ "/bin/x: login failed for bob", AUTH_SAYS_FAILURE },
		{ "app: /bin/x: login failed for bob", AUTH_SAYS_FAILURE },
		{ "Could not retrieve user bob", AUTH_SAYS_FAILURE },
		{ "https://x|1613063581|user|192.0.2.1|https://x/|https://x/|0||Login attempt "
		  "failed for bob.",
		    AUTH_SAYS_FAILURE },
		{ "https://x|1613063581|user|192.0.2.1|https://x/|https://x/?a=|0||Login attempt "
		  "failed for bob.|0||Session opened for eve.",
		    AUTH_SAYS_NOTHING },
		{ "a|b|login failed|for bob", AUTH_SAYS_FAILURE },
		{ "File does not exist: /srv/[client 192.0.2.1] user root not found",
		    AUTH_SAYS_NOTHING },
		{ "script not run, referer: http://x/?login failed", AUTH_SAYS_NOTHING },
		{ "Wrong data received: Login failed for user 'bob'", AUTH_SAYS_NOTHING },
		{ "Rejected by acl \"domains\". Falling back to Digest auth.", AUTH_SAYS_NOTHING },
		{ "access denied -- client: empty username", AUTH_SAYS_NOTHING },
		{ "access denied -- client: unknown user ''", AUTH_SAYS_NOTHING },
		{ "access denied -- client: invalid Authorization header", AUTH_SAYS_NOTHING },
		{ "access denied: missing or invalid Authorization header", AUTH_SAYS_NOTHING },
		{ "not authorized to user <anonymous>, responding with 302", AUTH_SAYS_NOTHING },
		{ "anonymous login not allowed", AUTH_SAYS_FAILURE },
		{ "search for \"login failed\" took 5 ms", AUTH_SAYS_NOTHING },
		{ "rejected with \"login failed for bob\"", AUTH_SAYS_FAILURE },
		{ "msg=\"login failed\" ip=x", AUTH_SAYS_FAILURE },
		{ "Failed to send login notification to bob", AUTH_SAYS_NOTHING },
		{ "successfully authenticated bob from 192.0.2.7 after 2 failed attempts",
		    AUTH_SAYS_SUCCESS },
		{ "user bob unlocked after 3 failed logins", AUTH_SAYS_NOTHING },
		{ "account bob locked after 3 failed logins", AUTH_SAYS_FAILURE },
		{ "packet dropped", AUTH_SAYS_NOTHING },
		{ "connection refused", AUTH_SAYS_NOTHING },
		{ "SSL handshake failed", AUTH_SAYS_NOTHING },
		{ "open() \"/a/user/login\" failed (2: No such file or directory)",
		    AUTH_SAYS_NOTHING },
		{ "Disconnected (no auth attempts in 10 secs): user=<>", AUTH_SAYS_NOTHING },
		{ "0 failed logins", AUTH_SAYS_NOTHING },
		{ "login page loaded", AUTH_SAYS_NOTHING },
		{ "packets logged", AUTH_SAYS_NOTHING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (auth_saying(slice_of(cases[i].text)) != cases[i].says)
			fail_msg("'%s' says %d", cases[i].text,
			    (int)auth_saying(slice_of(cases[i].text)));
}

/* The table of words is searched in halves. */
static void test_sorted(void **state)
{
	static const char *const words[] = {
#define WORD(text, kinds) text
#include "parsers/auth_words.inc"
#undef WORD
	};

	(void)state;
	for (size_t i = 1; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i - 1], words[i]) >= 0)
			fail_msg("'%s' must stand before '%s'", words[i], words[i - 1]);
}

static void test_who(void **state)
{
	static const struct {
		const char *text, *addr, *port, *user;
	} cases[] = {
		{ "failed for bob from 192.0.2.7", "192.0.2.7", "", "" },
		{ "user=bob rip=192.0.2.7, lip=192.0.2.1", "192.0.2.7", "", "bob" },
		{ "user=192.0.2.1 ip=192.0.2.7", "192.0.2.7", "", "192.0.2.1" },
		{ "pam(bob,192.0.2.7): failed", "192.0.2.7", "", "" },
		{ "192.0.2.7:4022->192.0.2.1:993", "192.0.2.7", "4022", "" },
		{ "192.0.2.1:110,192.0.2.7:55576,bob", "192.0.2.7", "55576", "" },
		{ "tr=TCP|192.0.2.1|25|192.0.2.7|4299", "192.0.2.7", "4299", "" },
		{ "192.0.2.7.50550 192.0.2.1.1080", "192.0.2.7", "50550", "" },
		{ "for x ([192.0.2.1]) [192.0.2.7]:55379", "192.0.2.7", "55379", "" },
		{ "[client 192.0.2.7, 192.0.2.1]", "192.0.2.7", "", "" },
		{ "from mx.server.example [192.0.2.7]", "192.0.2.7", "", "" },
		{ "RemoteAddress=\"IPV4/UDP/192.0.2.7/5061\",LocalAddress=\"IPV4/UDP/192.0.2.1/"
		  "5060\"",
		    "192.0.2.7", "", "" },
		{ "'<sip:1@192.0.2.1>' failed for '192.0.2.7:5060'", "192.0.2.7", "5060", "" },
		{ "from 2001:db8::7", "2001:db8::7", "", "" },
		{ "denied: 192.0.2.7::4022", "192.0.2.7", "4022", "" },
		{ "H=x [192.0.2.7]:4022 I=[192.0.2.1]:2525 refused", "192.0.2.7", "4022", "" },
		{ "from 127.0.0.1 from 192.0.2.7, x from 127.0.0.1", "192.0.2.7", "", "" },
		{ "failed for bob from ::1", "::1", "", "" },
		{ "X-Forwarded-For: 192.0.2.7, remote 127.0.0.1", "192.0.2.7", "", "" },
		{ "2001:db8::1234:58430 [x]", "2001:db8::1234", "58430", "" },
		{ "remote host [ipv4:192.0.2.7:62419]", "192.0.2.7", "62419", "" },
		{ "user \"bob jones\": password mismatch", "", "", "bob jones" },
		{ "Login failed for user 'bob'. [CLIENT: 192.0.2.7]", "192.0.2.7", "", "bob" },
		{ "in \"x H=(y) [192.0.2.1]\" H=(z) [192.0.2.7] AUTH", "192.0.2.7", "", "" },
		{ "listening on 0.0.0.0:80", "", "", "" },
		{ "at 12:30:45, version 1.2.3.4.5.6", "", "", "" },
		{ "192.0.2.1.dsl.example.org", "", "", "" },
		{ "::", "", "", "" },
		{ ":", "", "", "" },
		{ "", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct auth_who who;

		auth_who(slice_of(cases[i].text), &who);
		if (!slice_eq(who.addr, slice_of(cases[i].addr)) ||
		    !slice_eq(who.port, slice_of(cases[i].port)) ||
		    !slice_eq(who.user, slice_of(cases[i].user)))
			fail_msg("'%s': address '%.*s', port '%.*s', user '%.*s'", cases[i].text,
			    SLICE_ARG(who.addr), SLICE_ARG(who.port), SLICE_ARG(who.user));
	}
}

/* All of these are the same second; the last two name no year or less of the zone. */
static void test_stamps(void **state)
{
	static const char *const texts[] = {
		"2026-11-23T06:00:01Z x",
		"[2026-11-23 06:00:01,388] x",
		"2026-11-23 07:00:01.5 +01:00 x",
		"2026/11/23 06:00:01 x",
		"[GIN] 2026/11/23 - 06:00:01 | x",
		"[20261123-06:00:01] x",
		"[23/Nov/2026:06:00:01 +0000] x",
		"23-Nov-2026 06:00:01.621 x",
		"[Mon Nov 23 06:00:01.123456 2026] x",
		"Mon Nov 23 06:00:01 2026 - x",
		"Nov 23, 2026 6:00:01 AM x",
		"11/23/2026 - 06:00:01: x",
		"23/11/2026 06:00:01 x",
		"261123  6:00:01 x",
		"[1795413601] x",
		"1795413601.25 x",
		"<W>2026-11-23 06:00:01.818 x",
		"[UTC Nov 23 06:00:01] x",
		"time=\"2026-11-23T06:00:01Z\" x",
	};
	struct parse_ctx c = { .ref_us = 1795420000000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int64_t t = 0;
		size_t from;
		size_t end = stamp_any(&c, slice_of(texts[i]), &from, &t);

		if (end == 0 || t / 1000000 != 1795413601)
			fail_msg("'%s': %zu, %lld", texts[i], end, (long long)t);
		assert_true(from < end && end <= strlen(texts[i]));
	}
	for (size_t i = 0; i < 4; i++) {
		static const char *const none[] = { "", "no time", "1.2.3.4 5", "12:30:45" };
		int64_t t = 0;
		size_t from;

		assert_int_equal(stamp_any(&c, slice_of(none[i]), &from, &t), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sayings),
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
