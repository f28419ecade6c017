/* Which log is this, and where were we? See tail.h. */
#include "base/identity.h"
#include "inputs/tail_internal.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t tail_hash_before(struct open_file *f, uint64_t offset, bool *ok)
{
	char b[TAIL_BEFORE];
	size_t n = offset < sizeof(b) ? (size_t)offset : sizeof(b);
	ssize_t got = n > 0 ? tail_pread(f, b, n, offset - n) : 0;

	*ok = got == (ssize_t)n;
	return *ok ? XXH3_64bits(b, n) : 0;
}

bool tail_read_head(struct open_file *f, uint64_t *hash)
{
	char b[IDENTITY_HEAD_MAX];
	ssize_t n = tail_pread(f, b, sizeof(b), 0);
	struct slice head = identity_head((struct slice){ b, n > 0 ? (size_t)n : 0 });

	if (head.n == 0 && f->ended && n > 0)
		head = (struct slice){ b, (size_t)n }; /* all that it will ever hold */
	if (head.n == 0)
		return false;
	*hash = identity_head_hash(head);
	return true;
}

uint64_t tail_file_size(struct open_file *f)
{
	struct stat st;

	return f->fd >= 0 && fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Is somebody else at that place of that log already? */
static bool is_taken(const struct tail *t, const struct open_file *f, const struct tail_position *p)
{
	for (unsigned i = 0; i < t->n_files; i++) {
		const struct open_file *o = t->files[i];

		if (o != f && o->known && o->pub.head_hash == p->head_hash &&
		    o->pub.number == p->number)
			return true;
	}
	return false;
}

bool tail_agrees(struct open_file *f, const struct tail_position *p)
{
	uint64_t h;
	bool ok;

	if (f->fd >= 0 && tail_file_size(f) < p->offset)
		return false;
	/* the same head and, to the byte, the length that was read */
	if (p->offset > 0 && tail_gzip_has(f, p->offset))
		return true;
	h = tail_hash_before(f, p->offset, &ok);
	return ok && h == p->before_hash;
}

bool tail_is_left(const char *path, const struct tail_position *p, bool *same_head)
{
	struct open_file f = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) };
	uint64_t hash;
	bool is;

	*same_head = f.fd >= 0 && tail_read_head(&f, &hash) && hash == p->head_hash;
	is = *same_head && tail_agrees(&f, p);
	if (f.fd >= 0)
		close(f.fd);
	return is;
}

void tail_take(struct open_file *f, const struct tail_position *p)
{
	f->pub.number = p->number;
	f->pub.offset = p->offset;
	f->before_hash = p->before_hash;
	f->known = true;
}

/* The saved position of a log that f, whose head is known, is a copy of; *p. */
bool tail_find_copied(struct tail *t, struct open_file *f, struct tail_position *p)
{
	for (unsigned i = 0; t->cb.saved(t->cb.ctx, f->pub.head_hash, i, p); i++)
		if (!is_taken(t, f, p) && p->offset > 0 && tail_agrees(f, p))
			return true;
	return false;
}

/* A saved position of this very file, or of a log that this is a copy of. */
static bool match_saved(struct tail *t, struct open_file *f)
{
	struct tail_position p;
	bool shortened = false;

	for (unsigned i = 0; t->cb.saved(t->cb.ctx, f->pub.head_hash, i, &p); i++) {
		bool same = p.dev == f->pub.dev && p.ino == f->pub.ino;

		if (is_taken(t, f, &p))
			continue;
		if (same && tail_agrees(f, &p)) {
			tail_take(f, &p);
			return true;
		}
		if (same && f->gz == NULL && tail_file_size(f) < p.offset)
			shortened = true;
	}
	if (tail_find_copied(t, f, &p)) {
		tail_take(f, &p);
		return true;
	}
	if (shortened)
		t->cb.report(t->cb.ctx, TAIL_SHORTENED, f->path, 0);
	return false;
}

enum tail_match tail_match(struct tail *t, struct open_file *f)
{
	if (!tail_read_head(f, &f->pub.head_hash))
		return TAIL_MATCH_NO_HEAD;
	return match_saved(t, f) ? TAIL_MATCH_SAVED : TAIL_MATCH_NONE;
}

bool tail_may_be_saved(struct tail *t, const struct open_file *f)
{
	struct tail_position p;

	for (unsigned i = 0; t->cb.saved(t->cb.ctx, f->pub.head_hash, i, &p); i++)
		if (p.offset > 0 && !is_taken(t, f, &p))
			return true;
	return false;
}

/* The place behind the last LF of what is there now. */
static uint64_t end_of_lines(struct open_file *f)
{
	uint64_t size = tail_file_size(f);
	char b[65536];

	for (uint64_t to = size; to > 0;) {
		uint64_t from = to > sizeof(b) ? to - sizeof(b) : 0;
		ssize_t n = tail_pread(f, b, (size_t)(to - from), from);
		const char *lf = n > 0 ? memrchr(b, '\n', (size_t)n) : NULL;

		if (lf != NULL)
			return from + (uint64_t)(lf - b) + 1;
		to = from;
	}
	return 0;
}

bool tail_identify(struct tail *t, struct open_file *f)
{
	if (!tail_read_head(f, &f->pub.head_hash))
		return false;
	/* one that was truncated is never matched: what was there is gone */
	if (f->restarted || !match_saved(t, f))
		tail_begin(t, f);
	return true;
}

void tail_begin(struct tail *t, struct open_file *f)
{
	bool ok;

	f->pub.number = t->cb.new_number(t->cb.ctx, f->pub.head_hash);
	f->pub.offset = 0;
	f->known = true;
	if (f->pattern->start.first_start && f->pub.first_start && f->pattern->start.from_end)
		f->pub.offset = end_of_lines(f);
	f->before_hash = tail_hash_before(f, f->pub.offset, &ok);
}

static void restart(struct tail *t, struct open_file *f, enum tail_report why, uint64_t lost)
{
	struct tail_position left = { .head_hash = f->pub.head_hash,
		.number = f->pub.number,
		.offset = f->pub.offset,
		.before_hash = f->before_hash,
		.time_us = f->pub.mtime_us };

	t->cb.report(t->cb.ctx, why, f->path, tail_find_copied_rest(t, f, &left) ? 0 : lost);
	for (unsigned i = 0; i < t->n_files; i++) /* that may have waited for this */
		t->files[i]->dirty = t->files[i]->dirty || t->files[i]->fresh;
	f->known = false;
	f->restarted = true;
	f->left_us = left.time_us;
	f->pub.offset = 0;
	f->pub.first_start = false;
	f->size = 0;
	f->scanned = 0;
	tail_identify(t, f); /* or later, when it has a head */
}

/* Is it another log than it was? Then *why. */
static bool is_other(struct open_file *f, enum tail_report *why)
{
	uint64_t size = tail_file_size(f);
	uint64_t head;
	bool ok;

	*why = TAIL_TRUNCATED;
	if (size < f->pub.offset || size < f->size)
		return true;
	*why = TAIL_REWRITTEN;
	return !tail_read_head(f, &head) || head != f->pub.head_hash ||
	       tail_hash_before(f, f->pub.offset, &ok) != f->before_hash || !ok;
}

bool tail_is_other(struct open_file *f)
{
	enum tail_report why;

	return f->gz == NULL && is_other(f, &why);
}

void tail_check(struct tail *t, struct open_file *f)
{
	enum tail_report why;

	if (f->gz == NULL && is_other(f, &why))
		restart(t, f, why, f->size > f->pub.offset ? f->size - f->pub.offset : 0);
}
