#include "base/json.h"

#include "base/timefmt.h"
#include "base/utf8.h"

#include <inttypes.h>
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

void json_escape(struct buf *out, struct slice s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t from = i;

		while (i < s.n && is_plain((uint8_t)s.p[i]))
			i++;
		buf_put(out, s.p + from, i - from);
		if (i == s.n)
			return;

		uint8_t c = (uint8_t)s.p[i];

		if (c < 0x80) {
			escape_byte(out, c);
			i++;
			continue;
		}

		size_t n = utf8_char(slice_from(s, i));

		if (n > 0)
			buf_put(out, s.p + i, n);
		else
			buf_printf(out, "\\\\x%02X", c);
		i += n > 0 ? n : 1;
	}
}

void json_text(struct json *j, struct slice s)
{
	separate(j);
	buf_char(j->out, '"');
	json_escape(j->out, s);
	buf_char(j->out, '"');
}

void json_key(struct json *j, struct slice key)
{
	json_text(j, key);
	buf_char(j->out, ':');
	j->comma = false;
}

void json_i64(struct json *j, int64_t v)
{
	separate(j);
	buf_printf(j->out, "%" PRId64, v);
}

void json_u64(struct json *j, uint64_t v)
{
	separate(j);
	buf_printf(j->out, "%" PRIu64, v);
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
