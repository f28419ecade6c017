/* Bytes of the followed files, a window at a time. */
#include "base/clock.h"
#include "base/err.h"
#include "inputs/tail_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

int64_t tail_now_ms(void)
{
	return clock_boot_us() / 1000;
}

struct tail *tail_new(const struct tail_callbacks *cb, size_t window_bytes, struct err *e)
{
	struct tail *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->cb = *cb;
		t->n_files = 0; /* the analyzer loses calloc's zeroes over the copy */
		t->buf_n = window_bytes;
		t->mem = malloc(window_bytes + 2 * TAIL_PAD);
		t->buf = t->mem != NULL ? t->mem + TAIL_PAD : NULL;
		t->files = calloc(TAIL_MAX_FILES, sizeof(struct open_file *));
		t->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	}
	if (t == NULL || t->buf == NULL || t->files == NULL || t->inotify < 0) {
		err_set(e, errno, "follow files: %s", strerror(errno));
		tail_free(t);
		return NULL;
	}
	return t;
}

static void close_file(struct open_file *f)
{
	tail_gzip_forget(f);
	if (f->gz != NULL)
		gzclose_r(f->gz);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

void tail_free(struct tail *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->n_files; i++)
		close_file(t->files[i]);
	if (t->inotify > 0)
		close(t->inotify);
	free(t->files);
	free(t->mem);
	free(t);
}

void tail_let_go(struct tail *t, unsigned i)
{
	close_file(t->files[i]);
	t->n_files--;
	memmove(t->files + i, t->files + i + 1, (t->n_files - i) * sizeof(struct open_file *));
}

int tail_fd(const struct tail *t)
{
	return t->inotify;
}

unsigned tail_open_files(const struct tail *t)
{
	return t->n_files;
}

ssize_t tail_pread(struct open_file *f, void *to, size_t n, uint64_t offset)
{
	size_t got = 0;

	if (f->gz != NULL)
		return tail_gzip_read(f, to, n, offset);
	while (got < n) {
		ssize_t k = pread(f->fd, (char *)to + got, n - got, (off_t)(offset + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return got > 0 ? (ssize_t)got : -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

/* Has a file that nobody writes any more been read to its end for long enough? */
static bool is_done(const struct open_file *f, int64_t now)
{
	bool quiet = now - f->last_ms >= TAIL_LET_GO_MS;

	return f->catch_up ? quiet || !f->cut : quiet && f->renamed;
}

/*
 * Is the place it was read to durable? Before that nobody could tell a copy of it, found after it
 * was let go, from a log that was never read.
 */
static bool is_saved(struct tail *t, const struct open_file *f)
{
	struct tail_position p;

	for (unsigned i = 0; t->cb.saved(t->cb.ctx, f->pub.head_hash, i, &p); i++)
		if (p.number == f->pub.number)
			return p.offset >= f->moved_to;
	return true;
}

/* Of what it has no identity yet: does it still grow? */
static void note_growth(struct open_file *f, int64_t now)
{
	struct stat st;
	uint64_t size =
	    fstat(f->gz != NULL ? f->gz_fd : f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;

	if (size != f->size)
		f->last_ms = now;
	f->size = size;
}

/* Something to give out of f? Fills *w. */
static bool read_file(struct tail *t, struct open_file *f, struct tail_window *w, int64_t now)
{
	if (f->unwanted)
		return false;
	if (!f->checked && f->known) {
		tail_check(t, f);
		f->checked = true;
	}
	if (!f->known) {
		note_growth(f, now);
		if (!tail_become_known(t, f, now)) {
			f->dirty = false;
			return false;
		}
	}
	if (f->left_us != 0) { /* what came between was perhaps truncated before it was seen */
		tail_find_copies(t, f, f->left_us);
		f->left_us = 0;
	}

	tail_note_mtime(f); /* before the bytes: what comes later is newer */

	ssize_t n = tail_pread(f, t->buf, t->buf_n, f->pub.offset);

	if (n < 0) {
		t->cb.report(t->cb.ctx, TAIL_UNREADABLE, f->path, 0);
		f->dirty = false;
		return false;
	}
	if ((uint64_t)n + f->pub.offset > f->size) {
		f->size = (uint64_t)n + f->pub.offset;
		f->last_ms = now;
		f->idle_said = false;
	}
	*w = (struct tail_window){
		.file = &f->pub, .text = { t->buf, (size_t)n }, .at_end = (size_t)n < t->buf_n
	};
	f->dirty = !w->at_end;
	w->last = w->at_end && is_done(f, now);
	return n > 0;
}

/* Files whose open events wait for more lines, or that may be let go. */
static bool idle_file(struct tail *t, unsigned i, struct tail_window *w, int64_t now)
{
	struct open_file *f = t->files[i];

	if (f->unwanted) {
		tail_let_go(t, i);
		return false;
	}
	if (f->known && f->cut && !f->cut_said && now - f->last_ms >= TAIL_LET_GO_MS) {
		f->cut_said = true;
		t->cb.report(t->cb.ctx, TAIL_UNREADABLE, f->path, 0);
	}
	if (!f->known && is_done(f, now)) { /* not one whole line in it */
		f->ended = true;
		if (read_file(t, f, w, now))
			return true;
		tail_let_go(t, i);
		return false;
	}
	if (f->known && is_done(f, now)) {
		if (f->size > f->pub.offset && read_file(t, f, w, now)) {
			w->last = w->at_end;
			return true;
		}
		if (is_saved(t, f))
			tail_let_go(t, i);
		return false;
	}
	if (f->known && f->size > f->pub.offset && !f->idle_said &&
	    now - f->last_ms >= TAIL_IDLE_MS) {
		f->idle_said = true;
		if (read_file(t, f, w, now)) {
			w->idle = true;
			return true;
		}
	}
	return false;
}

static int next_wait(const struct tail *t, int64_t now)
{
	int64_t wait = t->next_scan_ms - now;

	for (unsigned i = 0; i < t->n_files; i++) {
		const struct open_file *f = t->files[i];
		bool open = f->known && f->size > f->pub.offset && !f->idle_said;
		int64_t due = f->renamed || f->catch_up ? f->last_ms + TAIL_LET_GO_MS
			      : open			? f->last_ms + TAIL_IDLE_MS
							: INT64_MAX;

		if (due <= now) /* only for its last frame to be durable */
			due = now + TAIL_SAVED_MS;
		if (due - now < wait)
			wait = due - now;
	}
	return wait < 0 ? 0 : (int)wait;
}

bool tail_next(struct tail *t, struct tail_window *w, int *wait_ms)
{
	int64_t now = tail_now_ms();

	tail_events(t);
	if (now >= t->next_scan_ms) {
		tail_scan(t);
		t->next_scan_ms = now + TAIL_RESCAN_MS;
	}
	/*
	 * What was missed comes in order of age and before its log: a position of that log says
	 * that nothing older is unread. After that, everybody in turn.
	 */
	for (unsigned i = 0; i < t->n_files; i++) {
		struct open_file *f = t->files[i];

		if (f->first && f->dirty && read_file(t, f, w, now)) {
			f->first = !w->at_end;
			return true;
		}
	}
	for (unsigned k = 0; k < t->n_files; k++) {
		unsigned i = (t->turn + k) % t->n_files;

		if (t->files[i]->dirty && read_file(t, t->files[i], w, now)) {
			t->turn = i + 1;
			return true;
		}
	}
	for (unsigned i = 0; i < t->n_files; i++)
		if (idle_file(t, i, w, now))
			return true;
	*wait_ms = next_wait(t, now);
	return false;
}

void tail_used(struct tail *t, struct tail_window *w, uint64_t used, uint64_t *before_hash)
{
	struct open_file *f = (struct open_file *)w->file;
	bool ok;

	(void)t;
	f->pub.offset += used;
	if (used > 0) {
		f->moved_to = f->pub.offset;
		f->scanned = 0;
		f->dirty = f->dirty || used < w->text.n; /* a batch may be full of short lines */
	}
	f->before_hash = tail_hash_before(f, f->pub.offset, &ok);
	*before_hash = f->before_hash;
	if (w->last && w->at_end) { /* nothing more is wanted of it */
		f->catch_up = true;
		tail_gzip_forget(f);
	}
}

uint64_t tail_line_end(struct tail *t, struct tail_window *w, bool *ended)
{
	struct open_file *f = (struct open_file *)w->file;
	uint64_t at = f->scanned > w->text.n ? f->scanned : w->text.n;
	char chunk[65536];

	*ended = false;
	(void)t;
	for (;;) {
		ssize_t n = tail_pread(f, chunk, sizeof(chunk), f->pub.offset + at);
		const char *lf = n > 0 ? memchr(chunk, '\n', (size_t)n) : NULL;

		if (lf != NULL) {
			*ended = true;
			return at + (uint64_t)(lf - chunk) + 1;
		}
		if (n <= 0)
			break;
		at += (uint64_t)n;
	}
	f->scanned = at;
	if (f->pub.offset + at > f->size)
		f->size = f->pub.offset + at;
	if (is_done(f, tail_now_ms()))
		return at;
	f->dirty = false; /* wait for more of it */
	return 0;
}

uint64_t tail_skip_nuls(struct tail *t, struct tail_window *w, uint64_t line_n)
{
	struct open_file *f = (struct open_file *)w->file;
	uint64_t at = 0; /* the text begins there */
	ssize_t n = (ssize_t)w->text.n;

	for (;;) {
		size_t k = 0;

		while (k < (size_t)n && t->buf[k] == '\0')
			k++;
		at += k;
		if (k < (size_t)n || n == 0 || at >= line_n)
			break;
		n = tail_pread(f, t->buf, t->buf_n, f->pub.offset + at);
		if (n <= 0)
			break;
	}
	if (at > line_n)
		at = line_n;
	if (at == 0)
		return 0;

	uint64_t left = line_n - at;

	n = tail_pread(f, t->buf, left < t->buf_n ? (size_t)left : t->buf_n, f->pub.offset + at);
	w->text.n = n > 0 ? (size_t)n : 0;
	return at;
}
