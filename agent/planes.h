/*
 * planes.h - the agent's side of enforcement: the blocker process and its pipe.
 *
 * The process is forked before anything from outside is read; it keeps CAP_NET_ADMIN and
 * nothing else. Four words go over the pipe: add, del, fill, and ping; see
 * blockers/blocker.h. Desired state is the policy's table: after a start, after another
 * tool's flush and after any error everything is filled in anew.
 */
#ifndef AGENT_PLANES_H
#define AGENT_PLANES_H

#include "agent/policy.h"

struct planes;

struct planes_status {
	const char *plane; /* "nftables", "dry-run", "none" */
	bool alive;
	uint64_t adds, removes, refills, errors;
	char last_error[160];
	int64_t last_ok_us, last_refill_us;
	int64_t
	    last_enforce_us; /* from reading the line to the kernel's answer, of the newest block */
};

/* names: response.planes. never: for the second guard. Forks. *out NULL with 0: no plane is
 * configured. */
int planes_start(struct planes **out, const struct config_texts *names, const struct ip_set *never,
    bool confine, struct err *e);
void planes_stop(struct planes *p); /* takes NULL; what is blocked stays, with its timeouts */

/* A block that is durable: made, prolonged or over. */
void planes_apply(struct planes *p, const struct block *b, int64_t now_us);

/* Answers of the blocker; fills everything in anew when that is needed. About once a second. */
void planes_tick(struct planes *p, const struct policy *policy, int64_t now_us);

void planes_status(const struct planes *p, struct planes_status *out);

#endif
