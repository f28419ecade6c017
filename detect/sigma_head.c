/* What detection rules and correlations have in common: names, level, category, tags, tests. */
#include "base/err.h"
#include "detect/sigma.h"

#include <stdarg.h>
#include <stdio.h>
#include <xxhash.h>

#define CATEGORY_NAME(id, name) name,
const char *const category_names[CATEGORY_N] = { CATEGORY_TABLE(CATEGORY_NAME) };

bool category_is_attack(enum category c, enum level l)
{
	switch (c) {
	case CATEGORY_SQLI:
	case CATEGORY_XSS:
	case CATEGORY_LFI:
	case CATEGORY_RFI:
	case CATEGORY_RCE:
	case CATEGORY_LOG4SHELL:
	case CATEGORY_XXE:
	case CATEGORY_SSRF:
	case CATEGORY_SSTI:
	case CATEGORY_NOSQLI:
	case CATEGORY_LDAPI:
	case CATEGORY_CRLF:
	case CATEGORY_SHELLSHOCK:
	case CATEGORY_PHP:
	case CATEGORY_JAVA:
	case CATEGORY_WEBSHELL:
		return true;
	case CATEGORY_PROTOCOL:
	case CATEGORY_SCANNER:
		return l >= LEVEL_MEDIUM;
	case CATEGORY_CRAWLER:
	case CATEGORY_RECON:
	case CATEGORY_AUTH_FAILURE:
	case CATEGORY_AUTH_SUCCESS:
	case CATEGORY_PRIVILEGE:
	case CATEGORY_PERSISTENCE:
	case CATEGORY_EXECUTION:
	case CATEGORY_DOS:
	case CATEGORY_EXFILTRATION:
	case CATEGORY_LEAK:
	case CATEGORY_N:
		break;
	}
	return false;
}

__attribute__((format(printf, 3, 0))) static void add_error(
    struct loader *l, struct place at, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	problem_error(l->p, at, "%s", text);
}

void sigma_error(struct loader *l, const struct yaml *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(l, yaml_place(l->file, at), fmt, ap);
	va_end(ap);
}

void sigma_key_error(struct loader *l, const struct yaml *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(l, yaml_key_place(l->file, at), fmt, ap);
	va_end(ap);
}

void *sigma_alloc(struct loader *l, size_t n, size_t align)
{
	void *p = arena_alloc(&l->rs->arena, n, align);

	if (p == NULL)
		problem_error(l->p, (struct place){ l->file->name, 0, 0 },
		    "the rules need more than %zu MiB of memory", l->rs->arena.cap >> 20);
	return p;
}

/* The copy is NUL-terminated behind its end. */
struct slice sigma_copy(struct loader *l, struct slice s)
{
	char *to = sigma_alloc(l, s.n + 1, 1);

	if (to == NULL)
		return (struct slice){ 0 };
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return (struct slice){ to, s.n };
}

unsigned sigma_node(struct loader *l, enum node_kind kind, const unsigned *child, unsigned n)
{
	unsigned *own = NULL;

	if (n > 0) {
		own = sigma_alloc(l, sizeof(*own) * n, _Alignof(unsigned));
		if (own == NULL)
			return 0;
		memcpy(own, child, sizeof(*own) * n);
	}
	if (l->n_nodes == SIGMA_MAX_NODES) {
		problem_error(l->p, (struct place){ l->file->name, 0, 0 },
		    "a rule has more than %d parts", SIGMA_MAX_NODES);
		return 0;
	}
	l->nodes[l->n_nodes] = (struct node){ .kind = kind, .n = n, .child = own };
	return l->n_nodes++;
}

static void hash_tree(XXH3_state_t *st, const struct yaml *y)
{
	uint8_t kind = (uint8_t)(y->kind * 2 + y->plain);

	XXH3_64bits_update(st, &kind, 1);
	XXH3_64bits_update(st, &y->key.n, sizeof(y->key.n));
	if (y->key.n > 0)
		XXH3_64bits_update(st, y->key.p, y->key.n);
	XXH3_64bits_update(st, &y->text.n, sizeof(y->text.n));
	if (y->text.n > 0)
		XXH3_64bits_update(st, y->text.p, y->text.n);
	XXH3_64bits_update(st, &y->n, sizeof(y->n));
	for (unsigned i = 0; i < y->n; i++) /* yaml_load bounds the depth */
		hash_tree(st, &y->child[i]);
}

uint64_t sigma_hash(const struct yaml *y)
{
	XXH3_state_t *st = XXH3_createState();
	uint64_t h = 0;

	if (st == NULL)
		return 0;
	XXH3_64bits_reset(st);
	hash_tree(st, y);
	h = XXH3_64bits_digest(st);
	XXH3_freeState(st);
	return h;
}

static unsigned name_index(
    struct loader *l, const struct yaml *y, const char *what, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (slice_eq(y->text, slice_of(names[i])))
			return i;

	const char *s = problem_suggest(y->text, names, n);

	sigma_error(l, y, "%s '%.*s' is not known%s%s%s", what, SLICE_ARG(y->text),
	    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
	return n;
}

/* ATT&CK tags to categories, the first that fits; for rules that name no category. */
static const struct {
	const char *tag;
	enum category category;
} tag_categories[] = {
	{ "attack.t1505.003", CATEGORY_WEBSHELL },
	{ "attack.t1110", CATEGORY_AUTH_FAILURE },
	{ "attack.t1595", CATEGORY_SCANNER },
	{ "attack.persistence", CATEGORY_PERSISTENCE },
	{ "attack.privilege-escalation", CATEGORY_PRIVILEGE },
	{ "attack.privilege_escalation", CATEGORY_PRIVILEGE },
	{ "attack.exfiltration", CATEGORY_EXFILTRATION },
	{ "attack.impact", CATEGORY_DOS },
	{ "attack.discovery", CATEGORY_RECON },
	{ "attack.reconnaissance", CATEGORY_RECON },
	{ "attack.execution", CATEGORY_EXECUTION },
};

static void read_tags(struct loader *l, const struct yaml *y, struct sigma_head *h)
{
	if (y == NULL || y->kind != YAML_SEQ || y->n == 0)
		return;
	h->tags = sigma_alloc(l, sizeof(*h->tags) * y->n, _Alignof(struct slice));
	for (unsigned i = 0; h->tags != NULL && i < y->n; i++)
		h->tags[h->n_tags++] = sigma_copy(l, y->child[i].text);
}

static void read_category(struct loader *l, const struct yaml *doc, struct sigma_head *h)
{
	const struct yaml *y = yaml_get(doc, "category");

	if (y != NULL) {
		unsigned k = name_index(l, y, "category", category_names, CATEGORY_N);

		h->has_category = true;
		h->category = k < CATEGORY_N ? (enum category)k : CATEGORY_PROTOCOL;
		return;
	}
	for (unsigned t = 0; t < sizeof(tag_categories) / sizeof(*tag_categories); t++)
		for (unsigned i = 0; i < h->n_tags; i++)
			if (slice_eq(h->tags[i], slice_of(tag_categories[t].tag))) {
				h->category = tag_categories[t].category;
				h->has_category = true;
				return;
			}
}

static void read_tests(struct loader *l, const struct yaml *doc, struct sigma_head *h)
{
	const struct yaml *y = yaml_get(doc, "tests");
	unsigned n = 0;

	if (y == NULL)
		return;
	if (y->kind != YAML_MAP) {
		sigma_error(l, y, "tests: expected `match:` and `ignore:`, each a list");
		return;
	}
	for (unsigned i = 0; i < y->n; i++)
		n += y->child[i].kind == YAML_SEQ ? y->child[i].n : 1;
	h->tests = sigma_alloc(l, sizeof(*h->tests) * (n + 1), _Alignof(struct rule_test));
	if (h->tests == NULL)
		return;
	for (unsigned i = 0; i < y->n; i++) {
		const struct yaml *list = &y->child[i];
		bool match = slice_eq(list->key, SLICE("match"));

		if (!match && !slice_eq(list->key, SLICE("ignore"))) {
			sigma_key_error(l, list, "tests: '%.*s' is neither match nor ignore",
			    SLICE_ARG(list->key));
			continue;
		}
		for (unsigned k = 0; list->kind == YAML_SEQ && k < list->n; k++)
			h->tests[h->n_tests++] = (struct rule_test){ match, &list->child[k] };
	}
}

static struct slice text_of(struct loader *l, const struct yaml *doc, const char *key)
{
	const struct yaml *y = yaml_get(doc, key);

	if (y == NULL || y->kind != YAML_SCALAR)
		return (struct slice){ 0 };
	return sigma_copy(l, y->text);
}

void sigma_head(struct loader *l, const struct yaml *doc, struct slice stem, struct sigma_head *h)
{
	const struct yaml *y = yaml_get(doc, "level");

	*h = (struct sigma_head){ .level = LEVEL_MEDIUM };
	h->name = text_of(l, doc, "name");
	h->id = text_of(l, doc, "id");
	h->title = text_of(l, doc, "title");
	if (h->name.n == 0)
		h->name = sigma_copy(l, stem);
	if (h->title.n == 0)
		sigma_error(l, doc, "the rule has no title");
	if (y != NULL) {
		unsigned k = name_index(l, y, "level", level_names, LEVEL_N);

		h->level = k < LEVEL_N ? (enum level)k : LEVEL_MEDIUM;
	}
	read_tags(l, yaml_get(doc, "tags"), h);
	read_category(l, doc, h);
	read_tests(l, doc, h);
	h->disabled = slice_eq(text_of(l, doc, "enabled"), SLICE("false"));
	h->hash = sigma_hash(doc);
}
