/* The ways in which a secret is written, and where each of them ends. */
#include "base/arena.h"
#include "base/err.h"
#include "detect/redact.h"
#include "match/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 13 };

static struct arena arena;
static struct redactor *redactor;
static char memory[FILTER_BEFORE + TEXT_MAX + FILTER_AFTER];

static struct slice redacted(const char *text, bool padded)
{
	size_t n = strlen(text);
	struct event ev = { .body = { memory + FILTER_BEFORE, n } };

	assert_true(n <= TEXT_MAX);
	memset(memory, '\n', sizeof(memory));
	memcpy(memory + FILTER_BEFORE, text, n);
	arena_reset(&arena);
	redact_event(redactor, &arena, &ev, padded);
	return ev.body;
}

static bool has(struct slice s, const char *what)
{
	return slice_find(s, slice_of(what)) != NULL;
}

/* Masks are kept as they are. */
static void stays(struct slice got, bool padded)
{
	char once[TEXT_MAX];

	snprintf(once, sizeof(once), "%.*s", SLICE_ARG(got));
	got = redacted(once, padded);
	if (!slice_eq(got, slice_of(once)))
		fail_msg("%s became %.*s", once, SLICE_ARG(got));
}

/* HUNTER stands in every secret of them, and `keep` in what is none. */
static void masks(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned padded = 0; padded < 2; padded++) {
			struct slice got = redacted(texts[i], padded);

			if (has(got, "HUNTER") || !has(got, "[masked:") ||
			    has(slice_of(texts[i]), "keep") != has(got, "keep"))
				fail_msg("%s (padded: %u) became %.*s", texts[i], padded,
				    SLICE_ARG(got));
			stays(got, padded);
		}
}

#define MASKS(...)                                                  \
	do {                                                        \
		static const char *const texts[] = { __VA_ARGS__ }; \
		masks(texts, sizeof(texts) / sizeof(*texts));       \
	} while (0)

static void members_end_at_a_quote_of_their_own(void **state)
{
	(void)state;
	MASKS("{\"password\":\"aHUNTER'HUNTER\",\"a\":\"keep\"}",
	    "{\"password\":\"a\\\"HUNTER\",\"a\":\"keep\"}",
	    "{\"password\":\"a\\\\HUNTER\\\\\",\"a\":\"keep\"}",
	    "{\"token\":\"a\\/HUNTER\\/b\",\"a\":\"keep\"}",
	    "{\"Password\":\"a\\u0026HUNTER;,& HUNTER\",\"a\":\"keep\"}",
	    "body={\\\"password\\\":\\\"a\\\\\\\"HUNTER\\\",\\\"a\\\":\\\"keep\\\"}",
	    "{\\x22password\\x22:\\x22a\\x5C\\x22HUNTER\\x22,\\x22a\\x22:\\x22keep\\x22}",
	    "{\"p\\u0061ssword\":\"HUNTER\"}", "{\"passwor\\u0064\":\"HUNTER\"}",
	    "{\"passwd\"    :       \"HUNTER\",\"a\":\"keep\"}",
	    "{'password': 'HUNTER', 'a': 'keep'}", "{\"password\"=>\"HUNTER\", \"a\"=>\"keep\"}",
	    "{\"token\":\"HUNTER");
}

static void members_with_parts_are_masked_in_all_of_them(void **state)
{
	(void)state;
	MASKS("{\"token\":[\"HUNTERa\",\"HUNTERb\"],\"a\":\"keep\"}",
	    "{\"token\":{\"value\":\"HUNTER\",\"n\":[{\"b\":\"HUNTER\"}]},\"a\":\"keep\"}",
	    "{\"token\" : [ \"HUNTER\" , \"HUNTER\" ] , \"a\":\"keep\"}",
	    "{\"credentials\":{\"user\":\"u\",\"pass\":\"HUNTER\"},\"a\":\"keep\"}",
	    "{\"token\":[\"HUNTER\",[[[\"HUNTER");
	assert_false(has(redacted("{\"otp\":77712345,\"pin_code\": 77712345}", true), "777"));
	assert_true(has(redacted("{\"password\":null,\"token\":512,\"pass\":true}", true),
	    "null,\"token\":512,\"pass\":true"));
}

static void parameters_end_where_the_next_one_begins(void **state)
{
	(void)state;
	MASKS("\"GET /?password=a'HUNTER&a=keep HTTP/1.1\"",
	    "\"GET /?password=a;HUNTER HTTP/keep\"", "\"GET /?password=a,HUNTER&keep\"",
	    "\"GET /?password=a\\x22HUNTER HTTP/keep\"", "\"GET /?password=a\\\"HUNTER HTTP/keep\"",
	    "\"GET /?password='HUNTER'HUNTER&x HTTP/keep\"",
	    "login password=\"HUNTER HUNTER\" user=keep",
	    "login password=\"HUNTER\\\"HUNTER\" user=keep", "aws_secret_access_key = HUNTER keep");
	assert_true(slice_eq(redacted("\"GET /?password=\" 200 \"keep\"", true),
	    SLICE("\"GET /?password=\" 200 \"keep\"")));
}

static void codes_hide_no_name(void **state)
{
	(void)state;
	MASKS("/?p%61ssword=HUNTER&keep", "/?passwor%64=HUNTER&keep", "/?%70%61%73%73word=HUNTER",
	    "/?p%2561ssword=HUNTER", "/?next=%2Flogin%3Fpassword%3DHUNTER%26keep",
	    "/?next=%252Flogin%253Ftoken%253DHUNTER%2526keep", "/?a=%3Fsid%3DHUNTER&keep");
}

static void headers_are_masked_whatever_their_scheme(void **state)
{
	(void)state;
	MASKS("{\"Authorization\":\"Basic HUNTER==\",\"a\":\"keep\"}",
	    "{\"authorization\":\"Digest username=\\\"x\\\", "
	    "response=\\\"HUNTER\\\"\",\"a\":\"keep\"}",
	    "{\"authorization\":\"Bearer HUNTER\"}", "{\"authorization\":\"token HUNTER\"}",
	    "{\"authorization\":\"HUNTER\"}", "\"Authorization: ApiKey HUNTER\" keep",
	    "Authorization: Digest realm=\"a b\", response=\"HUNTER\" keep",
	    "Authorization: AWS4-HMAC-SHA256 Credential=HUNTER/a, Signature=HUNTER",
	    "GET /?Authorization=Basic%20HUNTER&keep", "Proxy-Authorization: Basic HUNTER",
	    "curl -H 'Authorization: Basic HUNTER==' https://keep");
	MASKS("Cookie: session=HUNTER; _gh=HUNTER", "Set-Cookie: JSESSIONID=HUNTER; Path=/",
	    "{\"cookie\":\"session=HUNTER; _gh=HUNTER\",\"a\":\"keep\"}",
	    "{\"set-cookie\":\"remember_me=HUNTER\",\"a\":\"keep\"}",
	    "{\"cookie\":[\"a=HUNTER\"],\"a\":\"keep\"}", "{\"cookie\":\"HUNTER\"}",
	    "{\"cookie\":\"a=b;HUNTERkp\"}");
	assert_true(has(redacted("Set-Cookie: a=b; HttpOnly; Secure", true), "; HttpOnly; Secure"));
}

static void names_are_known_in_all_their_spellings(void **state)
{
	static const char *const names[] = { "password", "passwd", "pwd", "sid", "sessid",
		"sessionid", "awsaccesskeyid", "passphrase", "authcode", "authorization_code",
		"pincode", "passcode", "signature", "secret", "jwt", "token", "session", "pin",
		"apikey", "authkey", "accesskey", "privatekey", "secretkey", "encryptionkey",
		"signingkey", "sessionkey", "credential", "credentials", "passwords", "secrets",
		"pass", "otp", "pw", "sig", "auth", "code_verifier", "cvv", "cvc",
		/* and other spellings */
		"password2", "password_confirmation", "passwordConfirmation", "passwordConfirm",
		"user[password_confirmation]", "password_again", "passwordAgain", "password-repeat",
		"password_repeated", "passwdVerify", "pwd_confirm", "passphrase_again",
		"secret_key", "secretKey", "encryption-key", "session_key", "db_pass", "dbPass",
		"accessToken", "X-API-KEY", "REFRESH_TOKEN", "MYSQL_PWD", "PGPASSWORD" };
	static const char *const honest[] = { "passenger", "tokenize", "session_count", "author",
		"bypass", "compass", "spin", "session_start", "passport", "hotkey", "keyboard",
		"cookies_ok", "authorize", "tokens_used", "again", "verify", "user_again", "repeat",
		"token_repeat_{", "{" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *const p = text;

		snprintf(text, sizeof(text), "GET /?a=keep&%s=HUNTER&b", names[i]);
		masks(&p, 1);
		snprintf(text, sizeof(text), "{\"%s\":\"HUNTER\",\"a\":\"keep\"}", names[i]);
		if (strchr(names[i], '[') == NULL)
			masks(&p, 1);
	}
	for (size_t i = 0; i < sizeof(honest) / sizeof(*honest); i++) {
		snprintf(
		    text, sizeof(text), "/?%s=abcdef {\"%s\":\"abcdef\"}", honest[i], honest[i]);
		assert_true(slice_eq(redacted(text, true), slice_of(text)));
	}
}

static void commands_and_addresses(void **state)
{
	static const char *const honest[] = {
		"sudo:   bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls",
		"ssh://git@example.com/x", "mail from bob@example.com: ok", "mkdir -p a/b",
		"GET /@user/x", "curl/7.68.0", "http://h:80/a@b", "the password was changed",
		"Accepted password for bob from 203.0.113.7", "cookie: none was sent"
	};

	(void)state;
	MASKS("https://bob:HUNTER@keep", "postgres://u:HUNTER@keep/x", "postgres://u:a@HUNTER@keep",
	    "{\"u\":\"https:\\/\\/bob:HUNTER@keep\"}", "mysql -uroot --password HUNTER keep",
	    "x --token HUNTER keep", "x --password \"HUNTER HUNTER\" keep",
	    "/usr/bin/mysql -uroot -pHUNTER", "curl -u bob:HUNTER https://keep",
	    "sshpass -p HUNTER ssh keep", "a0=\"x\" a1=\"--password\" a2=\"HUNTER\" a3=\"keep\"",
	    "a0=\"mysql\" a1=\"-pHUNTER\" a2=\"keep\"",
	    "[\"x\",\"--password\",\"HUNTER\",\"keep\"]",
	    "a0=\"curl\" a1=\"-u\" a2=\"bob:HUNTER\" a3=\"keep\"");
	for (size_t i = 0; i < sizeof(honest) / sizeof(*honest); i++) {
		struct slice got = redacted(honest[i], true);

		if (!slice_eq(got, slice_of(honest[i])))
			fail_msg("%s became %.*s", honest[i], SLICE_ARG(got));
	}
	assert_false(has(redacted("GET /?PWD=/HUNTER", true), "HUNTER"));
}

static void keys_are_masked_as_a_whole(void **state)
{
	(void)state;
	MASKS("{\"a\":\"-----BEGIN RSA PRIVATE "
	      "KEY-----\\nMIIHUNTER+\\/HUNTER=\\n-----END\",\"b\":\"keep\"}",
	    "-----BEGIN PRIVATE KEY-----\nHUNTER\nHUNTER==\n-----END PRIVATE KEY----- keep");
}

static void attributes_go_by_their_own_names(void **state)
{
	static const char *const secret[] = { "password", "params.password", "user.X-Api-Key",
		"otp", "token.value", "headers.authorization", "headers.set-cookie",
		"tokens[0].token" };
	static const char *const honest[] = { "user", "author", "session_count", "auth.user",
		"password_reset" };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .body = SLICE("x"), .attrs = attrs };
	struct detection d = { .field = SLICE("params.password"), .match = SLICE("UNTE") };

	(void)state;
	arena_reset(&arena);
	ev.detections = &d;
	ev.n_detections = 1;
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		event_add_named(&ev, slice_of(secret[i]), SLICE("a=HUNTER"));
	for (size_t i = 0; i < sizeof(honest) / sizeof(*honest); i++)
		event_add_named(&ev, slice_of(honest[i]), SLICE("keep"));
	redact_event(redactor, &arena, &ev, false);
	for (unsigned i = 0; i < ev.n_attrs; i++) {
		struct slice v = { attrs[i].p, attrs[i].n };

		if (has(v, "HUNTER") || has(v, "[masked:") == has(v, "keep"))
			fail_msg("%.*s is %.*s", SLICE_ARG(attr_name(&attrs[i])), SLICE_ARG(v));
	}
	assert_true(slice_starts(d.match, SLICE("[masked:")));
}

/* Texts that ask for much work are masked as a whole, and soon. */
static void hostile_texts_end(void **state)
{
	static const char *const pieces[] = { "\"token\":{", "password=\"", "password='", "%70",
		"\"a@", "mysql -p", "cookie: ", "://a:", "\\\\\\\"token\\\"", "token=[" };
	static char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		size_t n = 0;

		while (n + 16 < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", pieces[i]);
		redacted(text, true);
		redacted(text, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_end_at_a_quote_of_their_own),
		cmocka_unit_test(members_with_parts_are_masked_in_all_of_them),
		cmocka_unit_test(parameters_end_where_the_next_one_begins),
		cmocka_unit_test(codes_hide_no_name),
		cmocka_unit_test(headers_are_masked_whatever_their_scheme),
		cmocka_unit_test(names_are_known_in_all_their_spellings),
		cmocka_unit_test(commands_and_addresses),
		cmocka_unit_test(keys_are_masked_as_a_whole),
		cmocka_unit_test(attributes_go_by_their_own_names),
		cmocka_unit_test(hostile_texts_end),
	};
	struct err e;

	if (arena_init(&arena, 1 << 20, &e) != 0 || (redactor = redactor_new(1, &e)) == NULL)
		return 1;

	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	redactor_free(redactor);
	arena_free(&arena);
	return rc;
}
