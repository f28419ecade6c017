#include "blockers/protocol.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>

void protocol_answer(bool ok, const struct err *e, char answer[static BLOCKER_PACKET])
{
	if (ok)
		snprintf(answer, BLOCKER_PACKET, "ok");
	else
		snprintf(answer, BLOCKER_PACKET, "err %s", e->msg);
}

static struct blocked *find(const struct protocol *p, const struct ip_prefix *x)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->want[i].prefix.bits == x->bits &&
		    memcmp(p->want[i].prefix.addr.b, x->addr.b, 16) == 0)
			return &p->want[i];
	return NULL;
}

/* Whatever the agent says: not wide, not never. */
static const char *guard(const struct protocol *p, const struct ip_prefix *x)
{
	if (ip_prefix_is_wide(x))
		return "prefix too wide";
	if (ip_prefix_is_special(x))
		return "no address of a host";
	return ip_set_concerns(p->never, x) ? "in the never-block set" : NULL;
}

static int fill(struct protocol *p, struct err *e)
{
	int64_t now = clock_boot_us();
	unsigned kept = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (p->want[i].until_us > now)
			p->want[kept++] = p->want[i];
	p->n = kept;
	return p->b->fill(p->self, p->want, p->n, now, e);
}

static int add(struct protocol *p, const struct blocked *x, struct err *e)
{
	struct blocked *at = find(p, &x->prefix);

	if (at == NULL && p->n == BLOCKER_MAX)
		return err_set(e, ENOSPC, "more than %d blocks", BLOCKER_MAX);
	if (at == NULL)
		at = &p->want[p->n++];
	*at = *x;
	if (p->collecting)
		return 0;
	if (p->b->add(p->self, x, clock_boot_us(), e) == 0)
		return 0;
	return fill(p, e);
}

static int del(struct protocol *p, const struct ip_prefix *x, struct err *e)
{
	struct blocked *at = find(p, x);
	struct blocked gone;

	if (at == NULL)
		return 0;
	gone = *at;
	*at = p->want[--p->n];
	if (p->b->del(p->self, &gone, e) == 0)
		return 0;
	return fill(p, e);
}

static bool read_prefix(char *text, struct blocked *x, char **rest)
{
	*rest = strchr(text, ' ');
	if (*rest != NULL)
		*(*rest)++ = '\0';
	return ip_prefix_parse(slice_of(text), &x->prefix);
}

void protocol_packet(struct protocol *p, char *text, char answer[static BLOCKER_PACKET])
{
	struct blocked x;
	struct err e = { 0, "" };
	char *rest = NULL;
	int rc = -1;
	uint64_t seconds;

	answer[0] = '\0';

	if (strncmp(text, "add ", 4) == 0 && read_prefix(text + 4, &x, &rest) && rest != NULL &&
	    slice_u64(slice_of(rest), &seconds) && seconds > 0 && seconds <= 366 * 86400) {
		const char *why = guard(p, &x.prefix);

		x.until_us = clock_boot_us() + (int64_t)seconds * 1000000;
		rc = why != NULL ? err_set(&e, EPERM, "%s: %s", text + 4, why) : add(p, &x, &e);
		if (p->collecting)
			return;
	} else if (strncmp(text, "del ", 4) == 0 && read_prefix(text + 4, &x, &rest)) {
		rc = del(p, &x.prefix, &e);
	} else if (strcmp(text, "begin") == 0) {
		p->collecting = true;
		p->n = 0;
		return;
	} else if (strcmp(text, "fill") == 0) {
		p->collecting = false;
		rc = fill(p, &e);
	} else {
		err_set(&e, EINVAL, "not understood");
	}
	protocol_answer(rc == 0, &e, answer);
}

/* Another tool may have flushed the ruleset: ours is made anew at once. */
void protocol_look_after(struct protocol *p, char answer[static BLOCKER_PACKET])
{
	struct err e = { 0, "" };

	answer[0] = '\0';
	if (p->b->whole(p->self))
		return;
	if (fill(p, &e) == 0)
		snprintf(answer, BLOCKER_PACKET, "rebuilt");
	else
		protocol_answer(false, &e, answer);
}
