/*
 * nginx_error.c - nginx's error log (src/core/ngx_log.c, src/http/ngx_http_request.c):
 * "2026/11/23 06:00:00 [error] PID#TID: *CONNECTION TEXT, client: A, server: S, request: "R", ..."
 *
 * TEXT and R are not escaped and hold what clients sent, so ", client: " may be there more than
 * once: then whose line it is can't be known, and the address is `claimed`.
 */
#include "parsers/auth_parts.h"
#include "parsers/error_logs.h"
#include "parsers/stamp_pattern.h"

static const struct slice client_key = { ", client: ", 10 };

static bool level(struct slice *s, struct slice *to)
{
	return auth_skip(s, SLICE("[")) && slice_cut(*s, ']', to, s) && to->n >= 4 && to->n <= 6 &&
	       auth_skip(s, SLICE(" "));
}

/* `, KEY: "VALUE"` or `, KEY: VALUE`: the value, and *s moves behind it. */
static struct slice field(struct slice *s, struct slice key)
{
	struct slice v;
	struct slice rest = *s;

	if (!auth_skip(&rest, key))
		return (struct slice){ 0 };
	if (auth_skip(&rest, SLICE("\""))) {
		/* a quote inside a value is not escaped: its end is followed by a key or by nothing
		 */
		size_t i = 0;

		while (
		    i < rest.n && !(rest.p[i] == '"' && (i + 1 == rest.n || rest.p[i + 1] == ',')))
			i++;
		v = slice_head(rest, i);
		*s = i < rest.n ? slice_from(rest, i + 1) : (struct slice){ rest.p + i, 0 };
		return v;
	}
	for (size_t i = 0;; i++)
		if (i == rest.n || rest.p[i] == ',') {
			*s = slice_from(rest, i);
			return slice_head(rest, i);
		}
}

/* What follows ", client: A": who asked what. */
static void about_request(struct event *ev, struct slice s)
{
	struct slice v;

	field(&s, SLICE(", server: "));
	v = field(&s, SLICE(", request: "));
	parse_request(ev, v);
	field(&s, SLICE(", subrequest: "));
	v = field(&s, SLICE(", upstream: "));
	if (v.n > 0)
		event_add_named(ev, SLICE("nginx.upstream"), v);
	v = field(&s, SLICE(", host: "));
	event_add_present(ev, ATTR_SERVER_ADDRESS, v);
	v = field(&s, SLICE(", referrer: "));
	event_add_present(ev, ATTR_HTTP_REFERER, v);
}

/* TEXT[, client: A, ...] */
static void text_and_client(struct event *ev, struct slice s)
{
	struct slice text;
	struct slice rest;
	struct slice addr;
	struct slice more;

	if (!slice_cut_str(s, client_key, &text, &rest)) {
		event_add(ev, ATTR_MESSAGE, s);
		return;
	}
	event_add(ev, ATTR_MESSAGE, text);
	more = rest;
	addr = field(&rest, SLICE(""));
	if (slice_starts(addr, SLICE("unix:")))
		addr.n = 0;
	auth_client(ev, addr, (struct slice){ 0 },
	    slice_find(more, client_key) == NULL ? AUTH_INPUT : AUTH_CLAIMED);
	about_request(ev, rest);
	auth_any(ev, text);
}

bool nginx_error_line(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	int64_t t;
	size_t used = stamp_pattern_head(c, SLICE("%Y/%m/%d %T"), s, &t);
	struct slice severity;
	struct slice pid;
	struct slice tid;
	struct slice connection;
	uint64_t n;

	if (used == 0 || used + 1 >= s.n || s.p[used] != ' ')
		return false;
	s = slice_from(s, used + 1);
	if (!level(&s, &severity) || !slice_cut(s, '#', &pid, &s) || !slice_u64(pid, &n) ||
	    !slice_cut_str(s, SLICE(": "), &tid, &s) || !slice_u64(tid, &n))
		return false;
	ev->time_us = t;
	event_set(ev, ATTR_SEVERITY, severity);
	event_set(ev, ATTR_PROCESS_PID, pid);
	event_add(ev, ATTR_THREAD_ID, tid);
	if (s.n > 1 && s.p[0] == '*' && slice_cut(slice_from(s, 1), ' ', &connection, &tid) &&
	    slice_u64(connection, &n)) {
		event_add_named(ev, SLICE("nginx.connection"), connection);
		s = tid;
	}
	text_and_client(ev, s);
	return true;
}

static enum parse_result parse_nginx_error(const struct parse_ctx *c, struct event *ev)
{
	return nginx_error_line(c, ev, ev->body) ? PARSE_OK : PARSE_BAD;
}

const struct parser parser_nginx_error = {
	.name = "nginx-error",
	.help = "nginx's error log: whose request failed, and why",
	.parse = parse_nginx_error,
	.gives = PARSE_REQUEST_GIVES
	"client.address http.request.header.referer severity_text process.pid thread.id "
	"nginx.connection nginx.upstream sekisho.message sekisho.auth.result user.name",
};
