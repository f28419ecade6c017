/* The loop of the blocker process. See blocker.h. */
#include "base/clock.h"
#include "base/err.h"
#include "blockers/blocker.h"
#include "blockers/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct process {
	const struct blocker *b;
	void *self;
	int fd;
	const struct ip_set *never;
	struct blocked *want; /* all that should be blocked */
	unsigned n;
	bool collecting;
	bool refused; /* something between begin and fill was not acceptable */
};

static void answer(const struct process *p, const char *word, const char *text)
{
	char b[BLOCKER_PACKET];
	int n = snprintf(b, sizeof(b), "%s%s%s", word, text[0] != '\0' ? " " : "", text);

	if (send(p->fd, b, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* the agent asks again when it misses answers */
}

static struct blocked *find(const struct process *p, const struct ip_prefix *x)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->want[i].prefix.bits == x->bits &&
		    memcmp(p->want[i].prefix.addr.b, x->addr.b, 16) == 0)
			return &p->want[i];
	return NULL;
}

/* Whatever the agent says: not wide, not never. */
static const char *guard(const struct process *p, const struct ip_prefix *x)
{
	bool v4 = ip_is_v4(&x->addr) && x->bits >= 96;

	if (v4 ? x->bits < 96 + 24 : x->bits < 48)
		return "prefix too wide";
	return ip_set_overlaps(p->never, x) ? "in the never-block set" : NULL;
}

static int fill(struct process *p, struct err *e)
{
	int64_t now = clock_boot_us();
	unsigned kept = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (p->want[i].until_us > now)
			p->want[kept++] = p->want[i];
	p->n = kept;
	return p->b->fill(p->self, p->want, p->n, now, e);
}

static int add(struct process *p, const struct blocked *x, struct err *e)
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

static int del(struct process *p, const struct ip_prefix *x, struct err *e)
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

static void one_packet(struct process *p, char *text)
{
	struct blocked x;
	struct err e = { 0, "" };
	char *rest = NULL;
	int rc = -1;
	uint64_t seconds;

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
	answer(p, rc == 0 ? "ok" : "err", rc == 0 ? "" : e.msg);
}

/* Another tool may have flushed the ruleset: ours is made anew at once. */
static void look_after(struct process *p)
{
	struct err e = { 0, "" };

	if (p->b->whole(p->self))
		return;
	if (fill(p, &e) == 0)
		answer(p, "rebuilt", "");
	else
		answer(p, "err", e.msg);
}

static void drop_all_but_net_admin(void)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
	capng_get_caps_process();

	/* a container may have neither; then there is nothing to keep, and no set to bound */
	bool keep = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN) != 0;
	bool bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;

	capng_clear(CAPNG_SELECT_BOTH);
	if (keep)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	if (capng_apply(bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0 && geteuid() == 0)
		_exit(EXIT_FAILURE); /* security steps fail closed */
}

int blocker_main(const struct blocker *b, int fd, const struct ip_set *never, bool confine)
{
	struct process p = { .b = b, .fd = fd, .never = never };
	struct err e = { 0, "" };
	char text[BLOCKER_PACKET + 1];

	drop_all_but_net_admin();
	p.want = calloc(BLOCKER_MAX, sizeof(*p.want));
	p.self = p.want != NULL ? b->open(&e) : NULL;
	/* a kernel without seccomp is said once, by the agent, which tries the same */
	if (confine)
		(void)confine_blocker();
	answer(&p, p.self != NULL ? "ok" : "err", p.self != NULL ? "" : e.msg);
	for (;;) {
		struct pollfd f[2] = { { .fd = fd, .events = POLLIN },
			{ .fd = p.self != NULL ? b->watch(p.self) : -1, .events = POLLIN } };

		if (poll(f, 2, -1) < 0)
			continue;
		if (f[0].revents != 0) {
			ssize_t n = recv(fd, text, BLOCKER_PACKET, 0);

			if (n <= 0)
				break;
			text[n] = '\0';
			if (p.self == NULL && (p.self = b->open(&e)) == NULL)
				answer(&p, "err", e.msg);
			else
				one_packet(&p, text);
		}
		if (f[1].revents != 0)
			look_after(&p);
	}
	b->close(p.self);
	free(p.want);
	return 0;
}
