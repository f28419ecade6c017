/* What is read beside the writer: the segments as they are at one instant. */
#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int view_open(struct journal *j, struct view *v, struct err *e)
{
	pthread_mutex_lock(&j->mu);
	v->n = j->n_seg;
	v->floor = j->floor;
	v->durable = j->durable;
	v->seg = malloc((j->n_seg + 1) * sizeof(*v->seg));
	if (v->seg != NULL && j->n_seg > 0)
		memcpy(v->seg, j->seg, j->n_seg * sizeof(*v->seg));
	pthread_mutex_unlock(&j->mu);
	return v->seg != NULL ? 0 : err_set(e, ENOMEM, "journal: out of memory");
}

void view_close(struct view *v)
{
	free(v->seg);
}

int view_walk(struct journal *j, const struct segment *s, struct walk *w, struct err *e)
{
	char path[SLOTS_PATH_MAX];

	if (commit_segment_path(j, s->first_seq, path, e) != 0)
		return -1;

	int fd = j->io->open(j->io->ctx, path, O_RDONLY);

	if (fd < 0)
		return err_set(e, -fd, "%s: %s", path, strerror(-fd));
	segment_walk(w, j->io, fd, s);
	return 0;
}

void view_resume(struct journal *j, struct walk *w, uint64_t seq)
{
	struct walk_hint *best = NULL;

	pthread_mutex_lock(&j->mu);
	for (unsigned i = 0; i < WALK_HINTS; i++) {
		struct walk_hint *h = &j->hint[i];

		if (h->segment == w->segment && h->seq <= seq && h->seq > w->seq &&
		    (best == NULL || h->seq > best->seq))
			best = h;
	}
	if (best != NULL) {
		best->used = ++j->hints_used;
		w->off = best->off;
		w->seq = best->seq;
		w->rec = best->rec;
		w->cum = best->cum;
	}
	pthread_mutex_unlock(&j->mu);
}

void view_remember(struct journal *j, const struct walk *w)
{
	struct walk_hint *to = &j->hint[0];

	pthread_mutex_lock(&j->mu);
	for (unsigned i = 0; i < WALK_HINTS; i++) {
		struct walk_hint *h = &j->hint[i];

		if (h->segment == w->segment && h->seq == w->seq) {
			to = h;
			break;
		}
		if (h->used < to->used)
			to = h;
	}
	*to = (struct walk_hint){ w->segment, w->off, w->seq, w->rec, w->cum, ++j->hints_used };
	pthread_mutex_unlock(&j->mu);
}
