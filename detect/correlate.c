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

/* ---- from a hit to sightings ---- */

static struct slice group_value(const struct field *f, const struct event *ev)
{
	switch (f->kind) {
	case FIELD_URI:
	case FIELD_PATH:
		return event_get(ev, ATTR_URL_PATH);
	case FIELD_QUERY:
		return event_get(ev, ATTR_URL_QUERY);
	case FIELD_METHOD:
		return event_get(ev, ATTR_HTTP_METHOD);
	case FIELD_KEYWORDS:
	case FIELD_BODY:
		return ev->body;
	case FIELD_ATTR:
		return event_get(ev, f->key);
	case FIELD_OTHER:
		return event_get_named(ev, f->name);
	case FIELD_EXTENSION:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		break;
	}
	return (struct slice){ 0 };
}

/* IPv6 is counted as /64. */
static uint64_t hash_address(uint64_t seed, struct slice v)
{
	struct ip a;

	if (!ip_parse(v, &a))
		return XXH3_64bits_withSeed(v.p, v.n, seed);
	if (!ip_is_v4(&a))
		a = ip_prefix_of(&a, 64).addr;
	return XXH3_64bits_withSeed(a.b, sizeof(a.b), seed);
}

static uint64_t hash_value(uint64_t seed, const struct field *f, struct slice v)
{
	if (f->kind == FIELD_ATTR && f->key == ATTR_CLIENT_ADDRESS)
		return hash_address(seed, v);
	return XXH3_64bits_withSeed(v.p != NULL ? v.p : "", v.n, seed);
}

static bool has_key(const struct correlation *c, enum attr_key key)
{
	for (unsigned i = 0; i < c->n_group; i++)
		if (c->group[i].kind == FIELD_ATTR && c->group[i].key == key)
			return true;
	return false;
}

static void set_entity(struct sighting *s, const struct correlation *c, const struct event *ev)
{
	if (c == NULL || has_key(c, ATTR_CLIENT_ADDRESS)) {
		s->entity = c != NULL && has_key(c, ATTR_USER_AGENT) ? ENTITY_CLIENT : ENTITY_IP;
		s->entity_value = event_get(ev, ATTR_CLIENT_ADDRESS);
		if (s->entity == ENTITY_CLIENT)
			s->agent = alert_agent(event_get(ev, ATTR_USER_AGENT));
	} else if (has_key(c, ATTR_USER_NAME)) {
		s->entity = ENTITY_ACCOUNT;
		s->entity_value = event_get(ev, ATTR_USER_NAME);
	} else if (has_key(c, ATTR_SESSION_ID)) {
		s->entity = ENTITY_SESSION;
		s->entity_value = event_get(ev, ATTR_SESSION_ID);
	} else {
		s->entity = ENTITY_OTHER;
		s->entity_value = group_value(&c->group[0], ev);
	}
}

static struct sighting base_sighting(const struct event *ev, const uint64_t id[2])
{
	struct sighting s = { .time_us = ev->time_us,
		.count = 1,
		.event = { id[0], id[1] },
		.line = (uint32_t)ev->line };
	struct slice repeated = event_get(ev, ATTR_REPEATED);
	struct slice from = event_get(ev, ATTR_CLIENT_PROVENANCE);
	uint64_t n;

	if (repeated.p != NULL && slice_u64(repeated, &n) && n >= 1 && n <= 1000000)
		s.count = (uint32_t)n;
	s.has_address = ip_parse(event_get(ev, ATTR_CLIENT_ADDRESS), &s.address);
	for (unsigned i = 1; i < 4; i++)
		if (slice_eq(from, slice_of(provenance_names[i])))
			s.provenance = (enum provenance)i;
	return s;
}

static bool names_rule(const struct correlation *c, unsigned rule)
{
	for (unsigned i = 0; i < c->n_rules; i++)
		if (c->rules[i] == rule)
			return true;
	return false;
}

/* False: a group-by field is missing, so the event belongs to no group. */
static bool correlate_event(const struct correlator *c, const struct correlation *k,
    const struct rule *r, const struct event *ev, struct sighting *s)
{
	s->kind = SIGHT_CORRELATION;
	s->subject = k->hash;
	s->group = c->key;
	for (unsigned i = 0; i < k->n_group; i++) {
		struct slice v = group_value(&k->group[i], ev);

		if (v.p == NULL || v.n == 0)
			return false;
		s->group = hash_value(s->group, &k->group[i], v);
	}
	if (k->by_rule) {
		s->value = r->hash;
	} else if (k->type == CORRELATE_VALUE_COUNT) {
		struct slice v = group_value(&k->value, ev);

		if (v.p == NULL)
			return false;
		s->value = hash_value(c->key, &k->value, v);
	}
	set_entity(s, k, ev);
	return true;
}

unsigned correlator_sightings(const struct correlator *c, const struct ruleset *rs,
    const struct rule *r, const struct event *ev, const uint64_t id[2],
    struct sighting out[static CORRELATOR_SIGHTINGS])
{
	struct sighting base = base_sighting(ev, id);
	unsigned n = 0;

	for (unsigned i = 0; i < rs->n_correlations && n < CORRELATOR_SIGHTINGS; i++) {
		const struct correlation *k = &rs->correlations[i];

		out[n] = base;
		if (!k->disabled && names_rule(k, (unsigned)(r - rs->rules)) &&
		    correlate_event(c, k, r, ev, &out[n]))
			n++;
	}
	if (r->conclusive && r->generate && base.has_address && n < CORRELATOR_SIGHTINGS) {
		out[n] = base;
		out[n].kind = SIGHT_CONCLUSIVE;
		out[n].subject = r->hash;
		out[n].group = hash_address(c->key, event_get(ev, ATTR_CLIENT_ADDRESS));
		set_entity(&out[n++], NULL, ev);
	}
	return n;
}

unsigned correlator_sight_attack(const struct correlator *c, const struct detection *d,
    const struct event *ev, const uint64_t id[2], struct sighting *out)
{
	unsigned category = 0;
	unsigned level = 0;

	while (category < CATEGORY_N && !slice_eq(d->category, slice_of(category_names[category])))
		category++;
	while (level < LEVEL_N && !slice_eq(d->level, slice_of(level_names[level])))
		level++;
	if (category == CATEGORY_N || level == LEVEL_N ||
	    !category_is_attack((enum category)category, (enum level)level))
		return 0;
	*out = base_sighting(ev, id);
	if (!out->has_address)
		return 0;
	out->kind = SIGHT_ATTACK;
	out->subject = category * LEVEL_N + level; /* for the alert; not part of the window's key */
	out->group = hash_address(c->key, event_get(ev, ATTR_CLIENT_ADDRESS));
	out->value = XXH3_64bits(d->rule.p, d->rule.n);
	set_entity(out, NULL, ev);
	return 1;
}

/* ---- counting ---- */

static void name_alert(struct correlator *c, const struct sighting *s, struct alert *a)
{
	if (s->kind == SIGHT_ATTACK) {
		snprintf(a->rule, sizeof(a->rule), "web.agreement");
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
	uint64_t in[3] = { w->kind == SIGHT_ATTACK ? 0 : w->subject, w->group,
		(uint64_t)window_start(s, a) };
	XXH128_hash_t h = XXH3_128bits_withSeed(in, sizeof(in), 0);

	a->id[0] = h.high64;
	a->id[1] = h.low64;
}

static void add_place(struct alert *a, const struct slot *slot)
{
	if (a->n_lines < ALERT_MAX_LINES && slot->line != 0)
		a->lines[a->n_lines++] = slot->line;
	if (a->n_events < ALERT_MAX_IDS)
		memcpy(a->events[a->n_events++], slot->event, sizeof(slot->event));
}

static void fire(struct correlator *c, struct window *w, const struct sighting *s, int64_t span_us)
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
	w->silent_until_us = s->time_us + span_us;
	if (c->n_alerts == 1 || w->silent_until_us < c->earliest_us)
		c->earliest_us = w->silent_until_us;
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

static bool met(const struct window *w, unsigned threshold)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < w->n_slots; i++)
		n += w->slots[i].count;
	return n >= threshold;
}

/* Agreement: two rules, and two events. */
static bool agrees(const struct window *w)
{
	for (unsigned i = 1; i < w->n_slots; i++)
		if (memcmp(w->slots[i].event, w->slots[0].event, 16) != 0)
			return true;
	return false;
}

static void say(struct correlator *c, struct window *w, alert_cb *cb, void *ctx)
{
	if (cb == NULL || c->hold || w->alert == NULL)
		return;
	correlate_tags(c, w);
	cb(ctx, w->alert);
}

static void end_silence(struct correlator *c, struct window *w, alert_cb *cb, void *ctx)
{
	if (cb != NULL && c->hold && w->alert != NULL) {
		correlate_tags(c, w);
		cb(ctx, w->alert);
	}
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

void correlator_feed(struct correlator *c, const struct sighting *s, alert_cb *cb, void *ctx)
{
	uint64_t subject = s->kind == SIGHT_ATTACK ? 0 : s->subject;
	struct window *w = correlate_window(c, s->kind, subject, s->group, s->time_us);
	int64_t span_us;
	bool distinct;
	unsigned threshold = correlate_threshold(c, w, &span_us, &distinct);
	unsigned max = s->kind == SIGHT_ATTACK ? 8 : threshold;

	if (threshold == 0)
		return;
	if (w->silent_until_us != 0) {
		if (s->time_us < w->silent_until_us) {
			if (add_to_alert(w, s))
				say(c, w, cb, ctx);
			return;
		}
		end_silence(c, w, cb, ctx);
	}
	if (!correlate_count(c, w, s, span_us, max, distinct))
		return;
	if (!(distinct ? w->n_slots >= threshold : met(w, threshold)) ||
	    ((s->kind == SIGHT_ATTACK || correlate_by_rule(c, w)) && !agrees(w)))
		return;
	if (c->n_alerts >= SILENT_MAX)
		end_oldest(c, cb, ctx);
	fire(c, w, s, span_us);
	say(c, w, cb, ctx);
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
