/*
 * http.h - /metrics, /healthz and /readyz on `status.listen`.
 *
 * For a local scraper: plain HTTP, three answers, nothing else. By libmicrohttpd, in one thread of
 * its own.
 */
#ifndef AGENT_HTTP_H
#define AGENT_HTTP_H

struct agent;
struct err;
struct http;

/* NULL with *e when the address can't be used. */
struct http *http_start(struct agent *a, const char *listen, struct err *e);
void http_stop(struct http *h); /* takes NULL */

#endif
