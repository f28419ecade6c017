/* auto.c - for a file whose format nobody named: each line says itself what it is. */
#include "parsers/auth_parts.h"
#include "parsers/parser.h"
#include "parsers/stamp_any.h"
#include "parsers/syslog.h"

static bool digits_or_stamp(struct slice s)
{
	return s.n > 0 && (s.p[0] == '<' || (s.p[0] >= '0' && s.p[0] <= '9') ||
			      (s.p[0] >= 'A' && s.p[0] <= 'Z'));
}

/*
 * A line that no format claims: its time, wherever it is written, and what it says of logins.
 * Without either it is not understood.
 */
static enum parse_result parse_text(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = slice_trim(ev->body);
	unsigned before = ev->n_attrs;
	size_t from = 0;
	size_t end = stamp_any(c, s, &from, &ev->time_us);

	size_t behind = end + (end > 0 && end < s.n && s.p[end] == ']');

	if ((from <= 1 && syslog_tagged(c, ev, slice_trim(slice_from(s, behind)))) ||
	    syslog_tagged(c, ev, s))
		return PARSE_OK;
	/* text may stand on both sides of a stamp; most often it is behind it */
	event_add(ev, ATTR_MESSAGE, from == 0 ? slice_trim(slice_from(s, end)) : s);
	auth_any(ev, s);
	if (end > 0 || ev->n_attrs > before + 1)
		return PARSE_OK;
	ev->n_attrs = before;
	return PARSE_BAD;
}

/* An access log; an application's own message may name the request that it belongs to. */
static bool is_request(const struct event *ev)
{
	return event_get(ev, ATTR_HTTP_STATUS).p != NULL ||
	       (event_get(ev, ATTR_HTTP_METHOD).p != NULL && event_get(ev, ATTR_MESSAGE).p == NULL);
}

static enum parse_result parse_auto(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = slice_trim(ev->body);

	if (slice_starts(s, SLICE("type=")) || slice_starts(s, SLICE("node=")))
		if (parser_auditd.parse(c, ev) == PARSE_OK)
			return PARSE_OK;
	if (s.n > 0 && s.p[0] == '{' && parser_json.parse(c, ev) == PARSE_OK) {
		if (!is_request(ev))
			auth_any(ev, s);
		return PARSE_OK;
	}
	if (s.n > 0 && s.p[0] == '[' && parser_apache_error.parse(c, ev) == PARSE_OK)
		return PARSE_OK;
	if (s.n > 5 && s.p[4] == '/' && parser_nginx_error.parse(c, ev) == PARSE_OK)
		return PARSE_OK;
	if (digits_or_stamp(s) && parser_syslog.parse(c, ev) == PARSE_OK) {
		/* a stamp with a blank in it is seldom syslog's: "host" and "program" may be text
		 */
		bool loose = s.n > 20 && s.p[4] == '-' && s.p[10] == ' ';

		if (s.n > 20 && event_get(ev, ATTR_PROCESS_PID).p == NULL &&
		    (loose || event_get(ev, ATTR_PROCESS_NAME).p == NULL ||
			event_get(ev, ATTR_SYSLOG_HOSTNAME).p == NULL))
			auth_any(ev, slice_from(s, loose ? 19 : 15));
		return PARSE_OK;
	}
	if (parser_combined.parse(c, ev) == PARSE_OK)
		return PARSE_OK;
	return parse_text(c, ev);
}

const struct parser parser_auto = {
	.name = "auto",
	.help = "every format here, decided for each line; in others: time and logins",
	.grouping = PARSE_SERIAL,
	.parse = parse_auto,
	.gives = "*",
};
