/*
 * memo.h - windows that were chosen before, while one rule set is compiled.
 *
 * Choosing is the dear part of loading rules, and the same pattern is looked for in
 * several fields, and asked for twice (for its cost, then for its windows).
 */
#ifndef DETECT_MEMO_H
#define DETECT_MEMO_H

#include "match/window.h"

struct memo;

struct memo_key {
	uint64_t hash[2];
};

struct memo *memo_new(void); /* NULL: no memory */
void memo_free(struct memo *m);

/* kind: of text, and of place; whatever else the choice depends on. */
struct memo_key memo_key(struct slice pattern, unsigned flags, unsigned kind);

/* True: *out is what was kept under that key. */
bool memo_recall(const struct memo *m, struct memo_key key, struct window_set *out);

/* Keep a choice. A full memo, or one without memory, keeps nothing: it is chosen again. */
void memo_keep(struct memo *m, struct memo_key key, const struct window_set *set);

#endif
