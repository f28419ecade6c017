#include "parsers/parser.h"

const struct parser *const parsers[] = {
	&parser_combined,
	&parser_syslog,
	&parser_auditd,
	&parser_json,
	&parser_raw,
	&parser_auto,
	&parser_nginx_error,
	&parser_apache_error,
	&parser_netfilter,
	NULL,
};

const struct parser *parser_find(struct slice name)
{
	for (const struct parser *const *p = parsers; *p != NULL; p++)
		if (slice_eq(name, slice_of((*p)->name)))
			return *p;
	return NULL;
}

bool parser_gives(const struct parser *p, struct slice name)
{
	struct slice rest = slice_of(p->gives);

	while (rest.n > 0) {
		struct slice one;

		slice_cut(rest, ' ', &one, &rest);
		if (slice_eq(one, name) || (one.n > 0 && one.p[one.n - 1] == '*' &&
					       slice_starts(name, slice_head(one, one.n - 1))))
			return true;
	}
	return false;
}

/* A line that is its own meaning. */
static enum parse_result parse_raw(const struct parse_ctx *c, struct event *ev)
{
	(void)c;
	(void)ev;
	return PARSE_OK;
}

const struct parser parser_raw = {
	.name = "raw",
	.help = "any line, kept as it is",
	.parse = parse_raw,
	.gives = "",
};
