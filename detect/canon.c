#include "detect/canon.h"

#include "detect/canon_bytes.h"

const struct slice form_names[FORM_N] = {
	[FORM_WRITTEN] = { "written", 7 },
	[FORM_DECODED] = { "decoded", 7 },
	[FORM_DECODED2] = { "decoded2", 8 },
	[FORM_SQUASHED] = { "squashed", 8 },
	[FORM_BASE64] = { "base64", 6 },
};

const uint8_t canon_hex_digits[256] = {
	['0'] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	['A'] = 11,
	12,
	13,
	14,
	15,
	16,
	['a'] = 11,
	12,
	13,
	14,
	15,
	16,
};

/* The byte that \c stands for, or -1: the backslash means itself. */
static int escape_of(char c)
{
	switch (c) {
	case '"':
	case '\\':
		return c;
	case 'n':
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'v':
		return '\v';
	case 'b':
		return '\b';
	default:
		return -1;
	}
}

/* The next byte of what s is unescaped to, in *c; how many of s it is written with. */
static size_t unescape_one(struct slice s, char *c)
{
	int escaped;

	if (s.p[0] == '\\' && s.n > 1) {
		if (s.p[1] == 'x' && s.n > 3 && hex2(s.p + 2) >= 0) {
			*c = no_lf(hex2(s.p + 2));
			return 4;
		}
		escaped = escape_of(s.p[1]);
		if (escaped >= 0) {
			*c = (char)escaped;
			return 2;
		}
	}
	*c = no_lf(s.p[0]);
	return 1;
}

size_t canon_unescape(struct slice in, char *out)
{
	size_t n = 0;

	while (in.n > 0)
		in = slice_from(in, unescape_one(in, &out[n++]));
	return n;
}

size_t canon_unescape_source(struct slice in, size_t at)
{
	struct slice s = in;
	char c;

	while (s.n > 0 && at-- > 0)
		s = slice_from(s, unescape_one(s, &c));
	return in.n - s.n;
}

enum { WORD = 8 };

/* The high bit of each byte of v that is c; of those above the lowest one that is, perhaps more. */
static uint64_t bytes_that_are(uint64_t v, char c)
{
	uint64_t x = v ^ UINT64_C(0x0101010101010101) * (uint8_t)c;

	return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* How many of the 8 bytes at p stand for themselves, from the first one on. */
static unsigned plain_bytes(const char *p, char plus)
{
	uint64_t v;
	uint64_t marks;

	memcpy(&v, p, WORD);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	marks = bytes_that_are(v, '%') | bytes_that_are(v, plus) | bytes_that_are(v, '\n');
	return marks != 0 ? (unsigned)__builtin_ctzll(marks) / 8 : WORD;
}

/* The next byte of what s is decoded to, in *c; how many of s it is written with. */
static size_t percent_one(struct slice s, char plus, char *c)
{
	if (s.p[0] == '%' && s.n > 2 && hex2(s.p + 1) >= 0) {
		*c = no_lf(hex2(s.p + 1));
		return 3;
	}
	*c = s.p[0] == plus && plus != '%' ? ' ' : no_lf(s.p[0]);
	return 1;
}

size_t canon_percent(struct slice in, bool plus_is_blank, char *out)
{
	const char plus = plus_is_blank ? '+' : '%';
	size_t n = 0;

	for (size_t i = 0; i < in.n;) {
		if (i + WORD <= in.n) { /* out has room for what is not decoded yet */
			unsigned plain = plain_bytes(in.p + i, plus);

			memcpy(out + n, in.p + i, WORD);
			n += plain;
			i += plain;
			if (plain == WORD)
				continue;
		}
		i += percent_one(slice_from(in, i), plus, &out[n++]);
	}
	return n;
}

size_t canon_percent_source(struct slice in, size_t at)
{
	struct slice s = in;
	char c;

	while (s.n > 0 && at-- > 0)
		s = slice_from(s, percent_one(s, '%', &c));
	return in.n - s.n;
}

struct entity {
	const char *name;
	char byte;
};

/* Named character references (HTML, section 13.5) that payloads are written with. */
static const struct entity entities[] = {
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "amp", '&' },
	{ "Tab", '\t' },
	{ "NewLine", '\r' },
	{ "nbsp", ' ' },
	{ "colon", ':' },
	{ "semi", ';' },
	{ "lpar", '(' },
	{ "rpar", ')' },
	{ "lbrace", '{' },
	{ "rbrace", '}' },
	{ "lsqb", '[' },
	{ "rsqb", ']' },
	{ "sol", '/' },
	{ "bsol", '\\' },
	{ "period", '.' },
	{ "comma", ',' },
	{ "equals", '=' },
	{ "grave", '`' },
	{ "dollar", '$' },
	{ "num", '#' },
	{ "excl", '!' },
	{ "vert", '|' },
	{ "ast", '*' },
	{ "plus", '+' },
	{ "percnt", '%' },
};

/* UTF-8 of a character that an entity or %u names; ASCII look-alikes become ASCII. */
static size_t put_char(unsigned v, char *out)
{
	if (v >= 0xff01 && v <= 0xff5e)
		v -= 0xfee0;
	if (v == 0xa0 || v == 0x2028 || v == 0x2029 || v == 0x3000)
		v = ' ';
	if (v < 0x80) {
		out[0] = no_lf((int)v);
		return 1;
	}
	if (v < 0x800) {
		out[0] = (char)(0xc0 | v >> 6);
		out[1] = (char)(0x80 | (v & 63));
		return 2;
	}
	out[0] = (char)(0xe0 | (v >> 12 & 15));
	out[1] = (char)(0x80 | (v >> 6 & 63));
	out[2] = (char)(0x80 | (v & 63));
	return 3;
}

/* &#60; &#x3c &lt; at s: bytes used, or 0; *v is the character. The ; of numbers may be missing. */
static size_t entity_at(struct slice s, unsigned *v)
{
	size_t i = 2;

	if (s.n < 4)
		return 0;
	if (s.p[1] == '#') {
		bool is_hex = (s.p[2] | 32) == 'x';
		unsigned digits = 0;

		*v = 0;
		for (i = is_hex ? 3 : 2; i < s.n && digits < 8; i++, digits++) {
			int d = hex(s.p[i]);

			if (d < 0 || (!is_hex && d > 9))
				break;
			*v = *v * (is_hex ? 16 : 10) + (unsigned)d;
		}
		if (digits == 0 || *v > 0xffff)
			return 0;
		return i < s.n && s.p[i] == ';' ? i + 1 : i;
	}
	for (unsigned k = 0; k < sizeof(entities) / sizeof(*entities); k++) {
		struct slice name = slice_of(entities[k].name);

		if (s.n > name.n + 1 && s.p[name.n + 1] == ';' &&
		    slice_eq_nocase(slice_head(slice_from(s, 1), name.n), name)) {
			*v = (uint8_t)entities[k].byte;
			return name.n + 2;
		}
	}
	return 0;
}

/* Overlong UTF-8 of an ASCII character: C0/C1 and one tail, E0 80/81 and one tail. */
static size_t overlong_at(struct slice s, unsigned *v)
{
	uint8_t a = (uint8_t)s.p[0];
	uint8_t b = s.n > 1 ? (uint8_t)s.p[1] : 0;
	uint8_t c = s.n > 2 ? (uint8_t)s.p[2] : 0;

	if ((a == 0xc0 || a == 0xc1) && (b & 0xc0) == 0x80) {
		*v = (unsigned)(a & 1) << 6 | (b & 63);
		return 2;
	}
	if (a == 0xe0 && (b == 0x80 || b == 0x81) && (c & 0xc0) == 0x80) {
		*v = (unsigned)(b & 1) << 6 | (c & 63);
		return 3;
	}
	if (a == 0xc2 && b == 0xa0) { /* a blank that does not break */
		*v = b;
		return 2;
	}
	if (a == 0xef && (b == 0xbc || b == 0xbd) && (c & 0xc0) == 0x80) { /* full width */
		*v = 0xf000u | (unsigned)(b & 63) << 6 | (c & 63);
		return 3;
	}
	return 0;
}

/* Escapes of JavaScript and JSON: \\u003c \\x3c \\74 (ECMA-262, section 12.9.4; RFC 8259, 7). */
static size_t escape_at(struct slice s, unsigned *v)
{
	size_t i = 1;

	if (s.n >= 6 && s.p[1] == 'u' && hex2(s.p + 2) >= 0 && hex2(s.p + 4) >= 0) {
		*v = (unsigned)(hex2(s.p + 2) * 256 + hex2(s.p + 4));
		return 6;
	}
	if (s.n >= 4 && s.p[1] == 'x' && hex2(s.p + 2) >= 0) {
		*v = (unsigned)hex2(s.p + 2);
		return 4;
	}
	for (*v = 0; i < s.n && i < 4 && s.p[i] >= '0' && s.p[i] <= '7' && *v < 32; i++)
		*v = *v * 8 + (unsigned)(s.p[i] - '0');
	return i >= 3 && *v >= ' ' ? i : 0;
}

/* First step: characters. */
static size_t squash_chars(struct slice in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n;) {
		struct slice s = slice_from(in, i);
		unsigned v = 0;
		size_t used = 0;

		if (s.p[0] == '&')
			used = entity_at(s, &v);
		else if (s.p[0] == '\\')
			used = escape_at(s, &v);
		else if (s.p[0] == '%' && s.n >= 6 && (s.p[1] | 32) == 'u' && hex2(s.p + 2) >= 0 &&
			 hex2(s.p + 4) >= 0) {
			v = (unsigned)(hex2(s.p + 2) * 256 + hex2(s.p + 4));
			used = 6;
		} else if ((uint8_t)s.p[0] >= 0xc0) {
			used = overlong_at(s, &v);
		} else if ((uint8_t)s.p[0] == 0xa0 && (i == 0 || (uint8_t)in.p[i - 1] < 0x80)) {
			v = 0xa0; /* the same in Latin 1: MySQL takes it for a blank */
			used = 1;
		}
		if (used == 0) {
			out[n++] = s.p[0];
			i++;
		} else {
			n += put_char(v, out + n);
			i += used;
		}
	}
	return n;
}

/* The end of the comment that starts at s (behind its closing mark), or 0. */
static size_t comment_at(struct slice s)
{
	const char *close;

	if (s.n < 4 || s.p[0] != '/' || s.p[1] != '*')
		return 0;
	close = memmem(s.p + 2, s.n - 2, "*/", 2);
	return close != NULL ? (size_t)(close - s.p) + 2 : 0;
}

/* Second step, in place: comments and white space to one blank; a MySQL hint is opened. */
static size_t squash_blanks(char *p, size_t len)
{
	size_t n = 0;
	bool in_hint = false;

	for (size_t i = 0; i < len;) {
		struct slice s = { p + i, len - i };
		size_t used = comment_at(s);

		if (used > 0 && s.p[2] == '!') { /* run by MySQL: what it holds counts */
			used = 3;
			while (used < s.n && s.p[used] >= '0' && s.p[used] <= '9')
				used++;
			in_hint = true;
		} else if (used == 0 && in_hint && s.n >= 2 && s.p[0] == '*' && s.p[1] == '/') {
			used = 2;
			in_hint = false;
		} else if (used == 0 && is_white(s.p[0])) {
			used = 1;
		}
		if (used == 0) {
			p[n++] = s.p[0];
			i++;
			continue;
		}
		i += used;
		if (n == 0 || p[n - 1] != ' ')
			p[n++] = ' ';
	}
	return n;
}

/* Third step, paths: // and /./ to /, /x/../ to / (RFC 3986 section 5.2.4), \ as /. */
static size_t squash_path(char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (p[i] == '\\')
			p[i] = '/';
	for (size_t i = 0; i < len;) {
		size_t left = len - i;

		if (p[i] == '/' && left >= 2 && p[i + 1] == '/') {
			i++;
		} else if (p[i] == '/' && left >= 2 && p[i + 1] == '.' &&
			   (left == 2 || p[i + 2] == '/')) {
			i += 2;
		} else if (p[i] == '/' && left >= 3 && p[i + 1] == '.' && p[i + 2] == '.' &&
			   (left == 3 || p[i + 3] == '/')) {
			while (n > 0 && p[n - 1] != '/')
				n--;
			n -= n > 0;
			i += 3;
		} else {
			p[n++] = p[i++];
		}
	}
	if (n == 0 && len > 0)
		p[n++] = '/';
	return n;
}

size_t canon_squash(struct slice in, bool is_path, char *out)
{
	size_t n = squash_blanks(out, squash_chars(in, out));

	return is_path ? squash_path(out, n) : n;
}
