/*
 * Placeholders: in a value with the modifier `expand`, %name% stands for each value that a document
 * of the rules gives it (`placeholders: {name: [value, ...]}`); \% is a percent sign.
 */
#include "detect/sigma.h"

enum { EXPAND_MAX = 16384 };

/* The first document that has it: folders come in the order of their precedence. */
static const struct yaml *find(const struct ruleset *rs, struct slice name)
{
	char key[128];

	if (name.n == 0 || name.n >= sizeof(key))
		return NULL;
	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	for (unsigned f = 0; f < rs->n_files; f++)
		for (unsigned d = 0; d < rs->files[f].n; d++) {
			const struct yaml *map = yaml_get(&rs->files[f].docs[d], "placeholders");
			const struct yaml *y = yaml_get(map, key);

			if (y != NULL)
				return y;
		}
	return NULL;
}

/* The placeholder that begins at s[i], which is a %: its name. Empty: it is only a sign. */
static struct slice name_at(struct slice s, size_t i)
{
	const char *end = memchr(s.p + i + 1, '%', s.n - i - 1);
	struct slice name = { s.p + i + 1, end != NULL ? (size_t)(end - s.p) - i - 1 : 0 };

	for (size_t k = 0; k < name.n; k++)
		if (name.p[k] == ' ' || name.p[k] == '\\')
			return (struct slice){ 0 };
	return name;
}

/* Value number *k of a placeholder; what is left of *k is for the next one. */
static const struct yaml *pick(
    struct loader *l, const struct yaml *at, struct slice name, unsigned *k, bool say)
{
	const struct yaml *y = find(l->rs, name);
	unsigned n = y == NULL ? 0 : y->kind == YAML_SEQ ? y->n : 1;
	const struct yaml *v = NULL;

	if (n > 0) {
		v = y->kind == YAML_SEQ ? &y->child[*k % n] : y;
		*k /= n;
	}
	if (v != NULL && v->kind == YAML_SCALAR) {
		if (say)
			l->mixed = (l->mixed ^ sigma_hash(y)) * 0x9E3779B97F4A7C15u;
		return v;
	}
	if (say)
		sigma_error(l, at,
		    "placeholder %%%.*s%% has no values: add `placeholders: {%.*s: [...]}` to the "
		    "rules, as a document of its own",
		    SLICE_ARG(name), SLICE_ARG(name));
	return NULL;
}

bool sigma_expand(struct loader *l, const struct yaml *v, unsigned k, struct yaml *out)
{
	struct buf b = { .max = EXPAND_MAX };
	unsigned left = k;
	bool ok = true;

	*out = *v;
	if (v->kind != YAML_SCALAR)
		return k == 0; /* sigma_value() has a message for it */
	for (size_t i = 0; ok && i < v->text.n; i++) {
		struct slice name = { 0 };
		const struct yaml *one = NULL;

		if (v->text.p[i] == '\\' && i + 1 < v->text.n && v->text.p[i + 1] == '%') {
			buf_char(&b, v->text.p[++i]);
			continue;
		}
		if (v->text.p[i] == '\\' &&
		    i + 1 < v->text.n) { /* an escape of Sigma's: kept whole */
			buf_char(&b, v->text.p[i++]);
		} else if (v->text.p[i] == '%') {
			name = name_at(v->text, i);
		}
		if (name.n == 0) {
			buf_char(&b, v->text.p[i]);
			continue;
		}
		one = pick(l, v, name, &left, k == 0);
		ok = one != NULL;
		if (ok) {
			buf_slice(&b, one->text);
			i += name.n + 1;
		}
	}
	ok = ok && left == 0;
	if (ok && b.n > 0) {
		out->text = sigma_copy(l, buf_as_slice(&b));
		out->plain = false;
	}
	buf_free(&b);
	return ok;
}
