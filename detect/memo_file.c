/*
 * memo_file.c - chosen windows on disk, so that only new rules cost time at a start.
 *
 *	magic "SKWINDOW", id of the chooser (32 hex digits of a hash over match/)
 *	varint classes, 32 bytes each; varint entries, each:
 *	    key (16), cost (8, IEEE 754), varint windows, each: varint length, varint class ...
 *	CRC32C of all before it (4, little endian)
 *
 * A file that is damaged, of another chooser, or that others may write is left out, and
 * replaced by a new one.
 */
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "base/io.h"
#include "detect/memo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define MAGIC "SKWINDOW" MATCH_ID

enum { MAGIC_BYTES = sizeof(MAGIC) - 1, FILE_MAX = 32 << 20, CLASSES_MAX = 32768, SLOTS = 65536 };

/* The different byte classes of all windows. */
struct classes {
	struct byteset *v; /* CLASSES_MAX */
	uint32_t *slot;	   /* SLOTS: index + 1 */
	unsigned n;
	bool full;
};

static unsigned intern(struct classes *c, const struct byteset *set)
{
	uint32_t at = (uint32_t)XXH3_64bits(set, sizeof(*set)) % SLOTS;

	for (; c->slot[at] != 0; at = (at + 1) % SLOTS)
		if (byteset_eq(&c->v[c->slot[at] - 1], set))
			return c->slot[at] - 1;
	if (c->n == CLASSES_MAX) {
		c->full = true;
		return 0;
	}
	c->v[c->n] = *set;
	c->slot[at] = ++c->n;
	return c->n - 1;
}

struct saving {
	struct classes classes;
	struct buf body;
	unsigned n;
};

static void save_entry(void *ctx, struct memo_key key, const struct window_set *set)
{
	struct saving *s = ctx;

	buf_put(&s->body, key.hash, sizeof(key.hash));
	buf_put(&s->body, &set->cost, sizeof(set->cost));
	buf_varint(&s->body, set->n);
	for (unsigned i = 0; i < set->n; i++) {
		buf_varint(&s->body, set->w[i].n);
		for (unsigned k = 0; k < set->w[i].n; k++)
			buf_varint(&s->body, intern(&s->classes, &set->w[i].cls[k]));
	}
	s->n++;
}

static void write_file(struct saving *s, const char *dir, const char *name)
{
	struct buf out = { .max = FILE_MAX };
	uint32_t crc;
	struct err e;

	buf_put(&out, MAGIC, MAGIC_BYTES);
	buf_varint(&out, s->classes.n);
	buf_put(&out, s->classes.v, s->classes.n * sizeof(*s->classes.v));
	buf_varint(&out, s->n);
	buf_slice(&out, buf_as_slice(&s->body));
	crc = crc32c(0, out.p, out.n);
	buf_put(&out, &crc, sizeof(crc));
	if (!out.full && !s->body.full && !s->classes.full)
		io_replace(dir, name, out.p, out.n, 0644, &e); /* failing costs time, no more */
	buf_free(&out);
}

void memo_save(struct memo *m, const char *dir, const char *name)
{
	struct saving s = { .body = { .max = FILE_MAX } };

	s.classes.v = calloc(CLASSES_MAX, sizeof(*s.classes.v));
	s.classes.slot = calloc(SLOTS, sizeof(*s.classes.slot));
	if (s.classes.v != NULL && s.classes.slot != NULL) {
		memo_each_kept(m, save_entry, &s);
		write_file(&s, dir, name);
	}
	free(s.classes.v);
	free(s.classes.slot);
	buf_free(&s.body);
}

/* Who may write it decides what is found: root or we, nobody else. */
static bool is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 022) == 0 &&
	       (st.st_uid == 0 || st.st_uid == geteuid());
}

static bool load_entry(struct cut *c, const struct byteset *cls, uint64_t n_cls, struct memo *m)
{
	struct slice head = cut_raw(c, 24);
	struct window_set *set = malloc(sizeof(*set));
	struct memo_key key;
	uint64_t n = cut_varint(c);
	bool ok = set != NULL && !c->bad && n <= WINDOW_SET_MAX;

	if (ok) {
		memcpy(key.hash, head.p, sizeof(key.hash));
		memcpy(&set->cost, head.p + 16, sizeof(set->cost));
		set->n = (unsigned)n;
	}
	for (unsigned i = 0; ok && i < n; i++) {
		uint64_t len = cut_varint(c);

		ok = !c->bad && len >= 1 && len <= WINDOW_LEN_MAX;
		set->w[i].n = (uint8_t)len;
		for (unsigned k = 0; ok && k < len; k++) {
			uint64_t at = cut_varint(c);

			ok = !c->bad && at < n_cls;
			if (ok)
				memcpy(&set->w[i].cls[k], &cls[at], sizeof(*cls));
		}
	}
	if (ok)
		memo_keep(m, key, set);
	free(set);
	return ok;
}

static void load_all(struct memo *m, struct slice file)
{
	struct cut c = { .s = file };
	uint64_t n_cls;
	uint64_t n;
	struct slice raw;
	struct byteset *cls;

	cut_raw(&c, MAGIC_BYTES);
	n_cls = cut_varint(&c);
	if (c.bad || n_cls > CLASSES_MAX)
		return;
	raw = cut_raw(&c, (size_t)n_cls * sizeof(*cls));
	n = cut_varint(&c);
	cls = malloc(raw.n + 1); /* aligned, other than in the file */
	if (cls != NULL && !c.bad) {
		memcpy(cls, raw.p, raw.n);
		for (uint64_t i = 0; i < n && load_entry(&c, cls, n_cls, m); i++)
			;
	}
	free(cls);
}

void memo_load(struct memo *m, const char *dir, const char *name)
{
	char path[4096];
	char *p = NULL;
	size_t n = 0;
	struct err e;
	uint32_t crc;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) ||
	    !is_ours(path) || io_read_file(path, FILE_MAX, &p, &n, &e) != 0)
		return;
	if (n > MAGIC_BYTES + sizeof(crc) && memcmp(p, MAGIC, MAGIC_BYTES) == 0) {
		memcpy(&crc, p + n - sizeof(crc), sizeof(crc));
		if (crc == crc32c(0, p, n - sizeof(crc)))
			load_all(m, (struct slice){ p, n - sizeof(crc) });
	}
	free(p);
	memo_seen(m);
}
