/*
 * memo.h - windows that were chosen before, while one rule set is compiled.
 *
 * Choosing is the dear part of loading rules, and the same pattern is looked for in
 * several fields, and asked for twice (for its cost, then for its windows). A memo can
 * be kept in a file from one start to the next: memo_file.c.
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
bool memo_recall(struct memo *m, struct memo_key key, struct window_set *out);

/* Keep a choice. A full memo, or one without memory, keeps nothing: it is chosen again. */
void memo_keep(struct memo *m, struct memo_key key, const struct window_set *set);

/* Entries of a file, if it can be trusted and was written by the same chooser. */
void memo_load(struct memo *m, const char *dir, const char *name);
/* All of it into a file of that name; of too many, what was recalled or kept. */
void memo_save(struct memo *m, const char *dir, const char *name);

/* ---- inside detect/ ---- */

/* What is there now was not asked for yet, and is nothing new. */
void memo_seen(struct memo *m);
/* Was anything kept that no file had? */
bool memo_has_news(const struct memo *m);
/* For memo_save(). */
void memo_each_kept(struct memo *m,
    void (*each)(void *ctx, struct memo_key key, const struct window_set *set), void *ctx);

#endif
