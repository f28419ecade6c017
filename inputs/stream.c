#include "inputs/stream.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { IDLE_US = 2000000 };

struct stream {
	int fd;
	char *p;
	size_t n, cap;
	uint64_t offset; /* of p[0] */
	bool eof;
	bool again; /* the window was used in part: look at the rest before reading */
	bool idle_said;
	size_t keep;	 /* > 0: within a long line, whose head these bytes are */
	uint64_t span;	 /* bytes of that line so far */
	bool ended;	 /* and its end was seen */
	int64_t last_us; /* when bytes came */
};

struct stream *stream_new(int fd, size_t window_bytes, struct err *e)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->p = malloc(window_bytes);
	if (s == NULL || s->p == NULL) {
		free(s);
		err_set(e, ENOMEM, "no memory for standard input");
		return NULL;
	}
	s->fd = fd;
	s->cap = window_bytes;
	s->last_us = clock_boot_us();
	return s;
}

void stream_free(struct stream *s)
{
	if (s != NULL)
		free(s->p);
	free(s);
}

int stream_fd(const struct stream *s)
{
	return s->eof || s->n == s->cap ? -1 : s->fd;
}

bool stream_ended(const struct stream *s)
{
	return s->eof && s->n == 0;
}

/* Whatever is there now; false: nothing. A read error is an end. */
static bool fill(struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	ssize_t n;

	if (s->eof || s->n == s->cap || poll(&p, 1, 0) != 1)
		return false;
	n = read(s->fd, s->p + s->n, s->cap - s->n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	s->eof = n <= 0;
	s->n += n > 0 ? (size_t)n : 0;
	s->last_us = clock_boot_us();
	s->idle_said = false;
	return true;
}

/* What came behind the head of a long line: counted up to its end, not kept. */
static void pass_over(struct stream *s)
{
	const char *from = s->p + s->keep;
	size_t left = s->n - s->keep;
	const char *lf = left > 0 ? memchr(from, '\n', left) : NULL;
	size_t used = lf != NULL ? (size_t)(lf - from) + 1 : left;

	s->span += used;
	s->ended = lf != NULL;
	memmove(s->p + s->keep, from + used, left - used);
	s->n -= used;
}

static bool next_long(struct stream *s, struct stream_window *w)
{
	while (!s->ended && fill(s))
		pass_over(s);
	if (!s->ended && !s->eof)
		return false;
	*w = (struct stream_window){ .text = { s->p, s->keep },
		.offset = s->offset,
		.long_span = s->span,
		.long_ended = s->ended };
	return true;
}

bool stream_next(struct stream *s, struct stream_window *w)
{
	bool idle = false;

	if (stream_ended(s))
		return false;
	if (s->keep > 0)
		return next_long(s, w);
	if (!fill(s) && !s->again) {
		idle = s->n > 0 && !s->idle_said && clock_boot_us() - s->last_us >= IDLE_US;
		if (!idle)
			return false;
		s->idle_said = true;
	}
	s->again = false;
	*w = (struct stream_window){ .text = { s->p, s->n },
		.offset = s->offset,
		.full = s->n == s->cap,
		.last = s->eof,
		.idle = idle };
	return s->n > 0;
}

void stream_used(struct stream *s, uint64_t used)
{
	size_t gone = s->keep > 0 ? s->keep : (size_t)used;

	if (used == 0)
		return;
	memmove(s->p, s->p + gone, s->n - gone);
	s->n -= gone;
	s->offset += used;
	s->again = s->n > 0;
	s->keep = 0;
}

void stream_long_line(struct stream *s, size_t keep)
{
	s->keep = keep;
	s->span = keep;
	s->ended = false;
	pass_over(s);
}
