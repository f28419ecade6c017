#include "parsers/json_names.h"

#include "base/arena.h"
#include "parsers/stamp.h"

enum meaning { MEANS_ATTR, MEANS_TIME, MEANS_REQUEST, MEANS_TARGET };

#define NAME(text, means, key) { { text, sizeof(text) - 1 }, MEANS_##means, ATTR_##key }

/* nginx and Apache variables, common loggers, Caddy, and OpenTelemetry's former names */
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
	NAME("client_ip", ATTR, CLIENT_ADDRESS),
	NAME("clientip", ATTR, CLIENT_ADDRESS),
	NAME("ip", ATTR, CLIENT_ADDRESS),
	NAME("http.client_ip", ATTR, CLIENT_ADDRESS),
	NAME("request.remote_ip", ATTR, CLIENT_ADDRESS),
	NAME("remote_port", ATTR, CLIENT_PORT),
	NAME("request_method", ATTR, HTTP_METHOD),
	NAME("method", ATTR, HTTP_METHOD),
	NAME("http.method", ATTR, HTTP_METHOD),
	NAME("request.method", ATTR, HTTP_METHOD),
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

static void add_named(const struct parse_ctx *c, struct event *ev, struct slice name, struct slice v)
{
	enum attr_key key = attr_find(name);

	if (key != ATTR_OTHER) {
		event_add(ev, key, v);
		return;
	}
	name = arena_copy(c->arena, name);
	if (name.n > 0)
		event_add_named(ev, name, v);
}

void json_member(const struct parse_ctx *c, struct event *ev, struct slice name, struct slice v,
    enum json_kind kind)
{
	size_t i = 0;
	const size_t n = sizeof(names) / sizeof(*names);

	while (i < n && !slice_eq(names[i].name, name))
		i++;
	if (i == n || kind == JSON_ARRAY) {
		add_named(c, ev, name, v);
		return;
	}
	switch (names[i].means) {
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
	case MEANS_ATTR:
		event_add_present(ev, names[i].key, v);
		break;
	}
}
