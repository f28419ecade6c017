#include "detect/values.h"

#include "detect/engine.h"

#include <stdlib.h>
#include <xxhash.h>

/* Agents and referers apart: referers seldom repeat, and would push the agents out. */
enum { QUIET_SETS = 4096, REFERER_SETS = 1024, QUIET_WAYS = 2, AGENT_SETS = 512, AGENT_WAYS = 2 };

/* A value of this batch that was not known. */
struct pending {
	uint32_t event, text; /* text: its first one in the lane */
	uint8_t lane;
	bool spoilt;
	struct agent_memo memo; /* what is found out; its hash for the quiet table as well */
};

enum { PENDING_MAX = 2048 }; /* of one batch; more are not learnt from */

struct values {
	uint64_t seed;
	uint64_t quiet[QUIET_SETS][QUIET_WAYS][2]; /* agents */
	uint64_t referers[REFERER_SETS][QUIET_WAYS][2];
	struct agent_memo agents[AGENT_SETS][AGENT_WAYS];
	struct pending pending[PENDING_MAX];
	unsigned n_pending;
};

struct values *values_new(uint64_t seed)
{
	struct values *v = calloc(1, sizeof(*v));

	if (v != NULL)
		v->seed = seed;
	return v;
}

void values_free(struct values *v)
{
	free(v);
}

void values_begin(struct values *v)
{
	v->n_pending = 0;
}

static bool same(const uint64_t a[2], const uint64_t b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

/* The set of the quiet table in which a value is, if it is anywhere. */
static uint64_t (*quiet_set(struct values *v, unsigned lane, const uint64_t h[2]))[2]
{
	return lane == LANE_AGENT ? v->quiet[h[1] % QUIET_SETS] : v->referers[h[1] % REFERER_SETS];
}

static void keep_quiet(struct values *v, const struct pending *p)
{
	uint64_t(*set)[2] = quiet_set(v, p->lane, p->memo.hash);

	if (same(set[0], p->memo.hash))
		return;
	memcpy(set[1], set[0], sizeof(set[0]));
	memcpy(set[0], p->memo.hash, sizeof(set[0]));
}

static const struct agent_memo *recall(const struct values *v, const uint64_t h[2])
{
	const struct agent_memo *set = v->agents[h[1] % AGENT_SETS];

	for (unsigned i = 0; i < AGENT_WAYS; i++)
		if (same(set[i].hash, h))
			return &set[i];
	return NULL;
}

bool values_known(struct engine *g, unsigned event, unsigned lane, struct slice s)
{
	struct values *v = g->values;
	struct engine_event *ee = &g->events[event];
	XXH128_hash_t x =
	    XXH3_128bits_withSeed(s.p, s.n, v->seed + lane + (uint64_t)ee->classes * LANE_MAX);
	const uint64_t h[2] = { x.low64 | 1, x.high64 }; /* never the empty slot */

	uint64_t(*set)[2] = quiet_set(v, lane, h);

	if (same(set[0], h) || same(set[1], h)) {
		ee->agent_known = ee->agent_known || lane == LANE_AGENT;
		return true;
	}
	if (lane == LANE_AGENT && (ee->memo = recall(v, h)) != NULL) {
		ee->agent_known = true;
		for (unsigned i = 0; i < ee->memo->n_yes; i++)
			engine_candidate(g, event, ee->memo->yes[i].rule);
		for (unsigned i = 0; i < ee->memo->n_others; i++)
			engine_candidate(g, event, ee->memo->others[i]);
		return true;
	}
	if (v->n_pending < PENDING_MAX) {
		struct pending *p = &v->pending[v->n_pending++];

		p->event = event;
		p->text = g->lanes[lane].n_texts;
		p->lane = (uint8_t)lane;
		p->spoilt = false;
		p->memo.hash[0] = h[0];
		p->memo.hash[1] = h[1];
		p->memo.n_yes = p->memo.n_others = 0;
		if (lane == LANE_AGENT)
			ee->pending = v->n_pending;
	}
	return false;
}

static struct pending *pending_of(struct engine *g, unsigned event)
{
	unsigned i = g->events[event].pending;

	return i > 0 ? &g->values->pending[i - 1] : NULL;
}

void values_other(struct engine *g, unsigned event, uint32_t rule)
{
	struct pending *p = pending_of(g, event);

	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->memo.n_others; i++)
		if (p->memo.others[i] == rule)
			return;
	if (p->memo.n_others == MEMO_OTHERS)
		p->spoilt = true;
	else
		p->memo.others[p->memo.n_others++] = rule;
}

void values_learn_quiet(struct engine *g)
{
	struct values *v = g->values;

	for (unsigned i = 0; i < v->n_pending; i++) {
		const struct pending *p = &v->pending[i];
		const struct lane_buf *l = &g->lanes[p->lane];
		bool touched = g->events[p->event].is_cut;

		if (p->lane == LANE_AGENT) /* rules may hold without a window: wait for them */
			continue;
		for (unsigned t = p->text; t < l->n_texts && l->texts[t].event == p->event; t++)
			touched = touched || l->texts[t].touched;
		if (!touched)
			keep_quiet(v, p);
	}
}

void values_spoil(struct engine *g, unsigned event)
{
	struct pending *p = pending_of(g, event);

	if (p != NULL)
		p->spoilt = true;
}

void values_yes(struct engine *g, unsigned event, const struct rule *r, const struct evidence *e)
{
	struct pending *p = pending_of(g, event);

	if (p == NULL)
		return;
	if (p->memo.n_yes == MEMO_YES || e->match.n > MEMO_MATCH) {
		p->spoilt = true;
		return;
	}

	struct agent_verdict *y = &p->memo.yes[p->memo.n_yes++];

	y->rule = (uint32_t)(r - g->rs->rules);
	y->found = e->found;
	y->form = (uint8_t)e->form;
	y->n = (uint8_t)e->match.n;
	if (e->match.n > 0)
		memcpy(y->match, e->match.p, e->match.n);
}

/* After the batch: until then its events point at what was known before. */
void values_learn_agents(struct engine *g)
{
	struct values *v = g->values;

	for (unsigned i = 0; i < v->n_pending; i++) {
		const struct pending *p = &v->pending[i];
		struct agent_memo *set = v->agents[p->memo.hash[1] % AGENT_SETS];

		if (g->events[p->event].pending != i + 1 || p->spoilt ||
		    g->events[p->event].is_cut || same(set[0].hash, p->memo.hash))
			continue;
		if (p->memo.n_yes == 0 && p->memo.n_others == 0) {
			keep_quiet(v, p);
			continue;
		}
		set[1] = set[0];
		set[0] = p->memo;
	}
}
