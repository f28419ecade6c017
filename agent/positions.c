#include "agent/positions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
	struct tail_position p; /* p.path is not used: */
	char *path;
	uint64_t used; /* moved or kept: the table's clock */
};

struct positions {
	pthread_mutex_t lock;
	struct entry e[POSITIONS_MAX];
	unsigned n;
	uint64_t clock;
	uint64_t evicted_max; /* highest number that ever went; 0: none has */
	bool any_evicted;
};

struct positions *positions_new(void)
{
	struct positions *p = calloc(1, sizeof(*p));

	if (p != NULL)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void positions_free(struct positions *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++)
		free(p->e[i].path);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void copy_out(const struct entry *e, struct tail_position *out)
{
	*out = e->p;
	snprintf(out->path, sizeof(out->path), "%s", e->path != NULL ? e->path : "");
}

bool positions_saved(struct positions *p, uint64_t head_hash, unsigned i, struct tail_position *out)
{
	bool found = false;

	pthread_mutex_lock(&p->lock);
	for (unsigned k = 0; k < p->n && !found; k++)
		if (p->e[k].p.head_hash == head_hash && i-- == 0) {
			copy_out(&p->e[k], out);
			found = true;
		}
	pthread_mutex_unlock(&p->lock);
	return found;
}

bool positions_saved_path(struct positions *p, const char *path, struct tail_position *out)
{
	const struct entry *best = NULL;

	pthread_mutex_lock(&p->lock);
	for (unsigned k = 0; k < p->n; k++)
		if (p->e[k].path != NULL && strcmp(p->e[k].path, path) == 0 &&
		    (best == NULL || p->e[k].p.time_us > best->p.time_us))
			best = &p->e[k];
	if (best != NULL)
		copy_out(best, out);
	pthread_mutex_unlock(&p->lock);
	return best != NULL;
}

bool positions_saved_any(struct positions *p, unsigned i, struct tail_position *out)
{
	bool found;

	pthread_mutex_lock(&p->lock);
	found = i < p->n;
	if (found)
		copy_out(&p->e[i], out);
	pthread_mutex_unlock(&p->lock);
	return found;
}

static struct entry *find(struct positions *p, uint64_t head_hash, uint64_t number)
{
	for (unsigned k = 0; k < p->n; k++)
		if (p->e[k].p.head_hash == head_hash && p->e[k].p.number == number)
			return &p->e[k];
	return NULL;
}

void positions_keep(struct positions *p, uint64_t head_hash, uint64_t number)
{
	struct entry *e;

	pthread_mutex_lock(&p->lock);
	e = find(p, head_hash, number);
	if (e != NULL)
		e->used = ++p->clock;
	pthread_mutex_unlock(&p->lock);
}

/* A free entry: the table's end, or that of the log that was used longest ago. Locked. */
static struct entry *make_room(struct positions *p)
{
	struct entry *oldest = &p->e[0];

	if (p->n < POSITIONS_MAX)
		return &p->e[p->n++];
	for (unsigned k = 1; k < p->n; k++)
		if (p->e[k].used < oldest->used)
			oldest = &p->e[k];
	if (!p->any_evicted || oldest->p.number > p->evicted_max)
		p->evicted_max = oldest->p.number;
	p->any_evicted = true;
	free(oldest->path);
	return oldest;
}

uint64_t positions_new_number(struct positions *p, uint64_t head_hash)
{
	uint64_t number = 0;

	pthread_mutex_lock(&p->lock);
	if (p->any_evicted)
		number = p->evicted_max + 1;
	for (unsigned k = 0; k < p->n; k++)
		if (p->e[k].p.head_hash == head_hash && p->e[k].p.number >= number)
			number = p->e[k].p.number + 1;

	/* taken from now on, though nothing of it is journalled yet */
	*make_room(p) =
	    (struct entry){ .p = { .head_hash = head_hash, .number = number }, .used = ++p->clock };
	pthread_mutex_unlock(&p->lock);
	return number;
}

void positions_move(struct positions *p, const struct tail_position *to)
{
	struct entry *e;

	pthread_mutex_lock(&p->lock);
	e = find(p, to->head_hash, to->number);
	if (e == NULL) {
		e = make_room(p);
		*e = (struct entry){ 0 };
	}

	char *path = e->path;

	if (path == NULL || strcmp(path, to->path) != 0) {
		free(path);
		path = strdup(to->path);
	}
	e->p = *to;
	e->path = path;
	e->used = ++p->clock;
	pthread_mutex_unlock(&p->lock);
}

void position_save(const struct position_move *m, struct buf *out)
{
	const struct tail_position *t = &m->to;

	buf_varint(out, t->head_hash);
	buf_varint(out, t->number);
	buf_varint(out, m->from);
	buf_varint(out, t->offset);
	buf_varint(out, t->before_hash);
	buf_varint(out, t->dev);
	buf_varint(out, t->ino);
	buf_varint(out, zigzag(t->time_us));
	buf_bytes(out, slice_of(t->path));
}

bool position_load(struct slice in, struct position_move *m)
{
	struct cut c = { .s = in };
	struct tail_position *t = &m->to;

	t->head_hash = cut_varint(&c);
	t->number = cut_varint(&c);
	m->from = cut_varint(&c);
	t->offset = cut_varint(&c);
	t->before_hash = cut_varint(&c);
	t->dev = cut_varint(&c);
	t->ino = cut_varint(&c);
	t->time_us = unzigzag(cut_varint(&c));

	struct slice path = cut_bytes(&c);

	snprintf(t->path, sizeof(t->path), "%.*s", (int)path.n, path.n > 0 ? path.p : "");
	return !c.bad;
}

void positions_each(struct positions *p, void (*each)(void *ctx, struct slice payload), void *ctx)
{
	struct buf b = { 0 };
	struct position_move m;

	pthread_mutex_lock(&p->lock);
	for (unsigned k = 0; k < p->n; k++) {
		copy_out(&p->e[k], &m.to);
		m.from = m.to.offset;
		buf_reset(&b);
		position_save(&m, &b);
		each(ctx, buf_as_slice(&b));
	}
	pthread_mutex_unlock(&p->lock);
	buf_free(&b);
}

uint64_t positions_evicted_max(struct positions *p)
{
	return p->any_evicted ? p->evicted_max + 1 : 0;
}

void positions_set_evicted_max(struct positions *p, uint64_t n)
{
	p->any_evicted = n > 0;
	p->evicted_max = n > 0 ? n - 1 : 0;
}
