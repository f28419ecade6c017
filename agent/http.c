#include "agent/http.h"

#include "agent/report.h"
#include "base/err.h"
#include "base/ip.h"
#include "libs/microhttpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct http {
	struct MHD_Daemon *daemon;
};

static enum MHD_Result reply(
    struct MHD_Connection *c, unsigned status, const char *type, struct buf *b)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(b->n, b->p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc = MHD_NO;

	if (r != NULL) {
		MHD_add_response_header(r, "Content-Type", type);
		rc = MHD_queue_response(c, status, r);
		MHD_destroy_response(r);
	}
	buf_free(b);
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_request(void *agent, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data,
    size_t *data_n, /* NOLINT(readability-non-const-parameter): so it is in libmicrohttpd */
    void **state)
{
	struct buf b = { 0 };
	bool ready;

	(void)version;
	(void)data;
	(void)data_n;
	(void)state;
	if (strcmp(method, "GET") != 0) {
		buf_str(&b, "only GET\n");
		return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", &b);
	}
	if (strcmp(url, "/metrics") == 0) {
		report_metrics(agent, &b);
		return reply(c, MHD_HTTP_OK, "text/plain; version=0.0.4", &b);
	}
	if (strcmp(url, "/healthz") == 0) {
		buf_str(&b, "alive\n");
		return reply(c, MHD_HTTP_OK, "text/plain", &b);
	}
	if (strcmp(url, "/readyz") == 0) {
		ready = report_ready(agent);
		buf_str(&b, ready ? "ready\n" : "not ready\n");
		return reply(
		    c, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", &b);
	}
	buf_str(&b, "/metrics, /healthz, /readyz\n");
	return reply(c, MHD_HTTP_NOT_FOUND, "text/plain", &b);
}

struct http *http_start(struct agent *a, const char *listen, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	struct sockaddr *to = (struct sockaddr *)&v4;
	struct ip addr;
	unsigned port;

	if (h == NULL || !ip_parse_port(slice_of(listen), &addr, &port) || port == 0) {
		free(h);
		err_set(e, EINVAL, "status.listen: expected ADDRESS:PORT, not '%s'", listen);
		return NULL;
	}
	if (ip_is_v4(&addr)) {
		memcpy(&v4.sin_addr, addr.b + 12, 4);
		v4.sin_port = htons((uint16_t)port);
	} else {
		memcpy(&v6.sin6_addr, addr.b, 16);
		v6.sin6_port = htons((uint16_t)port);
		flags |= MHD_USE_IPv6;
		to = (struct sockaddr *)&v6;
	}
	h->daemon = MHD_start_daemon(flags, (uint16_t)port, NULL, NULL, on_request, a,
	    MHD_OPTION_SOCK_ADDR, to, MHD_OPTION_CONNECTION_LIMIT, 16u,
	    MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
	if (h->daemon == NULL) {
		err_set(e, errno, "status.listen %s: %s", listen, strerror(errno));
		free(h);
		return NULL;
	}
	return h;
}

void http_stop(struct http *h)
{
	if (h == NULL)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}
