/* null.c - takes everything and keeps nothing: to see what the pipeline itself can do. */
#include "sinks/sink.h"

static char here;

static void *null_open(const struct sink_settings *s, struct err *e)
{
	(void)s;
	(void)e;
	return &here;
}

static enum sink_result null_begin(void *self, struct err *e)
{
	(void)self;
	(void)e;
	return SINK_OK;
}

static enum sink_result null_put(void *self, const struct record *r, struct err *e)
{
	(void)r;
	return null_begin(self, e);
}

static enum sink_result null_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	(void)cursor;
	return null_begin(self, e);
}

static void null_abort(void *self)
{
	(void)self;
}

const struct sink sink_null = {
	.name = "null",
	.max_records = 50000,
	.max_bytes = 16 << 20,
	.open = null_open,
	.begin = null_begin,
	.put = null_put,
	.commit = null_commit,
	.abort = null_abort,
	.close = null_abort,
};
