#include "detect/memo.h"

#include <stdlib.h>
#include <xxhash.h>

enum { MEMO_SLOTS = 16384, MEMO_TRIES = 64 };

struct entry {
	struct memo_key key;
	struct window *w; /* NULL: free */
	double cost;
	unsigned n;
	bool used;
};

struct memo {
	bool news;
	struct entry e[MEMO_SLOTS];
};

struct memo *memo_new(void)
{
	return calloc(1, sizeof(struct memo));
}

void memo_free(struct memo *m)
{
	for (unsigned i = 0; m != NULL && i < MEMO_SLOTS; i++)
		free(m->e[i].w);
	free(m);
}

struct memo_key memo_key(struct slice pattern, unsigned flags, unsigned kind)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(pattern.p, pattern.n, (uint64_t)flags << 8 | kind);

	return (struct memo_key){ { h.low64, h.high64 } };
}

/* The entry of that key, or the free one that it would get, or NULL. */
static struct entry *find(struct memo *m, struct memo_key key)
{
	for (unsigned i = 0; i < MEMO_TRIES; i++) {
		struct entry *e = &m->e[(key.hash[0] + i) % MEMO_SLOTS];

		if (e->w == NULL || memcmp(&e->key, &key, sizeof(key)) == 0)
			return e;
	}
	return NULL;
}

bool memo_recall(struct memo *m, struct memo_key key, struct window_set *out)
{
	struct entry *e = find(m, key);

	if (e == NULL || e->w == NULL)
		return false;
	e->used = true;
	out->n = e->n;
	out->cost = e->cost;
	memcpy(out->w, e->w, sizeof(*e->w) * e->n);
	return true;
}

void memo_keep(struct memo *m, struct memo_key key, const struct window_set *set)
{
	struct entry *at = find(m, key);
	struct window *w = malloc(sizeof(*w) * (set->n + 1));

	if (at == NULL || at->w != NULL || w == NULL) {
		free(w);
		return;
	}
	memcpy(w, set->w, sizeof(*w) * set->n);
	*at = (struct entry){ .key = key, .w = w, .cost = set->cost, .n = set->n, .used = true };
	m->news = true;
}

void memo_seen(struct memo *m)
{
	for (unsigned i = 0; i < MEMO_SLOTS; i++)
		m->e[i].used = false;
	m->news = false;
}

bool memo_has_news(const struct memo *m)
{
	return m->news;
}

void memo_each_kept(struct memo *m,
    void (*each)(void *ctx, struct memo_key key, const struct window_set *set), void *ctx)
{
	struct window_set *set = malloc(sizeof(*set));
	unsigned n = 0;

	for (unsigned i = 0; i < MEMO_SLOTS; i++)
		n += m->e[i].w != NULL;
	for (unsigned i = 0; set != NULL && i < MEMO_SLOTS; i++) {
		const struct entry *e = &m->e[i];

		if (e->w == NULL || (!e->used && n > MEMO_SLOTS / 2))
			continue;
		set->n = e->n;
		set->cost = e->cost;
		memcpy(set->w, e->w, sizeof(*e->w) * e->n);
		each(ctx, e->key, set);
	}
	free(set);
}
