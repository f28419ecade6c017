/*
 * http.h - one HTTPS client for all sinks that speak it: a request, a reply, no surprises.
 *
 * A thin layer over libcurl: connections are kept and reused, proxies are taken from the
 * environment, redirects are not followed, replies are bounded. One thread a client, and any
 * number of requests at once: to a server of HTTP/2 they go over one connection.
 */
#ifndef SINKS_HTTP_H
#define SINKS_HTTP_H

#include "base/buf.h"

struct err;
struct http;
struct http_exchange; /* a request under way */

enum { HTTP_HEADERS_MAX = 12, HTTP_REPLY_MAX = 4 << 20, HTTP_TIMEOUT_MS = 60000 };

/* A header or trailer of the reply proper, as it comes. */
typedef void http_on_header(void *ctx, struct slice name, struct slice value);

struct http_request {
	const char *method; /* GET, POST, PUT, PATCH */
	const char *url;
	bool http2; /* nothing else: by ALPN, without TLS by prior knowledge (RFC 9113, 3.3) */
	http_on_header *on_header; /* may be NULL */
	void *ctx;
	const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; up to the first NULL */
	struct slice body;		       /* none when p is NULL */
	unsigned timeout_ms;		       /* 0: HTTP_TIMEOUT_MS */
};

struct http_reply {
	long status;		/* 0: there was none */
	int64_t retry_after_ms; /* 0: not said */
	bool metadata_flavor;	/* "Metadata-Flavor: Google" was there */
	bool http2;		/* it was spoken */
	struct buf body;	/* what came of it, at most HTTP_REPLY_MAX */
};

/* ca_file: a bundle to trust instead of the system's, or NULL. NULL with *e. */
struct http *http_new(const char *ca_file, struct err *e);
void http_free(struct http *h);

/*
 * Begin. url, headers and method are copied; the body, reply and ctx must stay until http_end().
 * reply's memory is used again; free with buf_free(&reply->body). NULL with *e.
 */
struct http_exchange *http_begin(
    struct http *h, const struct http_request *q, struct http_reply *reply, struct err *e);

/* Wait until any of those under way has come to its end: that one. NULL: there is none. */
struct http_exchange *http_any(struct http *h);

/*
 * Wait for the end of this one, which is gone then. 0 when there was a reply, whatever its status;
 * -1 with *e when there was none, and then nobody knows whether the request took effect.
 */
int http_end(struct http *h, struct http_exchange *x, struct err *e);

/* Both: a request and its reply. Others that are under way go on meanwhile. */
int http_do(struct http *h, const struct http_request *q, struct http_reply *reply, struct err *e);

/* May a secret be sent there? https, or http to this host itself. */
bool http_is_safe(const char *url);

#endif
