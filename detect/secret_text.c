#include "detect/secret_text.h"

enum { BLANKS_MAX = 32 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int secret_text_byte(struct slice t, size_t i)
{
	if (i + 2 > t.n)
		return -1;

	int hi = digit(t.p[i]);
	int lo = digit(t.p[i + 1]);

	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static struct unit percent(struct slice t, size_t i)
{
	int c = secret_text_byte(t, i + 1);

	if (c < 0)
		return (struct unit){ '%', 1, 0, false };
	if (c == '%' && secret_text_byte(t, i + 3) >= 0)
		return (struct unit){ (uint8_t)secret_text_byte(t, i + 3), 5, 2, false };
	return (struct unit){ (uint8_t)c, 3, 1, false };
}

/* Backslashes before a quote or a slash are one escape of it, however deep it lies. */
static struct unit backslash(struct slice t, size_t i)
{
	size_t n = 0;

	while (n < 16 && i + n < t.n && t.p[i + n] == '\\')
		n++;
	if (i + n < t.n && (t.p[i + n] == '"' || t.p[i + n] == '\'' || t.p[i + n] == '/'))
		return (struct unit){ (uint8_t)t.p[i + n], (uint8_t)(n + 1), 0, true };
	if (i + n < t.n && t.p[i + n] == 'u' && secret_text_byte(t, i + n + 1) == 0 &&
	    secret_text_byte(t, i + n + 3) >= 0)
		return (struct unit){ (uint8_t)secret_text_byte(t, i + n + 3), (uint8_t)(n + 5), 0,
			true };
	if (i + n < t.n && t.p[i + n] == 'x' && secret_text_byte(t, i + n + 1) >= 0)
		return (struct unit){ (uint8_t)secret_text_byte(t, i + n + 1), (uint8_t)(n + 3), 0,
			true };
	return (struct unit){ '\\', 1, 0, false };
}

struct unit secret_text_unit(struct slice t, size_t i)
{
	if (t.p[i] == '%')
		return percent(t, i);
	if (t.p[i] == '\\')
		return backslash(t, i);
	return (struct unit){ (uint8_t)t.p[i], 1, 0, false };
}

size_t secret_text_blanks(struct slice t, size_t i)
{
	size_t from = i;

	while (i < t.n && i - from < BLANKS_MAX && (t.p[i] == ' ' || t.p[i] == '\t'))
		i++;
	return i;
}

bool secret_text_quote(struct slice t, size_t i)
{
	if (i >= t.n)
		return false;

	uint8_t c = secret_text_unit(t, i).c;

	return c == '"' || c == '\'';
}

/*
 * Quoted by a quote behind k backslashes, which each level of quoting doubles: it ends at a
 * quote unless that is escaped once more.
 */
static size_t end_of_level(struct slice t, size_t from, size_t k, char quote, bool *closed)
{
	size_t run = 0;

	for (size_t i = from; i < t.n; i++) {
		if (t.p[i] == '\n')
			return i;
		if (t.p[i] == quote && run % (2 * (k + 1)) != 2 * k + 1) {
			*closed = true;
			return i - (run < k ? run : k);
		}
		run = t.p[i] == '\\' ? run + 1 : 0;
	}
	return t.n;
}

/* The quote is written as a code, as \x22 or %22: the next one that no coded backslash precedes. */
static size_t end_of_coded(struct slice t, size_t from, uint8_t quote, bool *closed)
{
	bool odd = false;

	for (size_t i = from; i < t.n;) {
		struct unit u = secret_text_unit(t, i);

		if (t.p[i] == '\n')
			return i;
		if (t.p[i] == '"' || (u.c == quote && u.n > 1 && !odd)) {
			*closed = true;
			return i;
		}
		odd = u.c == '\\' && !odd;
		i += u.n;
	}
	return t.n;
}

size_t secret_text_quoted_end(struct slice t, size_t open, bool *closed)
{
	struct unit u = secret_text_unit(t, open);
	char last = t.p[open + u.n - 1];

	*closed = false;
	if (last == '"' || last == '\'')
		return end_of_level(t, open + u.n, (size_t)u.n - 1, last, closed);
	return end_of_coded(t, open + u.n, u.c, closed);
}

static bool is_mark(char c)
{
	return c == ';' || c == ',' || c == '\'' || c == ')';
}

size_t secret_text_query_end(struct slice t, size_t i, unsigned coded)
{
	size_t from = i;
	size_t run = 0;

	for (; i < t.n && t.p[i] != '&' && (uint8_t)t.p[i] > ' '; i++) {
		if (t.p[i] == '"' && run % 2 == 0)
			return i;
		if (coded > 0 && t.p[i] == '%') {
			struct unit u = secret_text_unit(t, i);

			if (u.coded > 0 && u.coded <= coded && (u.c == '&' || u.c == '"'))
				return i;
		}
		run = t.p[i] == '\\' ? run + 1 : 0;
	}
	if (i < t.n && t.p[i] != '&' && i > from && is_mark(t.p[i - 1]))
		i--; /* of the sentence around it */
	return i;
}

size_t secret_text_word_end(struct slice t, size_t i)
{
	while (i < t.n && (uint8_t)t.p[i] > ' ' && t.p[i] != '"' && t.p[i] != '\'')
		i++;
	return i;
}

size_t secret_text_header_end(struct slice t, size_t i)
{
	size_t from = i;
	bool closed;

	while (i < t.n && (uint8_t)t.p[i] >= ' ') {
		struct unit u = secret_text_unit(t, i);

		if (u.c == '"' && i > from && t.p[i - 1] == '=') { /* realm="of many words" */
			i = secret_text_quoted_end(t, i, &closed);
			if (closed) /* by a quote that may be written in another way */
				i += secret_text_unit(t, i).n;
			continue;
		}
		if (u.c == '"' || u.c == '\'' || t.p[i] == '\\')
			return i;
		if (t.p[i] == ' ' && (i == from || t.p[i - 1] != ','))
			return i;
		i += u.coded > 0 ? u.n : 1;
	}
	return i;
}

size_t secret_text_mask(struct slice t, size_t i)
{
	struct slice s = slice_from(t, i);
	size_t n = 8;

	if (!slice_starts(s, SLICE("[masked:")))
		return 0;
	while (n < s.n && n < 12 && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	if (s.n - n < 6 || s.p[n] != ':' || s.p[n + 5] != ']')
		return 0;
	return secret_text_byte(s, n + 1) >= 0 && secret_text_byte(s, n + 3) >= 0 ? n + 6 : 0;
}

bool secret_text_inside(struct slice t, size_t i)
{
	bool inside = false;

	for (size_t k = 0, run = 0; k < i; k++) {
		inside ^= t.p[k] == '"' && run % 2 == 0;
		run = t.p[k] == '\\' ? run + 1 : 0;
	}
	return inside;
}
