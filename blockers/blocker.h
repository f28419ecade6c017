/*
 * blocker.h - the blocker process, and the interface of what it drives.
 *
 * The process holds the only privilege there is (CAP_NET_ADMIN) and does one thing.
 * It reads four words from a socket, one packet each:
 *
 *	add PREFIX SECONDS	block, or set the remaining time
 *	del PREFIX		end a block
 *	begin			the adds that follow are collected
 *	fill			and become all there is, in one transaction
 *
 * and answers each but `begin` (and the adds between) with "ok" or "err TEXT". It says
 * "rebuilt" by itself when another tool removed the table and it was made anew. No DNS,
 * TLS, secrets or files; it ends when the socket does. The guard is asked here again.
 */
#ifndef BLOCKERS_BLOCKER_H
#define BLOCKERS_BLOCKER_H

#include "base/ip.h"

struct err;

enum { BLOCKER_MAX = 100000, BLOCKER_PACKET = 512 };

struct blocked {
	struct ip_prefix prefix;
	int64_t until_us; /* CLOCK_BOOTTIME */
};

struct blocker {
	const char *name; /* as written in the config */
	/* Make what is needed in the kernel. NULL with *e. */
	void *(*open)(struct err *e);
	/* Replace everything by these n, atomically. */
	int (*fill)(void *self, const struct blocked *b, unsigned n, int64_t now_us, struct err *e);
	/* One more, or a new time for one; -1 with ENOTSUP: only fill() can do that. */
	int (*add)(void *self, const struct blocked *b, int64_t now_us, struct err *e);
	int (*del)(void *self, const struct blocked *b, struct err *e);
	/* A descriptor that polls readable when the kernel's tables change, or -1. */
	int (*watch)(void *self);
	/* After that: is ours still whole? */
	bool (*whole)(void *self);
	void (*close)(void *self); /* takes NULL; leaves the blocks in place */
};

extern const struct blocker blocker_nftables;
extern const struct blocker blocker_dry_run;

/* The process: returns when the other end of fd is closed. never: the guard's set. confine: with
 * seccomp too. */
int blocker_main(const struct blocker *b, int fd, const struct ip_set *never, bool confine);

#endif
