#include "base/json.h"

#include "base/copy.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#include <math.h>

static void separate(struct json *j)
{
	if (j->comma)
		buf_char(j->out, ',');
	j->comma = true;
}

void json_open(struct json *j, char bracket)
{
	separate(j);
	buf_char(j->out, bracket);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	buf_char(j->out, bracket);
	j->comma = true;
}

/* Bytes that stand for themselves in a JSON string: printable ASCII but " and \. */
static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Are eight of them? By the usual tests for a zero byte, one for each that is not plain. */
static bool is_plain_8(const char *p)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101);
	static const uint64_t tops = UINT64_C(0x8080808080808080);
	uint64_t v;
	uint64_t quote;
	uint64_t slash;
	uint64_t del;

	memcpy(&v, p, sizeof(v));
	quote = v ^ ones * '"';
	slash = v ^ ones * '\\';
	del = v ^ ones * 0x7f;
	return (((v - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones) | v) & tops) ==
	       0;
}

static void escape_byte(struct buf *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	switch (c) {
	case '"':
	case '\\':
		buf_char(out, '\\');
		buf_char(out, (char)c);
		return;
	case '\n':
		buf_put(out, "\\n", 2);
		return;
	case '\r':
		buf_put(out, "\\r", 2);
		return;
	case '\t':
		buf_put(out, "\\t", 2);
		return;
	default:
		buf_put(out, "\\u00", 4);
		buf_char(out, hex[c >> 4]);
		buf_char(out, hex[c & 15]);
	}
}

/* How many bytes from i on stand for themselves. */
static size_t plain_run(struct slice s, size_t i)
{
	size_t from = i;

	while (i + 8 <= s.n && is_plain_8(s.p + i))
		i += 8;
	while (i < s.n && is_plain((uint8_t)s.p[i]))
		i++;
	return i - from;
}

enum { WIDE = 16 };
typedef uint8_t wide __attribute__((vector_size(WIDE)));

/* Sixteen bytes; the bytes of the result that are not 0 are those that are not plain. */
static inline wide copy_wide(char *to, const char *from)
{
	wide v;

	memcpy(&v, from, WIDE);
	memcpy(to, &v, WIDE);
	return (wide)(v - 0x20 > 0x7e - 0x20) | (wide)(v == '"') | (wide)(v == '\\');
}

/* Copy s; true: it may stand in a string as it is. */
static bool copy_plain(char *to, struct slice s)
{
	wide odd;
	uint64_t halves[2];

	if (s.n < WIDE) {
		copy_short(to, s.p, s.n);
		return plain_run(s, 0) == s.n;
	}
	odd = copy_wide(to + s.n - WIDE, s.p + s.n - WIDE);
	for (size_t i = 0; i + WIDE < s.n; i += WIDE)
		odd |= copy_wide(to + i, s.p + i);
	memcpy(halves, &odd, WIDE);
	return (halves[0] | halves[1]) == 0;
}

void json_escape(struct buf *out, struct slice s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t n = plain_run(s, i);

		buf_put(out, s.p + i, n);
		i += n;
		if (i == s.n)
			return;

		uint8_t c = (uint8_t)s.p[i];

		if (c < 0x80) {
			escape_byte(out, c);
			i++;
			continue;
		}

		n = utf8_char(slice_from(s, i));

		if (n > 0)
			buf_put(out, s.p + i, n);
		else
			buf_printf(out, "\\\\x%02X", c);
		i += n > 0 ? n : 1;
	}
}

void json_text(struct json *j, struct slice s)
{
	char *to;

	separate(j);
	to = buf_room(j->out, s.n + 2);
	if (to != NULL && copy_plain(to + 1, s)) { /* nearly always */
		to[0] = '"';
		to[s.n + 1] = '"';
		j->out->n += s.n + 2;
		return;
	}
	buf_char(j->out, '"');
	json_escape(j->out, s);
	buf_char(j->out, '"');
}

void json_quoted_text(struct json *j, struct slice key, struct slice s)
{
	struct slice k = slice_from(key, !j->comma);
	char *to = buf_room(j->out, k.n + s.n + 2);

	if (to == NULL || !copy_plain(to + k.n + 1, s)) {
		json_quoted(j, key);
		json_text(j, s);
		return;
	}
	/* nearly always, and one look whether there is room */
	copy_short(to, k.p, k.n);
	to[k.n] = '"';
	to[k.n + 1 + s.n] = '"';
	j->out->n += k.n + s.n + 2;
	j->comma = true;
}

void json_key(struct json *j, struct slice key)
{
	json_text(j, key);
	buf_char(j->out, ':');
	j->comma = false;
}

void json_quoted(struct json *j, struct slice key)
{
	buf_slice(j->out, slice_from(key, !j->comma));
	j->comma = false;
}

static void put_digits(struct buf *out, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	buf_put(out, text + at, sizeof(text) - at);
}

void json_i64(struct json *j, int64_t v)
{
	separate(j);
	if (v < 0)
		buf_char(j->out, '-');
	put_digits(j->out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_u64(struct json *j, uint64_t v)
{
	separate(j);
	put_digits(j->out, v);
}

void json_f64(struct json *j, double v)
{
	separate(j);
	if (isfinite(v))
		buf_printf(j->out, "%.17g", v);
	else
		buf_str(j->out, "null");
}

void json_bool(struct json *j, bool v)
{
	separate(j);
	buf_str(j->out, v ? "true" : "false");
}

void json_raw(struct json *j, struct slice s)
{
	separate(j);
	buf_slice(j->out, s);
}

void json_time(struct json *j, int64_t time_us)
{
	char text[TIMEFMT_MAX];

	separate(j);
	buf_char(j->out, '"');
	buf_put(j->out, text, timefmt_rfc3339(time_us, text));
	buf_char(j->out, '"');
}

void json_member_text(struct json *j, const char *key, struct slice s)
{
	json_key(j, slice_of(key));
	json_text(j, s);
}

void json_member_i64(struct json *j, const char *key, int64_t v)
{
	json_key(j, slice_of(key));
	json_i64(j, v);
}

void json_member_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, slice_of(key));
	json_u64(j, v);
}
