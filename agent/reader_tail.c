/* What the tail of files asks and tells: positions, and what was possibly lost. */
#include "agent/reader.h"
#include "base/clock.h"
#include "base/log.h"

static bool on_saved(void *ctx, uint64_t head, unsigned i, struct tail_position *out)
{
	return positions_saved(((struct reader *)ctx)->a->positions, head, i, out);
}

static bool on_saved_path(void *ctx, const char *path, struct tail_position *out)
{
	return positions_saved_path(((struct reader *)ctx)->a->positions, path, out);
}

static bool on_saved_any(void *ctx, unsigned i, struct tail_position *out)
{
	return positions_saved_any(((struct reader *)ctx)->a->positions, i, out);
}

static void on_keep(void *ctx, uint64_t head, uint64_t number)
{
	positions_keep(((struct reader *)ctx)->a->positions, head, number);
}

static uint64_t on_new_number(void *ctx, uint64_t head)
{
	return positions_new_number(((struct reader *)ctx)->a->positions, head);
}

static void on_report(void *ctx, enum tail_report what, const char *path, uint64_t lost)
{
	static const char *const names[] = { "truncated", "rewritten", "shortened", "gone",
		"unreadable", "crowded" };
	struct reader *r = ctx;

	log_warn("a log changed under the reader", "what=%s file=%s possibly_lost_bytes=%llu",
	    names[what], path, (unsigned long long)lost);
	reader_report(r, &(struct ledger_row){ .what = names[what],
			     .source = path,
			     .lost_bytes = lost,
			     .time_us = clock_now_us() });
}

struct tail_callbacks reader_tail_callbacks(struct reader *r)
{
	return (struct tail_callbacks){ .ctx = r,
		.saved = on_saved,
		.saved_path = on_saved_path,
		.saved_any = on_saved_any,
		.keep = on_keep,
		.new_number = on_new_number,
		.report = on_report };
}
