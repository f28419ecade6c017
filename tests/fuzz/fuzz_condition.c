/* Any text as the condition of a rule: an expression over the selections, or a problem. */
#include "base/err.h"
#include "detect/sigma.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_selection(struct loader *l, struct slice name)
{
	l->selections[l->n_selections++] =
	    (struct selection){ name, sigma_node(l, NODE_NEVER, NULL, 0) };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loader l;
	static struct ruleset rs;
	struct problems p = { 0 };
	struct yaml_file file = { .name = "fuzz" };
	struct err e;

	if (size > 1 << 14 || (rs.arena.base == NULL && arena_init(&rs.arena, 32 << 20, &e) != 0))
		return 0;

	char *text = malloc(size > 0 ? size : 1); /* of its own: both ends are guarded */
	struct yaml y = { .kind = YAML_SCALAR, .text = { text, size }, .line = 1, .col = 1 };

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	l = (struct loader){ .rs = &rs, .p = &p, .file = &file };
	add_selection(&l, SLICE("a"));
	add_selection(&l, SLICE("sel_b"));
	add_selection(&l, SLICE("sel_c"));
	add_selection(&l, SLICE("_hidden"));

	unsigned id = sigma_condition(&l, &y);

	if (p.errors == 0 && id >= l.n_nodes)
		abort();
	for (unsigned i = 0; i < l.n_nodes; i++) /* children come before parents: no circle */
		for (unsigned k = 0; k < l.nodes[i].n; k++)
			if (l.nodes[i].child[k] >= i)
				abort();
	arena_reset(&rs.arena);
	problems_free(&p);
	free(text);
	return 0;
}
