#include "detect/secret_value.h"

#include "detect/secret_name.h"
#include "detect/secret_nested.h"
#include "detect/secret_text.h"

enum { BEFORE_MAX = 64, AFTER_MAX = 64, CLOSERS_MAX = 6 };

/* A name as it was found. */
struct named {
	char text[BEFORE_MAX + AFTER_MAX];
	size_t n;
	size_t from, to; /* where it stands */
	unsigned kind;
};

static bool is_name_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

/* The name around `at`, decoded: codes stand for letters, and for what bounds it. */
static void name_around(struct slice t, size_t at, struct named *m)
{
	size_t lo = at;
	size_t i;

	while (lo > 0 && at - lo < BEFORE_MAX &&
	       (is_name_char((uint8_t)t.p[lo - 1]) || t.p[lo - 1] == '%' || t.p[lo - 1] == '\\'))
		lo--;
	m->n = 0;
	m->from = lo;
	for (i = lo; i < t.n && m->n < sizeof(m->text);) {
		struct unit u = secret_text_unit(t, i);

		if (is_name_char(u.c)) {
			m->text[m->n++] = (char)u.c;
		} else if (i > at) {
			break;
		} else {
			m->n = 0;
			m->from = i + u.n;
		}
		i += u.n;
	}
	m->to = i;
	m->kind = secret_name((struct slice){ m->text, m->n });
}

/* user[password], password[], tokens[0] */
static size_t closers(struct slice t, size_t i)
{
	bool open = false;

	for (unsigned k = 0; k < CLOSERS_MAX && i < t.n; k++) {
		struct unit u = secret_text_unit(t, i);

		if (u.c != '[' && u.c != ']' && !(open && u.c >= '0' && u.c <= '9'))
			break;
		open = u.c != ']';
		i += u.n;
	}
	return i;
}

/* Does the quote before i close what stands around, and begin no value? */
static bool closes(struct slice t, size_t i)
{
	return i >= t.n || (uint8_t)t.p[i] <= ' ' || strchr(",;)]}", t.p[i]) != NULL;
}

/* A text may well begin with a quote that is part of it: password='or'1'='1 */
static void assigned(
    struct slice t, const struct named *m, size_t i, unsigned coded, struct edits *x)
{
	size_t to = secret_text_query_end(t, i, coded);
	bool closed;

	if (i >= t.n)
		return;
	/* where sudo was called, which is no password */
	if (m->n >= 3 && memcmp(m->text + m->n - 3, "PWD", 3) == 0 && t.p[i] == '/' &&
	    (m->n == 3 || (m->n == 6 && memcmp(m->text, "OLD", 3) == 0)) &&
	    (m->from == 0 || (uint8_t)t.p[m->from - 1] <= ' '))
		return;
	x->spent += to - i;
	if (secret_text_quote(t, i)) {
		struct unit u = secret_text_unit(t, i);
		bool raw = t.p[i] == '"';
		bool inside = secret_text_inside(t, i);
		size_t end = secret_text_quoted_end(t, i, &closed);

		x->spent += i + (end - i);
		if (raw && inside && closes(t, i + 1))
			return;
		if (u.c == '\'' && inside && memchr(t.p + i, '"', end - i) != NULL)
			closed = false;
		if (closed && end >= to)
			secret_value_whole(t, m->kind, i + u.n, end, x);
		else if (raw)
			secret_value_whole(t, m->kind, i + 1, end, x);
		else
			secret_value_whole(t, m->kind, i, to, x);
		return;
	}
	if ((m->kind & SECRET_AUTH) != 0 && (to >= t.n || t.p[to] != '&')) {
		size_t end = secret_text_header_end(t, secret_nested_scheme(t, i, t.n));

		to = end > to ? end : to;
	}
	secret_value_whole(t, m->kind, i, to, x);
}

/* Behind a name's colon or arrow. */
static void member(struct slice t, const struct named *m, size_t i, struct edits *x)
{
	bool closed;
	size_t to;

	i = secret_text_blanks(t, i);
	if (i >= t.n)
		return;
	if (secret_text_quote(t, i)) {
		to = secret_text_quoted_end(t, i, &closed);
		x->spent += to - i;
		secret_value_whole(t, m->kind, i + secret_text_unit(t, i).n, to, x);
	} else {
		secret_nested(t, m->kind, i, x);
	}
}

/* The argument behind an option that is quoted: "--password" a2="X", or "--password","X" */
static void next_quoted(struct slice t, const struct named *m, size_t i, struct edits *x)
{
	size_t at = secret_value_next(t, i);
	bool closed;

	if (at == i)
		return;
	if (secret_text_quote(t, at))
		secret_value_whole(t, m->kind, at + secret_text_unit(t, at).n,
		    secret_text_quoted_end(t, at, &closed), x);
	else
		edits_add(x, at, secret_text_word_end(t, at)); /* hexadecimal digits */
}

/* A header's name and a colon, or blanks: as in Authorization: Basic x, Cookie: a=b; c=d. */
static void header(struct slice t, const struct named *m, size_t i, bool colon, struct edits *x)
{
	size_t to;

	i = secret_text_blanks(t, i);
	if (i >= t.n || (!colon && secret_nested_scheme(t, i, t.n) == i))
		return;
	if ((m->kind & SECRET_COOKIE) != 0)
		to = secret_nested_pairs_end(t, i);
	else
		to = secret_text_header_end(t, secret_nested_scheme(t, i, t.n));
	x->spent += to - i;
	if ((m->kind & SECRET_COOKIE) == 0 || memchr(t.p + i, '=', to - i) != NULL)
		secret_value_whole(t, m->kind, i, to, x);
}

/* Blanks follow: name = value, or an option's argument. */
static void spaced(struct slice t, const struct named *m, size_t i, struct edits *x)
{
	bool closed;

	i = secret_text_blanks(t, i);
	if (i >= t.n)
		return;
	if (t.p[i] == '=' && i + 1 < t.n && t.p[i + 1] == '>') {
		member(t, m, i + 2, x);
	} else if (t.p[i] == '=') {
		assigned(t, m, secret_text_blanks(t, i + 1), 0, x);
	} else if (m->text[0] == '-' && t.p[i] != '-') {
		if (secret_text_quote(t, i))
			edits_add(
			    x, i + secret_text_unit(t, i).n, secret_text_quoted_end(t, i, &closed));
		else
			edits_add(x, i, secret_text_word_end(t, i));
	} else if ((m->kind & SECRET_AUTH) != 0) {
		header(t, m, i, false, x);
	}
}

/* The name was quoted: "name": "value", 'name' => 'value'. */
static void quoted_name(struct slice t, const struct named *m, size_t i, struct edits *x)
{
	size_t at = secret_text_blanks(t, i);
	struct unit u;

	if (at >= t.n)
		return;
	u = secret_text_unit(t, at);
	if (u.c == ':')
		member(t, m, at + u.n, x);
	else if (t.p[at] == '=' && at + 1 < t.n && t.p[at + 1] == '>')
		member(t, m, at + 2, x);
	else if (m->text[0] == '-')
		next_quoted(t, m, i, x);
}

void secret_value_named(struct slice t, size_t at, struct edits *x)
{
	struct named m;
	struct unit u;
	size_t i;

	name_around(t, at, &m);
	x->spent += m.to - m.from;
	if (m.kind == 0)
		return;
	i = closers(t, m.to);
	if (i >= t.n)
		return;
	u = secret_text_unit(t, i);
	if (u.c == '=' && i + 1 < t.n && t.p[i + 1] == '>')
		member(t, &m, i + 2, x);
	else if (u.c == '=')
		assigned(t, &m, i + u.n, u.coded, x);
	else if (u.c == '"' || u.c == '\'')
		quoted_name(t, &m, i + u.n, x);
	else if (u.c == ':' && (m.kind & (SECRET_AUTH | SECRET_COOKIE)) != 0)
		header(t, &m, i + u.n, true, x);
	else if (u.c == ':' && secret_text_quote(t, secret_text_blanks(t, i + u.n)))
		member(t, &m, i + u.n, x);
	else if (u.c == ' ' || u.c == '\t')
		spaced(t, &m, i, x);
}
