/*
 * Packets (a line each) to the blocker, from an agent that was taken over: never a crash, never
 * a network that is too wide or in the never-block set, never more than there is room for.
 */
#include "base/clock.h"
#include "base/err.h"
#include "blockers/protocol.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ip_set never;

static void must_be_allowed(const struct blocked *b, int64_t now_us)
{
	struct ip_prefix widest;

	(void)ip_prefix_parse(ip_is_v4(&b->prefix.addr) && b->prefix.bits >= 96
				  ? SLICE("0.0.0.0/24")
				  : SLICE("::/48"),
	    &widest);
	if (b->prefix.bits < widest.bits || b->prefix.bits > 128 ||
	    ip_set_concerns(&never, &b->prefix))
		abort();
	if (b->until_us > now_us + INT64_C(366) * 86400 * 1000000)
		abort();
}

static int stub_fill(void *self, const struct blocked *b, unsigned n, int64_t now_us, struct err *e)
{
	(void)self;
	(void)e;
	if (n > BLOCKER_MAX)
		abort();
	for (unsigned i = 0; i < n; i++)
		must_be_allowed(&b[i], now_us);
	return 0;
}

static int stub_add(void *self, const struct blocked *b, int64_t now_us, struct err *e)
{
	(void)self;
	must_be_allowed(b, now_us);
	return b->prefix.bits == 128 ? 0 : err_set(e, ENOTSUP, "only fill() can do that");
}

static int stub_del(void *self, const struct blocked *b, struct err *e)
{
	(void)self;
	return b->prefix.bits == 128 ? 0 : err_set(e, ENOTSUP, "only fill() can do that");
}

static bool stub_whole(void *self)
{
	(void)self;
	return false;
}

static const struct blocker stub = {
	.name = "stub", .fill = stub_fill, .add = stub_add, .del = stub_del, .whole = stub_whole
};

static void never_set(void)
{
	static const struct slice nets[] = { { "10.0.0.0/8", 10 }, { "2001:db8::/32", 13 },
		{ "203.0.113.99", 12 } };

	for (unsigned i = 0; i < sizeof(nets) / sizeof(*nets); i++) {
		struct ip_prefix p;

		if (!ip_prefix_parse(nets[i], &p) || !ip_set_add(&never, &p))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct blocked *want;
	struct protocol p = { .b = &stub, .never = &never };
	struct slice rest = { (const char *)data, size };

	if (want == NULL) {
		want = calloc(BLOCKER_MAX, sizeof(*want));
		never_set();
	}
	p.want = want;
	while (rest.n > 0) {
		char answer[BLOCKER_PACKET];
		struct slice line;
		char text[BLOCKER_PACKET + 1];

		slice_cut(rest, '\n', &line, &rest);
		if (line.n > BLOCKER_PACKET)
			line.n = BLOCKER_PACKET;
		memcpy(text, line.p, line.n);
		text[line.n] = '\0';
		protocol_packet(&p, text, answer);
		if (strnlen(answer, sizeof(answer)) == sizeof(answer))
			abort();
	}
	protocol_look_after(&p, (char[BLOCKER_PACKET]){ 0 });
	return 0;
}
