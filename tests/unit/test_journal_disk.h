/*
 * test_journal_disk.h - what the model of test_journal_model.h keeps: files, names, faults.
 */
#ifndef TEST_JOURNAL_DISK_H
#define TEST_JOURNAL_DISK_H

#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M_FILES = 96, M_FDS = 64, M_OPS = 64, M_NAMES = 64, M_SIZE = 96 * 1024 };

enum m_kind { M_WRITE, M_TRUNCATE, M_PUNCH };

struct m_op { /* cached, not durable */
	enum m_kind kind;
	uint64_t off;
	uint64_t n;
	uint8_t *data;
};

struct m_state {
	uint64_t size;
	uint8_t data[M_SIZE];
};

struct m_file {
	struct m_state *cache;	       /* what reads show */
	struct m_state *disk;	       /* what survives */
	bool block[M_SIZE / 4096 + 1]; /* allocated */
	struct m_op op[M_OPS];
	unsigned n_op;
};

struct m_name {
	char name[80];
	int cache; /* file index, -1 none */
	int disk;
};

enum m_fault { M_NONE, M_CRASH, M_FAIL };

struct model {
	struct m_file file[M_FILES];
	unsigned n_file;
	struct m_name name[M_NAMES];
	unsigned n_name;
	int fd[M_FDS]; /* file index + 1, 0 free */
	uint64_t rng;
	unsigned keep_percent; /* chance of a cached sector to survive */
	uint64_t now;

	unsigned count; /* operations so far */
	enum m_fault fault;
	unsigned at;	/* which operation it hits */
	unsigned times; /* how many from there on */
	int code;	/* errno of M_FAIL */
	bool dead;	/* after M_CRASH: nothing has an effect any more */
	uint64_t room;	/* bytes all files may have together, 0: no limit */
};

static inline uint64_t m_random(struct model *m)
{
	m->rng ^= m->rng << 13;
	m->rng ^= m->rng >> 7;
	m->rng ^= m->rng << 17;
	return m->rng;
}

static inline bool m_chance(struct model *m, unsigned percent)
{
	return m_random(m) % 100 < percent;
}

/* -errno when this operation is to fail. *half: the crash comes while it is under way. */
static inline int m_enter(struct model *m, bool *half)
{
	unsigned k = m->count++;

	*half = false;
	if (m->dead)
		return -EIO;
	if (m->fault == M_CRASH && k >= m->at) {
		m->dead = true;
		*half = true;
		return -EIO;
	}
	if (m->fault == M_FAIL && k >= m->at && k < m->at + m->times)
		return -m->code;
	return 0;
}

static inline void m_apply(struct m_state *s, const struct m_op *op, uint64_t from, uint64_t n)
{
	if (op->kind == M_WRITE) {
		memcpy(s->data + op->off + from, op->data + from, n);
		if (op->off + from + n > s->size)
			s->size = op->off + from + n;
	} else if (op->kind == M_TRUNCATE) {
		if (op->off < s->size)
			memset(s->data + op->off, 0, s->size - op->off);
		s->size = op->off;
	} else {
		memset(s->data + op->off, 0, op->n);
	}
}

static inline void m_forget_ops(struct m_file *f)
{
	for (unsigned i = 0; i < f->n_op; i++)
		free(f->op[i].data);
	f->n_op = 0;
}

/* Some of what is cached reaches the disk, sector by sector, some of it torn. */
static inline void m_apply_some(struct model *m, struct m_file *f)
{
	for (unsigned i = 0; i < f->n_op; i++) {
		const struct m_op *op = &f->op[i];

		if (op->kind != M_WRITE) {
			if (m_chance(m, m->keep_percent))
				m_apply(f->disk, op, 0, op->n);
			continue;
		}
		for (uint64_t from = 0; from < op->n;) {
			uint64_t n = 512 - (op->off + from) % 512;

			if (n > op->n - from)
				n = op->n - from;
			if (m_chance(m, m->keep_percent))
				m_apply(
				    f->disk, op, from, m_chance(m, 5) ? m_random(m) % (n + 1) : n);
			from += n;
		}
	}
	m_forget_ops(f);
}

static inline void m_push(
    struct m_file *f, enum m_kind kind, uint64_t off, uint64_t n, const void *data)
{
	struct m_op *op = &f->op[f->n_op++];

	if (f->n_op > M_OPS)
		abort();
	*op = (struct m_op){ .kind = kind, .off = off, .n = n };
	if (data != NULL) {
		op->data = malloc(n + 1);
		memcpy(op->data, data, n);
	}
	m_apply(f->cache, op, 0, n);
}

static inline const char *m_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Where the name stands; made without a file if asked. Else NULL when it is unknown. */
static inline struct m_name *m_find(struct model *m, const char *path, bool make)
{
	for (unsigned i = 0; i < m->n_name; i++)
		if (strcmp(m->name[i].name, m_base(path)) == 0)
			return &m->name[i];
	if (!make)
		return NULL;
	for (unsigned i = 0; i <= m->n_name; i++) {
		struct m_name *x = &m->name[i];

		if (i < m->n_name && (x->cache >= 0 || x->disk >= 0))
			continue;
		if (i == m->n_name && ++m->n_name > M_NAMES)
			abort();
		snprintf(x->name, sizeof(x->name), "%s", m_base(path));
		x->cache = -1;
		x->disk = -1;
		return x;
	}
	abort();
}

static inline bool m_used(const struct model *m, int i)
{
	for (unsigned k = 0; k < m->n_name; k++)
		if (m->name[k].cache == i || m->name[k].disk == i)
			return true;
	for (unsigned k = 0; k < M_FDS; k++)
		if (m->fd[k] == i + 1)
			return true;
	return false;
}

static inline int m_new_file(struct model *m)
{
	unsigned i = 0;

	while (i < m->n_file && m_used(m, (int)i))
		i++;
	if (i >= M_FILES)
		abort();
	if (i == m->n_file) {
		m->n_file++;
		m->file[i].cache = malloc(sizeof(struct m_state));
		m->file[i].disk = malloc(sizeof(struct m_state));
	}
	m_forget_ops(&m->file[i]);
	memset(m->file[i].cache, 0, sizeof(struct m_state));
	memset(m->file[i].disk, 0, sizeof(struct m_state));
	memset(m->file[i].block, 0, sizeof(m->file[i].block));
	return (int)i;
}

#endif
