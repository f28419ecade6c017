#include "agent/successes.h"

#include "base/event.h"
#include "detect/alert.h"

#include <limits.h>
#include <stdlib.h>
#include <xxhash.h>

#define SPAN_US (INT64_C(3) * 3600 * 1000000)

enum { SETS = 2048, WAYS = 4, DAY = 8 /* spans */, CACHE = 8192, PART = 256, MAX_SPAN = 1 << 30 };

struct seen {
	uint32_t who[SUCCESS_WHO];
	uint32_t span[SUCCESS_WHO]; /* in which it was seen last; 0: a free place */
};

/* What a search needs stands together: a stranger costs two lines of the cache. */
struct set {
	uint64_t hash[WAYS]; /* of the address; 0: free */
	uint32_t span[WAYS]; /* in which it was seen last */
	uint8_t n[WAYS];     /* accounts, sessions and agents noted of it */
};

struct address {
	struct seen kind[SUCCESS_KINDS];
};

struct successes {
	uint64_t key;
	struct set set[SETS];
	struct address all[SETS][WAYS];
};

struct success_news {
	uint64_t key;
	uint64_t cache[CACHE]; /* of events that were no news */
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

struct success_news *success_news_new(uint64_t key)
{
	struct success_news *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->key = key;
	return t;
}

void success_news_free(struct success_news *t)
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

static uint64_t address_hash(uint64_t key, const struct ip *a)
{
	struct ip_prefix x = ip_unit(a);

	return XXH3_64bits_withSeed(x.addr.b, 16, key) | 1;
}

/* ---- the table ---- */

static unsigned count(const struct seen *s, uint32_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SUCCESS_WHO; i++)
		n += is_live(s->span[i], now);
	return n;
}

static struct address *find(const struct successes *t, uint64_t hash)
{
	uint64_t at = (hash >> 1) % SETS;

	for (unsigned i = 0; i < WAYS; i++)
		if (t->set[at].hash[i] == hash)
			return (struct address *)(uintptr_t)&t->all[at][i];
	return NULL;
}

/* The way of hash in its set; the one with the fewest gives way, of equals the oldest. */
static unsigned make(struct set *set, struct address *all, uint64_t hash, uint32_t now)
{
	unsigned out = 0;
	unsigned fewest = UINT_MAX;

	for (unsigned i = 0; i < WAYS; i++) {
		unsigned n = is_live(set->span[i], now) ? set->n[i] : 0;

		if (set->hash[i] == hash)
			return i;
		if (n < fewest || (n == fewest && set->span[i] < set->span[out])) {
			fewest = n;
			out = i;
		}
	}
	all[out] = (struct address){ .kind = { { .who = { 0 } } } };
	set->hash[out] = hash;
	set->span[out] = 0;
	set->n[out] = 0;
	return out;
}

/* True: news. *n counts the places that were taken. */
static bool add_who(struct seen *s, uint32_t who, uint32_t now, uint8_t *n)
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
	if (*n < UINT8_MAX)
		++*n;
	return true;
}

void successes_expect(const struct successes *t, const struct success *s)
{
	__builtin_prefetch(&t->set[(s->address >> 1) % SETS]);
}

bool successes_add(struct successes *t, const struct success *s)
{
	uint64_t at = (s->address >> 1) % SETS;
	uint32_t now = span_of(s->time_us);
	struct set *set = &t->set[at];
	unsigned way = make(set, t->all[at], s->address, now);
	bool news = false;

	if (!is_live(set->span[way], now))
		set->n[way] = 0;
	if (set->span[way] < now)
		set->span[way] = now;
	for (unsigned k = 0; k < SUCCESS_KINDS; k++)
		if (s->who[k] != 0)
			news =
			    add_who(&t->all[at][way].kind[k], s->who[k], now, &set->n[way]) || news;
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

bool success_of(struct success_news *t, const struct event *ev, struct success *out)
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
	*out = (struct success){ .address = address_hash(t->key, &ip), .time_us = ev->time_us };
	for (unsigned k = 0; k < SUCCESS_KINDS; k++)
		out->who[k] = short_hash(h[k]);
	return true;
}

/* ---- questions ---- */

int successes_from(const struct successes *t, const struct ip *ip, int64_t now_us)
{
	const struct address *a = find(t, address_hash(t->key, ip));
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
	const struct address *a = find(t, address_hash(t->key, ip));
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

bool successes_load(struct successes *t, struct slice in)
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

unsigned successes_save(const struct successes *t, unsigned from, int64_t now_us, struct buf *out)
{
	uint32_t now = span_of(now_us);
	unsigned to = from + PART < SETS * WAYS ? from + PART : SETS * WAYS;

	for (unsigned n = from; n < to; n++) {
		const struct address *a = &t->all[n / WAYS][n % WAYS];
		uint64_t hash = t->set[n / WAYS].hash[n % WAYS];

		for (unsigned i = 0; hash != 0 && i < SUCCESS_WHO; i++)
			for (unsigned k = 0; k < SUCCESS_KINDS; k++) {
				struct success s = { .address = hash,
					.time_us = (int64_t)a->kind[k].span[i] * SPAN_US };

				s.who[k] = a->kind[k].who[i];
				if (is_live(a->kind[k].span[i], now))
					success_save(&s, 1, out);
			}
	}
	return to < SETS * WAYS ? to : 0;
}
