#include "sinks/http.h"

#include "base/err.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 10000, STALL_BYTES = 1, STALL_S = 30, UPLOAD_BYTES = 256 << 10 };

struct http {
	CURL *curl;
	char *ca_file;
	char why[CURL_ERROR_SIZE];
};

static void init_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(const char *ca_file, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h = calloc(1, sizeof(*h));

	pthread_once(&once, init_once);
	if (h != NULL && ca_file != NULL)
		h->ca_file = strdup(ca_file);
	if (h == NULL || (h->curl = curl_easy_init()) == NULL ||
	    (ca_file != NULL && h->ca_file == NULL)) {
		err_set(e, 0, "no memory for an HTTP client");
		http_free(h);
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	free(h->ca_file);
	free(h);
}

/* One request under way. */
struct exchange {
	const struct http_request *q;
	struct http_reply *reply;
};

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct http_reply *r = ((struct exchange *)ctx)->reply;

	buf_put(&r->body, p, size * n);
	return r->body.full ? 0 : size * n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	const struct exchange *x = ctx;
	struct http_reply *r = x->reply;
	struct slice line = { p, size * n };
	struct slice name;
	struct slice value;
	uint64_t v;

	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	line = slice_trim(line);
	if (slice_starts(line, SLICE("HTTP/"))) /* a new reply: 100, or of a proxy, came before */
		r->retry_after_ms = 0;
	if (!slice_cut(line, ':', &name, &value))
		return size * n;
	value = slice_trim(value);
	if (slice_eq_nocase(name, SLICE("retry-after")) && slice_u64(value, &v) && v < 86400)
		r->retry_after_ms = (int64_t)v * 1000;
	if (slice_eq_nocase(name, SLICE("metadata-flavor")))
		r->metadata_flavor = slice_eq_nocase(value, SLICE("google"));
	if (x->q->on_header != NULL)
		x->q->on_header(x->q->ctx, name, value);
	return size * n;
}

static void set_body(CURL *c, const struct http_request *q)
{
	if (strcmp(q->method, "GET") == 0 && q->body.p == NULL) {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.p != NULL ? q->body.p : "");
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
}

/*
 * Without TLS a connection serves once: libcurl before 8.0 fails to use one again that it began
 * by prior knowledge (CURLE_HTTP2, nothing is sent).
 */
static void set_http2(CURL *c, const char *url)
{
	bool tls = strncasecmp(url, "https://", 8) == 0;

	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
	    (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
	if (!tls)
		curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
}

static void set_options(struct http *h, struct curl_slist *headers, struct exchange *x)
{
	const struct http_request *q = x->q;
	CURL *c = h->curl;

	curl_easy_reset(c); /* options only: connections stay */
	curl_easy_setopt(c, CURLOPT_URL, q->url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(
	    c, CURLOPT_TIMEOUT_MS, (long)(q->timeout_ms != 0 ? q->timeout_ms : HTTP_TIMEOUT_MS));
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(
	    c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the reply's */
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sekisho");
	if (h->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
	if (q->http2)
		set_http2(c, q->url);
	set_body(c, q);
}

int http_do(struct http *h, const struct http_request *q, struct http_reply *reply, struct err *e)
{
	/* 100-continue would cost a round trip; every server here takes the body at once */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	struct exchange x = { q, reply };
	long version = 0;
	CURLcode rc;

	buf_reset(&reply->body);
	reply->body.max = HTTP_REPLY_MAX;
	reply->status = 0;
	reply->retry_after_ms = 0;
	reply->metadata_flavor = false;
	reply->http2 = false;
	for (unsigned i = 0; headers != NULL && i < HTTP_HEADERS_MAX && q->headers[i] != NULL;
	     i++) {
		struct curl_slist *more = curl_slist_append(headers, q->headers[i]);

		if (more == NULL) {
			curl_slist_free_all(headers);
			headers = NULL;
		} else {
			headers = more;
		}
	}
	if (headers == NULL)
		return err_set(e, 0, "no memory for an HTTP request");
	h->why[0] = '\0';
	set_options(h, headers, &x);
	rc = curl_easy_perform(h->curl);
	curl_slist_free_all(headers);
	if (rc != CURLE_OK)
		return err_set(e, 0, "%s", h->why[0] != '\0' ? h->why : curl_easy_strerror(rc));
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(h->curl, CURLINFO_HTTP_VERSION, &version);
	reply->http2 = version == CURL_HTTP_VERSION_2_0;
	return 0;
}

bool http_is_safe(const char *url)
{
	static const char *const here[] = { "http://127.0.0.1", "http://localhost", "http://[::1]",
		"http://169.254.169.254", "http://metadata.google.internal" };

	if (strncasecmp(url, "https://", 8) == 0)
		return true;
	for (unsigned i = 0; i < sizeof(here) / sizeof(*here); i++) {
		size_t n = strlen(here[i]);

		if (strncasecmp(url, here[i], n) == 0 && strchr(":/", url[n]) != NULL)
			return true; /* NUL counts: the URL ends there */
	}
	return false;
}
