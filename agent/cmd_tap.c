/* sekisho tap: live events of the running agent. */
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/control.h"
#include "agent/options.h"
#include "agent/tap_filter.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* A name nobody knows is only remarked upon: formats such as json bring names of their own. */
static void remark(const struct tap_filter *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!tap_filter_knows(slice_of(f->term[i].name)))
			fprintf(stderr,
			    "sekisho: '%s' is no attribute of the convention; only events of "
			    "formats with fields of their own can have it\n",
			    f->term[i].name);
}

static bool write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(STDOUT_FILENO, p, n);

		if (k < 0 && errno != EINTR)
			return false;
		p += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
	return true;
}

/* Up to `left` lines of p (all of it when 0): how many bytes; *left counts down. */
static size_t lines_of(const char *p, size_t n, uint64_t *left)
{
	const char *at = p;

	if (*left == 0)
		return n;
	while (*left > 0 && (at = memchr(at, '\n', n - (size_t)(at - p))) != NULL) {
		at++;
		if (--*left == 0)
			return (size_t)(at - p);
	}
	return n;
}

/* The first line is the agent's answer to the request; "ok": the rest are events. */
static int follow(int fd, uint64_t count)
{
	static char b[CHUNK];
	size_t n = 0;
	ssize_t k;
	char *lf = NULL;
	bool counted = count > 0;

	while (lf == NULL && n < sizeof(b) && (k = read(fd, b + n, sizeof(b) - n)) > 0) {
		n += (size_t)k;
		lf = memchr(b, '\n', n);
	}
	if (lf == NULL)
		return EX_UNAVAILABLE;
	*lf = '\0';
	if (strncmp(b, "ok ", 3) != 0) {
		fprintf(stderr, "sekisho: %s\n", b);
		return EX_USAGE;
	}
	fprintf(stderr, "sekisho: listening, from frame %s on\n", b + 3);
	n -= (size_t)(lf + 1 - b);
	memmove(b, lf + 1, n);
	do {
		size_t out = lines_of(b, n, &count);

		if (!write_all(b, out))
			return EX_IOERR;
		if (counted && count == 0)
			return 0;
		k = read(fd, b, sizeof(b));
		n = k > 0 ? (size_t)k : 0;
	} while (k > 0 || (k < 0 && errno == EINTR));
	fprintf(stderr, "sekisho: the agent has ended\n");
	return EX_UNAVAILABLE;
}

int cmd_tap(int argc, char **argv)
{
	static const struct usage usage = { "sekisho tap [-c FILE] [--count N] [NAME=VALUE]...",
		"Events, alerts and decisions of the running agent, as they become durable, as "
		"NDJSON.\n"
		"Only those for which all terms hold: NAME=VALUE or NAME!=VALUE, `*` in a value is "
		"any\ntext. NAME is kind, rule, category, level, field, parser, file, body, id or "
		"an\nattribute. Who reads too slowly is told how much was dropped.",
		"sekisho tap 'rule=web.sqli.*' client.address=203.0.113.7" };
	const char *path = CONFIG_DEFAULT_PATH;
	const char *count_text = "0";
	struct tap_filter filter;
	struct buf request = { .max = 1000 };
	struct err e = { 0, "" };
	uint64_t count;
	int fd;
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--count", OPTION_TEXT, &count_text, "N", "end after N lines" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	buf_str(&request, "tap");
	for (int i = 1; i <= n; i++) {
		buf_char(&request, TAP_SEPARATOR);
		buf_str(&request, argv[i]);
	}
	if (!slice_u64(slice_of(count_text), &count) || request.full ||
	    memchr(request.p, '\n', request.n) != NULL ||
	    !tap_filter_parse(slice_from(buf_as_slice(&request), 3), &filter, &e)) {
		fprintf(stderr, "sekisho: %s\nusage: %s\n",
		    e.msg[0] != '\0'
			? e.msg
			: "--count is a number, and a filter is at most 1,000 bytes in "
			  "one line",
		    usage.line);
		buf_free(&request);
		return EX_USAGE;
	}
	remark(&filter);
	buf_str(&request, "\n");
	fd = control_connect(path, buf_as_slice(&request), &rc);
	if (fd >= 0) {
		rc = follow(fd, count);
		close(fd);
	}
	buf_free(&request);
	return rc;
}
