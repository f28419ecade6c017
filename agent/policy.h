/*
 * policy.h - from an alert to a decision: who is blocked, until when, and why not.
 *
 * The table of blocks is the desired state. It changes only through the calls below,
 * each of which says the decision as a record (callback); the committer journals it,
 * and after the frame is durable tells the planes. One thread (the committer) calls everything
 * here. Memory is fixed: response.max_blocks entries.
 *
 * Checks, in order: mode; action; provenance of the address; age of the event; the
 * never-block set and verified crawlers; prefix size; collateral; rate and number caps. The first
 * that says no is recorded as the reason.
 */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include "agent/config.h"
#include "base/buf.h"
#include "detect/alert.h"

struct err;
struct policy;
struct successes;

enum block_state { BLOCK_ACTIVE, BLOCK_SHADOW, BLOCK_EXPIRED, BLOCK_REMOVED };

/* One block, wanted or only recorded (shadow). */
struct block {
	uint64_t id[2];
	struct ip_prefix prefix;
	enum block_state state;
	int64_t since_us, until_us;
	uint64_t alert_id[2];
	char rule[128];
	char reason[256]; /* in words; for manual ones the person's */
	bool manual;
	unsigned strikes; /* blocks of this prefix within a week, this one included */
	unsigned revision;
	int64_t detect_us; /* when the alert's event was read; 0 for manual */
};

/* What became of an alert: the columns mode and effective. */
struct verdict_on_alert {
	enum response_mode mode;
	enum action effective; /* after guard and collateral; what is or would be done */
	char reason[256];      /* when effective is less than the alert's action */
	bool blocked;	       /* a block was made or prolonged */
	int collateral;	       /* who else succeeded from the address in 24 h; -1: unknown */
};

typedef void block_cb(void *ctx, const struct block *b);

/* When a call that may change blocks is made, and who hears of it. */
struct policy_call {
	int64_t now_us;
	struct buf *out; /* the answer to a person; else NULL */
	block_cb *cb;	 /* gets each block that was made, prolonged or ended */
	void *ctx;
};

/* host_id: for canary, a stable share of hosts. guard: networks found on this host; copied. */
struct policy *policy_new(
    const struct response_config *c, const struct ip_set *hops, uint64_t host_id, struct err *e);
void policy_free(struct policy *p);

/* Own interfaces, gateways and resolvers, read from the system now. */
int policy_discover(struct policy *p, struct err *e);

/* Besides that set: is a verified crawler in the network? Asked before each block. */
void policy_set_spared(
    struct policy *p, bool (*spared)(void *ctx, const struct ip_prefix *x), void *ctx);
/* One was verified: what the rules made of its address ends. What a person blocked stays. */
void policy_spare(struct policy *p, const struct ip_prefix *x, const struct policy_call *call);

/* The set that nothing may block, after policy_discover(). */
const struct ip_set *policy_never(const struct policy *p);

/* Decide on an alert of what was read at read_us. */
void policy_alert(struct policy *p, const struct alert *a, int64_t read_us,
    const struct policy_call *call, struct verdict_on_alert *v);

/* Blocks that are over: state BLOCK_EXPIRED. Returns when the next one will be, or 0: never. */
int64_t policy_expire(struct policy *p, const struct policy_call *call);

/* What people say. Text answers for them in call->out; false: refused, it says why. */
bool policy_add(struct policy *p, const struct ip_prefix *x, int64_t ttl_us, const char *reason,
    const struct policy_call *call);
bool policy_remove(struct policy *p, const struct ip_prefix *x, const struct policy_call *call);
bool policy_allow(
    struct policy *p, const struct ip_prefix *x, int64_t ttl_us, const struct policy_call *call);
/* End all blocks that a rule (or everything, NULL) made since then. */
bool policy_undo(
    struct policy *p, const char *rule, int64_t since_us, const struct policy_call *call);
void policy_list(const struct policy *p, bool json, int64_t now_us, struct buf *out);
void policy_explain(const struct policy *p, const struct ip *a, int64_t now_us, struct buf *out);

/* Who succeeded from where: collateral. The table is the policy's. */
struct successes *policy_successes(struct policy *p);

/* Each block that should be enforced now. */
void policy_each_active(
    const struct policy *p, void (*each)(void *ctx, const struct block *b), void *ctx);

/* The whole state, for checkpoints. */
void policy_save(const struct policy *p, struct buf *out);
bool policy_load(struct policy *p, struct slice in);

/* A recorded decision, replayed after the newest checkpoint: the block as it was said. */
void block_save(const struct block *b, struct buf *out);
bool block_load(struct slice in, struct block *b);
void policy_replay(struct policy *p, const struct block *b);

unsigned policy_active(const struct policy *p);
bool policy_tripped(const struct policy *p); /* a cap has stopped blocking */

#endif
