/*
 * The committer thread: the only one that appends, correlates and decides.
 *
 * A commit starts at once when batches wait and none is in progress; what comes
 * meanwhile goes into the next. State (positions, windows, blocks) changes before the
 * append, so that a checkpoint written with the frame has the frame's effect; what is
 * told to the outside (planes, answers, free batches) waits until the frame is durable.
 */
#include "agent/agent.h"
#include "agent/alert_record.h"
#include "agent/audit.h"
#include "agent/crawlers.h"
#include "agent/planes.h"
#include "agent/ship.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	COMMIT_WAIT_MS = 1000,
	COMMIT_MAX_BYTES = 4 << 20,
	RETRY_MS = 200,
	MAX_CHANGES = 4096,
	EXPECTED = 8, /* successes ahead: memory takes as long as counting so many */
};

struct committer {
	struct agent *a;
	struct buf control, bulk; /* the frame's blocks */
	struct buf state;	  /* scratch */
	struct block *changes;	  /* decided in this frame; told to the planes afterwards */
	unsigned n_changes;
	unsigned n_state; /* state items in a->said */
	int64_t read_us;  /* of the batch being worked on */
	int64_t now_us;
	bool given_up; /* a frame, as the agent ends: none may follow it */
	struct record_context context;
	struct tally frame;		       /* what it adds to the sums */
	struct journal_cursor at[AGENT_SHIPS]; /* where the sinks are, as this frame has it */
};

static void on_block(void *ctx, const struct block *b)
{
	struct committer *c = ctx;

	block_record(&c->a->said, b, c->a->cfg.response.mode);
	buf_reset(&c->state);
	buf_char(&c->state, STATE_BLOCK);
	block_save(b, &c->state);
	record_put_state(&c->a->said, RECORD_STATE, buf_as_slice(&c->state));
	stats_add(&c->a->stats, blocks, b->revision == 1);
	if (c->n_changes < MAX_CHANGES)
		c->changes[c->n_changes++] = *b;
}

static void on_alert(void *ctx, const struct alert *alert)
{
	struct committer *c = ctx;
	struct policy_call call = { .now_us = c->now_us, .cb = on_block, .ctx = c };
	struct verdict_on_alert v;

	policy_alert(c->a->policy, alert, c->read_us, &call, &v);
	alert_record(&c->a->said, alert, &v);
	stats_add(&c->a->stats, alerts, alert->revision == 1);
	log_info("alert", "rule=%s entity=\"%.96s\" count=%llu action=%s effective=%s revision=%u",
	    alert->rule, alert->value, (unsigned long long)alert->count,
	    action_names[alert->action], action_names[v.effective], alert->revision);
}

static void put_position(struct committer *c, const struct position_move *m)
{
	buf_reset(&c->state);
	position_save(m, &c->state);
	record_put_state(&c->a->said, RECORD_POSITION, buf_as_slice(&c->state));
	positions_move(c->a->positions, &m->to);
	c->n_state++;
}

static void put_sighting(struct committer *c, const struct sighting *s)
{
	buf_reset(&c->state);
	sighting_save(s, &c->state);
	record_put_state(&c->a->said, RECORD_HIT, buf_as_slice(&c->state));
	correlator_feed(c->a->correlator, s, on_alert, c);
	c->n_state++;
}

/* They are part of the state: a restart must not make a shared address look like one man's. */
static void put_successes(struct committer *c, const struct batch *b)
{
	buf_reset(&c->state);
	buf_char(&c->state, STATE_SUCCESSES);
	for (unsigned i = 0; i < b->n_successes; i++) {
		if (i + EXPECTED < b->n_successes)
			successes_expect(
			    policy_successes(c->a->policy), &b->successes[i + EXPECTED]);
		if (successes_add(policy_successes(c->a->policy), &b->successes[i]))
			success_save(&b->successes[i], 1, &c->state);
	}
	if (c->state.n == 1)
		return;
	record_put_state(&c->a->said, RECORD_STATE, buf_as_slice(&c->state));
	c->n_state++;
}

static void put_differences(struct committer *c, const struct batch *b)
{
	for (unsigned i = 0; i < b->n_differences; i++) {
		struct alert a;
		struct verdict_on_alert v = { .mode = (enum response_mode)c->a->cfg.response.mode,
			.effective = ACTION_NOTIFY,
			.collateral = -1 };

		alert_of_difference(b->differences[i].rule, b->differences[i].event, c->now_us, &a);
		alert_record(&c->a->said, &a, &v);
		stats_add(&c->a->stats, alerts, 1);
	}
}

static void take_batch(struct committer *c, const struct batch *b, struct journal_frame *f)
{
	c->read_us = b->read_us;
	buf_slice(&c->control, buf_as_slice(&b->control));
	buf_slice(&c->bulk, buf_as_slice(&b->bulk));
	f->n_control += b->n_control;
	f->n_bulk += b->n_bulk;
	f->bytes_in += b->bytes_in;
	if (b->moved)
		put_position(c, &b->move);
	put_differences(c, b);
	if (b->n_successes > 0)
		put_successes(c, b);
	for (unsigned i = 0; i < b->n_sightings; i++)
		put_sighting(c, &b->sightings[i]);
}

/* Who was verified meanwhile must not stay blocked for what it did before. */
static void spare_crawlers(struct committer *c)
{
	struct policy_call call = { .now_us = c->now_us, .cb = on_block, .ctx = c };
	struct crawlers_counts n;
	struct ip a;

	if (c->a->crawlers == NULL)
		return;
	while (crawlers_next(c->a->crawlers, &a)) {
		struct ip_prefix x = ip_prefix_of(&a, 128);

		policy_spare(c->a->policy, &x, &call);
	}
	crawlers_counts(c->a->crawlers, &n);
	stats_set(&c->a->stats, crawlers_verified, n.verified);
	stats_set(&c->a->stats, crawlers_forged, n.forged);
	stats_set(&c->a->stats, crawlers_unanswered, n.unanswered);
	stats_set(&c->a->stats, crawlers_not_asked, n.not_asked);
}

/* What was given up by hand since the newest frame: rows that go with the places which say so. */
static void put_forgotten(struct committer *c)
{
	struct agent *a = c->a;

	for (unsigned i = 0; i < a->n_ships; i++) {
		const char *name = ship_name(a->ships[i]);
		const struct tally_sink *known = tally_sink(&a->tally, name);
		uint64_t before = known != NULL ? known->forgotten : 0;

		ship_cursor(a->ships[i], &c->at[i]);
		if (c->at[i].forgotten > before)
			ledger_put(&a->said,
			    &(struct ledger_row){ .what = "forgotten",
				.source = name,
				.lost_records = c->at[i].forgotten - before,
				.time_us = c->now_us },
			    a->host.id);
	}
}

/* What this frame adds to the sums, and where the sinks are, into it: see tally.h. */
static void put_tally(struct committer *c, const struct batch *list)
{
	struct agent *a = c->a;
	struct tally *f = &c->frame;
	char label[TALLY_LABEL];

	f->epoch_us = a->tally.epoch_us;
	f->base = a->tally.base;
	f->n_inputs = f->n_sinks = 0;
	f->own = a->said.n_records;
	for (const struct batch *b = list; b != NULL; b = b->next) {
		struct tally_input *in;

		f->own += b->n_ledger;
		if (b->input == BATCH_NO_INPUT)
			continue;
		audit_label(config_input(&a->cfg, b->input), label, sizeof(label));
		in = tally_input(f, label);
		in->read += b->n_read;
		in->journalled += b->n_events;
		in->copies += b->n_copies;
		in->bytes += b->bytes_in;
	}
	for (unsigned i = 0; i < a->n_ships; i++) {
		const char *name = ship_name(a->ships[i]);

		if (tally_set_sink(&a->tally, name, &c->at[i]))
			tally_set_sink(f, name, &c->at[i]);
	}
	tally_add(&a->tally, f);
	buf_reset(&c->state);
	buf_char(&c->state, STATE_TALLY);
	tally_save(f, &c->state);
	record_put_state(&a->said, RECORD_STATE, buf_as_slice(&c->state));
	c->n_state++;
}

/* ---- appending ---- */

static void pause_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/*
 * Until it is durable: encoded frames stay in memory, nothing is given up. On a full
 * disk the bulk part goes first (counted as shed by every sink), so that detections
 * and positions go on in the space reserved for them.
 */
static bool append(struct committer *c, struct journal_frame *f)
{
	struct agent *a = c->a;
	struct err e;

	for (unsigned tries = 0, stopping = 0;; tries++) {
		if (journal_append(a->journal, f, &e) == 0)
			break;
		stats_add(&a->stats, journal_failures, 1);
		atomic_store(&a->journal_ok, false);
		log_error("journal append failed", "try=%u why=\"%s\"", tries + 1, e.msg);
		if (e.code == ENOSPC && f->bulk.n > 0) {
			stats_add(&a->stats, bulk_shed_at_birth, f->n_bulk);
			f->bulk = (struct slice){ 0 };
			continue;
		}
		if (atomic_load(&a->stopping) && ++stopping > 20)
			return false; /* positions were not moved on disk: the lines are read again
				       */
		pause_ms(RETRY_MS);
	}
	atomic_store(&a->journal_ok, true);
	atomic_store(&a->last_commit_us, clock_now_us());
	stats_add(&a->stats, frames, 1);
	return true;
}

static void after_commit(struct committer *c)
{
	struct agent *a = c->a;

	for (unsigned i = 0; i < c->n_changes && a->planes != NULL; i++)
		planes_apply(a->planes, &c->changes[i], clock_now_us());
	c->n_changes = 0;
	stats_set(&a->stats, windows, correlator_windows(a->correlator));
	stats_set(&a->stats, windows_evicted, correlator_evicted(a->correlator));
	stats_set(&a->stats, active_blocks, policy_active(a->policy));
}

/* The events of these batches are durable. */
static void count_events(struct agent *a, const struct batch *list)
{
	uint64_t n = 0;

	for (const struct batch *b = list; b != NULL; b = b->next)
		n += b->n_events;
	stats_add(&a->stats, events, n);
	atomic_fetch_sub(&a->queue.waiting, n);
}

/* One frame of some batches (maybe none) and of what was decided meanwhile. */
static void commit(struct committer *c, const struct batch *list)
{
	struct agent *a = c->a;
	struct journal_frame f = { .time_us = (uint64_t)c->now_us };

	/* what comes behind a frame that was given up would be told as if that was durable */
	if (c->given_up)
		return;
	for (const struct batch *b = list; b != NULL; b = b->next)
		take_batch(c, b, &f);
	f.n_control += a->said.n_records;
	put_tally(c, list);
	record_end(&a->said, a->packer, &c->control);
	f.control = buf_as_slice(&c->control);
	f.bulk = buf_as_slice(&c->bulk);
	if (append(c, &f)) {
		count_events(a, list);
		audit_publish(a);
	} else {
		c->given_up = true;
	}
	after_commit(c);
}

static void begin(struct committer *c)
{
	buf_reset(&c->control);
	buf_reset(&c->bulk);
	c->n_state = 0;
	c->now_us = clock_now_us();
	c->read_us = 0;
	agent_context(c->a, &c->context);
	c->context.observed_us = c->now_us;
	record_begin(&c->a->said, &c->context);
}

/* ---- questions of the control thread ---- */

static bool run_call(struct committer *c)
{
	struct mailbox *m = &c->a->mailbox;
	bool any = false;

	pthread_mutex_lock(&m->lock);
	if (m->call != NULL && !m->done) {
		void (*call)(void *, void *) = m->call;
		void *arg = m->arg;

		pthread_mutex_unlock(&m->lock);
		call(c, arg);
		any = true;
		pthread_mutex_lock(&m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	return any;
}

static void answer_call(struct committer *c)
{
	struct mailbox *m = &c->a->mailbox;

	pthread_mutex_lock(&m->lock);
	m->done = true;
	m->call = NULL;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

void agent_ask(struct agent *a, void (*call)(void *agent, void *arg), void *arg)
{
	struct mailbox *m = &a->mailbox;

	pthread_mutex_lock(&m->lock);
	while (m->busy)
		pthread_cond_wait(&m->changed, &m->lock);
	m->busy = true;
	m->call = call;
	m->arg = arg;
	m->done = false;
	pthread_mutex_unlock(&m->lock);
	batch_wake(&a->queue);
	pthread_mutex_lock(&m->lock);
	while (!m->done)
		pthread_cond_wait(&m->changed, &m->lock);
	m->busy = false;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

block_cb *committer_block_cb(void)
{
	return on_block;
}

struct agent *committer_agent(void *committer)
{
	return ((struct committer *)committer)->a;
}

/* ---- the thread ---- */

/* Batches up to about one frame's worth; the rest stays in *rest. */
static struct batch *split(struct batch *list, struct batch **rest)
{
	size_t n = 0;

	*rest = NULL;
	for (struct batch *b = list; b != NULL; b = b->next) {
		n += b->bulk.n + b->control.n;
		if (n > COMMIT_MAX_BYTES && b->next != NULL) {
			*rest = b->next;
			b->next = NULL;
			break;
		}
	}
	return list;
}

static void one_round(struct committer *c)
{
	struct agent *a = c->a;
	struct batch *list = batch_get_all(&a->queue, COMMIT_WAIT_MS);

	do {
		struct batch *rest;
		struct batch *now = split(list, &rest);

		begin(c);
		policy_expire(a->policy,
		    &(struct policy_call){ .now_us = c->now_us, .cb = on_block, .ctx = c });
		spare_crawlers(c);
		put_forgotten(c);

		bool asked = run_call(c);

		if (now != NULL || a->said.n_records > 0)
			commit(c, now);
		if (asked)
			answer_call(c);
		batch_recycle(&a->queue, now);
		list = rest;
	} while (list != NULL);
	if (a->planes != NULL)
		planes_tick(a->planes, a->policy, clock_now_us());
}

void *committer_main(void *agent)
{
	struct committer c = { .a = agent };

	c.changes = calloc(MAX_CHANGES, sizeof(*c.changes));
	if (c.changes == NULL) {
		log_error(
		    "no memory for the committer", "bytes=%zu", MAX_CHANGES * sizeof(*c.changes));
		agent_stop(c.a);
	}
	while (c.changes != NULL && !batch_stopped(&c.a->queue))
		one_round(&c);
	if (c.changes != NULL)
		one_round(&c);
	answer_call(&c); /* whoever still waits */
	buf_free(&c.control);
	buf_free(&c.bulk);
	buf_free(&c.state);
	free(c.changes);
	return NULL;
}
