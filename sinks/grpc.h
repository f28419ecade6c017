/*
 * grpc.h - unary calls of gRPC over http.h (grpc/doc/PROTOCOL-HTTP2.md): one message there, one
 * back.
 *
 * A call of a method that streams is made the same way: the stream is one message long.
 */
#ifndef SINKS_GRPC_H
#define SINKS_GRPC_H

#include "sinks/http.h"

struct deflater;
struct err;

/* Status codes (grpc/doc/statuscodes.md, google/rpc/code.proto). */
enum grpc_code {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_CODES,
};

enum { GRPC_TEXT_MAX = 200, GRPC_FRAME_HEAD = 5 };

/* What a call came to. Zeroed before the first one, then used again: the memory is kept. */
struct grpc {
	struct buf unzipped; /* the reply's message, if it was compressed */
	enum grpc_code code;
	bool said;		  /* the server said it, it does not stand for an HTTP status */
	char text[GRPC_TEXT_MAX]; /* the server's own words, maybe cut */
	int64_t retry_ms;     /* how long it asked to wait (google.rpc.RetryInfo); 0: not said */
	struct slice message; /* the first one of the reply, in the http_reply's body; or none */
};

struct grpc_call {
	const char *url; /* https://HOST/package.Service/Method; http: prior knowledge (h2c) */
	const char *authorization, *params; /* header lines, or NULL */
	struct slice frame;		    /* of grpc_frame(); stays until grpc_end() */
	bool zipped;			    /* it is compressed (grpc-encoding: gzip) */
};

/*
 * Make *to the frame of a message in two parts (the first may be empty, see deflater_gzip()),
 * compressed by zip unless that is NULL. -1 with *e: too long.
 */
int grpc_frame(
    struct buf *to, struct slice head, struct slice message, struct deflater *zip, struct err *e);

/* Begin, as http_begin(): g and r are used again, and stay until grpc_end(). NULL with *e. */
struct http_exchange *grpc_start(
    struct grpc *g, struct http *h, const struct grpc_call *c, struct http_reply *r, struct err *e);

/*
 * 0: there was a reply, g says what it is; -1 with *e: there was none, and nobody knows whether
 * the call took effect. g->message may point into r.
 */
int grpc_end(struct grpc *g, struct http *h, struct http_exchange *x, const struct http_reply *r,
    struct err *e);
void grpc_free(struct grpc *g);

/* NAME of a code, as REST replies have it in `status`. */
const char *grpc_name(enum grpc_code code);

/* ---- what a reply is made of; each bounded by its input ---- */

/*
 * The first message of a reply's body: points into it, or into unzipped if it was compressed.
 * false: it is cut short, or no gzip.
 */
bool grpc_unframe(struct slice body, struct buf *unzipped, struct slice *message);

/* google.rpc.Status: code = 1, message = 2, details = 3 (google.protobuf.Any, repeated). */
struct grpc_status {
	uint64_t code;
	struct slice message;
	struct slice whole;
};

bool grpc_status_read(struct slice s, struct grpc_status *to);

/* The value of the first detail whose type is named so (without package); false: there is none. */
bool grpc_status_detail(const struct grpc_status *s, const char *type, struct slice *value);

/* grpc-status-details-bin: base64, padded or not. How long to wait, in ms; 0: not said. */
int64_t grpc_retry_of(struct slice base64);

#endif
