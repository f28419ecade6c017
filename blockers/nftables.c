/*
 * nftables.c - blocks as elements of sets in a table of our own (inet sekisho).
 *
 * Addresses are in hash sets, to which one can be added by itself; prefixes in interval
 * sets, which are always refilled as a whole: with auto-merge an overlapping add would
 * be swallowed with its time. Each element has the kernel's own timeout. libnftables
 * runs a buffer of commands as one transaction.
 */
#include "libs/nftables.h"
#include "base/buf.h"
#include "base/err.h"
#include "blockers/blocker.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct nft {
	struct nft_ctx *ctx;
	int watch;
	struct buf script;
};

/* TCP as a number: its name would be looked up in a file, and the process has no files any more. */
static const char base[] =
    "add table inet sekisho\n"
    "add set inet sekisho hosts4 { type ipv4_addr; flags timeout; size 131072; }\n"
    "add set inet sekisho hosts6 { type ipv6_addr; flags timeout; size 131072; }\n"
    "add set inet sekisho nets4 { type ipv4_addr; flags timeout, interval; auto-merge; }\n"
    "add set inet sekisho nets6 { type ipv6_addr; flags timeout, interval; auto-merge; }\n"
    "add chain inet sekisho input { type filter hook input priority -10; policy accept; }\n"
    "flush chain inet sekisho input\n"
    "add rule inet sekisho input ip saddr @hosts4 meta l4proto 6 counter reject with tcp reset\n"
    "add rule inet sekisho input ip saddr @hosts4 counter drop\n"
    "add rule inet sekisho input ip6 saddr @hosts6 meta l4proto 6 counter reject with tcp reset\n"
    "add rule inet sekisho input ip6 saddr @hosts6 counter drop\n"
    "add rule inet sekisho input ip saddr @nets4 meta l4proto 6 counter reject with tcp reset\n"
    "add rule inet sekisho input ip saddr @nets4 counter drop\n"
    "add rule inet sekisho input ip6 saddr @nets6 meta l4proto 6 counter reject with tcp reset\n"
    "add rule inet sekisho input ip6 saddr @nets6 counter drop\n";

static int run(struct nft *n, struct err *e)
{
	buf_char(&n->script, '\0');
	if (n->script.full)
		return err_set(e, ENOMEM, "nftables: too many elements");
	if (nft_run_cmd_from_buffer(n->ctx, n->script.p) == 0)
		return 0;

	const char *text = nft_ctx_get_error_buffer(n->ctx);
	size_t len = text != NULL ? strcspn(text, "\n") : 0;

	return err_set(e, EIO, "nftables: %.*s", (int)len, text != NULL ? text : "");
}

static bool is_v4(const struct ip_prefix *p)
{
	return ip_is_v4(&p->addr) && p->bits >= 96;
}

static const char *set_of(const struct ip_prefix *p)
{
	if (p->bits == 128)
		return is_v4(p) ? "hosts4" : "hosts6";
	return is_v4(p) ? "nets4" : "nets6";
}

static void put_element(struct buf *b, const struct blocked *x, int64_t now_us)
{
	char text[IP_TEXT_MAX];
	int64_t left_s = (x->until_us - now_us + 999999) / 1000000;

	ip_prefix_text(&x->prefix, text);
	buf_printf(b, "%s timeout %llds", text, (long long)(left_s > 0 ? left_s : 1));
}

static int nft_fill(
    void *self, const struct blocked *b, unsigned count, int64_t now_us, struct err *e)
{
	static const char *const sets[] = { "hosts4", "hosts6", "nets4", "nets6" };
	struct nft *n = self;

	buf_reset(&n->script);
	buf_str(&n->script, base);
	for (unsigned s = 0; s < 4; s++) {
		bool any = false;

		buf_printf(&n->script, "flush set inet sekisho %s\n", sets[s]);
		for (unsigned i = 0; i < count; i++) {
			if (strcmp(set_of(&b[i].prefix), sets[s]) != 0)
				continue;
			if (!any)
				buf_printf(&n->script, "add element inet sekisho %s { ", sets[s]);
			else
				buf_str(&n->script, ", ");
			put_element(&n->script, &b[i], now_us);
			any = true;
		}
		if (any)
			buf_str(&n->script, " }\n");
	}
	return run(n, e);
}

static void *nft_open(struct err *e)
{
	const char *why = late_open(&nftables_late);
	struct nft *n = calloc(1, sizeof(*n));
	struct sockaddr_nl a = { .nl_family = AF_NETLINK,
		.nl_groups = 1 << (NFNLGRP_NFTABLES - 1) };

	if (why != NULL) {
		free(n);
		err_set(e, ENOENT, "nftables: %s", why);
		return NULL;
	}
	if (n == NULL || (n->ctx = nft_ctx_new(NFT_CTX_DEFAULT)) == NULL) {
		free(n);
		err_set(e, ENOMEM, "nftables: no memory");
		return NULL;
	}
	nft_ctx_buffer_output(n->ctx);
	nft_ctx_buffer_error(n->ctx);
	n->watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (n->watch >= 0 && bind(n->watch, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(n->watch);
		n->watch = -1;
	}
	buf_reset(&n->script);
	buf_str(&n->script, base);
	if (run(n, e) != 0) {
		blocker_nftables.close(n);
		return NULL;
	}
	return n;
}

/* Begin a script that ends with the address not there. Its set; NULL with *e: it is no address. */
static const char *begin_without(struct nft *n, const struct ip_prefix *p, struct err *e)
{
	const char *set = set_of(p);
	char text[IP_TEXT_MAX];

	if (set[0] == 'n') {
		err_set(e, ENOTSUP, "prefixes are refilled");
		return NULL;
	}
	ip_prefix_text(p, text);
	buf_reset(&n->script);
	/* to add, then delete works whether or not it is there, on every kernel */
	buf_printf(&n->script, "add element inet sekisho %s { %s }\n", set, text);
	buf_printf(&n->script, "delete element inet sekisho %s { %s }\n", set, text);
	return set;
}

/* Deleted first: an element that is there would keep its time. */
static int nft_add(void *self, const struct blocked *x, int64_t now_us, struct err *e)
{
	struct nft *n = self;
	const char *set = begin_without(n, &x->prefix, e);

	if (set == NULL)
		return -1;
	buf_printf(&n->script, "add element inet sekisho %s { ", set);
	put_element(&n->script, x, now_us);
	buf_str(&n->script, " }\n");
	return run(n, e);
}

static int nft_del(void *self, const struct blocked *x, struct err *e)
{
	struct nft *n = self;

	return begin_without(n, &x->prefix, e) != NULL ? run(n, e) : -1;
}

static int nft_watch(void *self)
{
	return ((struct nft *)self)->watch;
}

/* Notices are only counted off here; whether anything of ours is missing is asked. */
static bool nft_whole(void *self)
{
	struct nft *n = self;
	char b[8192];

	while (recv(n->watch, b, sizeof(b), 0) > 0)
		continue;
	return nft_run_cmd_from_buffer(n->ctx, "list chain inet sekisho input") == 0 &&
	       strstr(nft_ctx_get_output_buffer(n->ctx), "@hosts4") != NULL;
}

static void nft_close(void *self)
{
	struct nft *n = self;

	if (n == NULL)
		return;
	nft_ctx_free(n->ctx);
	if (n->watch >= 0)
		close(n->watch);
	buf_free(&n->script);
	free(n);
}

const struct blocker blocker_nftables = {
	.name = "nftables",
	.open = nft_open,
	.fill = nft_fill,
	.add = nft_add,
	.del = nft_del,
	.watch = nft_watch,
	.whole = nft_whole,
	.close = nft_close,
};
