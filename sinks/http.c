#include "sinks/http.h"

#include "base/err.h"
#include "libs/curl.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 10000, STALL_BYTES = 1, STALL_S = 30, POLL_MS = 1000 };

struct http_exchange {
	CURL *curl;
	struct curl_slist *headers;
	http_on_header *on_header;
	void *ctx;
	struct http_reply *reply;
	bool done;
	CURLcode rc;
	char why[CURL_ERROR_SIZE];
	struct http_exchange *next;
};

struct http {
	CURLM *multi; /* has the connections */
	char *ca_file;
	struct http_exchange *busy; /* under way, or done and not asked for */
	struct http_exchange *idle; /* to be used again */
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
	if (h == NULL || (h->multi = curl_multi_init()) == NULL ||
	    (ca_file != NULL && h->ca_file == NULL)) {
		err_set(e, 0, "no memory for an HTTP client");
		http_free(h);
		return NULL;
	}
	return h;
}

static void free_all(struct http *h, struct http_exchange *x)
{
	while (x != NULL) {
		struct http_exchange *next = x->next;

		curl_multi_remove_handle(h->multi, x->curl); /* does nothing to an idle one */
		curl_easy_cleanup(x->curl);
		curl_slist_free_all(x->headers);
		free(x);
		x = next;
	}
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	free_all(h, h->busy);
	free_all(h, h->idle);
	curl_multi_cleanup(h->multi);
	free(h->ca_file);
	free(h);
}

/* ---- what comes back ---- */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct http_reply *r = ((struct http_exchange *)ctx)->reply;

	buf_put(&r->body, p, size * n);
	return r->body.full ? 0 : size * n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	const struct http_exchange *x = ctx;
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
	if (x->on_header != NULL)
		x->on_header(x->ctx, name, value);
	return size * n;
}

/* ---- what goes there ---- */

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
	if (!tls) {
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	}
}

static void set_options(struct http *h, struct http_exchange *x, const struct http_request *q)
{
	CURL *c = x->curl;

	curl_easy_reset(c); /* options only: connections stay */
	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_URL, q->url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(
	    c, CURLOPT_TIMEOUT_MS, (long)(q->timeout_ms != 0 ? q->timeout_ms : HTTP_TIMEOUT_MS));
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	/* by TLS a server says at once whether one connection is enough, else with its first reply
	 */
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, (long)(strncasecmp(q->url, "https://", 8) == 0));
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
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

/* 100-continue would cost a round trip; every server here takes the body at once. */
static bool set_headers(struct http_exchange *x, const struct http_request *q)
{
	x->headers = curl_slist_append(NULL, "Expect:");
	for (unsigned i = 0; x->headers != NULL && i < HTTP_HEADERS_MAX && q->headers[i] != NULL;
	     i++) {
		struct curl_slist *more = curl_slist_append(x->headers, q->headers[i]);

		if (more == NULL)
			curl_slist_free_all(x->headers);
		x->headers = more;
	}
	return x->headers != NULL;
}

static void begin_reply(struct http_reply *r)
{
	buf_reset(&r->body);
	r->body.max = HTTP_REPLY_MAX;
	r->status = 0;
	r->retry_after_ms = 0;
	r->metadata_flavor = false;
	r->http2 = false;
}

/* ---- exchanges ---- */

static struct http_exchange *take_idle(struct http *h)
{
	struct http_exchange *x = h->idle;

	if (x != NULL) {
		h->idle = x->next;
		return x;
	}
	x = calloc(1, sizeof(*x));
	if (x != NULL && (x->curl = curl_easy_init()) == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

static void put_idle(struct http *h, struct http_exchange *x)
{
	curl_slist_free_all(x->headers);
	x->headers = NULL;
	x->next = h->idle;
	h->idle = x;
}

/* Whatever can be done now, without waiting. */
static void run(struct http *h)
{
	int n;
	CURLMcode rc = curl_multi_perform(h->multi, &n);
	CURLMsg *m;

	while ((m = curl_multi_info_read(h->multi, &n)) != NULL) {
		struct http_exchange *x = NULL;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
		x->done = true;
		x->rc = m->data.result;
	}
	for (struct http_exchange *x = h->busy; rc != CURLM_OK && x != NULL; x = x->next) {
		x->rc = x->done ? x->rc : CURLE_OUT_OF_MEMORY;
		x->done = true;
	}
}

struct http_exchange *http_begin(
    struct http *h, const struct http_request *q, struct http_reply *reply, struct err *e)
{
	struct http_exchange *x = take_idle(h);

	begin_reply(reply);
	if (x != NULL) {
		x->on_header = q->on_header;
		x->ctx = q->ctx;
		x->reply = reply;
		x->done = false;
		x->why[0] = '\0';
	}
	if (x == NULL || !set_headers(x, q)) {
		if (x != NULL)
			put_idle(h, x);
		err_set(e, 0, "no memory for an HTTP request");
		return NULL;
	}
	set_options(h, x, q);
	if (curl_multi_add_handle(h->multi, x->curl) != CURLM_OK) {
		put_idle(h, x);
		err_set(e, 0, "no memory for an HTTP request");
		return NULL;
	}
	x->next = h->busy;
	h->busy = x;
	run(h); /* on its way while the caller makes the next */
	return x;
}

static struct http_exchange *find_done(struct http *h)
{
	struct http_exchange *x = h->busy;

	while (x != NULL && !x->done)
		x = x->next;
	return x;
}

struct http_exchange *http_any(struct http *h)
{
	struct http_exchange *x;

	run(h);
	while ((x = find_done(h)) == NULL && h->busy != NULL) {
		curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
		run(h);
	}
	return x;
}

int http_end(struct http *h, struct http_exchange *x, struct err *e)
{
	struct http_exchange **at = &h->busy;
	long version = 0;
	int rc = 0;

	while (!x->done) {
		curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
		run(h);
	}
	if (x->rc == CURLE_OK) {
		curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->reply->status);
		curl_easy_getinfo(x->curl, CURLINFO_HTTP_VERSION, &version);
		x->reply->http2 = version == CURL_HTTP_VERSION_2_0;
	} else {
		rc = err_set(e, 0, "%s", x->why[0] != '\0' ? x->why : curl_easy_strerror(x->rc));
	}
	curl_multi_remove_handle(h->multi, x->curl);
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	put_idle(h, x);
	return rc;
}

int http_do(struct http *h, const struct http_request *q, struct http_reply *reply, struct err *e)
{
	struct http_exchange *x = http_begin(h, q, reply, e);

	return x != NULL ? http_end(h, x, e) : -1;
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
