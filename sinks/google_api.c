#include "sinks/google_api.h"

#include "base/clock.h"
#include "base/deflate.h"
#include "base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORTH_ZIPPING = 1024, WORTH_PARTING = 16, BODY_MAX = 32 << 20 };

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
	for (unsigned i = 0; i < OUTBOX_REQUESTS_MAX; i++) {
		buf_free(&a->call[i].reply.body);
		grpc_free(&a->call[i].grpc);
		buf_free(&a->call[i].body);
	}
	buf_free(&a->whole);
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
static enum outbox_answer meaning(const struct google_call *c, struct err *e)
{
	static const char *const passing[] = { "rateLimitExceeded", "quotaExceeded", "backendError",
		"internalError", "badGateway", NULL };
	json_t *j =
	    json_loadb(c->reply.body.p != NULL ? c->reply.body.p : "", c->reply.body.n, 0, NULL);
	const json_t *error = json_object_get(j, "error");
	const char *status = json_string_value(json_object_get(error, "status"));
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *reason = json_string_value(
	    json_object_get(json_array_get(json_object_get(error, "errors"), 0), "reason"));
	enum outbox_answer answer = of_http(c->reply.status);
	const char *said = status != NULL ? status : reason;

	for (unsigned i = GRPC_OK + 1; status != NULL && i < GRPC_CODES; i++)
		if (strcmp(status, grpc_name(i)) == 0)
			answer = google_api_answer(i);
	if (reason != NULL && is_one_of(reason, passing))
		answer = ANSWER_RETRY;
	err_set(e, 0, "HTTP %ld%s%s%s%.160s", c->reply.status, said != NULL ? " " : "",
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

/* Cloud Logging's 400 and 403 may say that most of the body was taken: it is not sent again. */
static bool was_read(const struct google_call *c)
{
	static const char some[] = "WriteLogEntriesPartialErrors";

	return c->reply.status == 200 ||
	       (c->reply.body.n > 0 &&
		   memmem(c->reply.body.p, c->reply.body.n, some, sizeof(some) - 1) != NULL);
}

/* x-goog-request-params: where Google's front ends route the call to. */
static int put_params(struct google_call *c, const struct google_request *q, struct err *e)
{
	struct buf to = { .max = sizeof(c->params) - 1 };
	bool full;

	c->params[0] = '\0';
	if (q->param == NULL)
		return 0;
	buf_printf(&to, "x-goog-request-params: %s=", q->param);
	google_percent(&to, slice_of(q->value));
	full = to.full;
	if (!full) {
		memcpy(c->params, to.p, to.n);
		c->params[to.n] = '\0';
	}
	buf_free(&to);
	return full ? err_set(e, 0, "%s is too long for a header", q->value) : 0;
}

static bool by_grpc(const struct google_call *c)
{
	return c->params[0] != '\0';
}

/* The body as it goes over the wire. */
static int put_body(struct google_api *a, struct google_call *c, const struct google_request *q,
    bool zip, struct err *e)
{
	struct slice head = q->head;
	struct slice body = q->body;

	c->zipped = zip;
	if (head.n > body.n / WORTH_PARTING) { /* as it is, the head would weigh too much */
		buf_reset(&a->whole);
		buf_slice(&a->whole, head);
		buf_slice(&a->whole, body);
		head = (struct slice){ 0 };
		body = buf_as_slice(&a->whole);
	}
	if (by_grpc(c))
		return grpc_frame(&c->body, head, body, zip ? a->deflater : NULL, e);
	buf_reset(&c->body);
	c->body.max = BODY_MAX;
	if (zip)
		deflater_gzip(a->deflater, head, body, &c->body);
	else
		buf_slice(&c->body, body);
	return c->body.full ? err_set(e, 0, "no memory for a request") : 0;
}

static struct http_exchange *start_rest(
    struct google_api *a, struct google_call *c, const char *bearer, struct err *e)
{
	struct http_request q = {
		.method = c->method, .url = c->url, .headers = { "Content-Type: application/json" }
	};
	unsigned n = 1;

	if (c->has_body)
		q.body = buf_as_slice(&c->body);
	if (c->zipped)
		q.headers[n++] = "Content-Encoding: gzip";
	if (bearer != NULL)
		q.headers[n++] = bearer;
	return http_begin(a->http, &q, &c->reply, e);
}

static struct http_exchange *start_grpc(
    struct google_api *a, struct google_call *c, const char *bearer, struct err *e)
{
	return grpc_start(&c->grpc, a->http,
	    &(struct grpc_call){ .url = c->url,
		.authorization = bearer,
		.params = c->params,
		.frame = buf_as_slice(&c->body),
		.zipped = c->zipped },
	    &c->reply, e);
}

/* On its way, with a token where one is needed. */
static enum outbox_answer launch(struct google_api *a, struct google_call *c, struct err *e)
{
	char bearer[GOOGLE_TOKEN_MAX + 32] = "";
	bool lasting = false;

	if (a->auth != NULL) {
		const char *token = google_token(a->auth, a->http, &lasting, e);

		if (token == NULL)
			return lasting ? ANSWER_HOLD : ANSWER_RETRY;
		snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token);
	}
	c->token = a->tokens;
	c->x = (by_grpc(c) ? start_grpc : start_rest)(a, c, a->auth != NULL ? bearer : NULL, e);
	explicit_bzero(bearer, sizeof(bearer));
	return c->x != NULL ? ANSWER_FLYING : ANSWER_RETRY;
}

enum outbox_answer google_api_start(
    struct google_api *a, struct google_call *c, const struct google_request *q, struct err *e)
{
	if (a->auth != NULL && !http_is_safe(q->url)) {
		err_set(e, 0, "%s: a token is sent by https only", q->url);
		return ANSWER_HOLD;
	}
	if (clock_boot_us() < a->not_before_us) {
		err_set(e, 0, "the service asked to wait");
		return ANSWER_RETRY;
	}
	c->method = q->method;
	c->has_body = q->body.p != NULL;
	c->plain_now = false;
	c->renewed = false;
	if ((size_t)snprintf(c->url, sizeof(c->url), "%s", q->url) >= sizeof(c->url)) {
		err_set(e, 0, "a URL of more than %d bytes", GOOGLE_URL_MAX);
		return ANSWER_HOLD;
	}
	if (put_params(c, q, e) != 0)
		return ANSWER_HOLD;
	if (put_body(a, c, q, !a->plain && q->head.n + q->body.n >= WORTH_ZIPPING, e) != 0)
		return ANSWER_RETRY;
	return launch(a, c, e);
}

/* ---- its end ---- */

/* The same once more, uncompressed. */
static enum outbox_answer launch_plain(struct google_api *a, struct google_call *c, struct err *e)
{
	struct slice zipped = buf_as_slice(&c->body);

	buf_reset(&a->whole);
	a->whole.max = BODY_MAX;
	if (gunzip_block(by_grpc(c) ? slice_from(zipped, GRPC_FRAME_HEAD) : zipped, &a->whole) !=
		0 ||
	    put_body(a, c, &(struct google_request){ .body = buf_as_slice(&a->whole) }, false, e) !=
		0) {
		err_set(e, 0, "no memory for a request");
		return ANSWER_RETRY;
	}
	c->plain_now = true;
	return launch(a, c, e);
}

static enum outbox_answer end_rest(
    struct google_api *a, struct google_call *c, bool *unauthorized, struct err *e)
{
	if (http_end(a->http, c->x, e) != 0)
		return ANSWER_RETRY;
	a->unzips = a->unzips || (c->zipped && was_read(c));
	/* some emulators and proxies take no compressed bodies: once is enough to know */
	if (c->zipped && !a->unzips && (c->reply.status == 400 || c->reply.status == 415))
		return launch_plain(a, c, e);
	a->plain = a->plain || (c->plain_now && c->reply.status == 200);
	if (c->reply.status == 200)
		return ANSWER_OK;
	*unauthorized = c->reply.status == 401;
	wait_for(a, c->reply.retry_after_ms);
	return meaning(c, e);
}

static enum outbox_answer end_grpc(
    struct google_api *a, struct google_call *c, bool *unauthorized, struct err *e)
{
	const struct grpc *g = &c->grpc;

	if (grpc_end(&c->grpc, a->http, c->x, &c->reply, e) != 0)
		return ANSWER_RETRY;
	/* it knows the method, maybe, but no gzip */
	if (c->zipped && g->said && g->code == GRPC_UNIMPLEMENTED)
		return launch_plain(a, c, e);
	a->plain = a->plain || (c->plain_now && g->code == GRPC_OK);
	if (g->code == GRPC_OK)
		return ANSWER_OK;
	*unauthorized = g->code == GRPC_UNAUTHENTICATED;
	wait_for(a, g->retry_ms);
	if (!c->reply.http2) {
		a->no_http2 = true;
		err_set(e, 0, "no HTTP/2 on the way to %s, which gRPC needs", c->url);
		return ANSWER_HOLD;
	}
	if (g->said)
		err_set(e, 0, "gRPC %d %s%s%.180s", (int)g->code, grpc_name(g->code),
		    g->text[0] != '\0' ? ": " : "", g->text);
	else
		err_set(e, 0, "HTTP %ld without a gRPC status", c->reply.status);
	return google_api_answer(g->code);
}

/* Wait for its end. A token that is refused may have been taken back: once with a new one. */
static enum outbox_answer land(struct google_api *a, struct google_call *c, struct err *e)
{
	bool unauthorized = false;
	enum outbox_answer answer = (by_grpc(c) ? end_grpc : end_rest)(a, c, &unauthorized, e);

	if (answer != ANSWER_FLYING)
		c->x = NULL;
	if (!unauthorized || a->auth == NULL || c->renewed)
		return answer;
	if (c->token == a->tokens) { /* else another call has seen to it */
		google_forget(a->auth);
		a->tokens++;
	}
	c->renewed = true;
	return launch(a, c, e);
}

enum outbox_answer google_api_land(struct google_api *a, unsigned *number, struct err *e)
{
	const struct http_exchange *x = http_any(a->http);
	unsigned i = 0;

	while (i < OUTBOX_REQUESTS_MAX - 1 && a->call[i].x != x)
		i++;
	*number = i;
	return land(a, &a->call[i], e);
}

enum outbox_answer google_api_call(
    struct google_api *a, const struct google_request *q, struct err *e)
{
	enum outbox_answer answer = google_api_start(a, &a->call[0], q, e);

	while (answer == ANSWER_FLYING)
		answer = land(a, &a->call[0], e);
	return answer;
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
