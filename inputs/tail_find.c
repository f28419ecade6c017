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

bool tail_is_gzip(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

struct open_file *tail_find_inode(struct tail *t, const struct stat *st)
{
	for (unsigned i = 0; i < t->n_files; i++)
		if (t->files[i]->pub.dev == st->st_dev && t->files[i]->pub.ino == st->st_ino)
			return t->files[i];
	return NULL;
}

int64_t tail_mtime_us(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

void tail_note_mtime(struct open_file *f)
{
	struct stat st;

	if (f->fd >= 0 && fstat(f->fd, &st) == 0)
		f->pub.mtime_us = tail_mtime_us(&st);
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

/* Said once for each pattern. */
static void report_crowded(struct tail *t, const struct pattern *p)
{
	bool *said = &t->crowded[p - t->patterns];

	if (!*said)
		t->cb.report(t->cb.ctx, TAIL_CROWDED, p->dir, 0);
	*said = true;
}

static bool open_handle(struct open_file *f, const char *path)
{
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (f->fd < 0 && errno == ELOOP) /* a link is followed, but only to a regular file */
		f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0)
		return false;
	if (tail_is_gzip(path)) {
		f->gz = gzdopen(f->fd, "rb");
		if (f->gz == NULL)
			return false;
		f->gz_fd = f->fd;
		f->fd = -1;
		gzbuffer(f->gz, 128 << 10);
	}
	return true;
}

struct open_file *tail_open_path(struct tail *t, const struct pattern *p, const char *path)
{
	struct open_file *f;
	struct stat st;

	if (strlen(path) >= sizeof(f->path) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	if (t->n_files == TAIL_MAX_FILES) {
		report_crowded(t, p);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->fd = -1;
	if (!open_handle(f, path)) {
		if (errno != ENOENT) /* moved meanwhile: it will be met elsewhere */
			report_unreadable(t, path, &st);
		free(f);
		return NULL;
	}
	fstat(f->gz != NULL ? f->gz_fd : f->fd, &st); /* another one may be there by now */
	memcpy(f->path, path, strlen(path) + 1);
	f->pub = (struct tail_file){ .input = p->input,
		.path = f->path,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.mtime_us = tail_mtime_us(&st),
		.first_start = !t->started && p->start.first_start };
	f->pattern = p;
	f->dirty = true;
	f->checked = true;
	f->last_ms = tail_now_ms();
	t->files[t->n_files++] = f;
	return f;
}

/* ---- patterns ---- */

/* "*" must not take compressed copies, unless it says so: they are found when needed. */
static bool is_old_copy(const char *name, const char *pattern)
{
	return tail_is_gzip(name) && !tail_is_gzip(pattern);
}

/*
 * A file of the pattern is at the path. It is held open while its predecessors are looked for: its
 * inode would else be the next one's. True: by now another file is there, and this one may be among
 * those that were found; of none a byte is read.
 */
static bool look_at(struct tail *t, const struct pattern *p, const char *name, const char *path)
{
	unsigned before = t->n_files;
	struct stat st;
	struct open_file *f;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	f = tail_find_inode(t, &st);
	if (f != NULL) {
		if (strcmp(f->path, path) != 0 &&
		    f->renamed) { /* moved back, or onto another pattern */
			memcpy(f->path, path, strlen(path) + 1);
			f->renamed = false;
		}
		return false;
	}
	if (!t->started && p->start.first_start && p->start.not_before_us != 0 &&
	    tail_mtime_us(&st) < p->start.not_before_us)
		return false;
	f = tail_open_path(t, p, path);
	if (f != NULL)
		f->fresh = t->started && f->gz == NULL;
	tail_find_missed(t, p, name, path, &st);
	if (f == NULL)
		return false;
	if (!t->started)
		tail_find_rest(t, f, name);
	if (stat(path, &st) != 0 || (st.st_dev == f->pub.dev && st.st_ino == f->pub.ino))
		return false;
	while (t->n_files > before)
		tail_let_go(t, t->n_files - 1);
	return true;
}

static void found_file(struct tail *t, const struct pattern *p, const char *name)
{
	const char *dir = strcmp(p->dir, "/") == 0 ? "" : p->dir;
	char path[TAIL_PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path))
		while (look_at(t, p, name, path))
			;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void scan_pattern(struct tail *t, struct pattern *p)
{
	char *names[TAIL_MAX_FILES];
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
	while ((ent = readdir(d)) != NULL)
		if (fnmatch(p->name, ent->d_name, FNM_PERIOD) == 0 &&
		    !is_old_copy(ent->d_name, p->name)) {
			if (n == TAIL_MAX_FILES) {
				report_crowded(t, p);
				break;
			}
			names[n++] = strdup(ent->d_name);
		}
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

	if (f->catch_up) {
		f->dirty = f->dirty || f->cut; /* more of it may be there now */
		return;
	}
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
	for (unsigned i = 0; i < t->n_files; i++) {
		const struct tail_file *f = &t->files[i]->pub;

		check_name(t->files[i]);
		if (t->files[i]->known)
			t->cb.keep(t->cb.ctx, f->head_hash, f->number);
	}
	for (unsigned i = 0; i < t->n_patterns; i++)
		scan_pattern(t, &t->patterns[i]);
	if (!t->started)
		tail_find_lost(t);
	t->started = true;
}

static void one_event(struct tail *t, const struct inotify_event *ev)
{
	bool names = (ev->mask & (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0;
	bool any = false;

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
			any = true;
			f->dirty = f->dirty || !f->sibling;
			f->checked = false;
			if (names)
				check_name(f);
		} else if (f->renamed && f->pattern->watch == ev->wd) {
			f->dirty = true; /* its writer may not have noticed yet */
			f->checked = false;
		}
	}
	if (!names) {
		if (!any && (ev->mask & IN_MODIFY) != 0)
			tail_reopen(t, ev->wd, ev->name);
		return;
	}
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
