#include "agent/caret.h"

#include "base/utf8.h"

#include <stdio.h>

enum { BEFORE = 70, WIDTH = 110 };

/* Columns of a character of n bytes: those of East Asia take two. */
static unsigned columns(const char *p, size_t n)
{
	const unsigned char *b = (const unsigned char *)p;

	if (n < 3)
		return 1;
	if (n == 4)
		return 2;

	unsigned c = (b[0] & 15u) << 12 | (b[1] & 63u) << 6 | (b[2] & 63u);

	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
		       (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
		       (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff01 && c <= 0xff60)
		   ? 2
		   : 1;
}

/* A character, or a dot for a byte that is none; how many bytes it took. */
static size_t put(struct slice s, unsigned *width)
{
	size_t n = utf8_char(s);

	*width = 1;
	if (n == 0 || (n == 1 && ((unsigned char)*s.p < ' ' || *s.p == 0x7f)) ||
	    (n == 2 && (unsigned char)s.p[0] == 0xc2 && (unsigned char)s.p[1] < 0xa0)) {
		putchar('.'); /* C1 controls are obeyed by terminals, too */
		return n > 0 ? n : 1;
	}
	fwrite(s.p, 1, n, stdout);
	*width = columns(s.p, n);
	return n;
}

static size_t char_start(struct slice s, size_t at)
{
	while (at > 0 && at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* What of the text is shown. */
static struct slice shown(struct slice text, size_t at, size_t *from)
{
	size_t to;

	*from = at > BEFORE ? char_start(text, at - BEFORE) : 0;
	to = *from + WIDTH < text.n ? char_start(text, *from + WIDTH) : text.n;
	return (struct slice){ text.p + *from, to - *from };
}

void caret_print(const char *label, struct slice text, size_t start, size_t end, size_t at)
{
	char marks[2 * WIDTH + 8];
	size_t n = 0;
	size_t from;
	struct slice s = shown(text, at, &from);

	printf("%s%s", label, from > 0 ? "..." : "");
	for (size_t i = 0; i < s.n;) {
		unsigned width;
		size_t used = put(slice_from(s, i), &width);
		bool is_at = from + i <= at && at < from + i + used;
		bool in = from + i >= start && from + i < end;

		for (unsigned k = 0; k < width && n < sizeof(marks) - 2; k++)
			marks[n++] = is_at ? '^' : in ? '~' : ' ';
		i += used;
	}
	if (at >= from + s.n)
		marks[n++] = '^';
	while (n > 0 && marks[n - 1] == ' ')
		n--;
	printf("%s\n%*s%s%.*s\n", from + s.n < text.n ? "..." : "", (int)strlen(label), "",
	    from > 0 ? "   " : "", (int)n, marks);
}

void caret_text(const char *label, struct slice text)
{
	size_t from;
	struct slice s = shown(text, 0, &from);

	printf("%s", label);
	for (size_t i = 0; i < s.n;) {
		unsigned width;

		i += put(slice_from(s, i), &width);
	}
	printf("%s\n", s.n < text.n ? "..." : "");
}
