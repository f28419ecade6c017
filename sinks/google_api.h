/*
 * google_api.h - calls of a Google API by REST or gRPC, for the sinks: token, request, what the
 * answer means (google.rpc.Code, google.aip.dev/193). Several may be under way at once.
 */
#ifndef SINKS_GOOGLE_API_H
#define SINKS_GOOGLE_API_H

#include "sinks/google.h"
#include "sinks/grpc.h"
#include "sinks/outbox.h"

enum { GOOGLE_URL_MAX = 1200, GOOGLE_PARAMS_MAX = 2400 };

/* A call, or the place for one: its memory is used again. reply and grpc are of the last one. */
struct google_call {
	struct http_reply reply;
	struct grpc grpc;

	/* inside of google_api.c */
	struct http_exchange *x; /* NULL: it is not under way */
	const char *method;
	char url[GOOGLE_URL_MAX];
	char params[GOOGLE_PARAMS_MAX]; /* the header line of a call by gRPC, or "" */
	struct buf body;		/* as it is sent: zipped, framed */
	bool has_body, zipped;
	bool plain_now; /* it was sent zipped before */
	bool renewed;	/* it was sent with an older token before */
	unsigned token; /* which one it has */
};

struct google_api {
	struct http *http;
	struct google *auth; /* NULL: an emulator, nothing is proved */
	struct deflater *deflater;
	struct buf whole;      /* a body in one piece, uncompressed */
	unsigned tokens;       /* that were refused */
	bool plain;	       /* the server did not take a compressed body */
	bool unzips;	       /* it did take one */
	bool no_http2;	       /* a call by gRPC found none: it never will be answered */
	int64_t not_before_us; /* CLOCK_BOOTTIME: Retry-After */
	struct google_call call[OUTBOX_REQUESTS_MAX];
};

/* endpoint given without credentials is an emulator: no token. -1 with *e. */
int google_api_open(struct google_api *a, const struct sink_settings *s, struct err *e);
void google_api_close(struct google_api *a);

/*
 * What to ask: by gRPC when param is not NULL, else by REST. By gRPC url is
 * BASE/package.Service/Method and body the message; param and value are those of the header
 * x-goog-request-params ("topic", and its value, which is encoded here).
 */
struct google_request {
	const char *method; /* of REST */
	const char *url;
	const char *param, *value;
	struct slice body; /* JSON by REST; p is NULL: none */
	struct slice head; /* of gRPC: what the message has before body; see grpc_frame() */
};

/* Begin it at a place that is free. ANSWER_FLYING, or why not with *e. Nothing of q has to stay. */
enum outbox_answer google_api_start(
    struct google_api *a, struct google_call *c, const struct google_request *q, struct err *e);

/*
 * Wait for any of those under way: *number is its place in a->call. ANSWER_FLYING: it was sent
 * once more, with a new token or uncompressed. ANSWER_OK: status 200 or OK, what came is in reply,
 * by gRPC the message in grpc.message. Otherwise *e has the service's own words.
 */
enum outbox_answer google_api_land(struct google_api *a, unsigned *number, struct err *e);

/* Both, at the first place: for who asks one thing after the other. */
enum outbox_answer google_api_call(
    struct google_api *a, const struct google_request *q, struct err *e);

static inline const struct google_call *google_api_last(const struct google_api *a)
{
	return &a->call[0];
}

/* What a google.rpc.Code other than OK means. */
enum outbox_answer google_api_answer(uint64_t code);

/* Are there credentials, and do they give a token? Says so. */
bool google_api_check(struct google_api *a, sink_say *say, void *ctx);

#endif
