/* policy_table.h - the state behind policy.h. Not for others. */
#ifndef AGENT_POLICY_TABLE_H
#define AGENT_POLICY_TABLE_H

#include "agent/policy.h"

enum { POLICY_MAX_ALLOWED = 64, POLICY_SUCCESS = 8192, POLICY_WHO = 8 };

/* Who succeeded from an address in the last day: hashes, as many as matter. */
struct success {
	uint64_t address; /* hash; 0: free */
	int64_t last_us;
	uint64_t who[POLICY_WHO];
	unsigned n;
};

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
	struct success
	    success[POLICY_SUCCESS]; /* a slot by hash; a newcomer displaces the older of two */
};

struct block *policy_find(const struct policy *p, const struct ip_prefix *x);
bool policy_is_live(const struct block *b, int64_t now_us);

/* NULL, or why the prefix may not be blocked. */
const char *policy_guard(const struct policy *p, const struct ip_prefix *x, int64_t now_us);

/* Distinct accounts (else sessions, else agents) that succeeded from there in 24 h. */
unsigned policy_collateral(const struct policy *p, const struct ip *a, int64_t now_us);

#endif
