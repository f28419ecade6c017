/* sekisho scan: the same parse, detect and correlate as `run`, over files, to stdout. */
#include "agent/commands.h"
#include "agent/file_scan.h"
#include "agent/options.h"
#include "agent/render.h"

#include "base/err.h"
#include "base/identity.h"
#include "base/record.h"
#include "base/timefmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct scan {
	struct offline off;
	struct file_scan files;
	struct buf out;
	bool all;
	bool failed; /* writing: nobody reads any more */
};

/* That it failed is said by main(). */
static void flush_out(struct scan *s)
{
	s->failed =
	    s->failed || fwrite(s->out.p, 1, s->out.n, stdout) != s->out.n || fflush(stdout) != 0;
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

static void print_events(void *ctx, const struct file_scan *f)
{
	struct scan *s = ctx;
	const struct pipeline *p = &s->off.pipeline;
	struct slice parser = slice_of(f->rules.parser->name);

	for (unsigned i = 0; i < p->n_events; i++) {
		struct json j = { .out = &s->out };
		uint64_t id[2];

		if (!s->all && p->events[i].n_detections == 0)
			continue;
		record_event_id(f->origin_hash, &p->events[i], id);
		render_event(&j, &p->events[i], id, parser);
		buf_char(&s->out, '\n');
		if (s->out.n > 1 << 16)
			flush_out(s);
	}
	sight_window(p, s->off.correlator, f->origin_hash, on_sighting, s);
	flush_out(s);
	s->files.stop = s->failed;
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
		    "take formats, networks, identities and rules from this config" },
		{ "--parser", OPTION_TEXT, &o.parser, "NAME",
		    "format of the lines (default: that of the config's first input, else auto)" },
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
	if (year != NULL && ((s.files.year = atoi(year)) < 1970 || s.files.year > 9999)) {
		fprintf(stderr, "sekisho: --year %s: expected a year such as 2026\n", year);
		return EX_USAGE;
	}
	identity_host(&host);
	rc = offline_open(&s.off, &o, host.key);
	if (rc != 0)
		return rc;
	s.files.off = &s.off;
	s.files.rules = s.off.rules;
	if (o.config == NULL) /* as `run` takes them */
		s.files.rules.tz_s = TIMEFMT_HOST_ZONE;
	s.files.host = &host;
	s.files.batch = print_events;
	s.files.ctx = &s;
	correlator_hold_alerts(s.off.correlator, true);
	for (int i = 1; i <= n && !s.failed; i++)
		if (file_scan_run(&s.files, argv[i]) != 0)
			rc = EX_NOINPUT;
	correlator_finish(s.off.correlator, INT64_MAX, on_alert, &s);
	flush_out(&s);
	buf_free(&s.out);
	offline_close(&s.off);
	return s.failed ? EX_IOERR : rc;
}
