#include "agent/file_scan.h"

#include "base/clock.h"
#include "base/identity.h"
#include "base/timefmt.h"
#include "match/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A file being read: a buffer that always begins at a line's start. */
struct input {
	gzFile gz;
	const char *name;
	char *p;
	size_t n;
	uint64_t offset, line;
	bool eof;
	bool cut; /* half a .gz */
};

enum { INPUT_BYTES = PIPELINE_WINDOW };

static bool is_cut(gzFile gz)
{
	int code;

	gzerror(gz, &code);
	return code == Z_BUF_ERROR;
}

static int fill(struct input *in)
{
	while (in->n < INPUT_BYTES && !in->eof) {
		int n = gzread(in->gz, in->p + in->n, (unsigned)(INPUT_BYTES - in->n));

		if (n < 0) {
			int code;

			fprintf(stderr, "sekisho: %s: %s\n", in->name, gzerror(in->gz, &code));
			return -1;
		}
		in->eof = n == 0;
		if (in->eof && is_cut(in->gz)) {
			fprintf(stderr,
			    "sekisho: %s: the compressed file ends too early; what was read "
			    "of it stands above\n",
			    in->name);
			in->cut = true;
		}
		in->n += (size_t)n;
	}
	return 0;
}

static uint64_t count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (const char *at = p; (at = memchr(at, '\n', n - (size_t)(at - p))) != NULL; at++)
		lines++;
	return lines;
}

/* More of a long line: NULs before its text are counted, of the text the head is kept. */
static void keep_text(struct window_in *w, char *head, struct slice s)
{
	size_t n;

	for (; w->text.n == 0 && s.n > 0 && s.p[0] == '\0'; s = slice_from(s, 1))
		w->nuls++;
	n = s.n < PIPELINE_LINE_MAX - w->text.n ? s.n : PIPELINE_LINE_MAX - w->text.n;
	if (n > 0)
		memcpy(head + w->text.n, s.p, n);
	w->text.n += n;
}

/* A line that no window holds: its head is kept, the rest is passed over up to its end. */
static int pass_long_line(struct file_scan *s, struct input *in)
{
	char *head = malloc(PIPELINE_LINE_MAX);
	struct window_in w = {
		.offset = in->offset, .line = in->line, .origin_hash = s->origin_hash
	};
	uint64_t span = 0;
	bool ended = false;

	if (head == NULL)
		return -1;
	for (;;) {
		const char *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
		size_t used = lf != NULL ? (size_t)(lf - in->p) + 1 : in->n;

		span += used;
		ended = lf != NULL;
		keep_text(&w, head, (struct slice){ in->p, used - ended });
		memmove(in->p, in->p + used, in->n - used);
		in->n -= used;
		if (ended || in->eof || fill(in) != 0)
			break;
	}
	w.text.p = head;
	w.long_span = span;
	w.long_ended = ended;
	pipeline_window(&s->off->pipeline, &s->rules, &w);
	s->batch(s->ctx, s);
	in->offset += span;
	in->line++;
	free(head);
	return 0;
}

static int scan_input(struct file_scan *s, struct input *in)
{
	bool first = true;

	while (!s->stop) {
		if (fill(in) != 0)
			return -1;
		if (in->n == 0)
			return 0;
		if (first) {
			struct slice head = identity_head((struct slice){ in->p, in->n });

			if (head.n == 0)
				head = (struct slice){ in->p, in->n };
			s->origin_hash = identity_origin(s->host->id, identity_head_hash(head), 0);
			first = false;
		}

		struct window_in w = { .text = { in->p, in->n },
			.offset = in->offset,
			.line = in->line,
			.origin_hash = s->origin_hash,
			.padded = true,
			.final = in->eof };
		size_t used = pipeline_window(&s->off->pipeline, &s->rules, &w);

		if (used == 0) {
			w.close_all = true;
			used = pipeline_window(&s->off->pipeline, &s->rules, &w);
		}
		if (used == 0) {
			if (pass_long_line(s, in) != 0)
				return -1;
			continue;
		}
		s->batch(s->ctx, s);
		in->offset += used;
		in->line += count_lines(in->p, used);
		memmove(in->p, in->p + used, in->n - used);
		in->n -= used;
	}
	return 0;
}

static int64_t reference_time(const struct file_scan *s, const char *name)
{
	struct stat st;
	struct civil last = { .year = s->year, .month = 12, .day = 31, .hour = 23, .minute = 59 };
	int64_t t;

	if (s->year != 0 && timefmt_from_civil(&last, 0, &t))
		return t;
	if (strcmp(name, "-") != 0 && stat(name, &st) == 0)
		return (int64_t)st.st_mtim.tv_sec * US_PER_S + st.st_mtim.tv_nsec / 1000;
	return clock_now_us();
}

int file_scan_run(struct file_scan *s, const char *name)
{
	char *mem = malloc(FILTER_BEFORE + INPUT_BYTES + FILTER_AFTER);
	struct input in = {
		.name = name, .line = 1, .p = mem != NULL ? mem + FILTER_BEFORE : NULL
	};
	struct stat st;
	int rc = -1;

	errno = 0;
	if (strcmp(name, "-") == 0)
		in.gz = gzdopen(dup(STDIN_FILENO), "rb");
	else if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
		errno = EISDIR;
	else
		in.gz = gzopen(name, "rb");
	if (in.gz == NULL || mem == NULL) {
		fprintf(stderr, "sekisho: %s: %s\n", name, strerror(errno != 0 ? errno : ENOMEM));
	} else {
		gzbuffer(in.gz, 128 << 10);
		s->rules.ref_us = reference_time(s, name);
		s->off->pipeline.last_time_us = 0;
		rc = scan_input(s, &in);
		if (rc == 0 && in.cut)
			rc = -1;
	}
	if (in.gz != NULL)
		gzclose_r(in.gz);
	free(mem);
	return rc;
}
