#include "base/level.h"

const char *const level_names[LEVEL_N] = { LEVEL_NAMES };

enum level level_of(struct slice name)
{
	unsigned l = 0;

	while (l < LEVEL_N && !slice_eq(name, slice_of(level_names[l])))
		l++;
	return (enum level)l;
}
