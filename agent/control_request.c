#include "agent/control_request.h"

#include "base/units.h"

#include <stdio.h>

#define DAY_US INT64_C(86400000000)

unsigned control_words(struct slice request, struct slice word[static CONTROL_WORDS])
{
	unsigned n = 0;

	while (request.n > 0 && n < CONTROL_WORDS) {
		slice_cut(request, ' ', &word[n], &request);
		n += word[n].n > 0;
	}
	return n;
}

static bool usage(struct buf *out, const char *text)
{
	buf_printf(out, "%s\n", text);
	return false;
}

static bool undo(
    struct policy *p, const struct slice *word, unsigned n, const struct policy_call *call)
{
	char rule[128] = "";
	int64_t span = 0;

	if (n < 3 || !units_duration(word[2], &span))
		return usage(
		    call->out, "undo needs a span: blocks made within the last 10m, 1h ...");
	if (n > 3)
		snprintf(rule, sizeof(rule), "%.*s", SLICE_ARG(word[3]));
	return policy_undo(p, n > 3 ? rule : NULL, call->now_us - span, call);
}

bool control_blocks(struct policy *p, struct slice request, const struct policy_call *call)
{
	struct buf *out = call->out;
	struct slice word[CONTROL_WORDS];
	unsigned n = control_words(request, word);
	struct slice verb = n > 1 ? word[1] : (struct slice){ 0 };
	struct ip_prefix x;
	struct ip a;
	int64_t ttl = 0;

	if (slice_eq(verb, SLICE("list"))) {
		if (n > 3 || (n == 3 && !slice_eq(word[2], SLICE("json"))))
			return usage(out, "list takes nothing but --json");
		policy_list(p, n > 2, call->now_us, out);
		return true;
	}
	if (slice_eq(verb, SLICE("explain"))) {
		if (n < 3 || !ip_parse(word[2], &a))
			return usage(out, "explain needs an address");
		policy_explain(p, &a, call->now_us, out);
		return true;
	}
	if (slice_eq(verb, SLICE("undo")))
		return undo(p, word, n, call);
	if (n < 3 || !ip_prefix_parse(word[2], &x))
		return usage(
		    out, "expected an address or network such as 203.0.113.7 or 2001:db8:1::/64");
	if (x.bits == 128 && memchr(word[2].p, '/', word[2].n) == NULL)
		x = ip_unit(&x.addr); /* as a rule would block it: IPv6 by its /64 */
	if (n > 3 && (!units_duration(word[3], &ttl) || ttl <= 0))
		return usage(out, "expected a span above 0, such as 1h or 30m, after the address");
	if (slice_eq(verb, SLICE("add")))
		return policy_add(p, &x, ttl, "by hand", call);
	if (slice_eq(verb, SLICE("remove")))
		return policy_remove(p, &x, call);
	if (slice_eq(verb, SLICE("allow")))
		return policy_allow(p, &x, ttl > 0 ? ttl : DAY_US, call);
	return usage(out, "blocks: list, add, remove, explain, allow or undo");
}
