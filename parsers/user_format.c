#include "parsers/user_format.h"

#include "base/err.h"
#include "parsers/stamp.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

enum { PATTERN_MAX = 16384, MATCH_LIMIT = 10000, HEAP_LIMIT_KB = 1024, MAX_GROUPS = 64 };

enum group_kind { GROUP_ATTR, GROUP_TIME, GROUP_REQUEST };

struct group {
	struct slice name; /* of the attribute: static memory, or the compiled pattern's */
	unsigned number;
	enum group_kind kind;
};

struct user_format {
	pcre2_code *code;
	pcre2_match_data *match; /* one thread at a time */
	pcre2_match_context *limits;
	enum stamp_kind time;
	unsigned n_groups;
	struct group groups[MAX_GROUPS];
};

/* client_address for client.address, http_request_header_x_forwarded_for. */
static bool same_but_for_dots(struct slice group, struct slice attr)
{
	if (group.n != attr.n)
		return false;
	for (size_t i = 0; i < attr.n; i++) {
		char c = attr.p[i] == '.' || attr.p[i] == '-' ? '_' : attr.p[i];

		if (c != group.p[i])
			return false;
	}
	return true;
}

static struct group make_group(struct slice name, unsigned number)
{
	struct group g = { .name = name, .number = number };

	if (slice_eq(name, SLICE("time")))
		g.kind = GROUP_TIME;
	else if (slice_eq(name, SLICE("request")))
		g.kind = GROUP_REQUEST;
	for (unsigned k = 1; k < ATTR_N; k++) {
		struct slice attr = { attr_defs[k].name, attr_defs[k].name_n };

		if (same_but_for_dots(name, attr))
			g.name = attr;
	}
	return g;
}

static void find_groups(struct user_format *f)
{
	uint32_t n = 0;
	uint32_t size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(f->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(f->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(f->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < n && i < MAX_GROUPS && table != NULL; i++) {
		PCRE2_SPTR entry = table + (size_t)i * size;

		f->groups[f->n_groups++] = make_group(slice_of((const char *)entry + 2),
		    (unsigned)entry[0] << 8 | (unsigned)entry[1]);
	}
}

static bool time_kind(struct slice s, enum stamp_kind *kind)
{
	static const struct {
		struct slice name;
		enum stamp_kind kind;
	} kinds[] = {
		{ { "", 0 }, STAMP_ANY },
		{ { "rfc3339", 7 }, STAMP_RFC3339 },
		{ { "clf", 3 }, STAMP_CLF },
		{ { "bsd", 3 }, STAMP_BSD },
		{ { "epoch", 5 }, STAMP_EPOCH },
		{ { "epoch_ms", 8 }, STAMP_EPOCH_MS },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (slice_eq(s, kinds[i].name)) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

static int compile(struct user_format *f, struct slice name, struct slice pattern, struct err *e)
{
	int code;
	PCRE2_SIZE at;

	f->code = pcre2_compile((PCRE2_SPTR)(pattern.n > 0 ? pattern.p : ""), pattern.n,
	    PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (f->code == NULL) {
		PCRE2_UCHAR text[128];

		pcre2_get_error_message(code, text, sizeof(text));
		return err_set(e, EINVAL, "parser %.*s: character %zu of the pattern: %s",
		    SLICE_ARG(name), at + 1, (const char *)text);
	}
	pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE);
	f->match = pcre2_match_data_create_from_pattern(f->code, NULL);
	f->limits = pcre2_match_context_create(NULL);
	if (f->match == NULL || f->limits == NULL)
		return err_set(e, ENOMEM, "parser %.*s: out of memory", SLICE_ARG(name));
	pcre2_set_match_limit(f->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(f->limits, HEAP_LIMIT_KB);
	find_groups(f);
	if (f->n_groups == 0)
		return err_set(e, EINVAL, "parser %.*s: the pattern has no named group, (?<name>...)",
		    SLICE_ARG(name));
	return 0;
}

struct user_format *user_format_compile(
    struct slice name, struct slice pattern, struct slice time_format, struct err *e)
{
	struct user_format *f;
	enum stamp_kind kind;

	if (pattern.n > PATTERN_MAX) {
		err_set(e, EINVAL, "parser %.*s: the pattern is longer than %d bytes", SLICE_ARG(name),
		    PATTERN_MAX);
		return NULL;
	}
	if (!time_kind(time_format, &kind)) {
		err_set(e, EINVAL,
		    "parser %.*s: time is %.*s, not rfc3339, clf, bsd, epoch or epoch_ms",
		    SLICE_ARG(name), SLICE_ARG(time_format));
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		err_set(e, ENOMEM, "parser %.*s: out of memory", SLICE_ARG(name));
		return NULL;
	}
	f->time = kind;
	if (compile(f, name, pattern, e) != 0) {
		user_format_free(f);
		return NULL;
	}
	return f;
}

void user_format_free(struct user_format *f)
{
	if (f == NULL)
		return;
	pcre2_match_context_free(f->limits);
	pcre2_match_data_free(f->match);
	pcre2_code_free(f->code);
	free(f);
}

static enum parse_result parse_user(const struct parse_ctx *c, struct event *ev)
{
	const struct user_format *f = c->format;

	if (f == NULL || pcre2_match(f->code, (PCRE2_SPTR)(ev->body.n > 0 ? ev->body.p : ""),
			     ev->body.n, 0, 0, f->match, f->limits) < 0)
		return PARSE_BAD;

	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(f->match);
	uint32_t pairs = pcre2_get_ovector_count(f->match);

	for (unsigned i = 0; i < f->n_groups; i++) {
		const struct group *g = &f->groups[i];
		PCRE2_SIZE from = g->number < pairs ? at[2 * g->number] : PCRE2_UNSET;
		PCRE2_SIZE to = g->number < pairs ? at[2 * g->number + 1] : PCRE2_UNSET;

		if (from == PCRE2_UNSET || to <= from || to > ev->body.n)
			continue;

		struct slice v = { ev->body.p + from, to - from };

		if (g->kind == GROUP_REQUEST)
			parse_request(ev, v);
		else if (g->kind == GROUP_ATTR || !stamp_parse(c, v, f->time, &ev->time_us))
			event_add_named(ev, g->kind == GROUP_TIME ? SLICE("sekisho.time.original") : g->name, v);
	}
	return PARSE_OK;
}

const struct parser parser_user = {
	.name = "user",
	.help = "a format of your own: a pattern with named groups",
	.parse = parse_user,
};
