#include "parsers/stamp_any.h"

#include "parsers/stamp.h"
#include "parsers/stamp_pattern.h"

enum { HEAD = 128 /* bytes in which a stamp begins */ };

#define P(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}

/* Those that begin alike: the longer one first. */
static const struct slice by_digit[] = {
	P("%Y-%m-%dT%T"),
	P("%Y-%m-%d %T"),
	P("%Y-%m-%d  %T"),
	P("%Y-%m-%d-%T"),
	P("%Y-%m-%d_%T"),
	P("%Y/%m/%d %T"),
	P("%Y/%m/%d - %T"),
	P("%Y/%m/%d-%T"),
	P("%Y.%m.%d %T"),
	P("%Y%m%d-%T"),
	P("%Y%m%d %T"),
	P("%Y%m%dT%T"),
	P("%d/%b/%Y:%T"),
	P("%d/%b/%Y %T"),
	P("%d-%b-%Y %T"),
	P("%d %b %Y %T"),
	P("%m/%d/%Y %I:%M:%S %p"),
	P("%m/%d/%Y %T"),
	P("%m/%d/%Y - %T"),
	P("%m/%d/%Y-%T"),
	P("%m-%d-%Y %T"),
	P("%d/%m/%Y %T"),
	P("%d.%m.%Y %T"),
	P("%d-%m-%Y %T"),
	P("%y%m%d %T"),
	P("%y%m%d  %T"),
	P("%y/%m/%d %T"),
	P("%d %b %T"),
};
static const struct slice by_letter[] = {
	P("%a %b %e %T.%f %Y"),
	P("%a %b %e %T %Y"),
	P("%a, %d %b %Y %T"),
	P("%a %d %b %Y %T"),
	P("%b %e, %Y %I:%M:%S %p"),
	P("%b %e, %Y %T"),
	P("%b %e %Y %T"),
	P("%b %e %T %Y"),
	P("%b %e %T"),
	P("%b %d %T"),
};
#undef P

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "1387288694", "1690466804.216", at the line's start or in brackets: seconds since 1970 */
static size_t epoch(const struct parse_ctx *c, struct slice s, int64_t *time_us)
{
	size_t n = 0;

	while (n < s.n && n < 32 && (is_digit(s.p[n]) || s.p[n] == '.'))
		n++;
	if (n < 10 || (n < s.n && strchr(" ]:,", s.p[n]) == NULL) ||
	    !stamp_parse(c, slice_head(s, n), STAMP_EPOCH, time_us))
		return 0;
	return n;
}

size_t stamp_any(const struct parse_ctx *c, struct slice s, size_t *from, int64_t *time_us)
{
	for (size_t i = 0; i < s.n && i < HEAD; i++) {
		char before = i > 0 ? s.p[i - 1] : ' ';
		bool digit = is_digit(s.p[i]);
		const struct slice *list = digit ? by_digit : by_letter;
		size_t n = digit ? sizeof(by_digit) / sizeof(*by_digit)
				 : sizeof(by_letter) / sizeof(*by_letter);
		struct slice rest = slice_from(s, i);
		size_t used = 0;

		if (!(digit || is_letter(s.p[i])) || is_digit(before) || is_letter(before) ||
		    strchr("./:-", before) != NULL)
			continue;
		for (size_t k = 0; k < n && used == 0; k++)
			used = stamp_pattern_head(c, list[k], rest, time_us);
		if (used == 0 && digit && (i == 0 || before == '['))
			used = epoch(c, rest, time_us);
		if (used > 0) {
			*from = i;
			return i + used;
		}
	}
	return 0;
}
