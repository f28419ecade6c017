/* Is a file that appears the copy of a log that is read (logrotate's copytruncate, an SRE's cp)? */
#include "inputs/tail_internal.h"

enum { COMPARED = 65536, COMPARED_MAX = 1024 }; /* bytes, and how often at a time */

/*
 * Is all of f that is there what g begins with? Of a long one not all is compared at once: what is
 * left is taken for the same until the next time.
 */
static bool is_beginning(struct open_file *f, struct open_file *g)
{
	uint64_t size = tail_file_size(f);
	char a[COMPARED];
	char b[COMPARED];

	if (size > tail_file_size(g))
		return false;
	if (f->same_as != g->pub.ino || f->same > size)
		f->same = 0;
	f->same_as = g->pub.ino;
	for (unsigned k = 0; f->same < size && k < COMPARED_MAX; k++) {
		size_t n = size - f->same < COMPARED ? (size_t)(size - f->same) : COMPARED;

		if (tail_pread(f, a, n, f->same) != (ssize_t)n ||
		    tail_pread(g, b, n, f->same) != (ssize_t)n || memcmp(a, b, n) != 0)
			return false;
		f->same += n;
	}
	return true;
}

bool tail_is_copy(struct tail *t, struct open_file *f)
{
	for (unsigned i = 0; i < t->n_files; i++) {
		struct open_file *g = t->files[i];
		struct tail_position p = { .offset = g->pub.offset, .before_hash = g->before_hash };

		if (g == f || !g->known || g->pub.head_hash != f->pub.head_hash)
			continue;
		/* of what is not read yet, or not written yet, the bytes before the place say
		 * nothing */
		if ((p.offset > 0 && tail_agrees(f, &p)) || tail_gzip_is_of(f, g) ||
		    (f->gz == NULL && g->gz == NULL && is_beginning(f, g)))
			return true;
	}
	return false;
}

bool tail_is_named_after(const char *name, const char *base)
{
	size_t n = strlen(base);

	return n > 0 && strncmp(name, base, n) == 0 && (name[n] == '.' || name[n] == '-');
}

bool tail_is_own(struct tail *t, struct open_file *f, int64_t now_ms)
{
	bool quiet = now_ms - f->last_ms >= TAIL_LET_GO_MS;
	struct tail_position p;

	if (!tail_read_head(f, &f->pub.head_hash) || tail_find_copied(t, f, &p))
		return true; /* tail_identify() says more */
	for (unsigned i = 0; i < t->n_files; i++) {
		struct open_file *g = t->files[i];

		if (g == f || !g->known || g->gz != NULL || g->pub.head_hash != f->pub.head_hash ||
		    strcmp(g->path, f->path) == 0) /* what came after g */
			continue;
		if (is_beginning(f, g)) {
			if (!quiet || tail_is_named_after(f->path, g->path))
				return false;
			continue;
		}
		/* g was truncated since: f may have its rest, as will be seen when g is read */
		if (tail_is_other(g)) {
			g->dirty = true;
			g->checked = false;
			return false;
		}
	}
	return true;
}

bool tail_become_known(struct tail *t, struct open_file *f, int64_t now_ms)
{
	if (f->fresh && !tail_is_own(t, f, now_ms))
		return false;
	if (!(f->sibling ? tail_settle(t, f, now_ms) : tail_identify(t, f)))
		return false;
	f->size = f->gz != NULL ? 0 : f->size; /* of its text from now on */
	return true;
}
