/* What a value hides as base64. See canon.h. */
#include "detect/canon.h"

#include "detect/canon_bytes.h"

/* The value of a digit by its byte, plus one; 0 is no digit (RFC 4648, sections 4 and 5). */
static const uint8_t base64_digits[256] = {
	['A'] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	26,
	['a'] = 27,
	28,
	29,
	30,
	31,
	32,
	33,
	34,
	35,
	36,
	37,
	38,
	39,
	40,
	41,
	42,
	43,
	44,
	45,
	46,
	47,
	48,
	49,
	50,
	51,
	52,
	['0'] = 53,
	54,
	55,
	56,
	57,
	58,
	59,
	60,
	61,
	62,
	['+'] = 63,
	['-'] = 63,
	['/'] = 64,
	['_'] = 64,
};

bool canon_may_be_base64(struct slice in)
{
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '%') {
			int d = i + 2 < in.n ? hex2(in.p + i + 1) : -1;

			if (d < 0 || d == '%') /* of what is decoded twice, anything may come */
				return true;
			c = (char)d;
			i += 2;
		}
		if (base64_digits[(uint8_t)c] == 0 && c != '=')
			return false;
	}
	return true;
}

size_t canon_base64(struct slice in, char *out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t odd = 0;
	size_t n = 0;

	while (in.n > 0 && in.p[in.n - 1] == '=')
		in.n--;
	if (in.n < BASE64_MIN || in.n % 4 == 1)
		return 0;
	for (size_t i = 0; i < in.n; i++) {
		int d = base64_digits[(uint8_t)in.p[i]] - 1;

		if (d < 0)
			return 0;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;

			uint8_t c = (uint8_t)(bits >> have);

			odd += (c < 0x20 && !is_white((char)c)) || c >= 0x7f || c == 0;
			if (odd * 10 > in.n * 3 / 4) /* most values are no text */
				return 0;
			out[n++] = no_lf(c);
		}
	}
	return n;
}
