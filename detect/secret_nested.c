#include "detect/secret_nested.h"

#include "detect/secret_name.h"
#include "detect/secret_text.h"
#include "detect/secret_value.h"

enum {
	NESTED_MAX = 4096, /* bytes of an array or object that are looked at */
	PAIRS_MAX = 24,	   /* cookies that are masked one by one: the rest is masked as one */
};

static bool is_plain(struct slice s)
{
	return slice_eq(s, SLICE("true")) || slice_eq(s, SLICE("false")) ||
	       slice_eq(s, SLICE("null")) || slice_eq(s, SLICE("nil")) ||
	       slice_eq(s, SLICE("None"));
}

static bool is_number(struct slice s)
{
	size_t i = 0;

	while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.' || s.p[i] == '-'))
		i++;
	return i == s.n;
}

/* A word or a number from i on. Its end. */
static size_t word(struct slice t, unsigned kind, size_t i, struct edits *x)
{
	size_t to = i;

	while (to < t.n && (uint8_t)t.p[to] > ' ' && strchr(",;]}\"'\\&", t.p[to]) == NULL)
		to++;

	struct slice v = { t.p + i, to - i };

	if (!is_plain(v) && ((kind & SECRET_NUMBER) != 0 || !is_number(v)))
		edits_add(x, i, to);
	return to;
}

/* A quoted text at i, masked unless it is the name of a member. Behind it. */
static size_t quoted(struct slice t, size_t i, struct edits *x)
{
	size_t from = i + secret_text_unit(t, i).n;
	bool closed;
	size_t to = secret_text_quoted_end(t, i, &closed);
	size_t end = closed ? to + secret_text_unit(t, to).n : to;
	size_t behind = secret_text_blanks(t, end);

	if (behind >= t.n || t.p[behind] != ':')
		edits_add(x, from, to);
	return end > i ? end : i + 1;
}

void secret_nested(struct slice t, unsigned kind, size_t i, struct edits *x)
{
	size_t from = i;
	unsigned depth = 0;

	if (t.p[i] == '{' && (kind & SECRET_DEEP) == 0)
		return; /* its members have names of their own */
	do {
		size_t mask = secret_text_mask(t, i); /* of a number; no array */
		char c = t.p[i];

		if (mask > 0) {
			i += mask;
		} else if (c == '[' || c == '{') {
			depth++;
			i++;
		} else if (c == ']' || c == '}') {
			depth -= depth > 0;
			i++;
		} else if (c == ':' || c == ',' || c == ' ' || c == '\t') {
			i++;
		} else if (secret_text_quote(t, i)) {
			i = quoted(t, i, x);
		} else {
			size_t to = word(t, kind, i, x);

			i = to > i ? to : i + 1;
		}
	} while (depth > 0 && i < t.n && i - from < NESTED_MAX);
	if (depth > 0)
		edits_add(x, i, t.n);
	x->spent += i - from;
}

size_t secret_nested_scheme(struct slice t, size_t i, size_t to)
{
	static const struct slice schemes[] = { SLICE_INIT("basic"), SLICE_INIT("bearer"),
		SLICE_INIT("digest"), SLICE_INIT("negotiate"), SLICE_INIT("ntlm"),
		SLICE_INIT("token"), SLICE_INIT("apikey"), SLICE_INIT("api-key"),
		SLICE_INIT("oauth"), SLICE_INIT("hawk"), SLICE_INIT("hmac"),
		SLICE_INIT("aws4-hmac-sha256"), SLICE_INIT("jwt"), SLICE_INIT("key") };

	for (size_t k = 0; k < sizeof(schemes) / sizeof(*schemes); k++) {
		size_t at = i + schemes[k].n;
		size_t n = 0;

		if (at >= to)
			continue;
		while (n < schemes[k].n && slice_fold(t.p[i + n]) == schemes[k].p[n])
			n++;
		if (n < schemes[k].n)
			continue;
		if (t.p[at] == ' ' || t.p[at] == '\t')
			return secret_text_blanks(t, at);
		if (t.p[at] == '+')
			return at + 1;
		if (t.p[at] == '%' && secret_text_unit(t, at).c == ' ')
			return at + secret_text_unit(t, at).n;
	}
	return i;
}

size_t secret_nested_pairs_end(struct slice t, size_t i)
{
	size_t from = i;

	for (;; i++) {
		while (i < t.n && (uint8_t)t.p[i] > ' ' && t.p[i] != '"' && t.p[i] != '\'')
			i++;
		if (i >= t.n || t.p[i] != ' ' || i == from || t.p[i - 1] != ';')
			return i;
	}
}

/* What Set-Cookie says of a cookie without a value. */
static bool is_flag(struct slice s)
{
	return slice_eq_nocase(s, SLICE("Secure")) || slice_eq_nocase(s, SLICE("HttpOnly")) ||
	       slice_eq_nocase(s, SLICE("Partitioned"));
}

/* Each pair's value; what is no pair is a value, or says how it is to be kept. */
static void pairs(struct slice t, size_t i, size_t to, struct edits *x)
{
	for (unsigned k = 0; i < to; k++) {
		const char *semi = k + 1 < PAIRS_MAX ? memchr(t.p + i, ';', to - i) : NULL;
		size_t end = semi != NULL ? (size_t)(semi - t.p) : to;

		i = secret_text_blanks(t, i);
		if (i < end) {
			const char *is = memchr(t.p + i, '=', end - i);

			if (is != NULL)
				edits_add(x, (size_t)(is - t.p) + 1, end);
			else if (!is_flag((struct slice){ t.p + i, end - i }))
				edits_add(x, i, end);
		}
		i = end + 1;
	}
}

void secret_value_whole(struct slice t, unsigned kind, size_t from, size_t to, struct edits *x)
{
	if ((kind & SECRET_COOKIE) != 0)
		pairs(t, from, to, x);
	else if ((kind & SECRET_AUTH) != 0)
		edits_add(x, secret_nested_scheme(t, from, to), to);
	else
		edits_add(x, from, to);
}
