#include "agent/planes.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "blockers/blocker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PENDING_MAX = 1024 };

struct planes {
	const char *name;
	pid_t pid;
	int fd;
	struct planes_status st;
	bool refill;	  /* everything has to be said anew */
	unsigned waiting; /* answers that are still to come */
	int64_t
	    read_us[PENDING_MAX]; /* per answer to come: when the line was read, for the latency */
	unsigned first;
};

/*
 * The child gets the never-block set as it is at the fork; it is the second guard, the
 * first is the policy's, which knows more.
 */
int planes_start(struct planes **out, const struct config_texts *names, const struct ip_set *never,
    bool confine, struct err *e)
{
	const struct blocker *b = NULL;
	int fds[2];

	*out = NULL;
	for (unsigned i = 0; i < names->n; i++)
		b = strcmp(names->v[i], "nftables") == 0 ? &blocker_nftables
		    : b == NULL				 ? &blocker_dry_run
							 : b;
	if (b == NULL)
		return 0;

	struct planes *p = calloc(1, sizeof(*p));

	if (p == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
		free(p);
		return err_set(e, errno, "blocker: %s", strerror(errno));
	}
	p->pid = fork();
	if (p->pid < 0) {
		close(fds[0]);
		close(fds[1]);
		free(p);
		return err_set(e, errno, "blocker: %s", strerror(errno));
	}
	if (p->pid == 0) {
		close(fds[0]);
		_exit(blocker_main(b, fds[1], never, confine));
	}
	close(fds[1]);
	p->fd = fds[0];
	p->name = b->name;
	p->st.plane = b->name;
	p->st.alive = true;
	p->waiting = 1; /* its first word: could it open? */
	p->refill = true;
	*out = p;
	return 0;
}

void planes_stop(struct planes *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	waitpid(p->pid, NULL, 0);
	free(p);
}

static bool say(struct planes *p, const char *text)
{
	if (send(p->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return true;
	if (errno == EPIPE || errno == ECONNRESET) {
		if (p->st.alive)
			log_error("the blocker process has ended", "plane=%s", p->name);
		p->st.alive = false;
	}
	p->refill = true;
	return false;
}

static void expect(struct planes *p, int64_t read_us)
{
	if (p->waiting < PENDING_MAX)
		p->read_us[(p->first + p->waiting) % PENDING_MAX] = read_us;
	p->waiting++;
}

void planes_apply(struct planes *p, const struct block *b, int64_t now_us)
{
	char prefix[IP_TEXT_MAX];
	char text[BLOCKER_PACKET];
	int64_t left_s = (b->until_us - now_us) / 1000000;

	ip_prefix_text(&b->prefix, prefix);
	if (b->state == BLOCK_ACTIVE && left_s > 0) {
		snprintf(text, sizeof(text), "add %s %lld", prefix, (long long)left_s);
		p->st.adds++;
	} else if (b->state == BLOCK_REMOVED || b->state == BLOCK_EXPIRED) {
		snprintf(text, sizeof(text), "del %s", prefix);
		p->st.removes++;
	} else {
		return;
	}
	if (say(p, text))
		expect(p, b->state == BLOCK_ACTIVE ? b->detect_us : 0);
}

static void one_answer(struct planes *p, const char *text, int64_t now_us)
{
	if (strcmp(text, "rebuilt") == 0) {
		log_warn(
		    "another tool removed the blocks; they were made anew", "plane=%s", p->name);
		p->st.refills++;
		return;
	}

	int64_t read_us = p->read_us[p->first];

	if (p->waiting > 0) {
		p->waiting--;
		p->read_us[p->first] = 0;
		p->first = (p->first + 1) % PENDING_MAX;
	}
	if (strcmp(text, "ok") == 0) {
		p->st.last_ok_us = now_us;
		if (read_us != 0)
			p->st.last_enforce_us = now_us - read_us;
		return;
	}
	p->st.errors++;
	p->refill = true;
	snprintf(p->st.last_error, sizeof(p->st.last_error), "%.150s", text);
	log_error("the blocker could not do it", "plane=%s why=\"%s\"", p->name, text);
}

static void fill_one(void *ctx, const struct block *b)
{
	struct planes *p = ctx;
	char prefix[IP_TEXT_MAX];
	char text[BLOCKER_PACKET];
	int64_t left_s = (b->until_us - clock_now_us()) / 1000000;

	if (left_s <= 0)
		return;
	ip_prefix_text(&b->prefix, prefix);
	snprintf(text, sizeof(text), "add %s %lld", prefix, (long long)left_s);
	/* the socket's buffer is small: a fill may block for the moment the child needs */
	if (send(p->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		p->refill = true;
}

void planes_tick(struct planes *p, const struct policy *policy, int64_t now_us)
{
	char text[BLOCKER_PACKET + 1];
	ssize_t n;

	while ((n = recv(p->fd, text, BLOCKER_PACKET, MSG_DONTWAIT)) > 0) {
		text[n] = '\0';
		one_answer(p, text, now_us);
	}
	if (n == 0 && p->st.alive) {
		log_error("the blocker process has ended", "plane=%s", p->name);
		p->st.alive = false;
	}
	if (!p->refill || !p->st.alive || now_us - p->st.last_refill_us < 1000000)
		return;
	p->refill = false;
	p->st.last_refill_us = now_us;
	p->st.refills++;
	if (!say(p, "begin"))
		return;
	policy_each_active(policy, fill_one, p);
	if (say(p, "fill"))
		expect(p, 0);
}

void planes_status(const struct planes *p, struct planes_status *out)
{
	*out = p->st;
}
