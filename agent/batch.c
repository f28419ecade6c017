#include "agent/batch.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

/* Each kind of entity at most once an event, so at most some times a window's text. */
enum { BATCH_TEXTS = 8 << 20 };

static bool make_room(struct batch *b, unsigned cap)
{
	struct sighting *s = realloc(b->sightings, sizeof(*s) * cap);

	if (s == NULL)
		return false;
	b->sightings = s;
	b->cap_sightings = cap;
	return true;
}

bool batch_sight(struct batch *b, const struct sighting *s)
{
	struct batch_entity *last = &b->last[s->entity];
	struct sighting *to;

	if (b->n_sightings == b->cap_sightings && !make_room(b, 2 * b->cap_sightings))
		return false;
	to = &b->sightings[b->n_sightings++];
	*to = *s;
	if (last->from.p != s->entity_value.p || last->from.n != s->entity_value.n)
		*last = (struct batch_entity){ s->entity_value,
			arena_copy(&b->texts, s->entity_value) };
	to->entity_value = last->kept;
	return true;
}

int batch_queue_init(struct batch_queue *q, struct err *e)
{
	pthread_condattr_t attr;

	*q = (struct batch_queue){ 0 };
	q->tail = &q->head;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_condattr_destroy(&attr);
	for (unsigned i = 0; i < BATCH_COUNT; i++) {
		struct batch *b = &q->all[i];

		if (!make_room(b, BATCH_SIGHTINGS))
			return err_set(e, ENOMEM, "no memory for batches");
		if (arena_init(&b->texts, BATCH_TEXTS, e) != 0)
			return -1;
		b->next = q->spare;
		q->spare = b;
	}
	return 0;
}

void batch_queue_free(struct batch_queue *q)
{
	for (unsigned i = 0; i < BATCH_COUNT; i++) {
		buf_free(&q->all[i].control);
		buf_free(&q->all[i].bulk);
		free(q->all[i].sightings);
		arena_free(&q->all[i].texts);
	}
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
}

struct batch *batch_take(struct batch_queue *q)
{
	struct batch *b;

	pthread_mutex_lock(&q->lock);
	while (q->spare == NULL)
		pthread_cond_wait(&q->changed, &q->lock);
	b = q->spare;
	q->spare = b->next;
	pthread_mutex_unlock(&q->lock);
	buf_reset(&b->control);
	buf_reset(&b->bulk);
	arena_reset(&b->texts);
	memset(b->last, 0, sizeof(b->last));
	if (b->cap_sightings > BATCH_SIGHTINGS)
		make_room(b, BATCH_SIGHTINGS);
	b->next = NULL;
	b->n_control = b->n_bulk = b->n_events = b->n_sightings = b->n_successes =
	    b->n_differences = b->n_ledger = b->n_read = b->n_copies = 0;
	b->input = BATCH_NO_INPUT;
	b->moved = b->more = false;
	b->bytes_in = 0;
	return b;
}

void batch_put(struct batch_queue *q, struct batch *b)
{
	atomic_fetch_add(&q->waiting, b->n_events);
	pthread_mutex_lock(&q->lock);
	*q->tail = b;
	q->tail = &b->next;
	q->n++;
	q->more = b->more;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

static void gather(struct batch_queue *q)
{
	struct timespec until = clock_in_ms(BATCH_GATHER_MS);

	while (q->n < BATCH_GATHERED && q->more && !q->stopped)
		if (pthread_cond_timedwait(&q->changed, &q->lock, &until) != 0)
			break;
}

struct batch *batch_get_all(struct batch_queue *q, unsigned wait_ms)
{
	struct timespec until = clock_in_ms(wait_ms);
	struct batch *b;

	pthread_mutex_lock(&q->lock);
	if (q->head == NULL && !q->stopped && wait_ms > 0)
		pthread_cond_timedwait(&q->changed, &q->lock, &until);
	if (q->head != NULL)
		gather(q);
	b = q->head;
	q->head = NULL;
	q->tail = &q->head;
	q->n = 0;
	pthread_mutex_unlock(&q->lock);
	return b;
}

void batch_recycle(struct batch_queue *q, struct batch *list)
{
	pthread_mutex_lock(&q->lock);
	while (list != NULL) {
		struct batch *next = list->next;

		list->next = q->spare;
		q->spare = list;
		list = next;
	}
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

void batch_stop(struct batch_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stopped = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

bool batch_stopped(struct batch_queue *q)
{
	pthread_mutex_lock(&q->lock);

	bool stopped = q->stopped && q->head == NULL;

	pthread_mutex_unlock(&q->lock);
	return stopped;
}

void batch_wake(struct batch_queue *q)
{
	pthread_mutex_lock(&q->lock);
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}
