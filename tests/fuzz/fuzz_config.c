/* Any bytes as a config file: a config whose parts are resolved, or problems with their places. */
#include "agent/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;
	struct problems p = { 0 };
	struct slice text = { (const char *)data, size };

	if (size > 1 << 14)
		return 0;
	if (config_load_text("fuzz", text, &c, &p) == 0) {
		if (p.errors != 0 || c.inputs.n == 0)
			abort();
		for (unsigned i = 0; i < c.inputs.n; i++)
			if (config_input(&c, i)->parser == NULL ||
			    config_input(&c, i)->files.n == 0)
				abort();
	} else if (p.errors == 0 || p.text.n < sizeof("fuzz: error: ")) {
		abort(); /* refused, and nobody said why */
	}
	problems_free(&p);
	config_free(&c);
	return 0;
}
