#include "detect/edits.h"

void edits_add(struct edits *x, size_t from, size_t to)
{
	unsigned first = 0;
	unsigned last;

	if (from >= to)
		return;
	while (first < x->n && x->e[first].to <= from)
		first++;
	for (last = first; last < x->n && x->e[last].from < to; last++) {
		from = x->e[last].from < from ? x->e[last].from : from;
		to = x->e[last].to > to ? x->e[last].to : to;
	}
	if (last == first && x->n == MAX_EDITS) {
		x->all = true;
		return;
	}
	/* one in the place of those from first to last */
	memmove(&x->e[first + 1], &x->e[last], (x->n - last) * sizeof(*x->e));
	x->e[first] = (struct edit){ from, to };
	x->n = x->n - (last - first) + 1;
}
