/* Each kind of secret, wherever it stands; and honest text that only looks like one. */
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

/* %s is the secret. All but it must stay, whether or not the text is padded. */
static void masks(const char *format, const char *secret)
{
	char text[TEXT_MAX];
	const char *at = strstr(format, "%s");
	size_t head = (size_t)(at - format);

	snprintf(text, sizeof(text), "%.*s%s%s", (int)head, format, secret, at + 2);
	for (unsigned padded = 0; padded < 2; padded++) {
		struct slice got = redacted(text, padded);

		if (has(got, secret) || !has(got, "[masked:") ||
		    !slice_starts(got, (struct slice){ format, head }) ||
		    !slice_ends(got, slice_of(at + 2)))
			fail_msg("%s (padded: %u) became %.*s", text, padded, SLICE_ARG(got));
	}
}

static void keeps(const char *text)
{
	for (unsigned padded = 0; padded < 2; padded++) {
		struct slice got = redacted(text, padded);

		if (!slice_eq(got, slice_of(text)))
			fail_msg("%s became %.*s", text, SLICE_ARG(got));
	}
}

/* form with name in the place of its @ */
static void fill(char *to, size_t n, const char *form, const char *name)
{
	const char *at = strchr(form, '@');

	snprintf(to, n, "%.*s%s%s", (int)(at - form), form, name, at + 1);
}

static void every_kind_of_secret_is_masked(void **state)
{
	static const char *const names[] = { "password", "passwd", "pwd", "passphrase", "secret",
		"client_secret", "token", "access_token", "csrftoken", "api_key", "apikey",
		"api-key", "access_key", "private_key", "auth_code", "authorization_code",
		"credential", "jwt", "otp", "pin_code", "pincode", "session_id", "sessionid",
		"PHPSESSID", "signature", "X-Amz-Signature", "sid", "sig", "auth", "AWSAccessKeyId",
		"code_verifier", "user[password]", "PASSWORD" };
	static const char *const forms[] = { "GET /?a=1&@=%s&b=2 HTTP/1.1", "x @=%s; x=y",
		"Cookie: @=%s", "{\"@\":\"%s\",\"a\":1}", "{\\\"@\\\": \\\"%s\\\"}",
		"{\\x22@\\x22:\\x22%s\\x22}" };

	static const char *const inside[] = { "a'hunter2x", "a;hunter2x", "a,hunter2x",
		"a\\x22hunter2x" };

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (unsigned k = 0; k < sizeof(forms) / sizeof(*forms); k++) {
			char format[256];

			if (k >= 3 && strchr(names[i], ']') != NULL)
				continue; /* no name of JSON */
			fill(format, sizeof(format), forms[k], names[i]);
			masks(format, "hunter2x");
		}
	masks("/?password[]=%s", "hunter2x");
	for (unsigned i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		masks("GET /a?password=%s&x=1", inside[i]);
	masks("GET /a?next=/login?password%3D%s&x=1", "hunter2x");
	masks("{\"token\":\"%s\",\"n\":1}", "abc\\/hunter2x");
	masks("{\"password\":\"%s\",\"n\":1}", "it's hunter2x");
	masks("{\"password\":\"%s\",\"n\":1}", "a\\\"b, c\\\\hunter2x");
	masks("{\"authorization\":\"%s\",\"n\":1}",
	    "Digest username=\\\"bob\\\", response=\\\"hunter2x\\\"");
	masks("{\"Set-Cookie\":\"%s\",\"n\":1}", "session=hunter2x; Path=/");
	masks("{\"passwordConfirmation\":\"%s\"}", "hunter2x");
	masks("{\"token\":[\"%s\"]}", "hunter2x");
	masks("{\"otp\"  :  %s}", "77712345");
	masks("x password=%s rest", "\"two words\"");
	masks("Authorization=Basic+%s x", "aHVudGVyMng=");
	masks("/?password%5B%5D=%s", "hunter2x");
	masks("/?password%5b%5d=%s&a", "hunter2x");
	masks("/?user%5Bpassword%5D=%s&a", "hunter2x");
	masks("/?user[sid][]=%s&a", "hunter2x");
	masks("Authorization: Basic %s", "dXNlcjpwYXNz");
	masks("\"authorization: bearer %s\"", "abc");
	masks("authorization=Digest %s", "abcdef");
	masks("x Bearer %s y", "abcdefghijklmnop0123");
	masks("x %s y", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N");
	masks("x %s y", "AKIAIOSFODNN7EXAMPLE");
	masks("x %s y", "AIzaSyA1234567890abcdefghijklmnopqrstuv");
	masks("x %s y", "ya29.a0AfH6SMBx1234567890");
	masks("x %s y", "ghp_abcdefghijklmnopqrstuvwxyz0123456789");
	masks("x %s y", "xoxb-123456789012-abcdef");
}

static void honest_text_stays(void **state)
{
	static const char *const honest[] = { "/?token_type=bearer&a=1", "/?keyword=shoes",
		"/?tokens_used=5", "/?password_reset=1", "/?sidebar=left", "/?asid=1&inside=2",
		"/?author=bob", "/?design=1", "/?assign=a", "/?monkey=x", "/?postcode=12345",
		"/?q=secret+garden", "/?q=password", "/docs/secret/", "the token was refused",
		"/?country_code=de", "/?bearer=yes", "xoxo-1", "AKIA", "/?authority=x",
		"Failed password for root from 203.0.113.7", "password=", "{\"password\":\"\"}",
		"eyJh.eyJz" };

	(void)state;
	for (unsigned i = 0; i < sizeof(honest) / sizeof(*honest); i++)
		keeps(honest[i]);
	keeps("sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root");
	keeps("{\"passenger\":\"bob\",\"author\":\"ann\",\"session_count\":\"3\"}");
}

/* Where the value begins and ends, at both ends of the text and next to other secrets. */
static void only_the_value_is_masked(void **state)
{
	struct slice got;

	(void)state;
	masks("password=%s", "Q");
	masks("/?password=%s&", "a+b%20c");
	masks("/?password=%s HTTP/1.1", "Q");
	masks("/?password=%s\t", "Q");
	got = redacted("token=aaaaaa&sig=bbbbbb", true);
	assert_false(has(got, "aaaaaa") || has(got, "bbbbbb"));
	assert_true(has(got, "&sig=[masked:8:"));

	/* equal secrets can be told, their length only roughly */
	char first[64];

	got = redacted("token=aaaaaa", true);
	snprintf(first, sizeof(first), "%.*s", SLICE_ARG(got));
	assert_true(slice_eq(redacted("token=aaaaaa", true), slice_of(first)));
	assert_false(slice_eq(redacted("token=aaaaab", true), slice_of(first)));
	assert_true(has(redacted("token=123456789", true), "[masked:16:"));
}

/* A secret at any distance from others and from the ends, and more of them than are remembered. */
static void every_place_is_looked_at(void **state)
{
	static char text[TEXT_MAX];

	(void)state;
	for (size_t before = 0; before < 200; before++) {
		memset(text, 'a', before);
		snprintf(text + before, sizeof(text) - before, "/?b=1&password=hunter2x");
		if (has(redacted(text, true), "hunter2x") || has(redacted(text, false), "hunter2x"))
			fail_msg("not masked behind %zu bytes", before);
	}
	for (size_t gap = 0; gap < 120; gap++) { /* the neighbourhoods of two overlap */
		int n = snprintf(text, sizeof(text), "token=aaaaaa&");

		memset(text + n, 'z', gap);
		snprintf(text + (size_t)n + gap, 100, "&password=hunter2x");

		struct slice got = redacted(text, true);

		if (has(got, "aaaaaa") || has(got, "hunter2x"))
			fail_msg("not masked at a distance of %zu", gap);
	}

	size_t n = 0;

	for (unsigned i = 0; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "token=hunter2x&");
	assert_false(has(redacted(text, true), "hunter2x"));
}

static void attributes_and_matches_are_masked_as_well(void **state)
{
	const char *text = "GET /login?user=bob&password=hunter2x&next=/ HTTP/1.1";
	struct slice body = { memory + FILTER_BEFORE, strlen(text) };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct detection d[3] = { { .match = SLICE("password=hunter2x") },
		{ .match = SLICE("x hunter2x y") }, { .match = SLICE("user=bob") } };
	struct event ev = { .body = body, .attrs = attrs, .detections = d, .n_detections = 3 };

	(void)state;
	memset(memory, '\n', sizeof(memory));
	memcpy(memory + FILTER_BEFORE, text, body.n);
	arena_reset(&arena);
	event_add(&ev, ATTR_URL_PATH, (struct slice){ body.p + 4, 6 });
	event_add(&ev, ATTR_URL_QUERY, (struct slice){ body.p + 11, body.n - 20 });
	event_add(&ev, ATTR_PROTOCOL_VERSION, (struct slice){ body.p + body.n - 3, 3 });
	/* decoded, so not a part of the body */
	event_add(&ev, ATTR_HTTP_COOKIE, SLICE("session_id=0123456789abcdef"));
	event_add(&ev, ATTR_USER_NAME, SLICE("bob"));
	redact_event(redactor, &arena, &ev, true);
	assert_false(has(ev.body, "hunter2x"));
	assert_true(slice_eq(event_get(&ev, ATTR_URL_PATH), SLICE("/login")));
	assert_true(
	    slice_starts(event_get(&ev, ATTR_URL_QUERY), SLICE("user=bob&password=[masked:8:")));
	assert_true(slice_ends(event_get(&ev, ATTR_URL_QUERY), SLICE("]&next=/")));
	assert_true(slice_eq(event_get(&ev, ATTR_PROTOCOL_VERSION), SLICE("1.1")));
	assert_true(
	    slice_starts(event_get(&ev, ATTR_HTTP_COOKIE), SLICE("session_id=[masked:16:")));
	assert_true(slice_eq(event_get(&ev, ATTR_USER_NAME), SLICE("bob")));
	assert_false(has(d[0].match, "hunter2x"));
	assert_false(has(d[1].match, "hunter2x"));
	assert_true(slice_eq(d[2].match, SLICE("user=bob")));
}

/* A value that is one with a secret in its middle, or its end. */
static void a_value_that_a_secret_crosses_is_masked_in_part(void **state)
{
	const char *text = "a token=hunter2hunter2 b";
	struct slice body = { memory + FILTER_BEFORE, strlen(text) };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event ev = { .body = body, .attrs = attrs };

	(void)state;
	memset(memory, '\n', sizeof(memory));
	memcpy(memory + FILTER_BEFORE, text, body.n);
	arena_reset(&arena);
	event_add(&ev, ATTR_MESSAGE, (struct slice){ body.p, 12 });
	event_add(&ev, ATTR_SESSION_ID, (struct slice){ body.p + 12, 5 });
	event_add(&ev, ATTR_USER_NAME, (struct slice){ body.p + 18, body.n - 18 });
	redact_event(redactor, &arena, &ev, true);
	assert_true(slice_starts(event_get(&ev, ATTR_MESSAGE), SLICE("a token=[masked:")));
	assert_true(slice_starts(event_get(&ev, ATTR_SESSION_ID), SLICE("[masked:")));
	assert_true(slice_starts(event_get(&ev, ATTR_USER_NAME), SLICE("[masked:")));
	assert_true(slice_ends(event_get(&ev, ATTR_USER_NAME), SLICE("] b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_secret_is_masked),
		cmocka_unit_test(honest_text_stays),
		cmocka_unit_test(only_the_value_is_masked),
		cmocka_unit_test(every_place_is_looked_at),
		cmocka_unit_test(attributes_and_matches_are_masked_as_well),
		cmocka_unit_test(a_value_that_a_secret_crosses_is_masked_in_part),
	};
	struct err e;

	if (arena_init(&arena, 1 << 20, &e) != 0 || (redactor = redactor_new(1, &e)) == NULL)
		return 1;

	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	redactor_free(redactor);
	arena_free(&arena);
	return rc;
}
