/* Selections: maps of items, lists of maps, lists of keywords. */
#include "detect/sigma.h"

enum { ITEM_MAX_CHILDREN = 2048, VARIANTS = 5 };

/* `field|mod|mod`: false, with the problem said, when a modifier is not known. */
static bool read_modifiers(
    struct loader *l, const struct yaml *item, struct slice *field, struct modifiers *mod)
{
	static const char *const known[] = { "contains", "startswith", "endswith", "all", "re", "i",
		"m", "s", "cased", "cidr", "fieldref", "exists", "windash", "base64",
		"base64offset", "neq", "lt", "lte", "gt", "gte", "wide", "utf16le", "utf16be",
		"utf16" };
	struct slice rest;

	*mod = (struct modifiers){ .compare = -1 };
	slice_cut(item->key, '|', field, &rest);
	while (rest.n > 0) {
		struct slice name;

		slice_cut(rest, '|', &name, &rest);

		bool *const flags[] = { &mod->contains, &mod->starts, &mod->ends, &mod->all,
			&mod->re, &mod->re_i, &mod->re_m, &mod->re_s, &mod->cased, &mod->cidr,
			&mod->fieldref, &mod->exists, &mod->windash, &mod->base64,
			&mod->base64offset, &mod->neq };
		unsigned k = 0;

		while (k < sizeof(known) / sizeof(*known) && !slice_eq(name, slice_of(known[k])))
			k++;
		if (k < 16) {
			*flags[k] = true;
		} else if (k < 20) {
			mod->compare = (int)(k - 16);
		} else if (k < sizeof(known) / sizeof(*known)) {
			mod->wide = k == 22 ? WIDE_UTF16BE : WIDE_UTF16LE;
		} else {
			const char *s =
			    problem_suggest(name, known, sizeof(known) / sizeof(*known));

			sigma_key_error(l, item, "modifier '%.*s' is not supported%s%s%s",
			    SLICE_ARG(name), s != NULL ? "; did you mean '" : "",
			    s != NULL ? s : "", s != NULL ? "'?" : "");
			return false;
		}
	}
	return true;
}

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
		if (n + VARIANTS > ITEM_MAX_CHILDREN || n_child == ITEM_MAX_CHILDREN) {
			sigma_error(
			    l, &list[i], "more than %d values", ITEM_MAX_CHILDREN - VARIANTS);
			break;
		}
		n += sigma_value(l, &list[i], mod, m + n, VARIANTS);
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

	if (!read_modifiers(l, y, &name, &mod))
		return sigma_node(l, NODE_NEVER, NULL, 0);

	struct field f = name.n > 0 ? field_find(name) : (struct field){ .kind = FIELD_KEYWORDS };

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
	if (y->n == 0)
		sigma_error(l, y, "an empty selection matches nothing");
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
	if (y->n == 0)
		sigma_error(l, y, "an empty selection matches nothing");
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
