/* Saving, showing and finding out: the parts of policy.h that decide nothing. */
#include "agent/policy_table.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- this host ---- */

static void never(struct policy *p, const struct ip *a, unsigned bits)
{
	struct ip_prefix x = ip_prefix_of(a, bits);

	ip_set_add(&p->never, &x);
}

static void own_addresses(struct policy *p)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) != 0)
		return;
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		struct ip a = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(a.b + 12, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(a.b, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, 16);
		else
			continue;
		never(p, &a, 128);
	}
	freeifaddrs(list);
}

static void resolvers(struct policy *p)
{
	FILE *fp = fopen("/etc/resolv.conf", "re");
	char line[256];
	char text[128];
	struct ip a;

	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL)
		if (sscanf(line, "nameserver %127s", text) == 1 && ip_parse(slice_of(text), &a))
			never(p, &a, 128);
	if (fp != NULL)
		fclose(fp);
}

/* Gateways: the kernel prints them in host byte order, as hex. */
static void gateways(struct policy *p)
{
	FILE *fp = fopen("/proc/net/route", "re");
	char line[256];
	unsigned gw;

	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL)
		if (sscanf(line, "%*s %*x %x", &gw) == 1 && gw != 0) {
			struct ip a = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

			memcpy(a.b + 12, &gw, 4);
			never(p, &a, 128);
		}
	if (fp != NULL)
		fclose(fp);
}

int policy_discover(struct policy *p, struct err *e)
{
	static const char *const always[] = { "127.0.0.0/8", "::1/128", "169.254.0.0/16",
		"fe80::/10" };
	struct ip_prefix x;

	for (unsigned i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (ip_prefix_parse(slice_of(always[i]), &x) && !ip_set_add(&p->never, &x))
			return err_set(e, ENOMEM, "no memory for the never-block set");
	own_addresses(p);
	resolvers(p);
	gateways(p);
	return 0;
}

/* ---- checkpoints ---- */

static void save_prefix(const struct ip_prefix *x, struct buf *out)
{
	buf_put(out, x->addr.b, 16);
	buf_varint(out, x->bits);
}

static void load_prefix(struct cut *c, struct ip_prefix *x)
{
	struct slice a = cut_raw(c, 16);

	if (!c->bad)
		memcpy(x->addr.b, a.p, 16);
	x->bits = (unsigned)cut_varint(c);
	if (x->bits > 128)
		c->bad = true;
}

void block_save(const struct block *b, struct buf *out)
{
	buf_put(out, b->id, 16);
	save_prefix(&b->prefix, out);
	buf_varint(out, b->state);
	buf_varint(out, zigzag(b->since_us));
	buf_varint(out, zigzag(b->until_us));
	buf_put(out, b->alert_id, 16);
	buf_bytes(out, slice_of(b->rule));
	buf_bytes(out, slice_of(b->reason));
	buf_varint(out, b->manual);
	buf_varint(out, b->strikes);
	buf_varint(out, b->revision);
}

static void copy_text(char *to, size_t size, struct slice s)
{
	size_t n = s.n < size ? s.n : size - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

static bool cut_block(struct cut *c, struct block *b)
{
	*b = (struct block){ 0 };

	struct slice id = cut_raw(c, 16);

	load_prefix(c, &b->prefix);
	b->state = (enum block_state)cut_varint(c);
	b->since_us = unzigzag(cut_varint(c));
	b->until_us = unzigzag(cut_varint(c));

	struct slice alert = cut_raw(c, 16);
	struct slice rule = cut_bytes(c);
	struct slice reason = cut_bytes(c);

	b->manual = cut_varint(c) != 0;
	b->strikes = (unsigned)cut_varint(c);
	b->revision = (unsigned)cut_varint(c);
	if (c->bad || b->state > BLOCK_REMOVED)
		return false;
	memcpy(b->id, id.p, 16);
	memcpy(b->alert_id, alert.p, 16);
	copy_text(b->rule, sizeof(b->rule), rule);
	copy_text(b->reason, sizeof(b->reason), reason);
	return true;
}

bool block_load(struct slice in, struct block *b)
{
	struct cut c = { .s = in };

	return cut_block(&c, b);
}

void policy_save(const struct policy *p, struct buf *out)
{
	buf_varint(out, p->n);
	for (unsigned i = 0; i < p->n; i++)
		block_save(&p->blocks[i], out);
	buf_varint(out, p->n_allowed);
	for (unsigned i = 0; i < p->n_allowed; i++) {
		save_prefix(&p->allowed[i].prefix, out);
		buf_varint(out, zigzag(p->allowed[i].until_us));
	}
}

bool policy_load(struct policy *p, struct slice in)
{
	struct cut c = { .s = in };
	uint64_t n = cut_varint(&c);
	struct block b;

	for (uint64_t i = 0; i < n; i++) {
		if (!cut_block(&c, &b))
			return false;
		policy_replay(p, &b);
	}
	n = cut_varint(&c);
	for (uint64_t i = 0; i < n && i < POLICY_MAX_ALLOWED; i++) {
		load_prefix(&c, &p->allowed[i].prefix);
		p->allowed[i].until_us = unzigzag(cut_varint(&c));
		p->n_allowed = (unsigned)i + 1;
	}
	return !c.bad;
}

/* ---- showing ---- */

static const char *const state_names[] = { "active", "shadow", "expired", "removed" };

static void show_json(const struct block *b, struct json *j)
{
	char prefix[IP_TEXT_MAX];

	json_open(j, '{');
	json_member_text(j, "prefix", (struct slice){ prefix, ip_prefix_text(&b->prefix, prefix) });
	json_member_text(j, "state", slice_of(state_names[b->state]));
	JSON_KEY(j, "since");
	json_time(j, b->since_us);
	JSON_KEY(j, "until");
	json_time(j, b->until_us);
	json_member_text(j, "rule", slice_of(b->rule));
	json_member_text(j, "reason", slice_of(b->reason));
	json_member_i64(j, "strikes", b->strikes);
	JSON_KEY(j, "manual");
	json_bool(j, b->manual);
	json_close(j, '}');
}

void policy_list(const struct policy *p, bool json, int64_t now_us, struct buf *out)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct block *b = &p->blocks[i];
		struct json j = { .out = out };
		char prefix[IP_TEXT_MAX];
		char left[32];

		if (!policy_is_live(b, now_us))
			continue;
		if (json) {
			show_json(b, &j);
			buf_char(out, '\n');
			continue;
		}
		ip_prefix_text(&b->prefix, prefix);
		buf_printf(out, "%-24s %-7s %8s left  %s: %s\n", prefix, state_names[b->state],
		    units_show_duration(b->until_us - now_us, left), b->rule, b->reason);
	}
}

void policy_explain(const struct policy *p, const struct ip *a, int64_t now_us, struct buf *out)
{
	struct ip_prefix x = ip_unit(a);
	const char *why = policy_guard(p, &x, now_us);
	int n = successes_from(p->successes, a, now_us);
	bool any = false;

	for (unsigned i = 0; i < p->n; i++) {
		const struct block *b = &p->blocks[i];
		struct json j = { .out = out };

		if (!ip_prefix_has(&b->prefix, a))
			continue;
		show_json(b, &j);
		buf_char(out, '\n');
		any = true;
	}
	if (!any)
		buf_str(out, "no block, now or of late\n");
	if (n < 0)
		buf_str(out,
		    "collateral: unknown, nobody is remembered to have succeeded from there\n");
	else
		buf_printf(out,
		    "collateral: %d%s accounts, sessions or agents succeeded from there in 24 h\n",
		    n, n == SUCCESS_WHO ? " or more" : "");
	if (why != NULL)
		buf_printf(out, "it could not be blocked: %s\n", why);
}
