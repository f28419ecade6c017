/* Selections: maps of items, lists of maps, lists of keywords. */
#include "detect/sigma.h"

enum { ITEM_MAX_CHILDREN = 2048, VARIANTS = 5 };

static unsigned item_node(
    struct loader *l, const struct field *f, const struct matcher *m, unsigned n)
{
	unsigned id = sigma_node(l, NODE_ITEM, NULL, 0);
	struct matcher *own =
	    sigma_alloc(l, sizeof(*own) * (n > 0 ? n : 1), _Alignof(struct matcher));

	if (own == NULL || l->nodes[id].kind != NODE_ITEM)
		return id;
	if (n > 0)
		memcpy(own, m, sizeof(*own) * n);
	l->nodes[id].field = *f;
	l->nodes[id].field.name = sigma_copy(l, f->name);
	l->nodes[id].matchers = own;
	l->nodes[id].n_matchers = n;
	return id;
}

/* Value number k that v stands for: with placeholders it may be several. */
static bool one_value(struct loader *l, const struct yaml *v, const struct modifiers *mod,
    unsigned k, struct yaml *out)
{
	if (mod->expand)
		return sigma_expand(l, v, k, out);
	*out = *v;
	return k == 0;
}

/* The values of an item: any of them, or with |all each of them (each in any of its variants). */
static unsigned values(
    struct loader *l, const struct field *f, const struct modifiers *mod, const struct yaml *v)
{
	static struct matcher m[ITEM_MAX_CHILDREN];
	static unsigned child[ITEM_MAX_CHILDREN];
	const struct yaml *list = v->kind == YAML_SEQ ? v->child : v;
	unsigned n_list = v->kind == YAML_SEQ ? v->n : 1;
	unsigned n = 0;
	unsigned n_child = 0;

	for (unsigned i = 0; i < n_list; i++) {
		struct yaml one;

		for (unsigned k = 0; one_value(l, &list[i], mod, k, &one); k++) {
			if (n + VARIANTS > ITEM_MAX_CHILDREN || n_child == ITEM_MAX_CHILDREN) {
				sigma_error(l, &list[i], "more than %d values",
				    ITEM_MAX_CHILDREN - VARIANTS);
				return sigma_node(l, NODE_NEVER, NULL, 0);
			}
			n += sigma_value(l, &one, mod, m + n, VARIANTS);
		}
		if (mod->all) {
			child[n_child++] = item_node(l, f, m, n);
			n = 0;
		}
	}
	if (n_list == 0)
		sigma_error(
		    l, v, "an empty list matches nothing: give it a value or drop the item");

	unsigned id = mod->all ? sigma_node(l, NODE_AND, child, n_child) : item_node(l, f, m, n);

	return mod->neq ? sigma_node(l, NODE_NOT, &id, 1) : id;
}

static unsigned item(struct loader *l, const struct yaml *y)
{
	struct modifiers mod;
	struct slice name;

	if (!sigma_modifiers(l, y, &name, &mod))
		return sigma_node(l, NODE_NEVER, NULL, 0);

	struct field f = name.n > 0 ? field_find(name) : (struct field){ .kind = FIELD_KEYWORDS };

	if (f.kind == FIELD_KEYWORDS &&
	    (mod.cidr || mod.exists || mod.fieldref || mod.compare >= 0 || mod.part != TIME_NONE)) {
		sigma_key_error(l, y, "this modifier needs a field before it");
		return sigma_node(l, NODE_NEVER, NULL, 0);
	}

	if (f.kind == FIELD_KEYWORDS && !mod.re && !mod.starts && !mod.ends)
		mod.contains = true;
	return values(l, &f, &mod, y);
}

static unsigned map_selection(struct loader *l, const struct yaml *y)
{
	unsigned child[256];
	unsigned n = 0;

	for (unsigned i = 0; i < y->n && n < 256; i++)
		child[n++] = item(l, &y->child[i]);
	if (y->n == 0 || y->n > n)
		sigma_error(l, y, "a selection has 1 to %zu items", sizeof(child) / sizeof(*child));
	return n == 1 ? child[0] : sigma_node(l, NODE_AND, child, n);
}

/* A list: of keywords, of maps, or of both; any of them. */
static unsigned list_selection(struct loader *l, const struct yaml *y)
{
	static unsigned child[ITEM_MAX_CHILDREN];
	struct modifiers mod = { .compare = -1, .contains = true };
	struct field keywords = { .kind = FIELD_KEYWORDS };
	unsigned n = 0;

	for (unsigned i = 0; i < y->n && n < ITEM_MAX_CHILDREN; i++) {
		if (y->child[i].kind == YAML_MAP)
			child[n++] = map_selection(l, &y->child[i]);
		else
			child[n++] = values(l, &keywords, &mod, &y->child[i]);
	}
	if (y->n == 0 || y->n > n)
		sigma_error(l, y, "a selection has 1 to %d alternatives", ITEM_MAX_CHILDREN);
	return n == 1 ? child[0] : sigma_node(l, NODE_OR, child, n);
}

unsigned sigma_selection(struct loader *l, const struct yaml *y)
{
	struct modifiers mod = { .compare = -1, .contains = true };
	struct field keywords = { .kind = FIELD_KEYWORDS };

	switch (y->kind) {
	case YAML_MAP:
		return map_selection(l, y);
	case YAML_SEQ:
		return list_selection(l, y);
	case YAML_SCALAR:
		break;
	}
	return values(l, &keywords, &mod, y);
}
