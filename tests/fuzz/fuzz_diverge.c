/* Where a pattern diverges from a text: both of the input, apart at the first NUL. */
#include "match/diverge.h"
#include "match/regex.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice pattern;
	struct slice text;
	struct diverge d;

	if (!slice_cut((struct slice){ (const char *)data, size }, '\0', &pattern, &text) ||
	    text.n > 512 || pattern.n > 256)
		return 0;
	for (unsigned flags = 0; flags <= REGEX_CASELESS; flags++)
		if (diverge_find(pattern, flags, text, &d) &&
		    (d.start >= d.at || d.at > text.n || d.pattern_at > pattern.n ||
			d.literal > d.at - d.start))
			abort();
	return 0;
}
