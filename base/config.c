#include "base/config.h"

#include "base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_KEYS = 64, SECRET_MAX = 65536 };

static char *copy(struct config_reader *r, struct slice s)
{
	char *to = arena_alloc(r->arena, s.n + 1, 1);

	if (to == NULL) {
		problem_error(
		    r->p, (struct place){ r->file->name, 0, 0 }, "the config is too large");
		return NULL;
	}
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return to;
}

static void wrong(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, const char *expected)
{
	if (y->kind == YAML_SCALAR)
		problem_error(r->p, yaml_place(r->file, y), "%s: expected %s, not '%.*s'", k->name,
		    expected, SLICE_ARG(y->text));
	else
		problem_error(r->p, yaml_place(r->file, y), "%s: expected %s, not a %s", k->name,
		    expected, y->kind == YAML_MAP ? "map" : "list");
}

static bool in_range(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, uint64_t v)
{
	if (v >= k->min && (k->max == 0 || v <= k->max))
		return true;

	char lo[32];
	char hi[32];

	if (k->type == CONFIG_BYTES) {
		units_show_bytes(k->min, lo);
		units_show_bytes(k->max, hi);
	} else if (k->type == CONFIG_DURATION) {
		units_show_duration((int64_t)k->min, lo);
		units_show_duration((int64_t)k->max, hi);
	} else {
		snprintf(lo, sizeof(lo), "%llu", (unsigned long long)k->min);
		snprintf(hi, sizeof(hi), "%llu", (unsigned long long)k->max);
	}
	problem_error(r->p, yaml_place(r->file, y), "%s: '%.*s' is out of range: %s to %s", k->name,
	    SLICE_ARG(y->text), lo, k->max == 0 ? "any" : hi);
	return false;
}

/* file:PATH (without the last line end) or env:NAME; else the text itself. */
static char *secret(struct config_reader *r, const struct yaml *y, const struct config_key *k)
{
	if (slice_starts(y->text, SLICE("env:"))) {
		const char *v = getenv(y->text.p + 4);

		if (v == NULL) {
			problem_error(r->p, yaml_place(r->file, y), "%s: the environment has no %s",
			    k->name, y->text.p + 4);
			return NULL;
		}
		return copy(r, slice_of(v));
	}
	if (!slice_starts(y->text, SLICE("file:")))
		return copy(r, y->text);

	FILE *fp = fopen(y->text.p + 5, "re");
	char *text = malloc(SECRET_MAX);
	char *out = NULL;

	if (fp == NULL || text == NULL) {
		problem_error(r->p, yaml_place(r->file, y), "%s: %s: %s", k->name, y->text.p + 5,
		    strerror(errno));
	} else {
		size_t n = fread(text, 1, SECRET_MAX, fp);

		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		out = copy(r, (struct slice){ text, n });
		explicit_bzero(text, SECRET_MAX);
	}
	if (fp != NULL)
		fclose(fp);
	free(text);
	return out;
}

static void read_enum(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	char list[256];
	size_t n = 0;
	unsigned i = 0;

	for (; k->names[i] != NULL; i++)
		if (slice_eq(y->text, slice_of(k->names[i]))) {
			*(unsigned *)to = i;
			return;
		}
	for (unsigned j = 0; j < i && n < sizeof(list); j++)
		n += (size_t)snprintf(
		    list + n, sizeof(list) - n, "%s%s", j > 0 ? ", " : "", k->names[j]);

	const char *s = problem_suggest(y->text, k->names, i);

	problem_error(r->p, yaml_place(r->file, y), "%s: '%.*s' is not one of %s%s%s%s", k->name,
	    SLICE_ARG(y->text), list, s != NULL ? "; did you mean '" : "", s != NULL ? s : "",
	    s != NULL ? "'?" : "");
}

static void read_number(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	uint64_t v = 0;
	int64_t d = 0;

	switch (k->type) {
	case CONFIG_UINT:
		if (!slice_u64(y->text, &v))
			wrong(r, y, k, "a whole number");
		else if (in_range(r, y, k, v))
			*(uint64_t *)to = v;
		break;
	case CONFIG_BYTES:
		if (!units_bytes(y->text, &v))
			wrong(r, y, k, "a size such as 64MiB");
		else if (in_range(r, y, k, v))
			*(uint64_t *)to = v;
		break;
	case CONFIG_DURATION:
		if (!units_duration(y->text, &d))
			wrong(r, y, k, "a span with its unit, such as 30s, 10m or 7d");
		else if (in_range(r, y, k, (uint64_t)d))
			*(int64_t *)to = d;
		break;
	case CONFIG_PERCENT:
		if (!units_percent(y->text, to))
			wrong(r, y, k, "a share such as 10%");
		break;
	case CONFIG_TEXT:
	case CONFIG_SECRET:
	case CONFIG_BOOL:
	case CONFIG_SPACE:
	case CONFIG_ENUM:
	case CONFIG_TEXTS:
	case CONFIG_PREFIXES:
	case CONFIG_SECTION:
	case CONFIG_LIST:
	case CONFIG_MAP:
		break;
	}
}

static void read_scalar(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	struct config_space *space = to;

	if (y->kind != YAML_SCALAR) {
		wrong(r, y, k, "a single value");
		return;
	}
	switch (k->type) {
	case CONFIG_TEXT:
		*(const char **)to = copy(r, y->text);
		break;
	case CONFIG_SECRET:
		*(const char **)to = secret(r, y, k);
		break;
	case CONFIG_BOOL:
		if (slice_eq(y->text, SLICE("true")) || slice_eq(y->text, SLICE("false")))
			*(bool *)to = y->text.p[0] == 't';
		else
			wrong(r, y, k, "true or false");
		break;
	case CONFIG_SPACE:
		if (!units_percent(y->text, &space->percent) &&
		    !units_bytes(y->text, &space->bytes))
			wrong(r, y, k, "a size such as 1GiB or a share such as 10%");
		break;
	case CONFIG_ENUM:
		read_enum(r, y, k, to);
		break;
	case CONFIG_UINT:
	case CONFIG_BYTES:
	case CONFIG_DURATION:
	case CONFIG_PERCENT:
	case CONFIG_TEXTS:
	case CONFIG_PREFIXES:
	case CONFIG_SECTION:
	case CONFIG_LIST:
	case CONFIG_MAP:
		read_number(r, y, k, to);
		break;
	}
}

static void read_texts(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	struct config_texts *t = to;
	const struct yaml *list = y->kind == YAML_SEQ ? y->child : y;
	unsigned n = y->kind == YAML_SEQ ? y->n : 1;

	if (y->kind == YAML_MAP) {
		wrong(r, y, k, "a value or a list of values");
		return;
	}
	t->v = ARENA_NEW(r->arena, const char *, n + 1);
	t->at = ARENA_NEW(r->arena, struct place, n + 1);
	for (unsigned i = 0; i < n && t->v != NULL && t->at != NULL; i++) {
		if (list[i].kind != YAML_SCALAR) {
			wrong(r, &list[i], k, "a value");
			continue;
		}
		t->v[t->n] = copy(r, list[i].text);
		t->at[t->n++] = yaml_place(r->file, &list[i]);
	}
}

static void read_prefixes(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	struct ip_set *set = to;
	const struct yaml *list = y->kind == YAML_SEQ ? y->child : y;
	unsigned n = y->kind == YAML_SEQ ? y->n : 1;

	set->p = ARENA_NEW(r->arena, struct ip_prefix, n + 1);
	for (unsigned i = 0; i < n && set->p != NULL; i++) {
		if (list[i].kind == YAML_SCALAR && ip_prefix_parse(list[i].text, &set->p[set->n]))
			set->n++;
		else
			wrong(r, &list[i], k,
			    "an address or network such as 10.0.0.0/8 (no bits set behind the "
			    "prefix)");
	}
	set->cap = set->n;
}

static void read_key(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, char *out);

static void read_items(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, void *to)
{
	struct config_items *items = to;
	bool map = k->type == CONFIG_MAP;

	if (y->kind != (map ? YAML_MAP : YAML_SEQ)) {
		wrong(r, y, k, map ? "a map of names" : "a list (lines that begin with -)");
		return;
	}
	items->v = arena_alloc(r->arena, k->item_size * (y->n + 1), _Alignof(max_align_t));
	if (items->v == NULL)
		return;
	for (unsigned i = 0; i < y->n; i++) {
		char *item = (char *)items->v + k->item_size * items->n++;

		if (k->keys[0].name != NULL && k->keys[0].name[0] == '\0')
			read_key(r, &y->child[i], k->keys, item); /* the value itself, no section */
		else
			config_read(r, &y->child[i], k->keys, item, k->item_size);
		if (map)
			*(const char **)(void *)item = copy(r, y->child[i].key);
	}
}

static void read_key(
    struct config_reader *r, const struct yaml *y, const struct config_key *k, char *out)
{
	void *to = out + k->offset;

	/* null is a name as well: of a sink's type */
	if (yaml_is_null(y) && k->type != CONFIG_SECTION &&
	    !(k->type == CONFIG_ENUM && y->text.n > 0)) {
		problem_error(r->p, yaml_key_place(r->file, y), "%s: has no value", k->name);
		return;
	}
	switch (k->type) {
	case CONFIG_TEXTS:
		read_texts(r, y, k, to);
		break;
	case CONFIG_PREFIXES:
		read_prefixes(r, y, k, to);
		break;
	case CONFIG_LIST:
	case CONFIG_MAP:
		read_items(r, y, k, to);
		break;
	case CONFIG_SECTION:
		config_read(r, y, k->keys, out, 0); /* its offsets are in the same struct */
		break;
	case CONFIG_TEXT:
	case CONFIG_SECRET:
	case CONFIG_BOOL:
	case CONFIG_UINT:
	case CONFIG_BYTES:
	case CONFIG_DURATION:
	case CONFIG_PERCENT:
	case CONFIG_SPACE:
	case CONFIG_ENUM:
		read_scalar(r, y, k, to);
		break;
	}
}

static void read_default(struct config_reader *r, const struct config_key *k, char *out)
{
	struct yaml y = {
		.kind = YAML_SCALAR, .plain = true, .text = slice_of(k->def), .line = 1, .col = 1
	};

	if (k->type == CONFIG_SECTION)
		config_read(r, NULL, k->keys, out, 0);
	else if (k->def != NULL)
		read_key(r, &y, k, out);
}

static void unknown_key(
    struct config_reader *r, const struct yaml *c, const struct config_key *keys)
{
	const char *names[MAX_KEYS] = { NULL };
	unsigned n = 0;

	for (; keys[n].name != NULL && n < MAX_KEYS; n++)
		names[n] = keys[n].name;

	const char *s = problem_suggest(c->key, names, n);
	char list[320];
	size_t len = 0;

	for (unsigned i = 0; i < n && len < sizeof(list); i++)
		len += (size_t)snprintf(
		    list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", names[i]);
	if (s != NULL)
		problem_error(r->p, yaml_key_place(r->file, c),
		    "unknown key '%.*s'; did you mean '%s'?", SLICE_ARG(c->key), s);
	else
		problem_error(r->p, yaml_key_place(r->file, c),
		    "unknown key '%.*s'; known here: %s", SLICE_ARG(c->key), list);
}

void config_read(struct config_reader *r, const struct yaml *y, const struct config_key *keys,
    void *out, size_t size)
{
	if (size > 0)
		memset(out, 0, size);
	if (y != NULL && yaml_is_null(y))
		y = NULL;
	if (y != NULL && y->kind != YAML_MAP) {
		problem_error(
		    r->p, yaml_place(r->file, y), "expected keys and values here (key: value)");
		y = NULL;
	}
	for (unsigned i = 0; y != NULL && i < y->n; i++) {
		const struct config_key *k = keys;

		while (k->name != NULL && !slice_eq(y->child[i].key, slice_of(k->name)))
			k++;
		if (k->name == NULL)
			unknown_key(r, &y->child[i], keys);
	}
	for (const struct config_key *k = keys; k->name != NULL; k++) {
		const struct yaml *c = yaml_get(y, k->name);

		if (c != NULL)
			read_key(r, c, k, out);
		else if (k->required)
			problem_error(r->p,
			    y != NULL ? yaml_place(r->file, y)
				      : (struct place){ r->file->name, 1, 1 },
			    "'%s' is missing: %s", k->name, k->help);
		else
			read_default(r, k, out);
	}
}

static const char *type_text(const struct config_key *k, char to[static 128])
{
	static const char *const names[] = { "text", "text, `file:PATH` or `env:NAME`",
		"true or false", "number", "size", "span", "share", "size or share", "",
		"list of text", "list of networks", "section", "list", "map" };

	if (k->type != CONFIG_ENUM)
		return names[k->type];

	size_t n = 0;

	for (unsigned i = 0; k->names[i] != NULL && n < 128; i++)
		n += (size_t)snprintf(to + n, 128 - n, "%s`%s`", i > 0 ? ", " : "", k->names[i]);
	return to;
}

/* The tables are ours and three levels deep: recursion is bounded by them. */
void config_reference(const struct config_key *keys, const char *prefix, struct buf *out)
{
	for (const struct config_key *k = keys; k->name != NULL; k++) {
		char type[128];
		char name[128];

		snprintf(name, sizeof(name), "%s%s", prefix, k->name);
		buf_printf(out, "| `%s` | %s | %s%s%s | %s%s |\n", name, type_text(k, type),
		    k->def != NULL ? "`" : "",
		    k->def != NULL ? k->def
		    : k->required  ? "required"
				   : "",
		    k->def != NULL ? "`" : "", k->help, "");
		if (k->keys != NULL && k->keys[0].name != NULL && k->keys[0].name[0] != '\0') {
			snprintf(name, sizeof(name), "%s%s%s", prefix, k->name,
			    k->type == CONFIG_LIST  ? "[]."
			    : k->type == CONFIG_MAP ? ".NAME."
						    : ".");
			config_reference(k->keys, name, out);
		}
	}
}
