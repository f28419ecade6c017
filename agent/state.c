/* The agent's whole state as a checkpoint, and back: see design of the journal in DESIGN.md. */
#include "agent/agent.h"
#include "agent/alert_record.h"
#include "agent/successes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

/* A checkpoint on its way: small parts are coded as they come, the whole never lies there twice. */
struct checkpoint {
	struct agent *a;
	struct record_writer w;
	struct record_context context;
	struct buf item;
};

enum { PART_BYTES = 256 << 10 };

static void put_part(struct checkpoint *k)
{
	record_end(&k->w, k->a->packer, &k->a->checkpoint);
	record_begin(&k->w, &k->context);
}

static void put_one_position(void *ctx, struct slice payload)
{
	record_put_state(&((struct checkpoint *)ctx)->w, RECORD_POSITION, payload);
}

static void put_state(struct checkpoint *k)
{
	record_put_state(&k->w, RECORD_STATE, buf_as_slice(&k->item));
	buf_reset(&k->item);
	if (k->w.raw.n > PART_BYTES)
		put_part(k);
}

static void put_windows(struct checkpoint *k)
{
	unsigned at = 0;

	do {
		buf_char(&k->item, STATE_WINDOWS);
		at = correlator_save(k->a->correlator, at, &k->item);
		put_state(k);
	} while (at != 0);
}

static void put_successes(struct checkpoint *k)
{
	unsigned at = 0;

	do {
		buf_char(&k->item, STATE_SUCCESSES);
		at = successes_save(policy_successes(k->a->policy), at, clock_now_us(), &k->item);
		put_state(k);
	} while (at != 0);
}

int agent_checkpoint(void *agent, struct slice *out, struct err *e)
{
	struct agent *a = agent;
	struct checkpoint k = { .a = a };
	bool full;

	buf_free(&a->checkpoint);
	agent_context(a, &k.context);
	record_begin(&k.w, &k.context);
	buf_char(&k.item, STATE_EVICTED);
	buf_varint(&k.item, positions_evicted_max(a->positions));
	put_state(&k);
	positions_each(a->positions, put_one_position, &k);
	put_windows(&k);
	buf_char(&k.item, STATE_POLICY);
	policy_save(a->policy, &k.item);
	put_state(&k);
	buf_char(&k.item, STATE_TALLY_ALL);
	tally_save(&a->tally, &k.item);
	put_state(&k);
	put_successes(&k);
	record_end(&k.w, a->packer, &a->checkpoint);
	full = a->checkpoint.full || k.item.full;
	record_writer_free(&k.w);
	buf_free(&k.item);
	if (full)
		return err_set(e, ENOMEM, "the checkpoint is too large");
	*out = buf_as_slice(&a->checkpoint);
	return 0;
}

static bool take_tally(struct agent *a, bool all, struct slice s)
{
	struct tally t;

	if (!tally_load(&t, s))
		return false;
	if (all)
		a->tally = t;
	else
		tally_add(&a->tally, &t);
	return true;
}

/* One state item. A correlation window or a block that can't be read is a loss to be said. */
static void take_state(struct agent *a, struct slice s)
{
	struct cut c = { .s = s };
	struct slice kind = cut_raw(&c, 1);
	struct block block;
	bool ok = !c.bad;

	if (ok && kind.p[0] == STATE_EVICTED)
		positions_set_evicted_max(a->positions, cut_varint(&c));
	else if (ok && kind.p[0] == STATE_WINDOWS)
		ok = correlator_load(a->correlator, c.s);
	else if (ok && kind.p[0] == STATE_POLICY)
		ok = policy_load(a->policy, c.s);
	else if (ok && kind.p[0] == STATE_BLOCK && (ok = block_load(c.s, &block)))
		policy_replay(a->policy, &block);
	else if (ok && kind.p[0] == STATE_SUCCESSES)
		ok = successes_load(policy_successes(a->policy), c.s);
	else if (ok && (kind.p[0] == STATE_TALLY || kind.p[0] == STATE_TALLY_ALL))
		ok = take_tally(a, kind.p[0] == STATE_TALLY_ALL, c.s);
	if (!ok)
		log_warn("state in the journal could not be read", "bytes=%zu", s.n);
}

static int take_block(struct agent *a, struct slice block, struct err *e)
{
	struct record_reader *r = calloc(1, sizeof(*r));
	struct position_move move;
	struct sighting sight;
	struct record rec;
	int rc = -1;

	if (r == NULL)
		return err_set(e, ENOMEM, "no memory to read the journal");
	record_reader_open(r, block, 0);
	while ((rc = record_next(r, &rec, e)) > 0) {
		if (rec.kind == RECORD_POSITION && position_load(rec.payload, &move))
			positions_move(a->positions, &move.to);
		else if (rec.kind == RECORD_HIT && sighting_load(rec.payload, &sight))
			correlator_feed(a->correlator, &sight, NULL, NULL);
		else if (rec.kind == RECORD_STATE)
			take_state(a, rec.payload);
	}
	record_reader_free(r);
	free(r);
	return rc;
}

int agent_restore(void *agent, const struct frame_header *h, struct slice checkpoint, struct err *e)
{
	struct agent *a = agent;

	a->first_start = false;
	a->alive_us = (int64_t)h->time_us;
	return take_block(a, checkpoint, e);
}

int agent_replay(void *agent, const struct frame_header *h, struct slice control, struct err *e)
{
	struct agent *a = agent;

	a->first_start = false;
	a->alive_us = (int64_t)h->time_us;
	return control.n > 0 ? take_block(a, control, e) : 0;
}
