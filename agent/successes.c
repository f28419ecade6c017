#include "agent/successes.h"

#include "base/event.h"
#include "detect/alert.h"

#include <stdlib.h>
#include <xxhash.h>

#define SPAN_US (INT64_C(3) * 3600 * 1000000)

enum { SETS = 2048, WAYS = 4, DAY = 8 /* spans */, CACHE = 8192, MAX_SPAN = 1 << 30 };

struct seen {
	uint32_t who[SUCCESS_WHO];
	uint32_t span[SUCCESS_WHO]; /* in which it was seen last; 0: a free place */
};

struct address {
	uint64_t hash; /* 0: free */
	uint32_t span;
	struct seen kind[SUCCESS_KINDS];
};

struct successes {
	uint64_t key;
	uint64_t cache[CACHE]; /* of events that were no news */
	struct address all[SETS][WAYS];
};

struct successes *successes_new(uint64_t key)
{
	struct successes *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->key = key;
	return t;
}

void successes_free(struct successes *t)
{
	free(t);
}

static uint32_t span_of(int64_t time_us)
{
	int64_t span = time_us / SPAN_US;

	return span < DAY ? DAY : span > MAX_SPAN ? MAX_SPAN : (uint32_t)span;
}

static bool is_live(uint32_t then, uint32_t now)
{
	return then != 0 && then + DAY >= now;
}

static uint64_t address_hash(const struct successes *t, const struct ip *a)
{
	struct ip_prefix x = ip_prefix_of(a, ip_is_v4(a) ? 128 : 64);

	return XXH3_64bits_withSeed(x.addr.b, 16, t->key) | 1;
}

/* ---- the table ---- */

static unsigned count(const struct seen *s, uint32_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SUCCESS_WHO; i++)
		n += is_live(s->span[i], now);
	return n;
}

static unsigned weight(const struct address *a, uint32_t now)
{
	unsigned n = 0;

	for (unsigned k = 0; k < SUCCESS_KINDS; k++)
		n += count(&a->kind[k], now);
	return n;
}

static struct address *find(const struct successes *t, uint64_t hash)
{
	const struct address *set = t->all[(hash >> 1) % SETS];

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].hash == hash)
			return (struct address *)(uintptr_t)&set[i];
	return NULL;
}

static struct address *make(struct successes *t, uint64_t hash, uint32_t now)
{
	struct address *a = find(t, hash);
	struct address *set = t->all[(hash >> 1) % SETS];

	if (a != NULL)
		return a;
	a = set;
	for (unsigned i = 1; i < WAYS; i++) {
		unsigned x = weight(&set[i], now);
		unsigned y = weight(a, now);

		if (x < y || (x == y && set[i].span < a->span))
			a = &set[i];
	}
	*a = (struct address){ .hash = hash };
	return a;
}

static bool add_who(struct seen *s, uint32_t who, uint32_t now)
{
	unsigned free_at = SUCCESS_WHO;

	for (unsigned i = 0; i < SUCCESS_WHO; i++) {
		if (s->who[i] == who && s->span[i] != 0) {
			bool newer = s->span[i] < now;

			if (newer)
				s->span[i] = now;
			return newer;
		}
		if (!is_live(s->span[i], now))
			free_at = i;
	}
	if (free_at == SUCCESS_WHO)
		return false;
	s->who[free_at] = who;
	s->span[free_at] = now;
	return true;
}

bool successes_add(struct successes *t, const struct success *s)
{
	uint32_t now = span_of(s->time_us);
	struct address *a = make(t, s->address, now);
	bool news = false;

	if (a->span < now)
		a->span = now;
	for (unsigned k = 0; k < SUCCESS_KINDS; k++)
		if (s->who[k] != 0)
			news = add_who(&a->kind[k], s->who[k], now) || news;
	return news;
}

/* ---- an event ---- */

static uint64_t hash_of(uint64_t seed, const struct attr *a)
{
	return a == NULL || a->n == 0 || (a->n == 1 && a->p[0] == '-')
		   ? 0
		   : XXH3_64bits_withSeed(a->p, a->n, seed);
}

static uint32_t short_hash(uint64_t h)
{
	return h != 0 ? (uint32_t)h | 1 : 0;
}

bool successes_event(struct successes *t, const struct event *ev, struct success *out)
{
	const struct attr *who[SUCCESS_KINDS] = { NULL };
	const struct attr *address = NULL;
	bool good = false;
	bool trusted = false;
	uint64_t h[SUCCESS_KINDS];
	uint64_t all;
	struct ip ip;

	for (unsigned i = 0; i < ev->n_attrs && ev->n_detections == 0; i++) {
		const struct attr *a = &ev->attrs[i];

		if (a->key == ATTR_CLIENT_ADDRESS)
			address = a;
		else if (a->key == ATTR_HTTP_STATUS)
			good = good || (a->n == 3 && (a->p[0] == '2' || a->p[0] == '3'));
		else if (a->key == ATTR_AUTH_RESULT)
			good = good || a->p[0] == 's';
		else if (a->key == ATTR_CLIENT_PROVENANCE)
			trusted = a->n > 0 && a->p[0] != 'c'; /* claimed */
		else if (a->key == ATTR_USER_NAME)
			who[SUCCESS_ACCOUNT] = a;
		else if (a->key == ATTR_SESSION_ID)
			who[SUCCESS_SESSION] = a;
		else if (a->key == ATTR_USER_AGENT)
			who[SUCCESS_AGENT] = a;
	}
	if (!good || !trusted || address == NULL)
		return false;
	all = XXH3_64bits_withSeed(address->p, address->n, span_of(ev->time_us));
	for (unsigned k = 0; k < SUCCESS_KINDS; k++) {
		h[k] = hash_of(0, who[k]);
		all = (all ^ h[k]) * 0x9e3779b97f4a7c15u + k;
	}
	if (t->cache[all % CACHE] == all)
		return false;
	t->cache[all % CACHE] = all;
	if (!ip_parse((struct slice){ address->p, address->n }, &ip))
		return false;
	*out = (struct success){ .address = address_hash(t, &ip), .time_us = ev->time_us };
	for (unsigned k = 0; k < SUCCESS_KINDS; k++)
		out->who[k] = short_hash(h[k]);
	return successes_add(t, out);
}

/* ---- questions ---- */

int successes_from(const struct successes *t, const struct ip *ip, int64_t now_us)
{
	const struct address *a = find(t, address_hash(t, ip));
	uint32_t now = span_of(now_us);

	for (unsigned k = 0; a != NULL && k < SUCCESS_KINDS; k++) {
		unsigned n = count(&a->kind[k], now);

		if (n > 0)
			return (int)n;
	}
	return -1;
}

bool successes_other_agent(
    const struct successes *t, const struct ip *ip, uint32_t agent, int64_t now_us)
{
	const struct address *a = find(t, address_hash(t, ip));
	uint32_t now = span_of(now_us);

	for (unsigned i = 0; a != NULL && i < SUCCESS_WHO; i++) {
		const struct seen *s = &a->kind[SUCCESS_AGENT];

		if (is_live(s->span[i], now) && s->who[i] != agent)
			return true;
	}
	return false;
}

/* ---- as bytes ---- */

void success_save(const struct success *s, unsigned n, struct buf *out)
{
	for (unsigned i = 0; i < n; i++, s++) {
		unsigned mask = 0;

		for (unsigned k = 0; k < SUCCESS_KINDS; k++)
			mask |= s->who[k] != 0 ? 1u << k : 0;
		buf_put(out, &s->address, 8);
		buf_varint(out, mask);
		buf_varint(out, span_of(s->time_us));
		for (unsigned k = 0; k < SUCCESS_KINDS; k++)
			if (s->who[k] != 0)
				buf_put(out, &s->who[k], 4);
	}
}

bool success_load(struct successes *t, struct slice in)
{
	struct cut c = { .s = in };

	while (c.s.n > 0 && !c.bad) {
		struct success s = { .time_us = 0 };
		struct slice address = cut_raw(&c, 8);
		uint64_t mask = cut_varint(&c);
		uint64_t span = cut_varint(&c);

		if (c.bad || span > MAX_SPAN)
			return false;
		memcpy(&s.address, address.p, 8);
		s.time_us = (int64_t)span * SPAN_US;
		for (unsigned k = 0; k < SUCCESS_KINDS && !c.bad; k++)
			if (mask >> k & 1) {
				struct slice who = cut_raw(&c, 4);

				if (!c.bad)
					memcpy(&s.who[k], who.p, 4);
			}
		if (!c.bad)
			successes_add(t, &s);
	}
	return !c.bad;
}

void successes_save(const struct successes *t, int64_t now_us, struct buf *out)
{
	const struct address *a = &t->all[0][0];
	uint32_t now = span_of(now_us);

	for (unsigned n = 0; n < SETS * WAYS; n++, a++)
		for (unsigned i = 0; a->hash != 0 && i < SUCCESS_WHO; i++)
			for (unsigned k = 0; k < SUCCESS_KINDS; k++) {
				struct success s = { .address = a->hash,
					.time_us = (int64_t)a->kind[k].span[i] * SPAN_US };

				s.who[k] = a->kind[k].who[i];
				if (is_live(a->kind[k].span[i], now))
					success_save(&s, 1, out);
			}
}

bool successes_load(struct successes *t, struct slice in)
{
	return success_load(t, in);
}
