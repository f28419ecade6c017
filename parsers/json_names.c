#include "parsers/json_names.h"

#include "base/arena.h"
#include "parsers/stamp.h"

enum meaning {
	MEANS_ATTR,
	MEANS_CLIENT,
	MEANS_TIME,
	MEANS_REQUEST,
	MEANS_TARGET,
	MEANS_METHOD,
	MEANS_VERSION
};

#define NAME(text, means, key)                                        \
	{                                                             \
		{ text, sizeof(text) - 1 }, MEANS_##means, ATTR_##key \
	}

/* nginx and Apache variables, common loggers, Caddy, Traefik, and OpenTelemetry's former names */
static const struct {
	struct slice name;
	enum meaning means;
	enum attr_key key;
} names[] = {
	NAME("time", TIME, OTHER),
	NAME("timestamp", TIME, OTHER),
	NAME("@timestamp", TIME, OTHER),
	NAME("ts", TIME, OTHER),
	NAME("time_local", TIME, OTHER),
	NAME("time_iso8601", TIME, OTHER),
	NAME("msec", TIME, OTHER),
	NAME("request", REQUEST, OTHER),
	NAME("request_uri", TARGET, OTHER),
	NAME("uri", TARGET, OTHER),
	NAME("path", TARGET, OTHER),
	NAME("url", TARGET, OTHER),
	NAME("http.target", TARGET, OTHER),
	NAME("http.url", TARGET, OTHER),
	NAME("request.uri", TARGET, OTHER),
	NAME("remote_addr", ATTR, CLIENT_ADDRESS),
	NAME("remote_ip", ATTR, CLIENT_ADDRESS),
	NAME("remote_address", ATTR, CLIENT_ADDRESS),
	NAME("remoteAddr", ATTR, CLIENT_ADDRESS),
	NAME("remoteAddress", ATTR, CLIENT_ADDRESS),
	NAME("remoteIp", ATTR, CLIENT_ADDRESS),
	NAME("client_ip", ATTR, CLIENT_ADDRESS),
	NAME("clientIp", ATTR, CLIENT_ADDRESS),
	NAME("src_ip", ATTR, CLIENT_ADDRESS),
	NAME("source_ip", ATTR, CLIENT_ADDRESS),
	NAME("ip_address", ATTR, CLIENT_ADDRESS),
	NAME("ipAddress", ATTR, CLIENT_ADDRESS),
	NAME("sourceIPAddress", ATTR, CLIENT_ADDRESS),
	NAME("clientip", ATTR, CLIENT_ADDRESS),
	NAME("ip", ATTR, CLIENT_ADDRESS),
	NAME("http.client_ip", ATTR, CLIENT_ADDRESS),
	NAME("request.remote_ip", ATTR, CLIENT_ADDRESS),
	NAME("request.client_ip", CLIENT, CLIENT_ADDRESS),
	NAME("ClientHost", ATTR, CLIENT_ADDRESS),
	NAME("ClientPort", ATTR, CLIENT_PORT),
	NAME("request.remote_port", ATTR, CLIENT_PORT),
	NAME("RequestMethod", METHOD, HTTP_METHOD),
	NAME("RequestPath", TARGET, OTHER),
	NAME("RequestProtocol", VERSION, PROTOCOL_VERSION),
	NAME("RequestHost", ATTR, SERVER_ADDRESS),
	NAME("RequestScheme", ATTR, URL_SCHEME),
	NAME("DownstreamStatus", ATTR, HTTP_STATUS),
	NAME("DownstreamContentSize", ATTR, HTTP_RESPONSE_SIZE),
	NAME("ClientUsername", ATTR, USER_NAME),
	NAME("request_User-Agent", ATTR, USER_AGENT),
	NAME("request_Referer", ATTR, HTTP_REFERER),
	NAME("request_Cookie", ATTR, HTTP_COOKIE),
	NAME("request_X-Forwarded-For", ATTR, HTTP_XFF),
	NAME("request.proto", VERSION, PROTOCOL_VERSION),
	NAME("request.headers.User-Agent", ATTR, USER_AGENT),
	NAME("request.headers.Referer", ATTR, HTTP_REFERER),
	NAME("request.headers.Cookie", ATTR, HTTP_COOKIE),
	NAME("request.headers.X-Forwarded-For", ATTR, HTTP_XFF),
	NAME("remote_port", ATTR, CLIENT_PORT),
	NAME("request_method", METHOD, HTTP_METHOD),
	NAME("method", METHOD, HTTP_METHOD),
	NAME("http.method", METHOD, HTTP_METHOD),
	NAME("request.method", METHOD, HTTP_METHOD),
	NAME("server_protocol", VERSION, PROTOCOL_VERSION),
	NAME("http.flavor", ATTR, PROTOCOL_VERSION),
	NAME("http.scheme", ATTR, URL_SCHEME),
	NAME("scheme", ATTR, URL_SCHEME),
	NAME("net.peer.ip", ATTR, PEER_ADDRESS),
	NAME("client.ip", ATTR, CLIENT_ADDRESS),
	NAME("source.ip", ATTR, CLIENT_ADDRESS),
	NAME("ua", ATTR, USER_AGENT),
	NAME("referrer", ATTR, HTTP_REFERER),
	NAME("http.host", ATTR, SERVER_ADDRESS),
	NAME("log.level", ATTR, SEVERITY),
	NAME("args", ATTR, URL_QUERY),
	NAME("query_string", ATTR, URL_QUERY),
	NAME("status", ATTR, HTTP_STATUS),
	NAME("http.status_code", ATTR, HTTP_STATUS),
	NAME("body_bytes_sent", ATTR, HTTP_RESPONSE_SIZE),
	NAME("bytes", ATTR, HTTP_RESPONSE_SIZE),
	NAME("request_length", ATTR, HTTP_REQUEST_SIZE),
	NAME("request_time", ATTR, HTTP_DURATION),
	NAME("http_user_agent", ATTR, USER_AGENT),
	NAME("user_agent", ATTR, USER_AGENT),
	NAME("http.user_agent", ATTR, USER_AGENT),
	NAME("http_referer", ATTR, HTTP_REFERER),
	NAME("http_referrer", ATTR, HTTP_REFERER),
	NAME("referer", ATTR, HTTP_REFERER),
	NAME("http_cookie", ATTR, HTTP_COOKIE),
	NAME("http_x_forwarded_for", ATTR, HTTP_XFF),
	NAME("x_forwarded_for", ATTR, HTTP_XFF),
	NAME("host", ATTR, SERVER_ADDRESS),
	NAME("http_host", ATTR, SERVER_ADDRESS),
	NAME("server_name", ATTR, SERVER_ADDRESS),
	NAME("request.host", ATTR, SERVER_ADDRESS),
	NAME("user", ATTR, USER_NAME),
	NAME("user_name", ATTR, USER_NAME),
	NAME("username", ATTR, USER_NAME),
	NAME("remote_user", ATTR, USER_NAME),
	NAME("session_id", ATTR, SESSION_ID),
	NAME("level", ATTR, SEVERITY),
	NAME("severity", ATTR, SEVERITY),
	NAME("message", ATTR, MESSAGE),
	NAME("msg", ATTR, MESSAGE),
};

bool json_is_reserved(struct slice name)
{
	return slice_starts(name, SLICE("sekisho.")) &&
	       !slice_starts(name, SLICE("sekisho.auth.")) &&
	       !slice_eq(name, SLICE("sekisho.message"));
}

static void add_named(
    const struct parse_ctx *c, struct event *ev, struct slice name, struct slice v)
{
	enum attr_key key = attr_find(name);

	if (json_is_reserved(name)) {
		char *to = arena_alloc(c->arena, name.n + 5, 1);

		if (to == NULL)
			return;
		memcpy(to, "json.", 5);
		memcpy(to + 5, name.p, name.n);
		event_add_named(ev, (struct slice){ to, name.n + 5 }, v);
		return;
	}
	if (key != ATTR_OTHER) {
		event_add(ev, key, v);
		return;
	}
	name = arena_copy(c->arena, name);
	if (name.n > 0)
		event_add_named(ev, name, v);
}

static const size_t n_names = sizeof(names) / sizeof(*names);

static size_t find_name(struct slice name)
{
	size_t i = 0;

	while (i < n_names && !slice_eq(names[i].name, name))
		i++;
	return i;
}

bool json_is_known(struct slice name)
{
	return find_name(name) < n_names;
}

void json_member(const struct parse_ctx *c, struct event *ev, struct slice name, struct slice v,
    enum json_kind kind)
{
	size_t i = find_name(name);

	if (i == n_names || kind == JSON_ARRAY) {
		add_named(c, ev, name, v);
		return;
	}
	switch (names[i].means) {
	case MEANS_CLIENT: /* Caddy's, behind the proxies it trusts; remote_ip is then a proxy */
		if (v.n > 0)
			event_set(ev, names[i].key, v);
		break;
	case MEANS_TIME:
		/* a second time, or one that is none, is an attribute like any other */
		if (ev->time_us != 0 || !stamp_parse(c, v, STAMP_ANY, &ev->time_us))
			add_named(c, ev, name, v);
		break;
	case MEANS_REQUEST:
		parse_request(ev, v);
		break;
	case MEANS_TARGET:
		parse_target(ev, v);
		break;
	case MEANS_METHOD:
		if (v.n > 0)
			parse_method(ev, v);
		break;
	case MEANS_VERSION:
		if (slice_starts(v, SLICE("HTTP/")))
			v = slice_from(v, 5);
		event_add_present(ev, names[i].key, v);
		break;
	case MEANS_ATTR:
		/* "status": "ok" is not HTTP's */
		if (names[i].key == ATTR_HTTP_STATUS &&
		    (v.n != 3 || v.p[0] < '1' || v.p[0] > '5')) {
			add_named(c, ev, name, v);
			break;
		}
		event_add_present(ev, names[i].key, v);
		break;
	}
}
