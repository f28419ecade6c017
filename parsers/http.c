/* What every access log has in it: the request line (RFC 9112 section 3). */
#include "parsers/parser.h"

/* http.request.method: names outside the convention's list become _OTHER. */
static const struct slice known_methods[] = {
	{ "GET", 3 },
	{ "POST", 4 },
	{ "HEAD", 4 },
	{ "PUT", 3 },
	{ "DELETE", 6 },
	{ "OPTIONS", 7 },
	{ "PATCH", 5 },
	{ "CONNECT", 7 },
	{ "TRACE", 5 },
	{ "QUERY", 5 },
};

void parse_method(struct event *ev, struct slice method)
{
	for (unsigned i = 0; i < sizeof(known_methods) / sizeof(*known_methods); i++)
		if (slice_eq(method, known_methods[i])) {
			event_add(ev, ATTR_HTTP_METHOD, method);
			return;
		}
	event_add(ev, ATTR_HTTP_METHOD, SLICE("_OTHER"));
	event_add(ev, ATTR_HTTP_METHOD_ORIGINAL, method);
}

void parse_target(struct event *ev, struct slice target)
{
	struct slice path;
	struct slice query;
	struct slice scheme;
	struct slice rest;

	if (target.n == 0)
		return;
	if (target.p[0] != '/' && slice_cut_str(target, SLICE("://"), &scheme, &rest) &&
	    scheme.n <= 5) {
		const char *slash = rest.n > 0 ? memchr(rest.p, '/', rest.n) : NULL;
		size_t host_n = slash != NULL ? (size_t)(slash - rest.p) : rest.n;

		event_add(ev, ATTR_URL_SCHEME, scheme);
		if (host_n > 0)
			event_add(ev, ATTR_SERVER_ADDRESS, slice_head(rest, host_n));
		target = slice_from(rest, host_n);
		if (target.n == 0)
			return;
	}
	if (slice_cut(target, '?', &path, &query)) {
		event_add(ev, ATTR_URL_PATH, path);
		event_add(ev, ATTR_URL_QUERY, query);
	} else {
		event_add(ev, ATTR_URL_PATH, target);
	}
}

static bool is_method(struct slice s)
{
	if (s.n == 0 || s.n > 32)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
			s.p[i] == '_' || s.p[i] == '-'))
			return false;
	return true;
}

void parse_request(struct event *ev, struct slice request)
{
	struct slice method;
	struct slice rest;
	struct slice target;
	struct slice protocol;

	if (request.n == 0 || slice_eq(request, SLICE("-")))
		return;
	if (!slice_cut(request, ' ', &method, &rest) || !is_method(method) || rest.n == 0) {
		event_add(ev, ATTR_URL_ORIGINAL, request);
		return;
	}
	parse_method(ev, method);
	/* a target may hold blanks that the client did not encode: the protocol is at the end */
	if (slice_cut_last(rest, ' ', &target, &protocol) &&
	    slice_starts(protocol, SLICE("HTTP/"))) {
		parse_target(ev, target);
		event_add(ev, ATTR_PROTOCOL_VERSION, slice_from(protocol, 5));
	} else {
		parse_target(ev, rest);
	}
}
