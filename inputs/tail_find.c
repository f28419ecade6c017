/* Finding the files of the patterns, and noticing what happens to them. See tail.h. */
#include "base/err.h"
#include "inputs/tail_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { MAX_SIBLINGS = 1024 };

int tail_add(
    struct tail *t, const char *pattern, unsigned input, const struct tail_start *s, struct err *e)
{
	const char *slash = strrchr(pattern, '/');
	struct pattern *p = &t->patterns[t->n_patterns];

	if (t->n_patterns == TAIL_MAX_PATTERNS)
		return err_set(e, E2BIG, "more than %d patterns of files", TAIL_MAX_PATTERNS);
	if (slash == NULL || (size_t)(slash - pattern) >= sizeof(p->dir) ||
	    strlen(slash + 1) >= sizeof(p->name) || slash[1] == '\0')
		return err_set(e, EINVAL, "'%s' is not an absolute path of a file", pattern);
	memset(p, 0, sizeof(*p));
	memcpy(p->dir, pattern, (size_t)(slash - pattern));
	if (p->dir[0] == '\0')
		p->dir[0] = '/';
	memcpy(p->name, slash + 1, strlen(slash + 1) + 1);
	p->input = input;
	p->watch = -1;
	p->start = *s;
	t->n_patterns++;
	return 0;
}

static bool is_gzip(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

static struct open_file *find_inode(struct tail *t, const struct stat *st)
{
	for (unsigned i = 0; i < t->n_files; i++)
		if (t->files[i]->pub.dev == st->st_dev && t->files[i]->pub.ino == st->st_ino)
			return t->files[i];
	return NULL;
}

static int64_t mtime_us(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

void tail_note_mtime(struct open_file *f)
{
	struct stat st;

	if (f->fd >= 0 && fstat(f->fd, &st) == 0)
		f->pub.mtime_us = mtime_us(&st);
}

/* Every look at the patterns finds it again: said once. */
static void report_unreadable(struct tail *t, const char *path, const struct stat *st)
{
	uint64_t *said = &t->unreadable[st->st_ino % TAIL_SAID];

	if (*said == st->st_ino)
		return;
	*said = st->st_ino;
	t->cb.report(t->cb.ctx, TAIL_UNREADABLE, path, 0);
}

static bool open_handle(struct open_file *f, const char *path)
{
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (f->fd < 0 && errno == ELOOP) /* a link is followed, but only to a regular file */
		f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0)
		return false;
	if (is_gzip(path)) {
		f->gz = gzdopen(f->fd, "rb");
		if (f->gz == NULL)
			return false;
		f->fd = -1; /* the stream owns it */
		gzbuffer(f->gz, 128 << 10);
	}
	return true;
}

struct open_file *tail_open_path(struct tail *t, const struct pattern *p, const char *path)
{
	struct open_file *f;
	struct stat st;

	if (t->n_files == TAIL_MAX_FILES || strlen(path) >= sizeof(f->path) ||
	    stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->fd = -1;
	if (!open_handle(f, path)) {
		report_unreadable(t, path, &st);
		free(f);
		return NULL;
	}
	memcpy(f->path, path, strlen(path) + 1);
	f->pub = (struct tail_file){ .input = p->input,
		.path = f->path,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.mtime_us = mtime_us(&st),
		.first_start = !t->started && p->start.first_start };
	f->pattern = p;
	f->dirty = true;
	f->checked = true;
	f->last_ms = tail_now_ms();
	f->order = t->next_order++;
	t->files[t->n_files++] = f;
	return f;
}

/* ---- what was rotated away while nobody was looking ---- */

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
	size_t n = strlen(base);
	unsigned count = 0;
	struct dirent *ent;

	if (d == NULL)
		return 0;
	while ((ent = readdir(d)) != NULL && count < MAX_SIBLINGS) {
		struct sibling *s = &out[count];
		struct stat st;

		if (strncmp(ent->d_name, base, n) != 0 ||
		    (ent->d_name[n] != '.' && ent->d_name[n] != '-'))
			continue;
		if ((size_t)snprintf(s->path, sizeof(s->path), "%s/%s", dir, ent->d_name) >=
			sizeof(s->path) ||
		    stat(s->path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		s->mtime_us = mtime_us(&st);
		count++;
	}
	closedir(d);
	qsort(out, count, sizeof(*out), by_age);
	return count;
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

		if ((t->started && (!newer || is_gzip(s[i].path))) || stat(s[i].path, &st) != 0 ||
		    find_inode(t, &st) != NULL)
			continue;

		struct open_file *f = tail_open_path(t, pat, s[i].path);

		if (f == NULL)
			continue;
		f->catch_up = !t->started;
		f->renamed = t->started; /* its writer may not have noticed yet */
		f->pub.first_start = false;

		bool has_head = tail_identify(t, f);
		bool was_here = has_head && f->pub.offset > 0;

		found = found || was_here;
		if (!has_head || (!was_here && (!newer || tail_is_copy(t, f))))
			tail_let_go(t, t->n_files - 1);
	}
	free(s);
	return found;
}

/* Another file than before is at `path`. */
static void find_missed(struct tail *t, const struct pattern *p, const char *name, const char *path,
    const struct stat *st)
{
	struct tail_position pos;
	bool same_head = false;

	if (t->cb.saved_path(t->cb.ctx, path, &pos)) {
		/* the inode alone says little: one that was freed is the next new file's */
		if (pos.dev == st->st_dev && pos.ino == st->st_ino &&
		    (is_gzip(path) || tail_is_left(path, &pos, &same_head)))
			return;
		/* copied and truncated, or shortened by a crash, which identifying it will tell */
		if (!catch_up(t, p, name, pos.time_us) && !t->started && !same_head)
			t->cb.report(t->cb.ctx, TAIL_GONE, pos.path, 0);
	} else if (!t->started && !p->start.first_start) {
		catch_up(t, p, name, p->start.alive_us);
	}
}

/* ---- patterns ---- */

/* "*" must not take compressed copies, unless it says so: they are found when needed. */
static bool is_old_copy(const char *name, const char *pattern)
{
	return is_gzip(name) && !is_gzip(pattern);
}

static void found_file(struct tail *t, const struct pattern *p, const char *name)
{
	char path[TAIL_PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", strcmp(p->dir, "/") == 0 ? "" : p->dir,
		name) >= sizeof(path) ||
	    stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return;

	struct open_file *f = find_inode(t, &st);

	if (f != NULL) {
		if (strcmp(f->path, path) != 0 &&
		    f->renamed) { /* moved back, or onto another pattern */
			memcpy(f->path, path, strlen(path) + 1);
			f->renamed = false;
		}
		return;
	}
	if (!t->started && p->start.first_start && p->start.not_before_us != 0 &&
	    mtime_us(&st) < p->start.not_before_us)
		return;

	find_missed(t, p, name, path, &st);
	tail_open_path(t, p, path);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void scan_pattern(struct tail *t, struct pattern *p)
{
	char *names[MAX_SIBLINGS];
	unsigned n = 0;
	struct dirent *ent;
	struct stat st;
	DIR *d;

	if (p->watch < 0)
		p->watch = inotify_add_watch(t->inotify, p->dir,
		    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_ATTRIB |
			IN_DELETE_SELF);
	d = opendir(p->dir);
	if (d == NULL) {
		if (errno == EACCES && stat(p->dir, &st) == 0)
			report_unreadable(t, p->dir, &st);
		return;
	}
	while ((ent = readdir(d)) != NULL && n < MAX_SIBLINGS)
		if (fnmatch(p->name, ent->d_name, FNM_PERIOD) == 0 &&
		    !is_old_copy(ent->d_name, p->name))
			names[n++] = strdup(ent->d_name);
	closedir(d);
	qsort(names, n, sizeof(char *), by_text);
	for (unsigned i = 0; i < n; i++) {
		if (names[i] != NULL)
			found_file(t, p, names[i]);
		free(names[i]);
	}
}

/* Is the file still what its path says? */
static void check_name(struct open_file *f)
{
	struct stat st;

	if (f->catch_up)
		return;
	if (stat(f->path, &st) != 0 || st.st_dev != f->pub.dev || st.st_ino != f->pub.ino) {
		if (!f->renamed)
			f->last_ms = tail_now_ms();
		f->renamed = true;
	}
	f->dirty = true;
	f->checked = false;
}

void tail_scan(struct tail *t)
{
	for (unsigned i = 0; i < t->n_files; i++)
		check_name(t->files[i]);
	for (unsigned i = 0; i < t->n_patterns; i++)
		scan_pattern(t, &t->patterns[i]);
	t->started = true;
}

static void one_event(struct tail *t, const struct inotify_event *ev)
{
	bool names = (ev->mask & (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0;

	if (ev->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF)) {
		for (unsigned i = 0; i < t->n_patterns; i++)
			if (t->patterns[i].watch == ev->wd)
				t->patterns[i].watch = -1;
		t->next_scan_ms = 0;
		return;
	}
	if (ev->len == 0)
		return;
	for (unsigned i = 0; i < t->n_files; i++) {
		struct open_file *f = t->files[i];
		const char *slash = strrchr(f->path, '/');

		if (f->pattern->watch == ev->wd && slash != NULL &&
		    strcmp(slash + 1, ev->name) == 0) {
			f->dirty = true;
			f->checked = false;
			if (names)
				check_name(f);
		} else if (f->renamed && f->pattern->watch == ev->wd) {
			f->dirty = true; /* its writer may not have noticed yet */
			f->checked = false;
		}
	}
	if (!names)
		return;
	for (unsigned i = 0; i < t->n_patterns; i++)
		if (t->patterns[i].watch == ev->wd &&
		    fnmatch(t->patterns[i].name, ev->name, FNM_PERIOD) == 0 &&
		    !is_old_copy(ev->name, t->patterns[i].name))
			found_file(t, &t->patterns[i], ev->name);
}

void tail_events(struct tail *t)
{
	_Alignas(struct inotify_event) char b[16384];
	ssize_t n;

	if (!t->started)
		return;
	while ((n = read(t->inotify, b, sizeof(b))) > 0)
		for (ssize_t at = 0; at < n;) {
			struct inotify_event ev;

			memcpy(&ev, b + at, sizeof(ev));
			one_event(t, (const struct inotify_event *)(const void *)(b + at));
			at += (ssize_t)(sizeof(ev) + ev.len);
		}
}
