/*
 * combined.c - access logs of nginx (`log_format combined`) and Apache
 * (LogFormat combined, common, vhost_combined), and their usual extensions:
 *
 *	[vhost:port ]addr ident user [stamp] "request" status size["referer" "agent"[ extra...]]
 *
 * Extra fields: a quoted list of addresses is X-Forwarded-For, a decimal number
 * with a point is the time that the request took. nginx writes " \ and bytes
 * outside 20-7E as \xHH, Apache writes \" \\ \t \xhh: a backslash hides the next byte.
 */
#include "base/timefmt.h"
#include "parsers/parser.h"

struct scan {
	const char *p, *end;
};

/* Up to the next blank; moves past it. */
static struct slice word(struct scan *s)
{
	const char *at = s->p < s->end ? memchr(s->p, ' ', (size_t)(s->end - s->p)) : NULL;
	const char *stop = at != NULL ? at : s->end;
	struct slice w = { s->p, (size_t)(stop - s->p) };

	s->p = at != NULL ? at + 1 : s->end;
	return w;
}

/* "text": s->p is at the opening quote; false when there is none or it is not closed. */
static bool quoted(struct scan *s, struct slice *out)
{
	if (s->p >= s->end || *s->p != '"')
		return false;

	const char *from = s->p + 1;
	const char *q = from;

	for (;;) {
		q = q < s->end ? memchr(q, '"', (size_t)(s->end - q)) : NULL;
		if (q == NULL)
			return false;

		/* an odd number of backslashes before it: the quote belongs to the text */
		size_t back = 0;

		while (q - back > from && q[-1 - (ptrdiff_t)back] == '\\')
			back++;
		if (back % 2 == 0)
			break;
		q++;
	}
	*out = (struct slice){ from, (size_t)(q - from) };
	s->p = q + 1;
	if (s->p < s->end && *s->p == ' ')
		s->p++;
	return true;
}

/* [23/Nov/2026:06:00:00 +0900] */
static bool stamp(const struct parse_ctx *c, struct scan *s, int64_t *time_us)
{
	const char *close =
	    s->p < s->end && *s->p == '[' ? memchr(s->p, ']', (size_t)(s->end - s->p)) : NULL;

	if (close == NULL || close == s->p + 1)
		return false;

	struct slice text = { s->p + 1, (size_t)(close - s->p - 1) };
	struct stamp_cache *cache = c->cache;

	s->p = close + 1;
	if (s->p < s->end && *s->p == ' ')
		s->p++;
	if (cache != NULL && text.n == cache->n && memcmp(text.p, cache->text, text.n) == 0) {
		*time_us = cache->time_us;
		return true;
	}
	if (timefmt_parse_clf(text, time_us) != text.n &&
	    timefmt_parse_rfc3339(text, c->tz_s, time_us) != text.n)
		return false;
	if (cache != NULL && text.n <= sizeof(cache->text)) {
		memcpy(cache->text, text.p, text.n);
		cache->n = (unsigned)text.n;
		cache->time_us = *time_us;
	}
	return true;
}

static bool is_address_list(struct slice s)
{
	bool any = false;

	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];

		if (ch == '.' || ch == ':')
			any = true;
		else if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') ||
			     (ch >= 'A' && ch <= 'F') || ch == ',' || ch == ' '))
			return false;
	}
	return any;
}

static bool is_seconds(struct slice s)
{
	bool point = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && !point && i > 0)
			point = true;
		else if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return point;
}

/* What follows the user agent: known by its form, the rest is left in the body. */
static void extras(struct scan *s, struct event *ev)
{
	bool xff = false;
	bool duration = false;

	while (s->p < s->end) {
		struct slice v;

		if (quoted(s, &v)) {
			if (!xff && is_address_list(v)) {
				event_add(ev, ATTR_HTTP_XFF, v);
				xff = true;
			}
			continue;
		}
		v = word(s);
		if (!duration && is_seconds(v)) {
			event_add(ev, ATTR_HTTP_DURATION, v);
			duration = true;
		}
	}
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static bool looks_like_address(struct slice s)
{
	return s.n > 0 && (memchr(s.p, '.', s.n) != NULL || memchr(s.p, ':', s.n) != NULL ||
			      slice_eq(s, SLICE("localhost")) || slice_eq(s, SLICE("unix:")));
}

struct head {
	struct slice vhost, addr, user;
};

/* The words before the stamp: addr ident user, with a vhost before them in vhost_combined. */
static bool head(struct scan *s, struct head *h)
{
	struct slice w[4];
	unsigned n = 0;

	/* user names may hold blanks (Apache writes them as they came): stop at " [" */
	const char *open = s->p;

	do
		open = memchr(open + 1, '[', (size_t)(s->end - open - 1));
	while (open != NULL && open[-1] != ' ');
	if (open == NULL)
		return false;
	open--;

	struct scan part = { s->p, open };

	while (n < 3 && part.p < part.end)
		w[n++] = word(&part);
	if (n < 3)
		return false;
	*h = (struct head){ .addr = w[0], .user = w[2] };
	if (part.p < part.end && looks_like_address(w[1])) {
		*h = (struct head){ .vhost = w[0], .addr = w[1] };
		word(&part); /* the rest is: user */
		h->user = (struct slice){ part.p, (size_t)(part.end - part.p) };
		if (part.p > part.end || h->user.n == 0)
			h->user = (struct slice){ 0 };
	} else if (part.p < part.end) {
		h->user.n = (size_t)(part.end - h->user.p);
	}
	s->p = open + 1;
	return h->addr.n > 0;
}

static enum parse_result parse_combined(const struct parse_ctx *c, struct event *ev)
{
	struct scan s = { ev->body.p, ev->body.p + ev->body.n };
	struct head h;
	struct slice request;
	struct slice referer = { 0 };
	struct slice agent = { 0 };
	int64_t time_us;

	if (ev->body.n < 20 || !head(&s, &h) || !stamp(c, &s, &time_us) || !quoted(&s, &request))
		return PARSE_BAD;

	struct slice status = word(&s);
	struct slice size = word(&s);

	if (!is_number(status) || status.n != 3 || !(is_number(size) || slice_eq(size, SLICE("-"))))
		return PARSE_BAD;
	ev->time_us = time_us;
	event_add(ev, ATTR_CLIENT_ADDRESS, h.addr);
	event_add_present(ev, ATTR_USER_NAME, h.user);
	parse_request(ev, request);
	event_add(ev, ATTR_HTTP_STATUS, status);
	if (size.p[0] != '-')
		event_add(ev, ATTR_HTTP_RESPONSE_SIZE, size);
	if (h.vhost.n > 0) {
		struct slice port;

		slice_cut_last(h.vhost, ':', &h.vhost, &port);
		event_add(ev, ATTR_SERVER_ADDRESS, h.vhost);
	}
	if (quoted(&s, &referer))
		event_add_present(ev, ATTR_HTTP_REFERER, referer);
	if (quoted(&s, &agent))
		event_add_present(ev, ATTR_USER_AGENT, agent);
	extras(&s, ev);
	return PARSE_OK;
}

const struct parser parser_combined = {
	.name = "combined",
	.help = "nginx and Apache access logs: combined, common, vhost_combined, extended",
	.parse = parse_combined,
	.gives = PARSE_REQUEST_GIVES
	"client.address user.name http.response.status_code http.response.body.size "
	"http.request.header.referer user_agent.original http.request.header.x-forwarded-for "
	"http.server.request.duration",
};
