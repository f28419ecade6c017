/*
 * stream.h - bytes that come once: standard input, a pipe.
 *
 * As with tail.h the reader asks for windows and says how many bytes it used. Nothing is
 * found again after a restart. Never blocks. One thread.
 */
#ifndef INPUTS_STREAM_H
#define INPUTS_STREAM_H

#include "base/slice.h"

struct err;
struct stream;

struct stream_window {
	struct slice text; /* from `offset` on; valid until the next call */
	uint64_t offset;
	bool full;	    /* no window holds more */
	bool last;	    /* end of input */
	bool idle;	    /* nothing has come for the close time: close what is open */
	uint64_t long_span; /* > 0: text is the head of one line of that many bytes */
	bool long_ended;    /* and whether it has an end */
};

/* Does not close fd. */
struct stream *stream_new(int fd, size_t window_bytes, struct err *e);
void stream_free(struct stream *s);

/* The descriptor to poll for reading, or -1: nothing will come, or there is no room for it. */
int stream_fd(const struct stream *s);

/* Everything was used, or given up after a read error. */
bool stream_ended(const struct stream *s);

/* False: nothing new to look at now. */
bool stream_next(struct stream *s, struct stream_window *w);

/* So many bytes of the window (for a long line: long_span). 0: more must follow first. */
void stream_used(struct stream *s, uint64_t used);

/* The window is full and holds no line end: keep its first `keep` bytes, count the rest. */
void stream_long_line(struct stream *s, size_t keep);

#endif
