#include "detect/correlate.h"

#include "detect/correlate_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum { TABLE = 2 * WINDOWS_MAX, SILENT_SAMPLE = 32 };

struct correlator *correlator_new(const struct ruleset *rs, uint64_t key)
{
	struct correlator *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->table = calloc(TABLE, sizeof(*c->table))) == NULL) {
		free(c);
		return NULL;
	}
	c->rs = rs;
	c->key = key;
	c->random = key | 1;
	return c;
}

void correlator_free(struct correlator *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < TABLE; i++) {
		free(c->table[i].slots);
		free(c->table[i].alert);
	}
	free(c->notes);
	free(c->table);
	free(c);
}

void correlator_use(struct correlator *c, const struct ruleset *rs)
{
	c->rs = rs;
}

void correlator_hold_alerts(struct correlator *c, bool hold)
{
	c->hold = hold;
}

unsigned correlator_windows(const struct correlator *c)
{
	return c->n_windows;
}

uint64_t correlator_evicted(const struct correlator *c)
{
	return c->evicted;
}

/* ---- counting ---- */

/* Counted over all rules; the subject is for the alert only. */
static bool is_of_address(enum sighting_kind kind)
{
	return kind == SIGHT_ATTACK || kind == SIGHT_QUOTED;
}

static void name_alert(struct correlator *c, const struct sighting *s, struct alert *a)
{
	if (is_of_address(s->kind)) {
		snprintf(a->rule, sizeof(a->rule),
		    s->kind == SIGHT_QUOTED ? "web.search.attack" : "web.agreement");
		a->category = (enum category)(s->subject / LEVEL_N);
		a->level = (enum level)(s->subject % LEVEL_N);
		if (a->level < LEVEL_HIGH)
			a->level = LEVEL_HIGH;
		return;
	}
	for (unsigned i = 0; s->kind == SIGHT_CORRELATION && i < c->rs->n_correlations; i++) {
		const struct correlation *k = &c->rs->correlations[i];

		if (k->hash == s->subject) {
			snprintf(a->rule, sizeof(a->rule), "%.*s", SLICE_ARG(k->name));
			a->category = k->category;
			a->level = k->level;
			return;
		}
	}
	for (unsigned i = 0; i < c->rs->n_rules; i++) {
		const struct rule *r = &c->rs->rules[i];

		if (r->hash == s->subject) {
			snprintf(a->rule, sizeof(a->rule), "%.*s", SLICE_ARG(r->name));
			a->category = r->category;
			a->level = r->level;
			return;
		}
	}
}

static void set_place(struct alert *a, const struct sighting *s)
{
	a->entity = s->entity;
	snprintf(a->value, sizeof(a->value), "%.*s",
	    s->entity_value.n < sizeof(a->value) ? (int)s->entity_value.n
						 : (int)sizeof(a->value) - 1,
	    s->entity_value.p != NULL ? s->entity_value.p : "");
	a->has_address = s->has_address;
	a->agent = s->agent;
	a->address = s->address;
	a->provenance = s->provenance;
}

static int64_t window_start(const struct sighting *s, const struct alert *a)
{
	const int64_t hour = 3600 * INT64_C(1000000);

	return s->kind == SIGHT_CORRELATION ? a->first_us : s->time_us - s->time_us % hour;
}

static void set_id(struct alert *a, const struct sighting *s, const struct window *w)
{
	uint64_t in[3] = { is_of_address(w->kind) ? w->kind == SIGHT_QUOTED : w->subject, w->group,
		(uint64_t)window_start(s, a) };
	XXH128_hash_t h = XXH3_128bits_withSeed(in, sizeof(in), 0);

	a->id[0] = h.high64;
	a->id[1] = h.low64;
}

static void add_place(struct alert *a, const struct slot *slot)
{
	if (a->n_lines < ALERT_MAX_LINES && slot->line != 0)
		a->lines[a->n_lines++] = slot->line;
	if (a->n_events < ALERT_MAX_IDS && (slot->event[0] | slot->event[1]) != 0)
		memcpy(a->events[a->n_events++], slot->event, sizeof(slot->event));
}

static void make_alert(struct correlator *c, struct window *w, const struct sighting *s)
{
	struct alert *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return;
	a->time_us = s->time_us;
	a->first_us = w->slots[0].time_us;
	a->last_us = w->slots[w->n_slots - 1].time_us;
	a->revision = 1;
	a->rule_hash = w->subject;
	for (unsigned i = 0; i < w->n_slots; i++) {
		a->count += w->slots[i].count;
		add_place(a, &w->slots[i]);
	}
	name_alert(c, s, a);
	set_place(a, s);
	set_id(a, s, w);
	alert_decide(a);
	c->n_alerts += w->alert == NULL;
	free(w->alert);
	w->alert = a;
	correlate_mark(c, w);
	w->next_revision = a->count * 2;
	if (c->n_alerts == 1 || w->silent_until_us < c->earliest_us)
		c->earliest_us = w->silent_until_us;
}

static void fire(
    struct correlator *c, struct window *w, const struct sighting *s, const struct counting *k)
{
	correlate_fired(c, s);
	w->silent_until_us = s->time_us + k->span_us;
	if (!k->quiet)
		make_alert(c, w, s);
	c->n_slots -= w->cap_slots;
	free(w->slots);
	w->slots = NULL;
	w->n_slots = w->cap_slots = 0;
}

/* A further hit while silent. True: the alert is worth saying again. */
static bool add_to_alert(struct window *w, const struct sighting *s)
{
	struct alert *a = w->alert;
	struct slot slot = { s->time_us, s->value, { s->event[0], s->event[1] }, s->line,
		s->count };

	if (a == NULL)
		return false;
	a->count += s->count;
	if (s->time_us > a->last_us)
		a->last_us = s->time_us;
	add_place(a, &slot);
	if (s->entity_value.p != NULL)
		set_place(a, s);
	if (a->count < w->next_revision)
		return false;
	w->next_revision = a->count * 2;
	a->revision++;
	return true;
}

/* Agreement: two rules, and two events. */
static bool agrees(const struct window *w)
{
	for (unsigned i = 1; i < w->n_slots; i++)
		if (memcmp(w->slots[i].event, w->slots[0].event, 16) != 0)
			return true;
	return false;
}

static void end_silence(struct correlator *c, struct window *w, alert_cb *cb, void *ctx)
{
	correlate_say(c, w, true, cb, ctx);
	c->n_alerts -= w->alert != NULL;
	free(w->alert);
	w->alert = NULL;
	correlate_mark(c, w);
	w->silent_until_us = 0;
}

/* Room for one more: of some that are silent, met from a random place on, the oldest speaks. */
static void end_oldest(struct correlator *c, alert_cb *cb, void *ctx)
{
	unsigned from = (unsigned)(correlate_random(c) % (TABLE / 64));
	struct window *oldest = NULL;
	unsigned seen = 0;

	for (unsigned k = 0; k < TABLE / 64 && seen < SILENT_SAMPLE; k++) {
		unsigned i = (from + k) % (TABLE / 64);

		for (uint64_t bits = c->silent[i]; bits != 0; bits &= bits - 1, seen++) {
			struct window *w = &c->table[i * 64 + (unsigned)__builtin_ctzll(bits)];

			if (oldest == NULL || w->silent_until_us < oldest->silent_until_us)
				oldest = w;
		}
	}
	if (oldest == NULL)
		return;
	c->evicted++;
	end_silence(c, oldest, cb, ctx);
}

static void count(struct correlator *c, const struct sighting *s, alert_cb *cb, void *ctx)
{
	struct window_key key = { s->kind, is_of_address(s->kind) ? 0 : s->subject, s->group };
	struct counting k;
	struct window *w;
	double v;

	if (!correlate_counting(c, key.kind, key.subject, &k))
		return;
	w = correlate_window(c, &key, s->time_us, cb, ctx);
	if (w->silent_until_us != 0) {
		if (s->time_us < w->silent_until_us) {
			if (add_to_alert(w, s))
				correlate_say(c, w, false, cb, ctx);
			return;
		}
		end_silence(c, w, cb, ctx);
	}
	if (w->touched_us == 0)
		correlate_recall(c, w, &k, s->time_us);
	if (!correlate_count(c, w, s, &k))
		return;
	v = correlate_measure(w, &k);
	if (v < k.at_least || v > k.at_most || (k.two_events && !agrees(w)))
		return;
	if (c->n_alerts >= SILENT_MAX)
		end_oldest(c, cb, ctx);
	fire(c, w, s, &k);
	correlate_say(c, w, false, cb, ctx);
}

void correlator_feed(struct correlator *c, const struct sighting *s, alert_cb *cb, void *ctx)
{
	struct sighting own;

	if (s->kind != SIGHT_CHAINED) {
		count(c, s, cb, ctx);
		return;
	}
	if (!correlate_has_fired(c, s))
		return;
	own = *s;
	own.kind = SIGHT_CORRELATION;
	count(c, &own, cb, ctx);
}

static int by_time(const void *a, const void *b)
{
	const struct window *const *x = a;
	const struct window *const *y = b;
	int64_t p = (*x)->alert->time_us;
	int64_t q = (*y)->alert->time_us;

	return p != q ? (p < q ? -1 : 1) : strcmp((*x)->alert->rule, (*y)->alert->rule);
}

void correlator_finish(struct correlator *c, int64_t now_us, alert_cb *cb, void *ctx)
{
	unsigned n = 0;

	if (c->n_alerts == 0 || now_us < c->earliest_us)
		return;

	struct window **done = calloc(c->n_alerts, sizeof(struct window *));

	if (done == NULL)
		return;
	c->earliest_us = INT64_MAX;
	for (unsigned i = 0; i < TABLE / 64; i++)
		for (uint64_t bits = c->silent[i]; bits != 0; bits &= bits - 1) {
			struct window *w = &c->table[i * 64 + (unsigned)__builtin_ctzll(bits)];

			if (w->silent_until_us <= now_us && n < c->n_alerts)
				done[n++] = w;
			else if (w->silent_until_us < c->earliest_us)
				c->earliest_us = w->silent_until_us;
		}
	qsort(done, n, sizeof(struct window *), by_time);
	for (unsigned i = 0; i < n; i++)
		end_silence(c, done[i], cb, ctx);
	free(done);
}
