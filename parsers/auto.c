/* auto.c - for a file whose format nobody named: each line says itself what it is. */
#include "parsers/parser.h"

static bool digits_or_stamp(struct slice s)
{
	return s.n > 0 && (s.p[0] == '<' || (s.p[0] >= '0' && s.p[0] <= '9') ||
			      (s.p[0] >= 'A' && s.p[0] <= 'Z'));
}

static enum parse_result parse_auto(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = slice_trim(ev->body);

	if (slice_starts(s, SLICE("type=")) || slice_starts(s, SLICE("node=")))
		if (parser_auditd.parse(c, ev) == PARSE_OK)
			return PARSE_OK;
	if (s.n > 0 && s.p[0] == '{')
		return parser_json.parse(c, ev);
	if (digits_or_stamp(s) && parser_syslog.parse(c, ev) == PARSE_OK)
		return PARSE_OK;
	return parser_combined.parse(c, ev);
}

const struct parser parser_auto = {
	.name = "auto",
	.help = "auditd, JSON, access log or syslog, decided for each line",
	.grouping = PARSE_SERIAL,
	.parse = parse_auto,
};
