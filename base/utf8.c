#include "base/utf8.h"

static bool is_tail(struct slice s, size_t i)
{
	return ((uint8_t)s.p[i] & 0xc0) == 0x80;
}

size_t utf8_char(struct slice s)
{
	if (s.n == 0)
		return 0;

	uint8_t a = (uint8_t)s.p[0];
	uint8_t b = s.n > 1 ? (uint8_t)s.p[1] : 0;

	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf)
		return s.n >= 2 && is_tail(s, 1) ? 2 : 0;
	if (a >= 0xe0 && a <= 0xef) {
		if (s.n < 3 || !is_tail(s, 1) || !is_tail(s, 2))
			return 0;
		/* no overlong form, no surrogate */
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	}
	if (a >= 0xf0 && a <= 0xf4) {
		if (s.n < 4 || !is_tail(s, 1) || !is_tail(s, 2) || !is_tail(s, 3))
			return 0;
		return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
	}
	return 0;
}

enum { WIDE = 16 };

/* Of the compiler: SSE2 and NEON are what it makes of it. */
typedef int8_t wide __attribute__((vector_size(WIDE)));

/* True: each of 16 bytes is ASCII and no NUL, as a signed number above 0. */
static bool is_ascii(const char *p)
{
	uint64_t half[2];
	wide v;

	memcpy(&v, p, WIDE);
	v = (wide)(v > 0);
	memcpy(half, &v, WIDE);
	return (half[0] & half[1]) == UINT64_MAX;
}

static size_t ascii_run(struct slice s)
{
	size_t i = 0;

	while (i + WIDE <= s.n && is_ascii(s.p + i))
		i += WIDE;
	while (i < s.n && (int8_t)s.p[i] > 0)
		i++;
	return i;
}

bool utf8_is_text(struct slice s)
{
	for (;;) {
		s = slice_from(s, ascii_run(s));
		if (s.n == 0)
			return true;

		size_t n = s.p[0] == '\0' ? 0 : utf8_char(s);

		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
}

void utf8_put_text(struct buf *out, struct slice s)
{
	while (s.n > 0) {
		size_t n = ascii_run(s);

		buf_put(out, s.p, n);
		s = slice_from(s, n);
		if (s.n == 0)
			return;
		n = s.p[0] == '\0' ? 0 : utf8_char(s);
		if (n > 0)
			buf_put(out, s.p, n);
		else
			buf_printf(out, "\\x%02X", (uint8_t)s.p[0]);
		s = slice_from(s, n > 0 ? n : 1);
	}
}
