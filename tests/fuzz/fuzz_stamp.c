/* A pattern of a time (up to the first NUL) and a text: bounded by both, and a year of four digits.
 */
#include "base/err.h"
#include "parsers/stamp_pattern.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
	struct parse_ctx c = { .ref_us = 1795413600000000, .tz_s = -12600 };
	int64_t t = 0;
	struct err e;

	if (nul == NULL)
		return 0;

	struct slice pattern = { (const char *)data, (size_t)(nul - data) };
	size_t n = size - pattern.n - 1;
	char *text = malloc(n > 0 ? n : 1);

	if (text == NULL)
		abort();
	memcpy(text, nul + 1, n);
	if (stamp_pattern_check(pattern, &e) == 0 &&
	    stamp_pattern_parse(&c, pattern, (struct slice){ text, n }, &t) &&
	    (t < -INT64_C(86400000000) || t > INT64_C(253402387200000000)))
		abort();
	free(text);
	return 0;
}
