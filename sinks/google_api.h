/*
 * google_api.h - a call of a Google API by REST or gRPC, for the sinks: token, request, what the
 * answer means (google.rpc.Code, google.aip.dev/193).
 */
#ifndef SINKS_GOOGLE_API_H
#define SINKS_GOOGLE_API_H

#include "sinks/google.h"
#include "sinks/grpc.h"
#include "sinks/outbox.h"

struct google_api {
	struct http *http;
	struct google *auth; /* NULL: an emulator, nothing is proved */
	struct http_reply reply;
	struct grpc grpc; /* of the last call by gRPC */
	struct buf zipped;
	struct deflater *deflater;
	bool plain;	       /* the server did not take a compressed body */
	bool unzips;	       /* it did take one */
	bool no_http2;	       /* a call by gRPC found none: it never will be answered */
	int64_t not_before_us; /* CLOCK_BOOTTIME: Retry-After */
};

/* endpoint given without credentials is an emulator: no token. -1 with *e. */
int google_api_open(struct google_api *a, const struct sink_settings *s, struct err *e);
void google_api_close(struct google_api *a);

/*
 * POST a JSON body. ANSWER_OK: status 200, the reply is in a->reply. Otherwise *e has
 * the service's own words.
 */
enum outbox_answer google_api_post(
    struct google_api *a, const char *url, struct slice body, struct err *e);

/* PATCH with a JSON body, and GET: as above. */
enum outbox_answer google_api_patch(
    struct google_api *a, const char *url, struct slice body, struct err *e);
enum outbox_answer google_api_get(struct google_api *a, const char *url, struct err *e);

/*
 * A call by gRPC: url is BASE/package.Service/Method; params are those of the header
 * x-goog-request-params ("topic", and its value, which is encoded here). ANSWER_OK: the reply's
 * message is a->grpc.message.
 */
struct google_rpc {
	const char *url;
	const char *param, *value;
	struct slice message;
};

enum outbox_answer google_api_rpc(
    struct google_api *a, const struct google_rpc *call, struct err *e);

/* What a google.rpc.Code other than OK means. */
enum outbox_answer google_api_answer(uint64_t code);

/* Are there credentials, and do they give a token? Says so. */
bool google_api_check(struct google_api *a, sink_say *say, void *ctx);

#endif
