/*
 * json.c - one JSON object a line (RFC 8259), as applications and nginx write them; also with
 * the escapes \xHH and \v of access logs.
 *
 * Members of nested objects get dotted names; arrays are kept as JSON text. Text
 * without a backslash is used where it lies. No recursion: the levels of nesting
 * are the entries of an array.
 */
#include "base/arena.h"
#include "parsers/json_names.h"

enum { MAX_DEPTH = 32, MAX_NAME = 512 };

struct scan {
	const struct parse_ctx *c;
	struct event *ev;
	const char *p, *end;
	char name[MAX_NAME];	      /* the dotted name of the member being read */
	size_t name_n[MAX_DEPTH + 1]; /* its length at each level; 0: the top */
	unsigned depth;		      /* of open objects */
};

static void skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
		s->p++;
}

static bool take(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* A string, s->p at its opening quote; *escaped: it has backslashes. */
static bool string(struct scan *s, struct slice *out, bool *escaped)
{
	if (!take(s, '"'))
		return false;
	out->p = s->p;
	*escaped = false;
	for (; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			out->n = (size_t)(s->p++ - out->p);
			return true;
		}
		if (*s->p == '\\') {
			*escaped = true;
			s->p++;
			if (s->p == s->end)
				return false;
		}
	}
	return false;
}

static bool hex(const char *p, const char *end, int digits, uint32_t *out)
{
	*out = 0;
	if (end - p < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		char c = p[i];
		uint32_t v;

		if (c >= '0' && c <= '9')
			v = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = (uint32_t)(c - 'A' + 10);
		else
			return false;
		*out = *out << 4 | v;
	}
	return true;
}

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX at p (behind the u), two of them for a surrogate pair: the new p, or NULL. */
static const char *unicode(const char *p, const char *end, char *to, size_t *n)
{
	uint32_t c;
	uint32_t low;

	if (!hex(p, end, 4, &c))
		return NULL;
	p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
	    hex(p + 2, end, 4, &low) && low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
		p += 6;
	} else if (c >= 0xd800 && c < 0xe000) {
		c = 0xfffd;
	}
	*n += put_utf8(to + *n, c);
	return p;
}

/*
 * The text that an escaped string stands for; never longer. False: a wrong escape. \xHH and \v are
 * no JSON but what nginx (without escape=json) and Apache write: whoever sends a quote would else
 * not be seen by any rule.
 */
static bool unescape(struct arena *a, struct slice in, struct slice *out)
{
	static const char from[] = "\"\\/bfnrtv";
	static const char to[] = "\"\\/\b\f\n\r\t\v";
	char *buf = arena_alloc(a, in.n, 1);
	const char *end = in.p + in.n;
	size_t n = 0;

	*out = (struct slice){ 0 };
	if (buf == NULL)
		return true;
	for (const char *p = in.p; p < end;) {
		if (*p != '\\') {
			buf[n++] = *p++;
			continue;
		}
		if (++p == end)
			return false;
		if (*p == 'u') {
			p = unicode(p + 1, end, buf, &n);
			if (p == NULL)
				return false;
			continue;
		}

		uint32_t byte;

		if (*p == 'x') {
			if (!hex(p + 1, end, 2, &byte))
				return false;
			buf[n++] = (char)byte;
			p += 3;
			continue;
		}

		const char *at = memchr(from, *p++, sizeof(from) - 1);

		if (at == NULL)
			return false;
		buf[n++] = to[at - from];
	}
	*out = (struct slice){ buf, n };
	return true;
}

static bool text(struct scan *s, struct slice *out)
{
	bool escaped;

	return string(s, out, &escaped) && (!escaped || unescape(s->c->arena, *out, out));
}

static bool number(struct slice s)
{
	size_t i = 0;
	size_t digits = 0;

	if (i < s.n && s.p[i] == '-')
		i++;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		digits++;
	if (digits == 0)
		return false;
	if (i < s.n && s.p[i] == '.')
		for (digits = 0, i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			digits++;
	if (digits > 0 && i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		for (digits = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			digits++;
	}
	return digits > 0 && i == s.n;
}

/* true, false, null or a number: {NULL, 0} for null. */
static bool bare(struct scan *s, struct slice *out)
{
	const char *from = s->p;

	while (s->p < s->end && memchr(" \t\r\n,:]}[{\"", *s->p, 11) == NULL)
		s->p++;
	*out = (struct slice){ from, (size_t)(s->p - from) };
	if (slice_eq(*out, SLICE("null"))) {
		*out = (struct slice){ 0 };
		return true;
	}
	return slice_eq(*out, SLICE("true")) || slice_eq(*out, SLICE("false")) || number(*out);
}

/* An array as it is written; brackets must match, what lies between them is not read. */
static bool array(struct scan *s, struct slice *out)
{
	char open[MAX_DEPTH];
	unsigned depth = 0;
	const char *from = s->p;

	while (s->p < s->end) {
		char c = *s->p;
		struct slice ignored;
		bool escaped;

		if (c == '"') {
			if (!string(s, &ignored, &escaped))
				return false;
			continue;
		}
		s->p++;
		if (c == '[' || c == '{') {
			if (depth == MAX_DEPTH)
				return false;
			open[depth++] = c;
		} else if (c == ']' || c == '}') {
			if (open[--depth] != (c == ']' ? '[' : '{'))
				return false;
			if (depth == 0) {
				*out = (struct slice){ from, (size_t)(s->p - from) };
				return true;
			}
		}
	}
	return false;
}

/* A header that we know as Caddy writes it, a list of texts: the first. */
static bool first_text(const struct scan *s, struct slice *out)
{
	struct scan in = *s;

	in.p++;
	skip_blanks(&in);
	return in.p < in.end && *in.p == '"' && text(&in, out);
}

/* The name of a member, behind those of the objects it lies in. Too long a name is cut. */
static bool key(struct scan *s)
{
	struct slice k;
	size_t n = s->name_n[s->depth - 1];

	if (!text(s, &k) || !take(s, ':'))
		return false;
	if (n > 0 && n < MAX_NAME)
		s->name[n++] = '.';
	if (k.n > MAX_NAME - n)
		k.n = MAX_NAME - n;
	if (k.n > 0)
		memcpy(s->name + n, k.p, k.n);
	s->name_n[s->depth] = n + k.n;
	return true;
}

/* One value; *opened: it is an object, whose members come next. */
static bool value(struct scan *s, bool *opened)
{
	struct slice name = { s->name, s->name_n[s->depth] };
	struct slice v = { 0 };
	enum json_kind kind = JSON_BARE;
	bool ok;

	skip_blanks(s);
	*opened = false;
	if (s->p == s->end)
		return false;
	if (*s->p == '{') {
		*opened = true;
		s->p++;
		return s->depth++ < MAX_DEPTH;
	}
	if (*s->p == '"') {
		kind = JSON_TEXT;
		ok = text(s, &v);
	} else if (*s->p == '[') {
		struct slice first = { 0 };
		bool header = slice_starts(name, SLICE("request.headers.")) &&
			      json_is_known(name) && first_text(s, &first);

		kind = header ? JSON_TEXT : JSON_ARRAY;
		ok = array(s, &v);
		v = header ? first : v;
	} else {
		ok = bare(s, &v);
	}
	if (ok && v.p != NULL)
		json_member(s->c, s->ev, name, v, kind);
	return ok;
}

static bool object(struct scan *s)
{
	bool first = true; /* the next member is the first of its object */

	while (s->depth > 0) {
		bool opened;

		if (take(s, '}')) {
			s->depth--;
			first = false;
			continue;
		}
		if (!first && !take(s, ','))
			return false;
		if (!key(s) || !value(s, &opened))
			return false;
		first = opened;
	}
	skip_blanks(s);
	return s->p == s->end;
}

/* Of attributes that came twice, under one name or two, the first counts. */
static void drop_repeated(struct event *ev, unsigned from)
{
	unsigned n = from;

	for (unsigned i = from; i < ev->n_attrs; i++) {
		const struct attr *a = &ev->attrs[i];
		unsigned k = 0;

		while (k < n && (ev->attrs[k].key != a->key ||
				    (a->key == ATTR_OTHER &&
					!slice_eq(attr_name(&ev->attrs[k]), attr_name(a)))))
			k++;
		if (k == n)
			ev->attrs[n++] = *a;
	}
	ev->n_attrs = n;
}

/* Without a request, "host" is the one that writes the log. */
static void settle_host(struct event *ev)
{
	struct attr *host = NULL;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		unsigned key = ev->attrs[i].key;

		if (key == ATTR_SERVER_ADDRESS)
			host = &ev->attrs[i];
		else if (key == ATTR_HTTP_METHOD || key == ATTR_HTTP_STATUS ||
			 key == ATTR_URL_PATH || key == ATTR_URL_ORIGINAL)
			return;
	}
	if (host != NULL)
		host->key = ATTR_SYSLOG_HOSTNAME;
}

static enum parse_result parse_json(const struct parse_ctx *c, struct event *ev)
{
	struct scan s = { .c = c, .ev = ev, .p = ev->body.p, .end = ev->body.p + ev->body.n };
	unsigned before = ev->n_attrs;

	if (take(&s, '{')) {
		s.depth = 1;
		if (object(&s)) {
			drop_repeated(ev, before);
			settle_host(ev);
			return PARSE_OK;
		}
	}
	ev->n_attrs = before;
	ev->time_us = 0;
	return PARSE_BAD;
}

const struct parser parser_json = {
	.name = "json",
	.help = "one JSON object a line; nested names are joined by a point",
	.parse = parse_json,
	.gives = "*",
};
