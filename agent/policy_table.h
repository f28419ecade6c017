/* policy_table.h - the state behind policy.h. Not for others. */
#ifndef AGENT_POLICY_TABLE_H
#define AGENT_POLICY_TABLE_H

#include "agent/policy.h"
#include "agent/successes.h"

enum { POLICY_MAX_ALLOWED = 64 };

struct policy {
	const struct response_config *c;
	bool is_canary;
	struct ip_set never;
	struct block *blocks;
	unsigned n;
	struct {
		struct ip_prefix prefix;
		int64_t until_us;
	} allowed[POLICY_MAX_ALLOWED];
	unsigned n_allowed;
	int64_t minute_us;
	unsigned in_minute;
	bool tripped;
	struct successes *successes;
	bool (*spared)(void *ctx, const struct ip_prefix *x);
	void *spared_ctx;
};

struct block *policy_find(const struct policy *p, const struct ip_prefix *x);
bool policy_is_live(const struct block *b, int64_t now_us);

/* NULL, or why the prefix may not be blocked. */
const char *policy_guard(const struct policy *p, const struct ip_prefix *x, int64_t now_us);

#endif
