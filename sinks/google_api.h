/*
 * google_api.h - a call of a Google API by REST, for the sinks: token, request, what the answer
 * means (google.rpc.Code, google.aip.dev/193).
 */
#ifndef SINKS_GOOGLE_API_H
#define SINKS_GOOGLE_API_H

#include "sinks/google.h"
#include "sinks/outbox.h"

struct google_api {
	struct http *http;
	struct google *auth; /* NULL: an emulator, nothing is proved */
	struct http_reply reply;
	struct buf zipped;
	struct deflater *deflater;
	bool plain;	       /* the server did not take a compressed body */
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

/* GET: as above. */
enum outbox_answer google_api_get(struct google_api *a, const char *url, struct err *e);

/* Are there credentials, and do they give a token? Says so. */
bool google_api_check(struct google_api *a, sink_say *say, void *ctx);

#endif
