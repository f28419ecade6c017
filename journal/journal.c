#include "journal/journal.h"

#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_SIZE (64u * 1024 * 1024)
#define LOCK_WAIT_MS 5000u

static int check_options(const struct journal_options *o, struct err *e)
{
	if (o->dir == NULL || o->dir[0] == '\0')
		return err_set(e, EINVAL, "journal: no directory");
	if (strlen(o->dir) > SLOTS_PATH_MAX - 128)
		return err_set(e, ENAMETOOLONG, "%.64s...: path too long", o->dir);
	if (!o->read_only && o->checkpoint == NULL)
		return err_set(e, EINVAL, "journal: no checkpoint function");
	if (o->max_size != 0 && o->reserved_control >= o->max_size)
		return err_set(e, EINVAL, "journal: the reserve is not below max_size");
	if (o->known_seq >= FORMAT_NUMBER_END || o->known_rec >= FORMAT_NUMBER_END)
		return err_set(e, EINVAL, "journal: a cursor beyond all numbers");
	if (o->min_free_percent > 99)
		return err_set(e, EINVAL, "journal: min_free of %u%%", o->min_free_percent);
	return 0;
}

static int init_shared(struct journal *j, struct err *e)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	if (rc == 0)
		rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(&j->changed, &attr);
	if (rc == 0)
		rc = pthread_mutex_init(&j->mu, NULL);
	return rc == 0 ? 0 : err_set(e, rc, "journal: %s", strerror(rc));
}

static int take_lock(struct journal *j, struct err *e)
{
	char path[SLOTS_PATH_MAX];
	int pid = 0;
	int rc = j->io->mkdir(j->io->ctx, j->dir);

	if (rc != 0 && rc != -EEXIST)
		return err_set(e, -rc, "%s: %s", j->dir, strerror(-rc));
	if (slots_path(path, j->dir, "lock", e) != 0)
		return -1;
	rc = j->io->lock(j->io->ctx, path, j->opt.lock_wait_ms, &pid);
	if (rc == -EBUSY)
		return err_set(e, EBUSY, "%s: in use by process %d", j->dir, pid);
	if (rc < 0)
		return err_set(e, -rc, "%s: %s", path, strerror(-rc));
	j->lock_fd = rc;
	return 0;
}

int journal_open(const struct journal_options *o, struct journal **out, struct err *e)
{
	struct journal *j;

	if (check_options(o, e) != 0)
		return -1;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return err_set(e, ENOMEM, "journal: out of memory");
	j->opt = *o;
	snprintf(j->dir, sizeof(j->dir), "%s", o->dir);
	j->opt.dir = j->dir;
	j->io = o->io != NULL ? o->io : &journal_io_real;
	if (j->opt.segment_size == 0)
		j->opt.segment_size = SEGMENT_SIZE;
	if (j->opt.lock_wait_ms == 0)
		j->opt.lock_wait_ms = LOCK_WAIT_MS;
	j->lock_fd = -1;
	j->fd = -1;
	j->floor_file.fd = -1;
	if (init_shared(j, e) != 0) {
		free(j);
		return -1;
	}
	if ((o->read_only || take_lock(j, e) == 0) && recover_journal(j, e) == 0 &&
	    replay_journal(j, e) == 0) {
		*out = j;
		return 0;
	}
	journal_close(j);
	return -1;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		j->io->close(j->io->ctx, j->fd);
	slots_close(&j->floor_file);
	if (j->lock_fd >= 0) /* last: whoever gets the lock finds everything closed */
		j->io->close(j->io->ctx, j->lock_fd);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->mu);
	free(j->seg);
	free(j);
}

static int check_frame(const struct journal *j, const struct journal_frame *f, struct err *e)
{
	if (j->opt.read_only)
		return err_set(e, EROFS, "%s: opened for reading", j->dir);
	if (f->control.n > JOURNAL_PAYLOAD_MAX || f->bulk.n > JOURNAL_PAYLOAD_MAX)
		return err_set(e, EMSGSIZE, "frame of %zu + %zu bytes", f->control.n, f->bulk.n);
	if ((f->flags & ~FRAME_CALLER_MASK) != 0)
		return err_set(e, EINVAL, "frame flags %#x", f->flags);
	return 0;
}

int journal_append(struct journal *j, struct journal_frame *f, struct err *e)
{
	uint64_t need;
	uint64_t before = j->n_seg;
	struct err why; /* of a first attempt, forgotten when a later one succeeds */

	if (check_frame(j, f, e) != 0)
		return -1;
	need = commit_need(j, f);
	if (budget_make_room(j, need, f->bulk.n > 0, e) != 0)
		return -1;
	if (commit_frame(j, f, &why) != 0) {
		/* statvfs knows no quotas and no races: the disk may be full all the same */
		bool full = why.code == ENOSPC || why.code == EDQUOT;

		if (!full || budget_shed(j, need) == 0 || commit_frame(j, f, &why) != 0) {
			*e = why;
			return -1;
		}
	}
	if (j->n_seg != before && !j->opt.keep_passed)
		budget_trim(j, 0);
	return 0;
}

void journal_trim(struct journal *j)
{
	if (!j->opt.read_only)
		budget_trim(j, 0);
}

static void note_cursor(struct registered *r, const struct journal_cursor *c)
{
	for (unsigned i = 0; i < JOURNAL_LANES; i++)
		r->seq[i] = c->lane[i].seq;
}

int journal_register(struct journal *j, const struct journal_cursor *c, struct err *e)
{
	int id = -1;

	pthread_mutex_lock(&j->mu);
	for (int i = 0; i < JOURNAL_CURSORS_MAX && id < 0; i++)
		if (!j->cursor[i].used)
			id = i;
	if (id >= 0) {
		j->cursor[id].used = true;
		note_cursor(&j->cursor[id], c);
	}
	pthread_mutex_unlock(&j->mu);
	if (id < 0)
		return err_set(e, ENOSPC, "journal: more than %d cursors", JOURNAL_CURSORS_MAX);
	return id;
}

void journal_passed(struct journal *j, int id, const struct journal_cursor *c)
{
	pthread_mutex_lock(&j->mu);
	note_cursor(&j->cursor[id], c);
	pthread_mutex_unlock(&j->mu);
}

void journal_unregister(struct journal *j, int id)
{
	pthread_mutex_lock(&j->mu);
	j->cursor[id].used = false;
	pthread_mutex_unlock(&j->mu);
}

void journal_stats(struct journal *j, struct journal_stats *s)
{
	pthread_mutex_lock(&j->mu);
	*s = j->stats;
	memcpy(s->journal_id, j->id, sizeof(s->journal_id));
	s->first_seq = j->n_seg > 0 ? j->seg[0].first_seq : 1;
	s->durable_seq = j->durable;
	s->base_rec = j->base_rec;
	s->floor = j->floor;
	s->segments = j->n_seg;
	s->disk = 0;
	for (size_t i = 0; i < j->n_seg; i++)
		s->disk += j->seg[i].disk;
	pthread_mutex_unlock(&j->mu);
}

uint64_t journal_durable(struct journal *j)
{
	pthread_mutex_lock(&j->mu);

	uint64_t durable = j->durable;

	pthread_mutex_unlock(&j->mu);
	return durable;
}

void journal_stop(struct journal *j)
{
	pthread_mutex_lock(&j->mu);
	j->stopping = true;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->mu);
}
