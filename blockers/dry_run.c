/* dry_run.c - does everything but block: for trying out a policy, and where there is no privilege.
 */
#include "blockers/blocker.h"

#include <stddef.h>

static char here;

static void *dry_open(struct err *e)
{
	(void)e;
	return &here;
}

static int dry_fill(void *self, const struct blocked *b, unsigned n, int64_t now_us, struct err *e)
{
	(void)self;
	(void)b;
	(void)n;
	(void)now_us;
	(void)e;
	return 0;
}

static int dry_add(void *self, const struct blocked *b, int64_t now_us, struct err *e)
{
	return dry_fill(self, b, 1, now_us, e);
}

static int dry_del(void *self, const struct blocked *b, struct err *e)
{
	return dry_fill(self, b, 1, 0, e);
}

static int dry_watch(void *self)
{
	(void)self;
	return -1;
}

static bool dry_whole(void *self)
{
	return self != NULL;
}

static void dry_close(void *self)
{
	(void)self;
}

const struct blocker blocker_dry_run = {
	.name = "dry-run",
	.open = dry_open,
	.fill = dry_fill,
	.add = dry_add,
	.del = dry_del,
	.watch = dry_watch,
	.whole = dry_whole,
	.close = dry_close,
};
