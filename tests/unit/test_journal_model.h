/*
 * test_journal_model.h - a file system in memory that can be cut off at any moment.
 *
 * What the journal writes is first only "cached"; datasync and sync_dir make it
 * durable. model_power_loss() forgets what was cached, except for a random choice of
 * sectors, truncations, holes and names: in any order, torn at any byte. A sync that
 * fails loses its dirty pages while the cache still shows them, as Linux does.
 */
#ifndef TEST_JOURNAL_MODEL_H
#define TEST_JOURNAL_MODEL_H

#include "journal/journal_io.h"
#include "tests/unit/test_journal_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static inline int m_open(void *ctx, const char *path, int flags)
{
	struct model *m = ctx;
	bool half;
	int rc = m_enter(m, &half);
	struct m_name *x;

	if (rc != 0)
		return rc;
	x = m_find(m, path, (flags & O_CREAT) != 0);
	if (x == NULL || (x->cache < 0 && (flags & O_CREAT) == 0))
		return -ENOENT;
	if (x->cache < 0)
		x->cache = m_new_file(m);
	else if ((flags & O_TRUNC) != 0)
		m_push(&m->file[x->cache], M_TRUNCATE, 0, 0, NULL);
	for (int fd = 0; fd < M_FDS; fd++) {
		if (m->fd[fd] == 0) {
			m->fd[fd] = x->cache + 1;
			return fd;
		}
	}
	return -EMFILE;
}

static inline void m_close(void *ctx, int fd)
{
	((struct model *)ctx)->fd[fd] = 0;
}

static inline struct m_file *m_file(struct model *m, int fd)
{
	if (fd < 0 || fd >= M_FDS || m->fd[fd] == 0)
		abort(); /* the journal used a closed descriptor */
	return &m->file[m->fd[fd] - 1];
}

static inline ssize_t m_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	struct m_file *f = m_file(ctx, fd);
	bool half;
	int rc = m_enter(ctx, &half);
	uint64_t left = off < f->cache->size ? f->cache->size - off : 0;

	if (rc != 0)
		return rc;
	if (n > left)
		n = (size_t)left;
	memcpy(buf, f->cache->data + (n > 0 ? off : 0), n);
	return (ssize_t)n;
}

static inline uint64_t m_allocated(const struct m_file *f)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < sizeof(f->block) / sizeof(f->block[0]); i++)
		n += f->block[i] ? 4096u : 0u;
	return n;
}

static inline uint64_t m_all_allocated(const struct model *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->n_file; i++)
		if (m_used(m, (int)i))
			n += m_allocated(&m->file[i]);
	return n;
}

static inline int m_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	struct model *m = ctx;
	struct m_file *f = m_file(m, fd);
	bool half;
	int rc = m_enter(m, &half);

	if (rc != 0 && !half && m->dead)
		return rc;
	if (off + n > M_SIZE)
		return -EFBIG;
	if (rc == 0 && m->room != 0 && m_all_allocated(m) + n > m->room)
		rc = -ENOSPC;
	if (rc != 0) /* cut off or short: any prefix may have been taken */
		n = (size_t)(m_random(m) % (n + 1));
	if (n > 0)
		m_push(f, M_WRITE, off, n, buf);
	for (uint64_t b = off / 4096; n > 0 && b <= (off + n - 1) / 4096; b++)
		f->block[b] = true;
	return rc;
}

static inline int m_datasync(void *ctx, int fd)
{
	struct model *m = ctx;
	struct m_file *f = m_file(m, fd);
	bool half;
	int rc = m_enter(m, &half);

	if (rc == 0) {
		for (unsigned i = 0; i < f->n_op; i++)
			m_apply(f->disk, &f->op[i], 0, f->op[i].n);
		m_forget_ops(f);
	} else if (!m->dead) {
		m_apply_some(m, f); /* the rest is lost, though the cache still shows it */
	}
	return rc;
}

static inline int m_truncate(void *ctx, int fd, uint64_t size)
{
	struct m_file *f = m_file(ctx, fd);
	bool half;
	int rc = m_enter(ctx, &half);

	if (rc != 0)
		return rc;
	m_push(f, M_TRUNCATE, size, 0, NULL);
	for (uint64_t b = (size + 4095) / 4096; b < sizeof(f->block) / sizeof(f->block[0]); b++)
		f->block[b] = false;
	return 0;
}

static inline int m_punch(void *ctx, int fd, uint64_t off, uint64_t n)
{
	struct m_file *f = m_file(ctx, fd);
	bool half;
	int rc = m_enter(ctx, &half);

	if (rc != 0)
		return rc;
	if (off % 4096 != 0 || n % 4096 != 0)
		abort();
	m_push(f, M_PUNCH, off, n, NULL);
	memset(f->block + off / 4096, 0, n / 4096 * sizeof(f->block[0]));
	return 0;
}

static inline int m_stat(void *ctx, int fd, struct journal_stat *st)
{
	struct m_file *f = m_file(ctx, fd);
	bool half;
	int rc = m_enter(ctx, &half);

	st->size = f->cache->size;
	st->disk = m_allocated(f);
	return rc;
}

static inline int m_rename(void *ctx, const char *from, const char *to)
{
	bool half;
	int rc = m_enter(ctx, &half);

	if (rc != 0)
		return rc;

	struct m_name *x = m_find(ctx, from, false);

	if (x == NULL || x->cache < 0)
		return -ENOENT;

	int i = x->cache;

	m_find(ctx, to, true)->cache = i;
	m_find(ctx, from, true)->cache = -1;
	return 0;
}

static inline int m_unlink(void *ctx, const char *path)
{
	bool half;
	int rc = m_enter(ctx, &half);
	struct m_name *x = m_find(ctx, path, false);

	if (rc != 0)
		return rc;
	if (x == NULL || x->cache < 0)
		return -ENOENT;
	x->cache = -1;
	return 0;
}

static inline int m_mkdir(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return 0;
}

static inline int m_sync_dir(void *ctx, const char *path)
{
	struct model *m = ctx;
	bool half;
	int rc = m_enter(m, &half);

	(void)path;
	for (unsigned i = 0; i < m->n_name && !m->dead; i++)
		if (rc == 0 || m_chance(m, m->keep_percent))
			m->name[i].disk = m->name[i].cache;
	return rc;
}

static inline int m_space(void *ctx, const char *path, struct journal_space *sp)
{
	(void)ctx;
	(void)path;
	*sp = (struct journal_space){ .total = 1 << 30, .avail = 1 << 30 };
	return 0;
}

static inline int m_list(
    void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	struct model *m = ctx;
	bool half;
	int rc = m_enter(m, &half);

	(void)path;
	for (unsigned i = 0; i < m->n_name && rc == 0; i++)
		if (m->name[i].cache >= 0)
			rc = each(arg, m->name[i].name);
	return rc;
}

static inline int m_lock(void *ctx, const char *path, unsigned wait_ms, int *pid)
{
	(void)wait_ms;
	(void)pid;
	return m_open(ctx, path, O_CREAT);
}

static inline int m_fill_random(void *ctx, void *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)(m_random(ctx) >> 24);
	return 0;
}

static inline uint64_t m_now_us(void *ctx)
{
	return ((struct model *)ctx)->now += 1000;
}

static inline struct journal_io model_io(struct model *m)
{
	return (struct journal_io){
		.ctx = m,
		.open = m_open,
		.close = m_close,
		.pread = m_pread,
		.pwrite = m_pwrite,
		.datasync = m_datasync,
		.truncate = m_truncate,
		.punch = m_punch,
		.stat = m_stat,
		.rename = m_rename,
		.unlink = m_unlink,
		.mkdir = m_mkdir,
		.sync_dir = m_sync_dir,
		.space = m_space,
		.list = m_list,
		.lock = m_lock,
		.random = m_fill_random,
		.now_us = m_now_us,
	};
}

static inline void model_init(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->rng = seed * 0x9e3779b97f4a7c15u + 1;
	m->keep_percent = 50;
	m->now = 1000000000;
}

static inline void model_free(struct model *m)
{
	for (unsigned i = 0; i < m->n_file; i++) {
		m_forget_ops(&m->file[i]);
		free(m->file[i].cache);
		free(m->file[i].disk);
	}
}

/* The faults end; the next process finds what the cache shows. */
static inline void model_restart(struct model *m)
{
	m->dead = false;
	m->fault = M_NONE;
	m->count = 0;
	memset(m->fd, 0, sizeof(m->fd));
}

/* The machine loses power: what is on disk is all there is. */
static inline void model_power_loss(struct model *m)
{
	for (unsigned i = 0; i < m->n_file; i++) {
		struct m_file *f = &m->file[i];

		m_apply_some(m, f);
		memcpy(f->cache, f->disk, sizeof(*f->cache));
		for (uint64_t b = 0; b < M_SIZE / 4096; b++)
			f->block[b] = f->block[b] && b * 4096 < f->cache->size;
	}
	for (unsigned i = 0; i < m->n_name; i++) {
		struct m_name *x = &m->name[i];
		int now = m_chance(m, m->keep_percent) ? x->cache : x->disk;

		x->cache = now;
		x->disk = now;
	}
	model_restart(m);
}

#endif
