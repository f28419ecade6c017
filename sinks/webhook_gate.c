/* Which alerts a webhook sends: by level or page, once a revision, so many a minute. */
#include "base/clock.h"
#include "base/level.h"
#include "sinks/webhook.h"

#include <xxhash.h>

enum { CRITICAL = 5, MINUTE_US = 60000000 };

#define DAY_US (INT64_C(86400) * 1000000)

void gate_init(struct gate *g, unsigned min_level, uint64_t per_minute)
{
	*g = (struct gate){ .min_level = min_level, .per_minute = (double)per_minute };
	for (unsigned c = 0; c < GATE_CLASSES; c++)
		g->tokens[c] = g->per_minute;
	g->filled_us = clock_boot_us();
}

void gate_read(const struct record *r, struct gate_alert *out)
{
	enum level level = level_of(event_get_named(&r->ev, SLICE("level")));
	struct slice rule = event_get_named(&r->ev, SLICE("rule"));
	struct slice revision = event_get_named(&r->ev, SLICE("revision"));
	uint64_t in[3] = { r->id[0], r->id[1], XXH3_64bits(revision.p, revision.n) };

	*out = (struct gate_alert){ .key = XXH3_64bits(in, sizeof(in)) | 1,
		.rule = XXH3_64bits(rule.p, rule.n) | 1,
		.time_us = r->ev.time_us,
		.page = slice_eq(event_get_named(&r->ev, SLICE("page")), SLICE("true")),
		.blocks = slice_eq(event_get_named(&r->ev, SLICE("effective")), SLICE("block")) &&
			  !slice_eq(event_get_named(&r->ev, SLICE("mode")), SLICE("shadow")) };
	out->level = level < LEVEL_N ? level + 1 : 0;
}

void gate_begin(struct gate *g)
{
	memset(g->planned, 0, sizeof(g->planned));
	g->n_planned_rules = 0;
	g->holding = 0;
}

static void fill(struct gate *g)
{
	int64_t now = clock_boot_us();
	double more = g->per_minute * (double)(now - g->filled_us) / MINUTE_US;

	for (unsigned c = 0; c < GATE_CLASSES; c++)
		g->tokens[c] =
		    g->tokens[c] + more < g->per_minute ? g->tokens[c] + more : g->per_minute;
	g->filled_us = now;
}

static bool was_seen(const struct gate *g, uint64_t key)
{
	const uint64_t *set = g->seen[key / 2 % GATE_SEEN_SETS];

	for (unsigned i = 0; i < GATE_SEEN_WAYS; i++)
		if (set[i] == key)
			return true;
	return false;
}

/* An attack that the whole internet tries: worth a page, but not each time. */
static bool is_noise(const struct gate *g, const struct gate_alert *a)
{
	unsigned at = a->rule / 2 % GATE_RULES;

	for (unsigned i = 0; i < g->n_planned_rules; i++)
		if (g->planned_rules[i] == a->rule)
			return true;
	return g->noise[at].rule == a->rule && clock_boot_us() < g->noise[at].until_us;
}

static bool by_page(const struct gate *g, const struct gate_alert *a)
{
	return g->min_level == 0 && !a->page;
}

enum gate_answer gate_ask(struct gate *g, const struct gate_alert *a)
{
	enum gate_class c = a->page ? GATE_PAGES : GATE_OTHERS;

	if (was_seen(g, a->key))
		return GATE_SENT;
	if (g->min_level > 0 ? a->level < g->min_level
			     : !a->page && !a->blocks && a->level < CRITICAL)
		return GATE_UNWANTED;
	fill(g);
	if (clock_now_us() - a->time_us > DAY_US || g->tokens[c] < g->planned[c] + 1.0 ||
	    (by_page(g, a) && (is_noise(g, a) || g->n_planned_rules == 64))) {
		g->holding++;
		return GATE_HELD;
	}
	g->planned[c]++;
	if (by_page(g, a))
		g->planned_rules[g->n_planned_rules++] = a->rule;
	return GATE_SEND;
}

void gate_sent(struct gate *g, const struct gate_alert *a)
{
	uint64_t *set = g->seen[a->key / 2 % GATE_SEEN_SETS];
	unsigned at = a->rule / 2 % GATE_RULES;

	memmove(set + 1, set, (GATE_SEEN_WAYS - 1) * sizeof(*set));
	set[0] = a->key;
	g->tokens[a->page ? GATE_PAGES : GATE_OTHERS] -= 1;
	g->held = 0;
	if (by_page(g, a)) {
		g->noise[at].rule = a->rule;
		g->noise[at].until_us = clock_boot_us() + DAY_US;
	}
}

void gate_settle(struct gate *g)
{
	g->held += g->holding;
	gate_begin(g);
}

bool gate_may_tell(struct gate *g)
{
	fill(g);
	return g->held > 0 && g->tokens[GATE_OTHERS] >= 1;
}
