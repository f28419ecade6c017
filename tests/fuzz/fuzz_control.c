/*
 * Requests on the status socket, a line each, to a policy: whatever is asked, nothing in the
 * never-block set gets blocked, and every block ends.
 */
#include "agent/control_request.h"
#include "base/err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DAY_US INT64_C(86400000000)

static int64_t now = INT64_C(1795413600000000);
static struct ip_set hops;

static void on_block(void *ctx, const struct block *b)
{
	struct block copy;
	struct buf out = { 0 };

	(void)ctx;
	block_save(b, &out);
	if (!block_load(buf_as_slice(&out), &copy))
		abort();
	buf_free(&out);
}

static void check(void *ctx, const struct block *b)
{
	(void)ctx;
	if (ip_set_concerns(&hops, &b->prefix) || b->until_us <= now ||
	    b->until_us > now + 7 * DAY_US)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response_config c = { .ttl_us = DAY_US / 24,
		.max_ttl_us = 7 * DAY_US,
		.max_event_age_us = DAY_US,
		.max_per_minute = 30,
		.max_blocks = 100,
		.max_collateral = 3 };
	struct slice rest = { (const char *)data, size };
	struct buf out = { 0 };
	struct policy_call call = { .now_us = now, .out = &out, .cb = on_block };
	struct ip_prefix p;
	struct policy *policy;
	struct err e;

	if (hops.n == 0 && (!ip_prefix_parse(SLICE("10.0.0.0/8"), &p) || !ip_set_add(&hops, &p)))
		abort();
	policy = policy_new(&c, &hops, 1, &e);
	if (policy == NULL)
		abort();
	while (rest.n > 0) {
		struct slice line;

		slice_cut(rest, '\n', &line, &rest);
		buf_reset(&out);
		control_blocks(policy, line, &call);
		policy_each_active(policy, check, NULL);
		policy_expire(policy, &call);
	}
	buf_reset(&out);
	policy_save(policy, &out);
	policy_free(policy);
	policy = policy_new(&c, &hops, 1, &e);
	if (policy == NULL || !policy_load(policy, buf_as_slice(&out)))
		abort();
	policy_each_active(policy, check, NULL);
	policy_free(policy);
	buf_free(&out);
	return 0;
}
