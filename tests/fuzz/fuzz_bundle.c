/* The files of a rule bundle: whatever is behind a right hash, parts lie within and add up. */
#include "base/problem.h"
#include "detect/bundle.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written the same way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle b = { .rest = { (const char *)data, size } };
	struct buf again = { 0 };
	struct problems p = { 0 };
	struct slice name;
	struct slice text;
	int rc;

	while ((rc = bundle_next(&b, "fuzz", &name, &text, &p)) == 1)
		if (!bundle_add(&again, name, text))
			abort();
	/* counts may be written with zeros before them */
	if ((rc < 0) != (p.errors > 0) || again.n > size)
		abort();
	buf_free(&again);
	problems_free(&p);
	return 0;
}
