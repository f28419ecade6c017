#include "base/attr.h"

const struct attr_def attr_defs[ATTR_N] = {
#define ATTR_DEF(id, name, column, type) { name, column, ATTR_TYPE_##type, sizeof(name) - 1 },
	ATTR_TABLE(ATTR_DEF)
#undef ATTR_DEF
};

enum attr_key attr_find(struct slice name)
{
	for (unsigned k = 1; k < ATTR_N; k++)
		if (slice_eq(name, (struct slice){ attr_defs[k].name, attr_defs[k].name_n }))
			return (enum attr_key)k;
	return ATTR_OTHER;
}
