/* Logs that were left somewhere: rotated away while nobody was looking, or written after. */
#include "inputs/tail_internal.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SIBLINGS = 1024 };

struct sibling {
	char path[TAIL_PATH_MAX];
	int64_t mtime_us;
};

static int by_age(const void *a, const void *b)
{
	const struct sibling *x = a;
	const struct sibling *y = b;

	return x->mtime_us != y->mtime_us ? (x->mtime_us < y->mtime_us ? -1 : 1)
					  : strcmp(x->path, y->path);
}

/* BASE.* and BASE-* beside BASE, oldest first. */
static unsigned list_siblings(const char *dir, const char *base, struct sibling *out)
{
	DIR *d = opendir(dir);
	unsigned count = 0;
	struct dirent *ent;

	if (d == NULL)
		return 0;
	while ((ent = readdir(d)) != NULL && count < MAX_SIBLINGS) {
		struct sibling *s = &out[count];
		struct stat st;

		if (!tail_is_named_after(ent->d_name, base))
			continue;
		if ((size_t)snprintf(s->path, sizeof(s->path), "%s/%s", dir, ent->d_name) >=
			sizeof(s->path) ||
		    stat(s->path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		s->mtime_us = tail_mtime_us(&st);
		count++;
	}
	closedir(d);
	qsort(out, count, sizeof(*out), by_age);
	return count;
}

/* One that is being compressed has too little in it, until it is left alone. */
static bool is_to_wait_for(struct tail *t, struct open_file *f, enum tail_match m)
{
	if (!f->cut || !f->newer)
		return false;
	return m == TAIL_MATCH_NO_HEAD || (tail_may_be_saved(t, f) && !tail_is_copy(t, f));
}

/* Of a log that no saved position is of. */
static bool is_wanted(struct tail *t, struct open_file *f, enum tail_match m)
{
	if (m == TAIL_MATCH_NO_HEAD || !f->newer || tail_is_copy(t, f))
		return false;
	tail_begin(t, f);
	return true;
}

/* What else is open, so that no copy of it is taken for a log that nobody has. */
static void identify_others(struct tail *t, const struct open_file *f, int64_t now_ms)
{
	for (unsigned i = 0; i < t->n_files; i++) {
		struct open_file *g = t->files[i];

		if (g != f && !g->known && !g->sibling && !g->unwanted)
			tail_become_known(t, g, now_ms);
	}
}

bool tail_settle(struct tail *t, struct open_file *f, int64_t now_ms)
{
	enum tail_match m;

	if (t->started)
		identify_others(t, f, now_ms);
	m = tail_match(t, f);

	if (m == TAIL_MATCH_SAVED) {
		f->unwanted = tail_gzip_has(f, f->pub.offset);
	} else if (is_to_wait_for(t, f, m)) {
		if (now_ms - f->last_ms < TAIL_LET_GO_MS)
			return false;
		t->cb.report(t->cb.ctx, TAIL_UNREADABLE, f->path, 0);
		f->unwanted = true;
	} else {
		f->unwanted = !is_wanted(t, f, m);
	}
	f->sibling = false;
	return !f->unwanted;
}

/* True: it was read before, or that can't be said yet. */
static bool open_sibling(struct tail *t, const struct pattern *pat, const char *path, bool newer)
{
	struct open_file *f = tail_open_path(t, pat, path);
	bool found;

	if (f == NULL)
		return false;
	f->catch_up = !t->started || f->gz != NULL;
	f->renamed = !f->catch_up; /* its writer may not have noticed yet */
	f->pub.first_start = false;
	f->first = true;
	f->sibling = true;
	f->newer = newer;
	f->dirty = tail_settle(t, f, tail_now_ms());
	found = f->sibling || (f->known && f->pub.offset > 0);
	if (f->unwanted)
		tail_let_go(t, t->n_files - 1);
	return found;
}

/*
 * The log `name` was left in a file last written at since_us, and another one is there now: the
 * rest of the old one is in a sibling, and so is everything between. What was between may have
 * been complete before the old one was read to its end, so it is the logs' own times that are
 * compared, and of the same tick counts as newer. At start every sibling is looked at, as
 * the old one may be a copy. True: a sibling that was read before was found.
 */
static bool catch_up(struct tail *t, const struct pattern *pat, const char *name, int64_t since_us)
{
	struct sibling *s = calloc(MAX_SIBLINGS, sizeof(*s));
	unsigned n = s != NULL ? list_siblings(pat->dir, name, s) : 0;
	bool found = false;

	for (unsigned i = 0; i < n; i++) {
		bool newer = s[i].mtime_us >= since_us;
		struct stat st;

		if ((t->started && !newer) || stat(s[i].path, &st) != 0 ||
		    tail_find_inode(t, &st) != NULL)
			continue;

		found = open_sibling(t, pat, s[i].path, newer) || found;
	}
	free(s);
	return found;
}

/* Is the sibling at path, which nobody reads, a copy that has the rest? Then it is open now. */
static bool open_copy(
    struct tail *t, const struct pattern *pat, const char *path, const struct tail_position *left)
{
	struct stat st;
	struct open_file *f = stat(path, &st) == 0 ? tail_find_inode(t, &st) : NULL;
	bool is_open = f != NULL;
	uint64_t head;

	if (is_open && (f->known || f->sibling || f->unwanted))
		return false;
	if (!is_open)
		f = tail_open_path(t, pat, path);
	if (f == NULL)
		return false;
	if (!tail_read_head(f, &head) || head != left->head_hash || !tail_agrees(f, left)) {
		if (!is_open)
			tail_let_go(t, t->n_files - 1);
		return false;
	}
	f->pub.head_hash = head;
	f->pub.first_start = false;
	tail_take(f, left);
	f->catch_up = true;
	f->first = true;
	f->dirty = true;
	return true;
}

bool tail_find_copied_rest(
    struct tail *t, const struct open_file *f, const struct tail_position *left)
{
	struct sibling *s = calloc(MAX_SIBLINGS, sizeof(*s));
	unsigned n = s != NULL ? list_siblings(f->pattern->dir, strrchr(f->path, '/') + 1, s) : 0;
	bool found = false;

	for (unsigned i = 0; i < n && !found; i++)
		found = s[i].mtime_us >= left->time_us && open_copy(t, f->pattern, s[i].path, left);
	free(s);
	return found;
}

void tail_find_copies(struct tail *t, const struct open_file *f, int64_t since_us)
{
	catch_up(t, f->pattern, strrchr(f->path, '/') + 1, since_us);
}

/*
 * At start: path is a link that led to another file, which was left at pos. That one has a name
 * that nobody knows; it is looked for where the link leads now. True: it is followed.
 */
static bool find_target(
    struct tail *t, const struct pattern *pat, const char *path, const struct tail_position *pos)
{
	char target[PATH_MAX];
	char old[TAIL_PATH_MAX];
	struct dirent *ent;
	struct stat st;
	bool found = false;
	bool same_head;
	DIR *d;

	if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode) || realpath(path, target) == NULL)
		return false;
	*(strrchr(target, '/') + 1) = '\0';
	d = opendir(target);
	while (d != NULL && !found && (ent = readdir(d)) != NULL) {
		if (ent->d_ino != pos->ino ||
		    (size_t)snprintf(old, sizeof(old), "%s%s", target, ent->d_name) >=
			sizeof(old) ||
		    stat(old, &st) != 0 || st.st_dev != pos->dev ||
		    !tail_is_left(old, pos, &same_head))
			continue;
		found = tail_find_inode(t, &st) != NULL || open_sibling(t, pat, old, false);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* Another file than before is at `path`. */
void tail_find_missed(struct tail *t, const struct pattern *p, const char *name, const char *path,
    const struct stat *st)
{
	struct tail_position pos;
	bool same_head = false;

	if (t->cb.saved_path(t->cb.ctx, path, &pos)) {
		/* the inode alone says little: one that was freed is the next new file's */
		if (pos.dev == st->st_dev && pos.ino == st->st_ino &&
		    (tail_is_gzip(path) || tail_is_left(path, &pos, &same_head)))
			return;
		/* copied and truncated, or shortened by a crash, which identifying it will tell */
		if (!catch_up(t, p, name, pos.time_us) && !t->started && !same_head &&
		    !find_target(t, p, path, &pos))
			t->cb.report(t->cb.ctx, TAIL_GONE, pos.path, 0);
	} else if (!t->started && !p->start.first_start) {
		catch_up(t, p, name, p->start.alive_us);
	}
}

/*
 * The log is the one it was, and still something older may not be read to its end: the agent was
 * stopped while it had both. f is identified first, so that no copy of it takes its place.
 */
void tail_find_rest(struct tail *t, struct open_file *f, const char *name)
{
	if (!f->pattern->start.first_start && tail_identify(t, f))
		catch_up(t, f->pattern, name, INT64_MAX);
}

static const struct pattern *pattern_of(const struct tail *t, const char *path)
{
	const char *name = strrchr(path, '/');

	for (unsigned i = 0; i < t->n_patterns && name != NULL; i++) {
		const struct pattern *p = &t->patterns[i];
		size_t n = strcmp(p->dir, "/") == 0 ? 0 : strlen(p->dir);

		if ((size_t)(name - path) == n && memcmp(path, p->dir, n) == 0 &&
		    fnmatch(p->name, name + 1, FNM_PERIOD) == 0)
			return p;
	}
	return NULL;
}

static bool is_open_path(const struct tail *t, const char *path)
{
	for (unsigned i = 0; i < t->n_files; i++)
		if (strcmp(t->files[i]->path, path) == 0)
			return true;
	return false;
}

/* At start: logs that were left and whose name nobody has now. */
void tail_find_lost(struct tail *t)
{
	struct tail_position p;
	struct tail_position newest;
	struct stat st;

	for (unsigned i = 0; t->cb.saved_any(t->cb.ctx, i, &p); i++) {
		const struct pattern *pat = pattern_of(t, p.path);

		/* once for each path: at its newest position */
		if (pat == NULL || is_open_path(t, p.path) || stat(p.path, &st) == 0 ||
		    !t->cb.saved_path(t->cb.ctx, p.path, &newest) ||
		    newest.head_hash != p.head_hash || newest.number != p.number)
			continue;
		if (!catch_up(t, pat, strrchr(p.path, '/') + 1, p.time_us))
			t->cb.report(t->cb.ctx, TAIL_GONE, p.path, 0);
	}
}

/* A log that was let go is written all the same: its writer has not been told to open anew. */
void tail_reopen(struct tail *t, int watch, const char *name)
{
	for (unsigned i = 0; i < t->n_files; i++) {
		const struct open_file *g = t->files[i];
		const char *slash = strrchr(g->path, '/');
		char path[TAIL_PATH_MAX];
		struct open_file *f;
		struct stat st;

		if (g->pattern->watch != watch || slash == NULL ||
		    !tail_is_named_after(name, slash + 1) || tail_is_gzip(name) ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", g->pattern->dir, name) >=
			sizeof(path) ||
		    stat(path, &st) != 0 || tail_find_inode(t, &st) != NULL)
			continue;
		f = tail_open_path(t, g->pattern, path);
		if (f == NULL)
			return;
		f->renamed = true;
		f->pub.first_start = false;
		if (tail_match(t, f) != TAIL_MATCH_SAVED)
			tail_let_go(t, t->n_files - 1);
		return;
	}
}
