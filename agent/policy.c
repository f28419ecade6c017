#include "agent/policy.h"

#include "agent/policy_table.h"
#include "base/err.h"
#include "base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define WEEK_US	  (INT64_C(7) * 86400 * 1000000)
#define MINUTE_US INT64_C(60000000)

/* What a person allows ends as well. */
#define MAX_ALLOWED_US (INT64_C(366) * 86400 * 1000000)

struct policy *policy_new(
    const struct response_config *c, const struct ip_set *hops, uint64_t host_id, struct err *e)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->blocks = calloc(c->max_blocks, sizeof(*p->blocks));
		p->successes = successes_new(host_id);
	}
	if (p == NULL || p->blocks == NULL || p->successes == NULL) {
		policy_free(p);
		err_set(e, ENOMEM, "no memory for the table of blocks");
		return NULL;
	}
	p->c = c;
	/* a stable share of hosts: the same ones whenever the share stays the same */
	p->is_canary = (double)(XXH3_64bits(&host_id, sizeof(host_id)) % 10000) < c->canary * 100;
	for (unsigned i = 0; i < c->never_block.n; i++)
		ip_set_add(&p->never, &c->never_block.p[i]);
	for (unsigned i = 0; i < hops->n; i++)
		ip_set_add(&p->never, &hops->p[i]);
	return p;
}

void policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	ip_set_free(&p->never);
	successes_free(p->successes);
	free(p->blocks);
	free(p);
}

struct successes *policy_successes(struct policy *p)
{
	return p->successes;
}

const struct ip_set *policy_never(const struct policy *p)
{
	return &p->never;
}

struct block *policy_find(const struct policy *p, const struct ip_prefix *x)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->blocks[i].prefix.bits == x->bits &&
		    memcmp(p->blocks[i].prefix.addr.b, x->addr.b, 16) == 0)
			return &p->blocks[i];
	return NULL;
}

bool policy_is_live(const struct block *b, int64_t now_us)
{
	return (b->state == BLOCK_ACTIVE || b->state == BLOCK_SHADOW) && b->until_us > now_us;
}

/* A place for a prefix: its own, a free one, or that of the oldest block that is over. */
static struct block *place(struct policy *p, const struct ip_prefix *x, int64_t now_us)
{
	struct block *old = policy_find(p, x);

	if (old != NULL)
		return old;
	if (p->n < p->c->max_blocks)
		return &p->blocks[p->n++];
	for (unsigned i = 0; i < p->n; i++)
		if (!policy_is_live(&p->blocks[i], now_us) &&
		    (old == NULL || p->blocks[i].until_us < old->until_us))
			old = &p->blocks[i];
	return old;
}

/* ---- the guard: every writer of blocks asks it ---- */

const char *policy_guard(const struct policy *p, const struct ip_prefix *x, int64_t now_us)
{
	if (ip_prefix_is_wide(x))
		return "the prefix is too wide: at most /24, and /48 for IPv6";
	if (ip_prefix_is_special(x))
		return "it is no address of a host: unspecified, multicast or broadcast";
	if (ip_set_concerns(&p->never, x))
		return "it is in the never-block set";
	if (p->spared != NULL && p->spared(p->spared_ctx, x))
		return "it is a verified crawler's address";
	for (unsigned i = 0; i < p->n_allowed; i++)
		if (p->allowed[i].until_us > now_us && ip_prefix_concerns(&p->allowed[i].prefix, x))
			return "it is allowed by `blocks allow`";
	return NULL;
}

static bool over_rate(struct policy *p, int64_t now_us)
{
	if (now_us - p->minute_us >= MINUTE_US) {
		p->minute_us = now_us;
		p->in_minute = 0;
		p->tripped = false;
	}
	if (p->in_minute < p->c->max_per_minute)
		return false;
	p->tripped = true;
	return true;
}

static bool matches(const char *pattern, const char *s)
{
	const char *star = pattern != NULL ? strchr(pattern, '*') : NULL;
	size_t n = strlen(s);

	if (pattern == NULL)
		return true;
	if (star == NULL)
		return strcmp(pattern, s) == 0;

	size_t head = (size_t)(star - pattern);
	size_t tail = strlen(star + 1);

	return n >= head + tail && strncmp(s, pattern, head) == 0 &&
	       strcmp(s + n - tail, star + 1) == 0;
}

/* A tag of the alert's rule; what agreed has none. */
static bool has_tag(const struct alert *a, const char *pattern)
{
	char tag[128];

	for (unsigned i = 0; i < a->n_tags && pattern != NULL; i++) {
		snprintf(tag, sizeof(tag), "%.*s", SLICE_ARG(a->tags[i]));
		if (matches(pattern, tag))
			return true;
	}
	return pattern == NULL;
}

/* The first response rule that fits; all of what it names must. */
static const struct response_rule *response_of(const struct policy *p, const struct alert *a)
{
	for (unsigned i = 0; i < p->c->rules.n; i++) {
		const struct response_rule *r = (const struct response_rule *)p->c->rules.v + i;

		if (matches(r->rule, a->rule) && matches(r->level, level_names[a->level]) &&
		    matches(r->category, category_names[a->category]) && has_tag(a, r->tag))
			return r;
	}
	return NULL;
}

/* Whom else a block would hit. */
static const char *others(const struct policy *p, const struct alert *a, int n, int64_t now_us)
{
	if (n > 0 && (uint64_t)n > p->c->max_collateral)
		return "more accounts, sessions or agents than max_collateral succeeded from this "
		       "address in 24 h";
	if (a->entity == ENTITY_CLIENT &&
	    successes_other_agent(p->successes, &a->address, a->agent, now_us))
		return "another user agent succeeded from this address in 24 h";
	if (n < 0 && a->provenance == PROVENANCE_FORWARDED && ip_unit(&a->address).bits == 128)
		return "it is unknown how many share this forwarded address";
	return NULL;
}

/*
 * A response that would hit too many steps down: challenge, rate limit, notify. What the planes of
 * a host can't do is passed over: a firewall blocks or it does not.
 */
static enum action step_down(enum action a)
{
	do
		a = (enum action)(a + 1);
	while (a == ACTION_CHALLENGE || a == ACTION_LIMIT);
	return a;
}

static const char *refuse(struct policy *p, const struct alert *a, const struct ip_prefix *x,
    int collateral, int64_t now_us)
{
	const char *why = NULL;

	if (!a->has_address ||
	    (a->provenance != PROVENANCE_PEER && a->provenance != PROVENANCE_FORWARDED))
		why = "nobody we trust saw this address";
	else if ((why = others(p, a, collateral, now_us)) != NULL)
		return why;
	else if (a->provenance == PROVENANCE_FORWARDED)
		why = "the address came through a proxy: the host firewall does not see it";
	else if (a->time_us < now_us - p->c->max_event_age_us)
		why = "the event is older than max_event_age";
	else if ((why = policy_guard(p, x, now_us)) == NULL && over_rate(p, now_us))
		why = "more blocks a minute than max_per_minute: blocking is stopped";
	return why;
}

static int64_t ttl_of(const struct policy *p, const struct response_rule *r, unsigned strikes)
{
	int64_t ttl = r != NULL && r->ttl_us > 0 ? r->ttl_us : p->c->ttl_us;

	for (unsigned i = 1; i < strikes && ttl < p->c->max_ttl_us; i++)
		ttl *= 4;
	return ttl < p->c->max_ttl_us ? ttl : p->c->max_ttl_us;
}

static void set_id(struct block *b)
{
	uint64_t in[4] = { 0, 0, b->prefix.bits, (uint64_t)b->since_us };

	memcpy(in, b->prefix.addr.b, 16);

	XXH128_hash_t h = XXH3_128bits(in, sizeof(in));

	b->id[0] = h.high64;
	b->id[1] = h.low64;
}

/* Make the block, or prolong the one there is. NULL: the table is full of live ones. */
static struct block *make(
    struct policy *p, const struct ip_prefix *x, enum block_state state, int64_t now_us)
{
	struct block *b = place(p, x, now_us);
	unsigned strikes = 1;

	if (b == NULL)
		return NULL;
	if (memcmp(&b->prefix, x, sizeof(*x)) == 0 && b->since_us > now_us - WEEK_US)
		strikes = policy_is_live(b, now_us) ? b->strikes : b->strikes + 1;
	/* what is recorded only becomes a block; a block never becomes what is recorded only */
	if (!policy_is_live(b, now_us) || (b->state == BLOCK_SHADOW && state == BLOCK_ACTIVE)) {
		*b = (struct block){ .prefix = *x, .state = state, .since_us = now_us };
		set_id(b);
		p->in_minute++;
	}
	b->strikes = strikes;
	b->revision++;
	return b;
}

void policy_alert(struct policy *p, const struct alert *a, int64_t read_us,
    const struct policy_call *call, struct verdict_on_alert *v)
{
	int64_t now_us = call->now_us;
	const struct response_rule *r = response_of(p, a);
	enum action action = r != NULL && r->action < ACTION_N ? (enum action)r->action : a->action;
	struct ip_prefix x = ip_unit(&a->address);
	const char *why = NULL;

	*v = (struct verdict_on_alert){ .mode = (enum response_mode)p->c->mode,
		.effective = action,
		.collateral =
		    a->has_address ? successes_from(p->successes, &a->address, now_us) : -1 };
	if (r != NULL && r->mode <= MODE_ENFORCE)
		v->mode = (enum response_mode)r->mode;
	if (action != ACTION_BLOCK)
		return;
	why = refuse(p, a, &x, v->collateral, now_us);
	if (why != NULL) {
		v->effective = step_down(action);
		snprintf(v->reason, sizeof(v->reason), "%s", why);
		return;
	}

	bool enforce = v->mode == MODE_ENFORCE || (v->mode == MODE_CANARY && p->is_canary);
	struct block *b = make(p, &x, enforce ? BLOCK_ACTIVE : BLOCK_SHADOW, now_us);

	if (b == NULL) {
		v->effective = ACTION_NOTIFY;
		snprintf(v->reason, sizeof(v->reason), "more blocks than max_blocks");
		return;
	}
	/* a block ends at event time + TTL: what is old was punished for as long already */
	int64_t until = a->last_us + ttl_of(p, r, b->strikes);

	if (until > b->until_us)
		b->until_us = until;
	b->detect_us = read_us;
	memcpy(b->alert_id, a->id, sizeof(b->alert_id));
	if (!b->manual) { /* a person's stays a person's */
		memcpy(b->rule, a->rule, sizeof(b->rule));
		snprintf(b->reason, sizeof(b->reason), "%s by %.100s, %llu hits",
		    category_names[a->category], a->rule, (unsigned long long)a->count);
	}
	v->blocked = b->until_us > now_us;
	call->cb(call->ctx, b);
}

int64_t policy_expire(struct policy *p, const struct policy_call *call)
{
	int64_t next = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct block *b = &p->blocks[i];

		if (b->state != BLOCK_ACTIVE && b->state != BLOCK_SHADOW)
			continue;
		if (b->until_us <= call->now_us) {
			b->state = BLOCK_EXPIRED;
			b->revision++;
			call->cb(call->ctx, b);
		} else if (next == 0 || b->until_us < next) {
			next = b->until_us;
		}
	}
	return next;
}

/* ---- what people say ---- */

bool policy_add(struct policy *p, const struct ip_prefix *x, int64_t ttl_us, const char *reason,
    const struct policy_call *call)
{
	const char *why = policy_guard(p, x, call->now_us);
	struct block *b = why == NULL ? make(p, x, BLOCK_ACTIVE, call->now_us) : NULL;

	if (b == NULL) {
		buf_printf(
		    call->out, "refused: %s\n", why != NULL ? why : "the table of blocks is full");
		return false;
	}
	ttl_us = ttl_us > 0 ? ttl_us : p->c->ttl_us;
	b->until_us = call->now_us + (ttl_us < p->c->max_ttl_us ? ttl_us : p->c->max_ttl_us);
	b->manual = true;
	snprintf(b->reason, sizeof(b->reason), "%s", reason);
	snprintf(b->rule, sizeof(b->rule), "manual");
	buf_str(call->out, "blocked\n");
	call->cb(call->ctx, b);
	return true;
}

static void end_block(struct block *b, const char *why, const struct policy_call *call)
{
	b->state = BLOCK_REMOVED;
	b->until_us = call->now_us;
	b->revision++;
	snprintf(b->reason, sizeof(b->reason), "%s", why);
	call->cb(call->ctx, b);
}

void policy_set_spared(
    struct policy *p, bool (*spared)(void *ctx, const struct ip_prefix *x), void *ctx)
{
	p->spared = spared;
	p->spared_ctx = ctx;
}

void policy_spare(struct policy *p, const struct ip_prefix *x, const struct policy_call *call)
{
	for (unsigned i = 0; i < p->n; i++)
		if (policy_is_live(&p->blocks[i], call->now_us) && !p->blocks[i].manual &&
		    ip_prefix_concerns(x, &p->blocks[i].prefix))
			end_block(&p->blocks[i], "it is a verified crawler's address", call);
}

bool policy_remove(struct policy *p, const struct ip_prefix *x, const struct policy_call *call)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (policy_is_live(&p->blocks[i], call->now_us) &&
		    ip_prefix_concerns(x, &p->blocks[i].prefix)) {
			end_block(&p->blocks[i], "removed by hand", call);
			n++;
		}
	buf_printf(call->out, n > 0 ? "removed %u\n" : "nothing is blocked there (%u)\n", n);
	return n > 0;
}

bool policy_allow(
    struct policy *p, const struct ip_prefix *x, int64_t ttl_us, const struct policy_call *call)
{
	unsigned at = p->n_allowed;

	for (unsigned i = 0; i < p->n_allowed; i++)
		if (p->allowed[i].until_us <= call->now_us)
			at = i;
	if (at == POLICY_MAX_ALLOWED) {
		buf_printf(call->out, "refused: more than %d networks are allowed already\n",
		    POLICY_MAX_ALLOWED);
		return false;
	}
	if (at == p->n_allowed)
		p->n_allowed++;
	p->allowed[at].prefix = *x;
	p->allowed[at].until_us =
	    call->now_us + (ttl_us < MAX_ALLOWED_US ? ttl_us : MAX_ALLOWED_US);
	policy_remove(p, x, call);
	buf_str(call->out, "allowed\n");
	return true;
}

bool policy_undo(
    struct policy *p, const char *rule, int64_t since_us, const struct policy_call *call)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct block *b = &p->blocks[i];

		if (policy_is_live(b, call->now_us) && b->since_us >= since_us &&
		    (rule == NULL || strcmp(b->rule, rule) == 0)) {
			end_block(b, "undone", call);
			n++;
		}
	}
	buf_printf(call->out, "undone %u\n", n);
	return n > 0;
}

void policy_each_active(
    const struct policy *p, void (*each)(void *ctx, const struct block *b), void *ctx)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->blocks[i].state == BLOCK_ACTIVE)
			each(ctx, &p->blocks[i]);
}

unsigned policy_active(const struct policy *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += p->blocks[i].state == BLOCK_ACTIVE || p->blocks[i].state == BLOCK_SHADOW;
	return n;
}

bool policy_tripped(const struct policy *p)
{
	return p->tripped;
}

void policy_replay(struct policy *p, const struct block *b)
{
	struct block *to = place(p, &b->prefix, b->since_us);

	if (to != NULL)
		*to = *b;
}
