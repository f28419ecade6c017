/* The loop of the blocker process. See blocker.h. */
#include "base/err.h"
#include "blockers/blocker.h"
#include "blockers/confine.h"
#include "blockers/protocol.h"

#include <cap-ng.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(int fd, const char *answer)
{
	if (answer[0] != '\0' && send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* the agent asks again when it misses answers */
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
	struct protocol p = { .b = b, .never = never };
	char answer[BLOCKER_PACKET];
	struct err e = { 0, "" };
	char text[BLOCKER_PACKET + 1];

	drop_all_but_net_admin();
	p.want = calloc(BLOCKER_MAX, sizeof(*p.want));
	p.self = p.want != NULL ? b->open(&e) : NULL;
	/* a kernel without seccomp is said once, by the agent, which tries the same */
	if (confine)
		(void)confine_blocker();
	protocol_answer(p.self != NULL, &e, answer);
	say(fd, answer);
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
				protocol_answer(false, &e, answer);
			else
				protocol_packet(&p, text, answer);
			say(fd, answer);
		}
		if (f[1].revents != 0) {
			protocol_look_after(&p, answer);
			say(fd, answer);
		}
	}
	b->close(p.self);
	free(p.want);
	return 0;
}
