/*
 * apache_error.c - Apache httpd's error log (server/log.c, ErrorLogFormat's default), 1.3 to 2.4:
 * "[Mon Nov 23 06:00:00.123456 2026] [core:error] [pid 1:tid 2] [client A:P] AH00126: text,
 * referer: R"
 *
 * The client stands before anything that he sent, so his address is certain.
 */
#include "parsers/auth_parts.h"
#include "parsers/error_logs.h"
#include "parsers/stamp_any.h"

/* "[text] " at the start of s. */
static bool bracket(struct slice *s, struct slice *text)
{
	struct slice rest;

	if (s->n < 2 || s->p[0] != '[' || !slice_cut(slice_from(*s, 1), ']', text, &rest))
		return false;
	if (memchr(text->p, '[', text->n) != NULL) { /* [client [2001:db8::1]:443] */
		struct slice more;

		if (!slice_cut(rest, ']', &more, &rest))
			return false;
		text->n += more.n + 1;
	}
	auth_skip(&rest, SLICE(" "));
	*s = rest;
	return true;
}

static bool is_level(struct slice s)
{
	static const struct slice levels[] = { { "emerg", 5 }, { "alert", 5 }, { "crit", 4 },
		{ "error", 5 }, { "warn", 4 }, { "notice", 6 }, { "info", 4 }, { "debug", 5 } };

	for (unsigned i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (slice_eq(s, levels[i]))
			return true;
	return slice_starts(s, SLICE("trace")) && s.n == 6;
}

/* "A", "A:P", "[A]:P": also IPv6 without brackets, whose last group may be the port of 2.4. */
static void client(struct event *ev, struct slice s)
{
	struct slice addr;
	struct slice port;
	struct slice groups = s;
	unsigned colons = 0;
	struct slice rest;

	if (s.n > 0 && s.p[0] == '[' && slice_cut(slice_from(s, 1), ']', &addr, &port)) {
		auth_skip(&port, SLICE(":"));
		auth_client(ev, addr, port, AUTH_INPUT);
		return;
	}
	while (slice_cut(groups, ':', &rest, &groups))
		colons++;
	if (colons == 1 || colons == 8 || !auth_is_address(s)) {
		if (slice_cut_last(s, ':', &addr, &port))
			auth_client(ev, addr, port, AUTH_INPUT);
		return;
	}
	auth_client(ev, s, (struct slice){ 0 }, AUTH_INPUT);
}

/* "pid 7", "pid 7:tid 8" */
static void process(struct event *ev, struct slice s)
{
	struct slice pid;
	struct slice tid;
	uint64_t n;

	slice_cut(slice_from(s, 4), ':', &pid, &tid);
	if (slice_u64(pid, &n))
		event_set(ev, ATTR_PROCESS_PID, pid);
	if (auth_skip(&tid, SLICE("tid ")) && slice_u64(tid, &n))
		event_add(ev, ATTR_THREAD_ID, tid);
}

/* "AH00126: Invalid URI in request GET /x HTTP/1.1, referer: R" */
static void message(struct event *ev, struct slice s)
{
	struct slice head;
	struct slice rest;

	if (slice_starts(s, SLICE("AH")) && slice_cut(s, ':', &head, &rest) && head.n == 7) {
		event_add(ev, ATTR_ERROR_CODE, head);
		s = slice_trim(rest);
	}
	if (auth_cut_last(s, SLICE(", referer: "), &head, &rest)) {
		event_add_present(ev, ATTR_HTTP_REFERER, rest);
		s = head;
	}
	event_add(ev, ATTR_MESSAGE, s);
	if (slice_cut_str(s, SLICE("Invalid URI in request "), &head, &rest))
		parse_request(ev, rest);
	auth_any(ev, s);
}

bool apache_error_text(struct event *ev, struct slice s)
{
	struct slice b;
	struct slice module = { 0 };
	struct slice severity;
	struct slice why;

	if (!bracket(&s, &b))
		return false;
	if (!slice_cut(b, ':', &module, &severity)) {
		severity = b;
		module.n = 0;
	}
	if (!is_level(severity))
		return false;
	event_set(ev, ATTR_SEVERITY, severity);
	if (module.n > 0)
		event_add_named(ev, SLICE("apache.module"), module);
	while (bracket(&s, &b))
		if (slice_starts(b, SLICE("client ")) || slice_starts(b, SLICE("remote "))) {
			client(ev, slice_from(b, 7));
			break;
		} else if (slice_starts(b, SLICE("pid "))) {
			process(ev, b);
		}
	/* "(13)Permission denied: [client A:P] AH00035: text" */
	if (s.n > 0 && s.p[0] == '(' && slice_cut_str(s, SLICE(": [client "), &why, &b) &&
	    why.n < 128 && slice_cut(b, ']', &b, &s)) {
		client(ev, b);
		s = slice_trim(s);
	}
	message(ev, s);
	return true;
}

static enum parse_result parse_apache_error(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = ev->body;
	struct slice b;
	unsigned before = ev->n_attrs;
	size_t from;

	if (!bracket(&s, &b) || b.n == 0 || stamp_any(c, b, &from, &ev->time_us) == 0 ||
	    !apache_error_text(ev, s)) {
		ev->n_attrs = before;
		ev->time_us = 0;
		return PARSE_BAD;
	}
	return PARSE_OK;
}

const struct parser parser_apache_error = {
	.name = "apache-error",
	.help = "Apache httpd's error log, 1.3 to 2.4",
	.parse = parse_apache_error,
	.gives = PARSE_REQUEST_GIVES
	"client.address client.port http.request.header.referer severity_text process.pid "
	"thread.id "
	"apache.module error.code sekisho.message sekisho.auth.result user.name",
};
