/* Values of a Sigma item: strings with wildcards, numbers, patterns, and their modifiers. */
#include "base/err.h"
#include "detect/sigma.h"
#include "libs/crypto.h"
#include "match/regex.h"

#include <stdio.h>
#include <stdlib.h>

enum { VALUE_MAX = 4096 };

static bool is_regex_special(char c)
{
	return memchr("\\^$.[]|()?*+{}#-", c, 16) != NULL;
}

/* A Sigma string taken apart: bytes, and which of them are wildcards. */
struct pattern {
	char text[VALUE_MAX + 1]; /* base64 comes with a NUL */
	bool wild[VALUE_MAX];
	size_t n;
};

/* \* \? \\ are themselves; before any other character a backslash is a backslash. */
static bool read_pattern(struct slice s, struct pattern *out)
{
	out->n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool wild = c == '*' || c == '?';

		if (c == '\\' && i + 1 < s.n && memchr("*?\\", s.p[i + 1], 3) != NULL) {
			c = s.p[++i];
			wild = false;
		}
		if (out->n == VALUE_MAX)
			return false;
		out->text[out->n] = c == '\n' ? '\r' : c;
		out->wild[out->n++] = wild;
	}
	return true;
}

static bool has_wild(const struct pattern *t, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (t->wild[i])
			return true;
	return false;
}

static bool is_star(const struct pattern *t, size_t i)
{
	return t->wild[i] && t->text[i] == '*';
}

static void compile(struct loader *l, const struct yaml *at, struct matcher *m)
{
	struct err e;

	m->kind = MATCH_REGEX;
	m->regex = regex_compile(m->text, m->regex_flags, &e);
	if (m->regex == NULL)
		sigma_error(l, at, "%s", e.msg);
}

/* Any one of the dashes of `windash`. */
static const char any_dash[] = "(?:[-/]|\xe2\x80[\x93\x94\x95])";

/* Wildcards in the middle, dashes of which each may be another: the pattern as a regular
 * expression. */
static void as_regex(struct loader *l, const struct yaml *at, const struct pattern *t,
    const struct modifiers *mod, struct matcher *m)
{
	struct buf b = { .max = 1 << 16 };

	if (!mod->contains && !mod->ends)
		buf_char(&b, '^');
	for (size_t i = 0; i < t->n; i++) {
		if (t->wild[i] && t->text[i] == '-') {
			buf_str(&b, any_dash);
			continue;
		}
		if (t->wild[i]) {
			buf_str(&b, t->text[i] == '*' ? ".*" : ".");
			continue;
		}
		if (is_regex_special(t->text[i]))
			buf_char(&b, '\\');
		buf_char(&b, t->text[i]);
	}
	if (!mod->contains && !mod->starts)
		buf_char(&b, '$');
	m->text = sigma_copy(l, buf_as_slice(&b));
	m->regex_flags = REGEX_DOTALL | (mod->cased ? 0 : REGEX_CASELESS);
	buf_free(&b);
	compile(l, at, m);
}

static struct slice lower(struct loader *l, const char *p, size_t n, bool cased)
{
	struct slice s = sigma_copy(l, (struct slice){ p, n });
	char *w = (char *)(uintptr_t)s.p;

	for (size_t i = 0; i < s.n && !cased; i++)
		if (w[i] >= 'A' && w[i] <= 'Z')
			w[i] = (char)(w[i] + 32);
	return s;
}

/* Leading and trailing stars are starts, ends and contains. */
static void string_value(struct loader *l, const struct yaml *at, const struct pattern *t,
    const struct modifiers *mod, struct matcher *m)
{
	bool open_start = mod->contains || mod->ends;
	bool open_end = mod->contains || mod->starts;
	size_t from = 0;
	size_t to = t->n;

	while (from < to && is_star(t, from)) {
		open_start = true;
		from++;
	}
	while (to > from && is_star(t, to - 1)) {
		open_end = true;
		to--;
	}
	m->cased = mod->cased;
	if (has_wild(t, from, to)) {
		as_regex(l, at, t, mod, m);
		return;
	}
	if (from == to && (open_start || open_end)) { /* "*": anything, if it is there */
		m->kind = MATCH_PRESENT;
		return;
	}
	m->kind = open_start && open_end ? MATCH_CONTAINS
		  : open_start		 ? MATCH_ENDS
		  : open_end		 ? MATCH_STARTS
					 : MATCH_EQUAL;
	m->text = lower(l, t->text + from, to - from, mod->cased);
}

static void to_base64(const char *in, size_t n, struct pattern *out)
{
	memset(out->wild, 0, sizeof(out->wild));
	n = n < VALUE_MAX / 4 * 3 ? n : VALUE_MAX / 4 * 3;
	out->n = (size_t)EVP_EncodeBlock((uint8_t *)out->text, (const uint8_t *)in, (int)n);
}

/* base64offset: the parts of the three shifted codings that do not depend on neighbours. */
static void base64_shifted(const struct pattern *in, unsigned shift, struct pattern *out)
{
	static const unsigned skip_head[] = { 0, 2, 3 };
	static const unsigned skip_tail[] = { 0, 3, 2 };
	char text[VALUE_MAX];
	size_t n = in->n + shift;

	memset(text, ' ', shift);
	memcpy(text + shift, in->text, n - shift);
	to_base64(text, n, out);

	size_t cut = skip_tail[n % 3];

	out->n = out->n > cut + skip_head[shift] ? out->n - cut - skip_head[shift] : 0;
	memmove(out->text, out->text + skip_head[shift], out->n);
}

/* One character of UTF-8; a byte that begins none stands for itself. */
static unsigned next_char(const char *p, size_t n, uint32_t *c)
{
	uint8_t lead = (uint8_t)p[0];
	unsigned len = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	*c = lead;
	if (len == 1 || len > n)
		return 1;
	*c = lead & (0x7fu >> len);
	for (unsigned i = 1; i < len; i++)
		*c = *c << 6 | ((uint8_t)p[i] & 0x3f);
	return len;
}

static void put_unit(struct pattern *t, uint32_t unit, bool big)
{
	t->text[t->n + big] = (char)unit;
	t->text[t->n + !big] = (char)(unit >> 8);
	t->wild[t->n] = t->wild[t->n + 1] = false;
	t->n += 2;
}

/* UTF-16 of a UTF-8 text, with a byte order mark where `utf16` asks for it. False: too long. */
static bool widen(struct pattern *t, const struct modifiers *mod)
{
	static struct pattern out;
	bool big = mod->wide == WIDE_UTF16BE;

	out.n = 0;
	if (mod->wide == WIDE_UTF16)
		put_unit(&out, 0xfeff, big);
	for (size_t i = 0; i < t->n;) {
		uint32_t c;

		if (out.n + 4 > VALUE_MAX)
			return false;
		i += next_char(t->text + i, t->n - i, &c);
		if (c > 0xffff) {
			put_unit(&out, 0xd800 + ((c - 0x10000) >> 10 & 0x3ff), big);
			c = 0xdc00 + (c & 0x3ff);
		}
		put_unit(&out, c, big);
	}
	*t = out;
	return true;
}

/* How long a dash is at p: - and / and the three long ones of UTF-8; 0: there is none. */
static unsigned dash_at(const struct pattern *t, size_t i)
{
	if (t->wild[i])
		return 0;
	if (t->text[i] == '-' || t->text[i] == '/')
		return 1;
	return i + 2 < t->n && memcmp(t->text + i, "\xe2\x80", 2) == 0 &&
		       memchr("\x93\x94\x95", t->text[i + 2], 3) != NULL
		   ? 3
		   : 0;
}

static bool is_word(const struct pattern *t, size_t i)
{
	char c = t->text[i];

	return !t->wild[i] && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				  (c >= 'a' && c <= 'z') || c == '_' || (c & 0x80) != 0);
}

/*
 * windash: a dash that starts an option (behind no word and before one) may be any of the five. It
 * becomes a wildcard of its own, written '-'.
 */
static void windash(struct pattern *t)
{
	static struct pattern out;

	out.n = 0;
	for (size_t i = 0; i < t->n;) {
		unsigned len = dash_at(t, i);
		bool starts = len > 0 && (i == 0 || !is_word(t, i - 1)) && i + len < t->n &&
			      is_word(t, i + len);

		out.text[out.n] = starts ? '-' : t->text[i];
		out.wild[out.n++] = starts || t->wild[i];
		i += starts ? len : 1;
	}
	*t = out;
}

static bool number(struct slice s, double *out)
{
	char *end;

	if (s.n == 0 || s.n > 40)
		return false;
	*out = strtod(s.p, &end); /* yaml text ends in NUL */
	return end == s.p + s.n;
}

static unsigned special_value(
    struct loader *l, const struct yaml *v, const struct modifiers *mod, struct matcher *m)
{
	if (mod->compare >= 0 || mod->part != TIME_NONE) {
		m->kind = MATCH_COMPARE;
		m->compare = mod->compare >= 0 ? (enum compare)mod->compare : COMPARE_EQ;
		m->part = mod->part;
		if (!number(v->text, &m->number))
			sigma_error(
			    l, v, "a comparison needs a number, not '%.*s'", SLICE_ARG(v->text));
	} else if (mod->cidr) {
		m->kind = MATCH_CIDR;
		if (!ip_prefix_parse(v->text, &m->cidr))
			sigma_error(
			    l, v, "'%.*s' is not a network such as 10.0.0.0/8", SLICE_ARG(v->text));
	} else if (mod->exists) {
		bool yes = slice_eq_nocase(v->text, SLICE("true")) ||
			   slice_eq_nocase(v->text, SLICE("yes"));

		if (!yes && !slice_eq_nocase(v->text, SLICE("false")) &&
		    !slice_eq_nocase(v->text, SLICE("no")))
			sigma_error(l, v, "exists: expected true or false");
		m->kind = yes ? MATCH_PRESENT : MATCH_ABSENT;
	} else if (mod->fieldref) {
		m->kind = MATCH_FIELD;
		m->other = field_find(sigma_copy(l, v->text));
		m->cased = mod->cased;
		m->place = mod->contains ? MATCH_CONTAINS
			   : mod->starts ? MATCH_STARTS
			   : mod->ends	 ? MATCH_ENDS
					 : MATCH_EQUAL;
	} else {
		m->text = sigma_copy(l, v->text);
		m->regex_flags = (mod->re_i ? REGEX_CASELESS : 0u) |
				 (mod->re_m ? REGEX_MULTILINE : 0u) |
				 (mod->re_s ? REGEX_DOTALL : 0u);
		compile(l, v, m);
	}
	return 1;
}

unsigned sigma_value(struct loader *l, const struct yaml *v, const struct modifiers *mod,
    struct matcher *m, unsigned max)
{
	static struct pattern t, shifted; /* rules are loaded by one thread at a time */

	memset(m, 0, sizeof(*m) * max);
	if (v->kind != YAML_SCALAR) {
		sigma_error(l, v, "expected a value here, not a list or a map");
		return 0;
	}
	if (mod->compare >= 0 || mod->part != TIME_NONE || mod->cidr || mod->exists ||
	    mod->fieldref || mod->re)
		return special_value(l, v, mod, m);
	if (yaml_is_null(v)) {
		m->kind = MATCH_ABSENT;
		return 1;
	}
	if (!read_pattern(v->text, &t)) {
		sigma_error(l, v, "value longer than %d bytes", VALUE_MAX);
		return 0;
	}
	if ((mod->wide != WIDE_NONE || mod->base64 || mod->base64offset) && has_wild(&t, 0, t.n)) {
		sigma_error(l, v,
		    "a value with wildcards or windash can't be coded: write \\* or \\? for the "
		    "characters themselves");
		return 0;
	}
	if ((mod->wide != WIDE_NONE && !widen(&t, mod)) ||
	    ((mod->base64 || mod->base64offset) && t.n > VALUE_MAX / 2)) {
		sigma_error(l, v, "the coded value is longer than %d bytes", VALUE_MAX);
		return 0;
	}
	if (mod->base64) {
		memcpy(shifted.text, t.text, t.n);
		to_base64(shifted.text, t.n, &t);
	}
	if (mod->base64offset) {
		for (unsigned i = 0; i < 3; i++) {
			base64_shifted(&t, i, &shifted);
			string_value(l, v, &shifted, mod, &m[i]);
		}
		return 3;
	}
	if (mod->windash)
		windash(&t);
	string_value(l, v, &t, mod, m);
	return 1;
}
