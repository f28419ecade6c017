#include "sinks/google_api.h"

#include "base/clock.h"
#include "base/deflate.h"
#include "base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { WORTH_ZIPPING = 1024 };

int google_api_open(struct google_api *a, const struct sink_settings *s, struct err *e)
{
	*a = (struct google_api){ 0 };
	a->http = http_new(s->ca_file, e);
	if (a->http == NULL)
		return -1;
	if (s->endpoint == NULL || s->credentials != NULL) {
		a->auth = google_new(s->credentials, e);
		if (a->auth == NULL)
			return -1;
	}
	a->deflater = deflater_new();
	if (a->deflater == NULL)
		return err_set(e, 0, "no memory for compression");
	return 0;
}

void google_api_close(struct google_api *a)
{
	http_free(a->http);
	google_free(a->auth);
	buf_free(&a->reply.body);
	buf_free(&a->zipped);
	deflater_free(a->deflater);
}

/* RFC 1952: a fixed header, deflate, CRC-32 and length. */
static bool zip(struct google_api *a, struct slice body)
{
	static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
	uint32_t tail[2] = { (uint32_t)crc32_z(0, (const Bytef *)body.p, body.n),
		(uint32_t)body.n };

	buf_reset(&a->zipped);
	buf_put(&a->zipped, head, sizeof(head) - 1);
	deflater_run(a->deflater, body, &a->zipped);
	for (unsigned i = 0; i < 8; i++)
		buf_char(&a->zipped, (char)(tail[i / 4] >> (i % 4 * 8)));
	return !a->zipped.full;
}

/* "google.rpc.Code: message" of an error reply, and its status. */
static const char *words_of(struct google_api *a, json_t **j, struct err *e)
{
	const json_t *error;
	const char *status;
	const char *message;

	*j = json_loadb(a->reply.body.p != NULL ? a->reply.body.p : "", a->reply.body.n, 0, NULL);
	error = json_object_get(*j, "error");
	status = json_string_value(json_object_get(error, "status"));
	message = json_string_value(json_object_get(error, "message"));
	if (status == NULL) /* BigQuery: a reason instead */
		status = json_string_value(
		    json_object_get(json_array_get(json_object_get(error, "errors"), 0), "reason"));
	err_set(e, 0, "HTTP %ld%s%s%s%.160s", a->reply.status, status != NULL ? " " : "",
	    status != NULL ? status : "", message != NULL ? ": " : "",
	    message != NULL ? message : "");
	return status != NULL ? status : "";
}

static bool is_one_of(const char *s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(s, *names) == 0)
			return true;
	return false;
}

/* What an error reply means. By its status first: 409 and 403 stand for several things. */
static enum outbox_answer meaning(struct google_api *a, struct err *e)
{
	static const char *const passing[] = { "ABORTED", "CANCELLED", "INTERNAL",
		"RESOURCE_EXHAUSTED", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED",
		"rateLimitExceeded", "quotaExceeded", "backendError", "internalError", "badGateway",
		NULL };
	json_t *j;
	const char *status = words_of(a, &j, e);
	bool passes = is_one_of(status, passing);
	bool precondition = strcmp(status, "FAILED_PRECONDITION") == 0;

	json_decref(j);
	if (a->reply.retry_after_ms > 0)
		a->not_before_us = clock_boot_us() + a->reply.retry_after_ms * 1000;
	if (passes)
		return ANSWER_RETRY;
	switch (a->reply.status) {
	case 400:
	case 413:
		return precondition ? ANSWER_HOLD : ANSWER_BAD;
	case 401:
	case 403:
	case 404: /* no such topic or table: somebody has to make it */
		return ANSWER_HOLD;
	default:
		return ANSWER_RETRY;
	}
}

static int request(struct google_api *a, const char *url, struct slice body, bool zipped,
    const char *bearer, struct err *e)
{
	struct http_request q = { .method = body.p != NULL ? "POST" : "GET",
		.url = url,
		.headers = { "Content-Type: application/json" },
		.body = zipped ? buf_as_slice(&a->zipped) : body };
	unsigned n = 1;

	if (zipped)
		q.headers[n++] = "Content-Encoding: gzip";
	if (bearer != NULL)
		q.headers[n++] = bearer;
	return http_do(a->http, &q, &a->reply, e);
}

/* One try; *unauthorized: the token was refused. */
static enum outbox_answer one_try(
    struct google_api *a, const char *url, struct slice body, bool *unauthorized, struct err *e)
{
	char bearer[GOOGLE_TOKEN_MAX + 32] = "";
	bool zipped = !a->plain && body.n >= WORTH_ZIPPING && zip(a, body);
	bool lasting = false;

	*unauthorized = false;
	if (a->auth != NULL) {
		const char *token = google_token(a->auth, a->http, &lasting, e);

		if (token == NULL)
			return lasting ? ANSWER_HOLD : ANSWER_RETRY;
		snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token);
	}
	if (request(a, url, body, zipped, a->auth != NULL ? bearer : NULL, e) != 0)
		return ANSWER_RETRY;
	/* some emulators and proxies take no compressed bodies: once is enough to know */
	if (zipped && (a->reply.status == 400 || a->reply.status == 415)) {
		if (request(a, url, body, false, a->auth != NULL ? bearer : NULL, e) != 0)
			return ANSWER_RETRY;
		a->plain = a->reply.status == 200;
	}
	explicit_bzero(bearer, sizeof(bearer));
	*unauthorized = a->reply.status == 401;
	return a->reply.status == 200 ? ANSWER_OK : meaning(a, e);
}

enum outbox_answer google_api_post(
    struct google_api *a, const char *url, struct slice body, struct err *e)
{
	bool unauthorized;
	enum outbox_answer answer;

	if (a->auth != NULL && !http_is_safe(url)) {
		err_set(e, 0, "%s: a token is sent by https only", url);
		return ANSWER_HOLD;
	}
	if (clock_boot_us() < a->not_before_us) {
		err_set(e, 0, "the service asked to wait");
		return ANSWER_RETRY;
	}
	answer = one_try(a, url, body, &unauthorized, e);
	if (unauthorized &&
	    a->auth != NULL) { /* it may have been taken back: once with a new one */
		google_forget(a->auth);
		answer = one_try(a, url, body, &unauthorized, e);
	}
	return answer;
}

enum outbox_answer google_api_get(struct google_api *a, const char *url, struct err *e)
{
	return google_api_post(a, url, (struct slice){ NULL, 0 }, e);
}

bool google_api_check(struct google_api *a, sink_say *say, void *ctx)
{
	struct err e = { 0, "" };
	bool lasting;

	if (a->auth == NULL) {
		say(ctx, true, "an emulator: no credentials are used");
		return true;
	}
	if (google_token(a->auth, a->http, &lasting, &e) == NULL) {
		say(ctx, false, e.msg);
		return false;
	}
	say(ctx, true, "credentials: a token was granted");
	return true;
}
