/* How fast a log grows, measured from what is there. */
#include "agent/rotation.h"

#include "base/err.h"
#include "base/io.h"
#include "parsers/parser.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 16 << 10, ARENA_BYTES = HEAD * 4 + 65536 };

static int64_t mtime_us(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/* The time of the first line as its parser reads it; 0: it has none. */
static int64_t first_line_us(const struct input_config *in, int fd, int64_t ref_us)
{
	static struct attr attrs[EVENT_MAX_ATTRS];
	const struct parser *const tries[] = { in->parser, &parser_auto };
	struct arena arena = { 0 };
	char head[HEAD];
	ssize_t n = io_pread(fd, head, sizeof(head), 0);
	const char *lf = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
	struct err e;
	int64_t t = 0;

	if (lf == NULL || arena_init(&arena, ARENA_BYTES, &e) != 0)
		return 0;
	for (unsigned i = 0; i < 2 && t == 0 && tries[i] != NULL; i++) {
		struct event ev = { .body = { head, (size_t)(lf - head) }, .attrs = attrs };
		struct parse_ctx ctx = { .arena = &arena, .ref_us = ref_us, .tz_s = in->tz_s };

		arena_reset(&arena);
		if (tries[i]->parse(&ctx, &ev) == PARSE_OK)
			t = ev.time_us;
	}
	arena_free(&arena);
	return t;
}

double rotation_rate(const struct input_config *in, const char *path)
{
	char older[PATH_MAX];
	struct stat st;
	struct stat before;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int64_t from = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		from = first_line_us(in, fd, mtime_us(&st));
	close(fd);
	snprintf(older, sizeof(older), "%s.1", path);
	if (from == 0 && stat(older, &before) == 0)
		from = mtime_us(&before); /* when this one began */
	if (from == 0 || st.st_size == 0 || mtime_us(&st) - from < 1000000)
		return 0;
	return (double)st.st_size * 1e6 / (double)(mtime_us(&st) - from);
}

char *rotation_span(double seconds, char to[static 32])
{
	if (seconds < 90)
		snprintf(to, 32, "%.0f s", seconds);
	else if (seconds < 5400)
		snprintf(to, 32, "%.0f min", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(to, 32, "%.0f h", seconds / 3600);
	else
		snprintf(to, 32, "%.0f d", seconds / 86400);
	return to;
}
