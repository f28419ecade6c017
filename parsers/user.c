#include "parsers/user.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/problem.h"
#include "match/regex.h"
#include "parsers/stamp.h"
#include "parsers/stamp_pattern.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert((int)USER_FORMAT_GROUPS == (int)REGEX_GROUPS_MAX, "every group has a span");

enum meaning { MEANS_NOTHING, MEANS_TIME, MEANS_REQUEST, MEANS_TARGET, MEANS_METHOD, MEANS_ATTR };

struct group {
	struct slice name; /* as in the pattern */
	struct slice attr; /* of an attribute that is not in the table */
	unsigned number;
	enum meaning means;
	enum attr_key key;
};

struct user_format {
	struct parser parser;
	struct regex *re;
	struct group groups[USER_FORMAT_GROUPS];
	unsigned n_groups;
	enum stamp_kind kind;
	struct slice stamp; /* instead of kind, when not empty */
	struct buf gives;   /* parser.gives */
};

static enum parse_result parse_user(const struct parse_ctx *c, struct event *ev);

/* In the order of the pattern; PCRE2 has them by name. */
static void list_groups(struct user_format *f)
{
	for (unsigned i = 0; i < regex_name_count(f->re) && i < USER_FORMAT_GROUPS; i++) {
		struct group g = { 0 };
		unsigned k = f->n_groups++;

		g.name = regex_name(f->re, i, &g.number);
		for (; k > 0 && f->groups[k - 1].number > g.number; k--)
			f->groups[k] = f->groups[k - 1];
		f->groups[k] = g;
	}
}

struct user_format *user_format_new(const char *name, struct slice pattern, struct err *e)
{
	struct user_format *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		err_set(e, ENOMEM, "no memory for a format");
		return NULL;
	}
	f->re = regex_compile(pattern, REGEX_WHOLE, e);
	if (f->re == NULL) {
		free(f);
		return NULL;
	}
	if (regex_group_count(f->re) > USER_FORMAT_GROUPS) {
		err_set(e, EINVAL, "pattern of %u groups, the limit is %d",
		    regex_group_count(f->re), USER_FORMAT_GROUPS);
		user_format_free(f);
		return NULL;
	}
	list_groups(f);
	f->parser = (struct parser){
		.name = name, .help = "a format of the config", .parse = parse_user, .data = f
	};
	return f;
}

void user_format_free(struct user_format *f)
{
	if (f != NULL) {
		regex_free(f->re);
		buf_free(&f->gives);
	}
	free(f);
}

const struct parser *user_format_parser(const struct user_format *f)
{
	return &f->parser;
}

const char *user_format_suggest(const struct user_format *f, struct slice wrong)
{
	const char *names[USER_FORMAT_GROUPS];

	for (unsigned i = 0; i < f->n_groups; i++)
		names[i] = f->groups[i].name.p;
	return problem_suggest(wrong, names, f->n_groups);
}

/* (?J) allows groups of one name: all of them get the same meaning. */
static int set(struct user_format *f, struct slice name, const struct group *as, struct err *e)
{
	bool any = false;

	for (unsigned i = 0; i < f->n_groups; i++) {
		struct group *g = &f->groups[i];

		if (!slice_eq(g->name, name))
			continue;
		any = true;
		g->means = as->means;
		g->key = as->key;
		g->attr = as->attr;
	}
	if (any)
		return 0;

	const char *s = user_format_suggest(f, name);

	return err_set(e, EINVAL, "the pattern has no group '%.*s'%s%s%s", SLICE_ARG(name),
	    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
}

static bool is_attribute_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
			(s.p[i] >= '0' && s.p[i] <= '9') || strchr("._-", s.p[i]) != NULL))
			return false;
	return s.n > 0 && s.n <= 128 && memchr(s.p, '\0', s.n) == NULL;
}

/* Sekisho's own word on an event, among them whose address it is: no log line says that. */
static bool is_reserved(struct slice name)
{
	return slice_starts(name, SLICE("sekisho.")) &&
	       !slice_starts(name, SLICE("sekisho.auth.")) &&
	       !slice_eq(name, SLICE("sekisho.message")) &&
	       !slice_eq(name, SLICE("sekisho.repeated"));
}

static struct group meaning_of(struct slice attribute)
{
	struct group g = { .means = MEANS_ATTR, .key = attr_find(attribute), .attr = attribute };

	if (g.key == ATTR_HTTP_METHOD)
		g.means = MEANS_METHOD;
	else if (g.key == ATTR_URL_ORIGINAL)
		g.means = MEANS_TARGET; /* rules look at path and query */
	return g;
}

int user_format_map(
    struct user_format *f, struct slice group, struct slice attribute, struct err *e)
{
	struct group g = meaning_of(attribute);

	if (!is_attribute_name(attribute))
		return err_set(e, EINVAL,
		    "'%.*s' is no name of an attribute: letters, digits, "
		    "'.', '_' and '-'",
		    SLICE_ARG(attribute));
	if (is_reserved(attribute))
		return err_set(
		    e, EINVAL, "'%.*s' is Sekisho's own: a log can't set it", SLICE_ARG(attribute));
	return set(f, group, &g, e);
}

int user_format_time(struct user_format *f, struct slice group, struct slice format, struct err *e)
{
	static const char *const names[] = { "rfc3339", "clf", "bsd", "epoch", "epoch_ms", NULL };
	struct group g = { .means = MEANS_TIME };
	unsigned i = 0;

	if (set(f, group, &g, e) != 0)
		return -1;
	while (names[i] != NULL && !slice_eq(format, slice_of(names[i])))
		i++;
	f->kind = (enum stamp_kind)(STAMP_RFC3339 + (int)i);
	if (names[i] != NULL)
		return 0;
	f->stamp = format;
	return stamp_pattern_check(format, e);
}

/* url_path is url.path: the name of an attribute with _ for what is no letter, or its column. */
static enum attr_key by_group_name(struct slice group)
{
	for (unsigned k = 1; k < ATTR_N; k++) {
		const struct attr_def *d = &attr_defs[k];
		bool same = d->name_n == group.n;

		for (size_t i = 0; same && i < group.n; i++)
			same = group.p[i] == d->name[i] ||
			       (group.p[i] == '_' && (d->name[i] == '.' || d->name[i] == '-'));
		if (same || (d->column != NULL && slice_eq(group, slice_of(d->column))))
			return (enum attr_key)k;
	}
	return ATTR_OTHER;
}

static int list_gives(struct user_format *f, struct err *e)
{
	for (unsigned i = 0; i < f->n_groups; i++) {
		const struct group *g = &f->groups[i];

		if (g->means == MEANS_ATTR) {
			buf_slice(&f->gives, g->attr);
			buf_char(&f->gives, ' ');
		} else if (g->means != MEANS_TIME) {
			buf_str(&f->gives, PARSE_REQUEST_GIVES);
		}
	}
	buf_char(&f->gives, '\0');
	if (f->gives.full)
		return err_set(e, ENOMEM, "no memory for a format");
	f->parser.gives = f->gives.p;
	return 0;
}

int user_format_finish(struct user_format *f, struct err *e)
{
	for (unsigned i = 0; i < f->n_groups; i++) {
		struct group *g = &f->groups[i];
		struct group as = { .means = MEANS_ATTR, .attr = g->name };

		if (g->means != MEANS_NOTHING)
			continue;

		enum attr_key key = by_group_name(g->name);

		if (slice_eq(g->name, SLICE("request")))
			as.means = MEANS_REQUEST;
		else if (key != ATTR_OTHER)
			as = meaning_of(slice_of(attr_defs[key].name));
		if (is_reserved(as.attr))
			return err_set(e, EINVAL,
			    "group '%.*s' is %.*s, which is Sekisho's own: a "
			    "log can't set it",
			    SLICE_ARG(g->name), SLICE_ARG(as.attr));
		if (set(f, g->name, &as, e) != 0)
			return -1;
	}
	return list_gives(f, e);
}

/* ---- a line ---- */

static bool fits_type(enum attr_key key, struct slice v)
{
	uint64_t u;
	int64_t i;
	struct slice whole;
	struct slice frac;

	if (key == ATTR_HTTP_STATUS)
		return v.n == 3 && slice_u64(v, &u) && v.p[0] >= '1' && v.p[0] <= '5';
	switch (attr_defs[key].type) {
	case ATTR_TYPE_INT:
		return slice_i64(v, &i);
	case ATTR_TYPE_FLOAT:
		slice_cut(v, '.', &whole, &frac);
		return slice_u64(whole, &u) && (frac.n == 0 || slice_u64(frac, &u));
	case ATTR_TYPE_TEXT:
	case ATTR_TYPE_BOOL:
		break;
	}
	return true;
}

/* Ways of a pattern that exclude each other may name one attribute: the first value counts. */
static bool has(const struct event *ev, enum attr_key key, struct slice name)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (ev->attrs[i].key == key &&
		    (key != ATTR_OTHER || slice_eq(attr_name(&ev->attrs[i]), name)))
			return true;
	return false;
}

static void add_attr(struct event *ev, const struct group *g, struct slice v)
{
	if (g->key != ATTR_OTHER && fits_type(g->key, v)) {
		if (g->key == ATTR_PROTOCOL_VERSION && slice_starts(v, SLICE("HTTP/")))
			v = slice_from(v, 5);
		if (!has(ev, g->key, g->attr))
			event_add(ev, g->key, v);
		return;
	}

	/* what is no number stays under the name that it has in the pattern */
	struct slice name = g->key != ATTR_OTHER ? g->name : g->attr;

	if (!has(ev, ATTR_OTHER, name))
		event_add_named(ev, name, v);
}

static bool add_group(const struct parse_ctx *c, const struct user_format *f, const struct group *g,
    struct slice v, struct event *ev)
{
	if (v.n == 0 || (v.n == 1 && v.p[0] == '-'))
		return true;
	switch (g->means) {
	case MEANS_TIME:
		return f->stamp.n > 0 ? stamp_pattern_parse(c, f->stamp, v, &ev->time_us)
				      : stamp_parse(c, v, f->kind, &ev->time_us);
	case MEANS_REQUEST:
		if (!has(ev, ATTR_URL_PATH, v) && !has(ev, ATTR_URL_ORIGINAL, v))
			parse_request(ev, v);
		break;
	case MEANS_TARGET:
		if (!has(ev, ATTR_URL_PATH, v))
			parse_target(ev, v);
		break;
	case MEANS_METHOD:
		if (!has(ev, ATTR_HTTP_METHOD, v))
			parse_method(ev, v);
		break;
	case MEANS_ATTR:
		add_attr(ev, g, v);
		break;
	case MEANS_NOTHING:
		break;
	}
	return true;
}

static enum parse_result parse_user(const struct parse_ctx *c, struct event *ev)
{
	const struct user_format *f = c->self->data;
	struct regex_span at[REGEX_GROUPS_MAX + 1];
	unsigned before = ev->n_attrs;

	if (regex_groups(f->re, c->regex, ev->body, at) != REGEX_YES)
		return PARSE_BAD;
	for (unsigned i = 0; i < f->n_groups; i++) {
		const struct group *g = &f->groups[i];
		const struct regex_span *s = &at[g->number];

		if (s->start > s->end ||
		    add_group(
			c, f, g, (struct slice){ ev->body.p + s->start, s->end - s->start }, ev))
			continue;
		ev->n_attrs = before;
		ev->time_us = 0;
		return PARSE_BAD;
	}
	return PARSE_OK;
}
