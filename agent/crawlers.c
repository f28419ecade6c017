#include "agent/crawlers.h"

#include "agent/crawlers_dns.h"
#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

enum { SETS = 1024, WAYS = 8, QUEUE = 512, VERIFIED = 256, PER_S = 20, IDLE_MS = 60000 };

#define US	    INT64_C(1000000)
#define VERIFIED_US (24 * 3600 * US)
#define FORGED_US   (3600 * US)
#define UNKNOWN_US  (300 * US)

const struct slice crawler_state_names[CRAWLER_STATES] = { { "unverified", 10 }, { "verified", 8 },
	{ "forged", 6 } };

struct entry {
	struct ip address;
	uint64_t domains_hash; /* 0: free */
	int64_t until_us;
	int64_t since_us;
	enum crawler_state state;
};

struct crawlers {
	struct crawlers_options o;
	pthread_mutex_t lock; /* of all that follows; never held over I/O */
	struct entry sets[SETS][WAYS];
	uint64_t seed;
	struct crawler_question queue[QUEUE];
	unsigned first, n_queue;
	struct ip verified[VERIFIED]; /* not yet taken by crawlers_next() */
	unsigned n_verified;
	struct crawlers_counts counts;
	bool ending;
	/* the thread's */
	pthread_t thread;
	bool running;
	int wake_fd;
	struct crawlers_dns *dns;
	double allowed; /* questions that may be begun now */
	int64_t allowed_us;
};

/* ---- the table ---- */

/* IPv6 by /64, as it is blocked. */
static struct entry *set_of(struct crawlers *c, const struct ip *a)
{
	struct ip_prefix p = ip_unit(a);

	return c->sets[XXH3_64bits_withSeed(p.addr.b, sizeof(p.addr.b), c->seed) % SETS];
}

static bool is_free(const struct entry *e, int64_t now_us)
{
	return e->domains_hash == 0 || e->until_us <= now_us;
}

static struct entry *find(struct crawlers *c, const struct ip *a, uint64_t domains_hash)
{
	struct entry *e = set_of(c, a);

	for (unsigned i = 0; i < WAYS; i++)
		if (e[i].domains_hash == domains_hash &&
		    memcmp(e[i].address.b, a->b, sizeof(a->b)) == 0)
			return &e[i];
	return NULL;
}

/* NULL: all are verified. */
static struct entry *make_place(struct crawlers *c, const struct ip *a, int64_t now_us)
{
	struct entry *e = set_of(c, a);
	struct entry *worst = NULL;

	for (unsigned i = 0; i < WAYS; i++) {
		if (is_free(&e[i], now_us))
			return &e[i];
		if (e[i].state == CRAWLER_VERIFIED)
			continue;
		if (worst == NULL || e[i].state < worst->state ||
		    (e[i].state == worst->state && e[i].since_us < worst->since_us))
			worst = &e[i];
	}
	return worst;
}

static uint64_t hash_domains(const struct rule *r)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < r->n_domains; i++)
		h = XXH3_64bits_withSeed(r->domains[i].p, r->domains[i].n, h);
	return h | 1;
}

static void copy_domains(const struct rule *r, char to[CRAWLERS_DOMAINS_BYTES])
{
	size_t n = 0;

	for (unsigned i = 0; i < r->n_domains && i < RULE_MAX_DOMAINS; i++) {
		memcpy(to + n, r->domains[i].p, r->domains[i].n);
		n += r->domains[i].n + 1;
	}
}

/* The address is asked about, if there is room for question and answer. */
static bool put_question(
    struct crawlers *c, const struct ip *a, uint64_t h, const struct rule *r, int64_t now_us)
{
	struct entry *e = find(c, a, h);
	struct crawler_question *q;

	if (e == NULL)
		e = make_place(c, a, now_us);
	if (e == NULL || c->n_queue == QUEUE) {
		c->counts.not_asked++;
		return false;
	}
	*e = (struct entry){ .address = *a,
		.domains_hash = h,
		.since_us = now_us,
		.until_us = now_us + UNKNOWN_US,
		.state = CRAWLER_UNVERIFIED };
	q = &c->queue[(c->first + c->n_queue++) % QUEUE];
	*q = (struct crawler_question){ .address = *a, .domains_hash = h };
	copy_domains(r, q->domains);
	return true;
}

static void wake(struct crawlers *c)
{
	const uint64_t one = 1;
	ssize_t ignored = write(c->wake_fd, &one, sizeof(one));

	(void)ignored; /* full: it is awake */
}

enum crawler_state crawlers_ask(struct crawlers *c, const struct ip *a, const struct rule *r)
{
	int64_t now_us = clock_boot_us();
	uint64_t h = hash_domains(r);
	enum crawler_state state = CRAWLER_UNVERIFIED;
	bool asked = false;
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, a, h);
	if (e != NULL && e->until_us > now_us)
		state = e->state;
	else
		asked = put_question(c, a, h, r, now_us);
	pthread_mutex_unlock(&c->lock);
	if (asked)
		wake(c);
	return state;
}

bool crawlers_in(struct crawlers *c, const struct ip_prefix *x)
{
	int64_t now_us = clock_boot_us();
	bool one_set = x->bits >= ip_unit(&x->addr).bits;
	const struct entry *e = one_set ? set_of(c, &x->addr) : c->sets[0];
	bool in = false;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < (one_set ? WAYS : SETS * WAYS) && !in; i++)
		in = !is_free(&e[i], now_us) && e[i].state == CRAWLER_VERIFIED &&
		     ip_prefix_has(x, &e[i].address);
	pthread_mutex_unlock(&c->lock);
	return in;
}

bool crawlers_next(struct crawlers *c, struct ip *a)
{
	bool any;

	pthread_mutex_lock(&c->lock);
	any = c->n_verified > 0;
	if (any)
		*a = c->verified[--c->n_verified];
	pthread_mutex_unlock(&c->lock);
	return any;
}

void crawlers_counts(struct crawlers *c, struct crawlers_counts *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->counts;
	pthread_mutex_unlock(&c->lock);
}

/* ---- the thread ---- */

static void on_answer(void *ctx, const struct crawler_question *q, enum crawler_state state)
{
	static const int64_t holds_us[] = { UNKNOWN_US, VERIFIED_US, FORGED_US };
	struct crawlers *c = ctx;
	int64_t now_us = clock_boot_us();
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, &q->address, q->domains_hash);
	if (e == NULL)
		e = make_place(c, &q->address, now_us);
	if (e != NULL)
		*e = (struct entry){ .address = q->address,
			.domains_hash = q->domains_hash,
			.since_us = now_us,
			.until_us = now_us + holds_us[state],
			.state = state };
	c->counts.verified += state == CRAWLER_VERIFIED;
	c->counts.forged += state == CRAWLER_FORGED;
	c->counts.unanswered += state == CRAWLER_UNVERIFIED;
	if (state == CRAWLER_VERIFIED && c->n_verified < VERIFIED)
		c->verified[c->n_verified++] = q->address;
	pthread_mutex_unlock(&c->lock);
	if (state == CRAWLER_VERIFIED && c->o.verified != NULL)
		c->o.verified(c->o.ctx);
}

/* A bucket of one second's questions. */
static void refill(struct crawlers *c)
{
	int64_t now_us = clock_boot_us();

	c->allowed += (double)(now_us - c->allowed_us) * PER_S / (double)US;
	c->allowed = c->allowed > PER_S ? PER_S : c->allowed;
	c->allowed_us = now_us;
}

static bool take_question(struct crawlers *c, struct crawler_question *q)
{
	bool any;

	pthread_mutex_lock(&c->lock);
	any = c->n_queue > 0;
	if (any)
		*q = c->queue[c->first];
	pthread_mutex_unlock(&c->lock);
	return any;
}

static void drop_question(struct crawlers *c)
{
	pthread_mutex_lock(&c->lock);
	c->first = (c->first + 1) % QUEUE;
	c->n_queue--;
	pthread_mutex_unlock(&c->lock);
}

/* Begin what may be begun; how long to sleep then. Only this thread takes from the queue. */
static int begin_questions(struct crawlers *c)
{
	struct crawler_question q;

	refill(c);
	while (take_question(c, &q)) {
		if (c->allowed < 1 || !crawlers_dns_ask(c->dns, &q))
			return 1000 / PER_S;
		c->allowed -= 1;
		drop_question(c);
	}
	return IDLE_MS;
}

static bool is_ending(struct crawlers *c)
{
	bool ending;

	pthread_mutex_lock(&c->lock);
	ending = c->ending;
	pthread_mutex_unlock(&c->lock);
	return ending;
}

static void *crawlers_main(void *ctx)
{
	struct crawlers *c = ctx;

	while (!is_ending(c)) {
		int wait_ms = begin_questions(c);
		uint64_t n;
		ssize_t ignored;

		crawlers_dns_wait(c->dns, c->wake_fd, wait_ms);
		ignored = read(c->wake_fd, &n, sizeof(n));
		(void)ignored;
	}
	return NULL;
}

struct crawlers *crawlers_new(const struct crawlers_options *o, struct err *e)
{
	struct crawlers *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL) {
		err_set(e, ENOMEM, "no memory for crawlers");
		return NULL;
	}
	c->o = *o;
	c->allowed_us = clock_boot_us();
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		c->seed ^= (uint64_t)c->allowed_us;
	pthread_mutex_init(&c->lock, NULL);
	c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->dns = crawlers_dns_new(o, on_answer, c, e);
	if (c->wake_fd < 0 || c->dns == NULL) {
		if (c->wake_fd < 0)
			err_set(e, errno, "eventfd");
		crawlers_free(c);
		return NULL;
	}
	rc = pthread_create(&c->thread, NULL, crawlers_main, c);
	if (rc != 0) {
		err_set(e, rc, "a thread for crawlers");
		crawlers_free(c);
		return NULL;
	}
	c->running = true;
	return c;
}

void crawlers_free(struct crawlers *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_mutex_unlock(&c->lock);
	if (c->running) {
		wake(c);
		pthread_join(c->thread, NULL);
	}
	crawlers_dns_free(c->dns);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
