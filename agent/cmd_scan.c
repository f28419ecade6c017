/* sekisho scan: the same parse, detect and correlate as `run`, over files, to stdout. */
#include "agent/commands.h"
#include "agent/offline.h"
#include "agent/options.h"
#include "agent/render.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/identity.h"
#include "base/record.h"
#include "base/timefmt.h"
#include "match/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <zlib.h>

struct scan {
	struct offline off;
	struct line_rules rules;
	struct buf out;
	bool all;
	int year;
	bool failed; /* writing: nobody reads any more */
	uint64_t origin_hash;
	const struct host_identity *host;
};

static void flush_out(struct scan *s)
{
	size_t at = 0;

	while (at < s->out.n && !s->failed) {
		ssize_t n = write(STDOUT_FILENO, s->out.p + at, s->out.n - at);

		if (n < 0 && errno != EINTR)
			s->failed = true;
		at += n > 0 ? (size_t)n : 0;
	}
	buf_reset(&s->out);
}

static void on_alert(void *ctx, const struct alert *a)
{
	struct scan *s = ctx;
	struct json j = { .out = &s->out };

	render_alert(&j, a);
	buf_char(&s->out, '\n');
}

static void on_sighting(void *ctx, const struct sighting *x)
{
	struct scan *s = ctx;

	correlator_finish(s->off.correlator, x->time_us, on_alert, s);
	correlator_feed(s->off.correlator, x, on_alert, s);
}

static void print_events(struct scan *s)
{
	const struct pipeline *p = &s->off.pipeline;
	struct slice parser = slice_of(s->rules.parser->name);

	for (unsigned i = 0; i < p->n_events; i++) {
		struct json j = { .out = &s->out };
		uint64_t id[2];

		if (!s->all && p->events[i].n_detections == 0)
			continue;
		record_event_id(s->origin_hash, &p->events[i], id);
		render_event(&j, &p->events[i], id, parser);
		buf_char(&s->out, '\n');
		if (s->out.n > 1 << 16)
			flush_out(s);
	}
	sight_window(p, s->off.correlator, s->origin_hash, on_sighting, s);
	flush_out(s);
}

/* A file being read: a buffer that always begins at a line's start. */
struct input {
	gzFile gz;
	const char *name;
	char *p;
	size_t n;
	uint64_t offset, line;
	bool eof;
};

enum { INPUT_BYTES = PIPELINE_WINDOW };

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

/* A line that no window holds: its head is kept, the rest is passed over up to its end. */
static int pass_long_line(struct scan *s, struct input *in)
{
	char *head = malloc(PIPELINE_LINE_MAX);
	struct window_in w = {
		.offset = in->offset, .line = in->line, .origin_hash = s->origin_hash
	};
	uint64_t span = 0;
	bool ended = false;

	if (head == NULL)
		return -1;
	memcpy(head, in->p, PIPELINE_LINE_MAX);
	for (;;) {
		const char *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
		size_t used = lf != NULL ? (size_t)(lf - in->p) + 1 : in->n;

		span += used;
		ended = lf != NULL;
		memmove(in->p, in->p + used, in->n - used);
		in->n -= used;
		if (ended || in->eof || fill(in) != 0)
			break;
	}
	w.text = (struct slice){ head, PIPELINE_LINE_MAX };
	w.long_span = span;
	w.long_ended = ended;
	pipeline_window(&s->off.pipeline, &s->rules, &w);
	print_events(s);
	in->offset += span;
	in->line++;
	free(head);
	return 0;
}

static int scan_input(struct scan *s, struct input *in)
{
	bool first = true;

	while (!s->failed) {
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
		size_t used = pipeline_window(&s->off.pipeline, &s->rules, &w);

		if (used == 0) {
			w.close_all = true;
			used = pipeline_window(&s->off.pipeline, &s->rules, &w);
		}
		if (used == 0) {
			if (pass_long_line(s, in) != 0)
				return -1;
			continue;
		}
		print_events(s);
		in->offset += used;
		in->line += count_lines(in->p, used);
		memmove(in->p, in->p + used, in->n - used);
		in->n -= used;
	}
	return 0;
}

static int64_t reference_time(const struct scan *s, const char *name)
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

static int scan_file(struct scan *s, const char *name)
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
		s->off.pipeline.last_time_us = 0;
		rc = scan_input(s, &in);
	}
	if (in.gz != NULL)
		gzclose_r(in.gz);
	free(mem);
	return rc;
}

int cmd_scan(int argc, char **argv)
{
	static const struct usage usage = {
		"sekisho scan [-c FILE] [--parser NAME] [--rules DIR]... [--all] FILE...",
		"Parse, detect and correlate over files (plain or .gz, - is stdin) and print what "
		"was\n"
		"found as NDJSON: events with detections, and alerts.",
		"sekisho scan --parser combined /var/log/nginx/access.log",
	};
	struct offline_options o = { 0 };
	struct scan s = { 0 };
	const char *year = NULL;
	struct host_identity host;
	int rc;
	const struct option_def defs[] = {
		{ "-c", OPTION_TEXT, &o.config, "FILE",
		    "take networks, identities and rules from this config" },
		{ "--parser", OPTION_TEXT, &o.parser, "NAME",
		    "format of the lines (default auto; see `sekisho formats`)" },
		{ "--rules", OPTION_LIST, &o.rules, "DIR",
		    "rules to use instead of the installed ones; may be repeated" },
		{ "--all", OPTION_FLAG, &s.all, NULL, "print every event" },
		{ "--raw", OPTION_FLAG, &o.raw, NULL, "do not mask secrets" },
		{ "--no-canonical", OPTION_FLAG, &o.no_canonical, NULL,
		    "test values only as they were written" },
		{ "--reference", OPTION_FLAG, &o.reference, NULL,
		    "try every rule on every line, without filters (slow)" },
		{ "--year", OPTION_TEXT, &year, "YYYY",
		    "of stamps without one (default: the file's time)" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL },
	};
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	if (n == 0) {
		fprintf(
		    stderr, "sekisho: scan needs a file, or - for stdin\nusage: %s\n", usage.line);
		return EX_USAGE;
	}
	if (year != NULL && ((s.year = atoi(year)) < 1970 || s.year > 9999)) {
		fprintf(stderr, "sekisho: --year %s: expected a year such as 2026\n", year);
		return EX_USAGE;
	}
	identity_host(&host);
	s.host = &host;
	rc = offline_open(&s.off, &o, host.key);
	if (rc != 0)
		return rc;
	s.rules = s.off.rules;
	correlator_hold_alerts(s.off.correlator, true);
	for (int i = 1; i <= n && !s.failed; i++)
		if (scan_file(&s, argv[i]) != 0)
			rc = EX_NOINPUT;
	correlator_finish(s.off.correlator, INT64_MAX, on_alert, &s);
	flush_out(&s);
	buf_free(&s.out);
	offline_close(&s.off);
	return rc;
}
