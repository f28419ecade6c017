#include "sinks/google_api.h"

#include "base/clock.h"
#include "base/deflate.h"
#include "base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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
	grpc_free(&a->grpc);
	buf_free(&a->zipped);
	deflater_free(a->deflater);
}

/* ---- what an answer means ---- */

enum outbox_answer google_api_answer(uint64_t code)
{
	static const enum outbox_answer answers[GRPC_CODES] = {
		[GRPC_OK] = ANSWER_OK,
		[GRPC_CANCELLED] = ANSWER_RETRY,
		[GRPC_UNKNOWN] = ANSWER_RETRY,
		[GRPC_INVALID_ARGUMENT] = ANSWER_BAD,
		[GRPC_DEADLINE_EXCEEDED] = ANSWER_RETRY,
		[GRPC_NOT_FOUND] = ANSWER_HOLD, /* topic or table: somebody has to make it */
		[GRPC_ALREADY_EXISTS] = ANSWER_RETRY,
		[GRPC_PERMISSION_DENIED] = ANSWER_HOLD,
		[GRPC_RESOURCE_EXHAUSTED] = ANSWER_RETRY,
		[GRPC_FAILED_PRECONDITION] = ANSWER_HOLD,
		[GRPC_ABORTED] = ANSWER_RETRY,
		[GRPC_OUT_OF_RANGE] = ANSWER_BAD,
		[GRPC_UNIMPLEMENTED] = ANSWER_HOLD,
		[GRPC_INTERNAL] = ANSWER_RETRY,
		[GRPC_UNAVAILABLE] = ANSWER_RETRY,
		[GRPC_DATA_LOSS] = ANSWER_RETRY,
		[GRPC_UNAUTHENTICATED] = ANSWER_HOLD,
	};

	return code < GRPC_CODES ? answers[code] : ANSWER_RETRY;
}

static bool is_one_of(const char *s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(s, *names) == 0)
			return true;
	return false;
}

static enum outbox_answer of_http(long status)
{
	switch (status) {
	case 400:
	case 413:
		return ANSWER_BAD;
	case 401:
	case 403:
	case 404:
		return ANSWER_HOLD;
	default:
		return ANSWER_RETRY;
	}
}

/*
 * An error reply: BigQuery's reason first (its 403 is also for what passes), then the code's name
 * (409 stands for two), then HTTP.
 */
static enum outbox_answer meaning(struct google_api *a, struct err *e)
{
	static const char *const passing[] = { "rateLimitExceeded", "quotaExceeded", "backendError",
		"internalError", "badGateway", NULL };
	json_t *j =
	    json_loadb(a->reply.body.p != NULL ? a->reply.body.p : "", a->reply.body.n, 0, NULL);
	const json_t *error = json_object_get(j, "error");
	const char *status = json_string_value(json_object_get(error, "status"));
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *reason = json_string_value(
	    json_object_get(json_array_get(json_object_get(error, "errors"), 0), "reason"));
	enum outbox_answer answer = of_http(a->reply.status);
	const char *said = status != NULL ? status : reason;

	for (unsigned i = GRPC_OK + 1; status != NULL && i < GRPC_CODES; i++)
		if (strcmp(status, grpc_name(i)) == 0)
			answer = google_api_answer(i);
	if (reason != NULL && is_one_of(reason, passing))
		answer = ANSWER_RETRY;
	err_set(e, 0, "HTTP %ld%s%s%s%.160s", a->reply.status, said != NULL ? " " : "",
	    said != NULL ? said : "", message != NULL ? ": " : "", message != NULL ? message : "");
	json_decref(j);
	return answer;
}

static void wait_for(struct google_api *a, int64_t ms)
{
	if (ms > 0)
		a->not_before_us = clock_boot_us() + ms * 1000;
}

/* ---- a request ---- */

/* REST when rpc is NULL. */
struct call {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	struct slice body;
	const struct google_rpc *rpc;
};

static int request(
    struct google_api *a, const struct call *c, bool zipped, const char *bearer, struct err *e)
{
	struct http_request q = { .method = c->method != NULL	? c->method
					    : c->body.p != NULL ? "POST"
								: "GET",
		.url = c->url,
		.headers = { "Content-Type: application/json" },
		.body = zipped ? buf_as_slice(&a->zipped) : c->body };
	unsigned n = 1;

	if (zipped)
		q.headers[n++] = "Content-Encoding: gzip";
	if (bearer != NULL)
		q.headers[n++] = bearer;
	return http_do(a->http, &q, &a->reply, e);
}

/* Cloud Logging's 400 and 403 may say that most of the body was taken: it is not sent again. */
static bool was_read(const struct google_api *a)
{
	static const char some[] = "WriteLogEntriesPartialErrors";

	return a->reply.status == 200 ||
	       (a->reply.body.n > 0 &&
		   memmem(a->reply.body.p, a->reply.body.n, some, sizeof(some) - 1) != NULL);
}

static enum outbox_answer by_rest(struct google_api *a, const struct call *c, const char *bearer,
    bool *unauthorized, struct err *e)
{
	bool zipped = !a->plain && c->body.n >= WORTH_ZIPPING;

	if (zipped) {
		buf_reset(&a->zipped);
		deflater_gzip(a->deflater, c->body, &a->zipped);
		zipped = !a->zipped.full;
	}
	if (request(a, c, zipped, bearer, e) != 0)
		return ANSWER_RETRY;
	a->unzips = a->unzips || (zipped && was_read(a));
	/* some emulators and proxies take no compressed bodies: once is enough to know */
	if (zipped && !a->unzips && (a->reply.status == 400 || a->reply.status == 415)) {
		if (request(a, c, false, bearer, e) != 0)
			return ANSWER_RETRY;
		a->plain = a->reply.status == 200;
	}
	if (a->reply.status == 200)
		return ANSWER_OK;
	*unauthorized = a->reply.status == 401;
	wait_for(a, a->reply.retry_after_ms);
	return meaning(a, e);
}

/* x-goog-request-params: where Google's front ends route the call to. */
static int put_params(struct buf *to, const struct google_rpc *c)
{
	buf_printf(to, "x-goog-request-params: %s=", c->param);
	google_percent(to, slice_of(c->value));
	buf_char(to, '\0');
	return to->full ? -1 : 0;
}

static enum outbox_answer by_grpc(struct google_api *a, const struct call *c, const char *bearer,
    bool *unauthorized, struct err *e)
{
	struct buf params = { .max = 4096 };
	struct grpc_call q = { .url = c->url,
		.authorization = bearer,
		.message = c->body,
		.zip = !a->plain && c->body.n >= WORTH_ZIPPING ? a->deflater : NULL };
	struct grpc *g = &a->grpc;
	int rc = put_params(&params, c->rpc);

	if (rc == 0) {
		q.params = params.p;
		rc = grpc_call(g, a->http, &q, &a->reply, e);
	} else {
		err_set(e, 0, "no memory for a header");
	}
	if (rc == 0 && q.zip != NULL && g->said && g->code == GRPC_UNIMPLEMENTED) {
		q.zip = NULL; /* it knows the method, maybe, but no gzip */
		rc = grpc_call(g, a->http, &q, &a->reply, e);
		a->plain = rc == 0 && g->code == GRPC_OK;
	}
	buf_free(&params);
	if (rc != 0)
		return ANSWER_RETRY;
	if (g->code == GRPC_OK)
		return ANSWER_OK;
	*unauthorized = g->code == GRPC_UNAUTHENTICATED;
	wait_for(a, g->retry_ms);
	if (!a->reply.http2) {
		a->no_http2 = true;
		err_set(e, 0, "no HTTP/2 on the way to %s, which gRPC needs", c->url);
		return ANSWER_HOLD;
	}
	if (g->said)
		err_set(e, 0, "gRPC %d %s%s%.180s", (int)g->code, grpc_name(g->code),
		    g->text[0] != '\0' ? ": " : "", g->text);
	else
		err_set(e, 0, "HTTP %ld without a gRPC status", a->reply.status);
	return google_api_answer(g->code);
}

/* One try; *unauthorized: the token was refused. */
static enum outbox_answer one_try(
    struct google_api *a, const struct call *c, bool *unauthorized, struct err *e)
{
	char bearer[GOOGLE_TOKEN_MAX + 32] = "";
	bool lasting = false;
	enum outbox_answer answer;

	*unauthorized = false;
	if (a->auth != NULL) {
		const char *token = google_token(a->auth, a->http, &lasting, e);

		if (token == NULL)
			return lasting ? ANSWER_HOLD : ANSWER_RETRY;
		snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token);
	}
	answer = (c->rpc != NULL ? by_grpc : by_rest)(
	    a, c, a->auth != NULL ? bearer : NULL, unauthorized, e);
	explicit_bzero(bearer, sizeof(bearer));
	return answer;
}

static enum outbox_answer do_call(struct google_api *a, const struct call *c, struct err *e)
{
	bool unauthorized;
	enum outbox_answer answer;

	if (a->auth != NULL && !http_is_safe(c->url)) {
		err_set(e, 0, "%s: a token is sent by https only", c->url);
		return ANSWER_HOLD;
	}
	if (clock_boot_us() < a->not_before_us) {
		err_set(e, 0, "the service asked to wait");
		return ANSWER_RETRY;
	}
	answer = one_try(a, c, &unauthorized, e);
	if (unauthorized &&
	    a->auth != NULL) { /* it may have been taken back: once with a new one */
		google_forget(a->auth);
		answer = one_try(a, c, &unauthorized, e);
	}
	return answer;
}

enum outbox_answer google_api_post(
    struct google_api *a, const char *url, struct slice body, struct err *e)
{
	return do_call(a, &(struct call){ .url = url, .body = body }, e);
}

enum outbox_answer google_api_patch(
    struct google_api *a, const char *url, struct slice body, struct err *e)
{
	return do_call(a, &(struct call){ .method = "PATCH", .url = url, .body = body }, e);
}

enum outbox_answer google_api_rpc(
    struct google_api *a, const struct google_rpc *call, struct err *e)
{
	return do_call(
	    a, &(struct call){ .url = call->url, .body = call->message, .rpc = call }, e);
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
