/*
 * Lines of standard input. It can't be read twice, so its origin is new at every start and its
 * position is never taken up again: what was read and not yet journalled when the agent is
 * killed is lost, as with any pipe.
 */
#include "agent/reader.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "inputs/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-id128.h>
#include <unistd.h>
#include <xxhash.h>

struct reader_stdin {
	struct stream *stream;
	unsigned input;
	uint64_t head_hash;
	bool ended;
};

/* This start's own: of the boot and the moment. */
static uint64_t new_head(const struct agent *a)
{
	struct {
		sd_id128_t boot;
		int64_t boot_us, started_us;
	} in = { .boot_us = clock_boot_us(), .started_us = a->started_us };

	if (sd_id128_get_boot(&in.boot) < 0)
		in.boot = (sd_id128_t){ .qwords = { (uint64_t)getpid(), 0 } };
	return XXH3_64bits(&in, sizeof(in));
}

int reader_stdin_open(struct reader *r, unsigned input, struct err *e)
{
	struct reader_stdin *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return err_set(e, ENOMEM, "no memory for standard input");
	in->input = input;
	in->head_hash = new_head(r->a);
	in->stream = stream_new(STDIN_FILENO, PIPELINE_WINDOW, e);
	r->in = in;
	return in->stream != NULL ? 0 : -1;
}

void reader_stdin_close(struct reader *r)
{
	if (r->in != NULL)
		stream_free(r->in->stream);
	free(r->in);
	r->in = NULL;
}

int reader_stdin_fd(const struct reader *r)
{
	return r->in != NULL ? stream_fd(r->in->stream) : -1;
}

static void fill_batch(
    struct reader *r, const struct stream_window *w, uint64_t used, uint64_t hash)
{
	struct reader_stdin *in = r->in;
	struct batch *b = reader_put(r, in->input, "-", hash);

	b->moved = true;
	b->move = (struct position_move){ .from = w->offset,
		.to = { .head_hash = in->head_hash,
		    .offset = w->offset + used,
		    .time_us = clock_now_us(),
		    .path = "-" } };
	reader_send(r, used);
}

/* Nothing else is read and nothing more will come: the agent's work is done. */
static void at_end(struct reader *r)
{
	if (r->in->ended)
		return;
	r->in->ended = true;
	log_info("standard input ended", "inputs=%u", r->a->cfg.inputs.n);
	if (r->a->cfg.inputs.n == 1)
		agent_stop(r->a);
}

bool reader_stdin_read(struct reader *r)
{
	struct reader_stdin *in = r->in;
	struct line_rules *lr;
	struct stream_window w;
	uint64_t used;

	if (in == NULL)
		return false;
	if (!stream_next(in->stream, &w)) {
		if (stream_ended(in->stream))
			at_end(r);
		return false;
	}
	lr = &r->rules[in->input];
	lr->ref_us = lr->no_time_us = clock_now_us();

	uint64_t hash = identity_origin(r->a->host.id, in->head_hash, 0);
	struct window_in win = { .text = w.text,
		.offset = w.offset,
		.origin_hash = hash,
		.final = w.last,
		.long_span = w.long_span,
		.long_ended = w.long_ended };

	used = pipeline_window(&r->pipeline, lr, &win);
	if (used == 0 && (w.full || w.idle)) {
		win.close_all = true;
		used = pipeline_window(&r->pipeline, lr, &win);
	}
	if (used == 0 && w.full)
		stream_long_line(in->stream, PIPELINE_LINE_MAX);
	if (used > 0)
		fill_batch(r, &w, used, hash);
	stream_used(in->stream, used);
	return true;
}
