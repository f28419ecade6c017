#include "agent/backtest.h"

#include "agent/backtest_report.h"
#include "agent/event_store.h"
#include "agent/file_scan.h"
#include "agent/journal_export.h"
#include "agent/policy.h"
#include "base/err.h"
#include "base/identity.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <xxhash.h>

struct backtest {
	struct offline off;
	struct file_scan files;
	struct backtest_report report;
	const char *rule;
	bool *chosen; /* by rule of the set */
	int64_t not_before_us, not_after_us;
	struct ip_set never; /* of the config */
};

static bool is_chosen(const struct backtest *b, struct slice name, struct slice file)
{
	char text[256];

	if (slice_eq(file, slice_of(b->rule)))
		return true;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name));
	return fnmatch(b->rule, text, 0) == 0;
}

static struct client *client_of(struct backtest *b, const struct event *ev)
{
	struct slice v = event_get(ev, ATTR_CLIENT_ADDRESS);

	return v.n > 0 ? backtest_client(&b->report, XXH3_64bits(v.p, v.n) | 1) : NULL;
}

/* A login, or a page that an account got: somebody whom a mistake would hurt. */
static bool succeeded(const struct event *ev)
{
	struct slice status = event_get(ev, ATTR_HTTP_STATUS);
	struct slice result = event_get(ev, ATTR_AUTH_RESULT);
	struct slice user = event_get(ev, ATTR_USER_NAME);

	if (result.n > 0)
		return result.p[0] == 's';
	return user.n > 0 && status.n == 3 && (status.p[0] == '2' || status.p[0] == '3');
}

static void matched(struct backtest *b, const struct event *ev)
{
	struct backtest_report *r = &b->report;
	struct day *d = backtest_day(r, ev->time_us);
	struct client *c = client_of(b, ev);
	unsigned others = ev->n_detections;

	for (unsigned i = 0; i < ev->n_detections; i++)
		for (unsigned k = 0; k < b->off.rs->n_rules; k++)
			others -=
			    b->chosen[k] && slice_eq(ev->detections[i].id, b->off.rs->rules[k].id);
	r->matches++;
	r->new_matches += others == 0;
	d->matches++;
	if (c != NULL) {
		d->clients += !c->matched;
		r->clients += !c->matched;
		c->matched = true;
	}
	if (r->n_samples < BACKTEST_SAMPLES)
		snprintf(r->samples[r->n_samples++], BACKTEST_SAMPLE_BYTES, "%.*s",
		    ev->body.n < BACKTEST_SAMPLE_BYTES ? (int)ev->body.n
						       : BACKTEST_SAMPLE_BYTES - 1,
		    ev->body.p);
}

static void on_alert(void *ctx, const struct alert *a)
{
	struct backtest *b = ctx;
	bool ours = false;

	for (unsigned i = 0; i < b->off.rs->n_correlations && !ours; i++)
		ours =
		    slice_eq(b->off.rs->correlations[i].name, slice_of(a->rule)) &&
		    is_chosen(b, b->off.rs->correlations[i].name, b->off.rs->correlations[i].file);
	for (unsigned i = 0; i < b->off.rs->n_rules && !ours; i++)
		ours = b->chosen[i] && slice_eq(b->off.rs->rules[i].name, slice_of(a->rule));
	if (!ours || a->last_us < b->not_before_us)
		return;
	b->report.alerts++;
	if (a->action != ACTION_BLOCK)
		return;
	b->report.blocks++;
	if (a->has_address) {
		struct ip_prefix x = ip_unit(&a->address);

		b->report.never += ip_set_concerns(&b->never, &x);
	}

	struct client *c = backtest_client(&b->report, XXH3_64bits(a->value, strlen(a->value)) | 1);

	if (c != NULL)
		c->blocked = true;
}

static void on_sighting(void *ctx, const struct sighting *x)
{
	struct backtest *b = ctx;

	if (x->time_us > b->not_after_us)
		return;
	correlator_finish(b->off.correlator, x->time_us, on_alert, b);
	correlator_feed(b->off.correlator, x, on_alert, b);
}

static void note_client(struct backtest *b, const struct event *ev)
{
	bool success = succeeded(ev);
	bool crawler = event_get(ev, ATTR_UA_SYNTHETIC).p != NULL;
	struct client *c = success || crawler ? client_of(b, ev) : NULL;

	if (c == NULL)
		return;
	c->succeeded = c->succeeded || success;
	c->crawler = c->crawler || crawler;
	c->verified = c->verified ||
		      slice_eq(event_get_named(ev, SLICE(ENGINE_VERIFICATION)), SLICE("verified"));
}

static void look_at(struct backtest *b, uint64_t origin_hash)
{
	const struct pipeline *p = &b->off.pipeline;
	unsigned h = 0;

	for (unsigned i = 0; i < p->n_events; i++) {
		const struct event *ev = &p->events[i];
		bool hit = false;

		for (; h < p->n_hits && p->hits[h].event == i; h++)
			hit = hit || b->chosen[p->hits[h].rule];
		if (ev->time_us < b->not_before_us || ev->time_us > b->not_after_us)
			continue;
		backtest_seen(&b->report, ev->time_us);
		note_client(b, ev);
		if (hit)
			matched(b, ev);
	}
	sight_window(p, b->off.correlator, origin_hash, on_sighting, b);
}

static void on_file_batch(void *ctx, const struct file_scan *f)
{
	look_at(ctx, f->origin_hash);
}

static void on_store_batch(void *ctx)
{
	look_at(ctx, 0);
}

/* Which of the set's rules are looked at. */
static unsigned choose(struct backtest *b)
{
	const struct ruleset *rs = b->off.rs;
	unsigned n = 0;

	for (unsigned i = 0; i < rs->n_rules; i++) {
		b->chosen[i] = is_chosen(b, rs->rules[i].name, rs->rules[i].file);
		n += b->chosen[i];
	}
	for (unsigned i = 0; i < rs->n_correlations; i++)
		n += is_chosen(b, rs->correlations[i].name, rs->correlations[i].file);
	return n;
}

static int open_set(
    struct backtest *b, const struct backtest_options *o, const struct host_identity *host)
{
	struct offline_options off = { .config = o->config, .parser = o->parser };

	/* a rule in an earlier folder hides one of the same name in a later one */
	if (access(b->rule, R_OK) == 0)
		off.rules.v[off.rules.n++] = b->rule;
	for (unsigned i = 0; i < o->rules.n && off.rules.n < OPTION_LIST_MAX; i++)
		off.rules.v[off.rules.n++] = o->rules.v[i];
	if (off.rules.n == 1 && o->rules.n == 0) {
		const char *dirs[4];
		unsigned n = offline_rule_dirs(dirs);

		for (unsigned i = 0; i < n; i++)
			off.rules.v[off.rules.n++] = dirs[i];
	}

	int rc = offline_open(&b->off, &off, host->key);

	if (rc != 0)
		return rc;
	b->chosen = calloc(b->off.rs->n_rules + 1, sizeof(*b->chosen));
	if (b->chosen == NULL || backtest_report_init(&b->report) != 0) {
		fprintf(stderr, "sekisho: no memory for the report\n");
		return EX_OSERR;
	}
	if (choose(b) > 0)
		return 0;
	fprintf(stderr,
	    "sekisho: %s: neither a file with rules nor the name of a rule; `sekisho rules list` "
	    "lists them\n",
	    b->rule);
	return EX_USAGE;
}

/* What the guard of an agent with that config would spare; what it finds on its host is not known.
 */
static int find_never(struct backtest *b, const struct host_identity *host)
{
	const struct config *c = b->off.config;
	struct err e;
	struct policy *p;
	const struct ip_set *never;

	if (c == NULL)
		return 0;
	p = policy_new(&c->response, &b->never, host->id, &e);
	if (p == NULL) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		return EX_OSERR;
	}
	never = policy_never(p);
	for (unsigned i = 0; i < never->n; i++)
		ip_set_add(&b->never, &never->p[i]);
	for (unsigned i = 0; i < c->networks.n; i++) {
		const struct network_config *n = (const struct network_config *)c->networks.v + i;

		for (unsigned k = 0; k < n->set.n; k++)
			ip_set_add(&b->never, &n->set.p[k]);
	}
	policy_free(p);
	return 0;
}

/* ---- the events ---- */

static int read_files(
    struct backtest *b, const struct host_identity *host, char **files, unsigned n_files)
{
	int rc = 0;

	b->files = (struct file_scan){ .off = &b->off,
		.rules = b->off.rules,
		.host = host,
		.batch = on_file_batch,
		.ctx = b };
	for (unsigned i = 0; i < n_files; i++)
		if (file_scan_run(&b->files, files[i]) != 0)
			rc = EX_NOINPUT;
	return rc;
}

/* What was before --since counts in windows that reach behind it. */
static int64_t longest_us(const struct ruleset *rs)
{
	int64_t longest = 0;

	for (unsigned i = 0; i < rs->n_correlations; i++)
		if (rs->correlations[i].timespan_us > longest)
			longest = rs->correlations[i].timespan_us;
	return longest;
}

static int read_store(struct backtest *b, const struct backtest_options *o)
{
	int64_t longest = longest_us(b->off.rs);
	struct event_store s = { .off = &b->off,
		.from_us =
		    b->not_before_us > INT64_MIN + longest ? b->not_before_us - longest : INT64_MIN,
		.to_us = b->not_after_us,
		.batch = on_store_batch,
		.ctx = b };
	int rc;

	b->off.pipeline.redactor = NULL; /* masked already; a mask would be masked again */
	rc = o->journal != NULL ? event_store_journal(&s, o->journal)
				: event_store_sqlite(&s, o->sqlite);
	b->report.store.used = true;
	b->report.store.events = s.events;
	b->report.store.masked = s.masked;
	b->report.store.bare = s.bare;
	b->report.store.missing = s.missing;
	return rc;
}

static int run(struct backtest *b, const struct backtest_options *o, char **files, unsigned n_files)
{
	struct host_identity host;
	int rc;

	identity_host(&host);
	rc = open_set(b, o, &host);
	if (rc == 0)
		rc = find_never(b, &host);
	if (rc != 0)
		return rc;
	correlator_hold_alerts(b->off.correlator, true);
	if (o->journal != NULL || o->sqlite != NULL)
		rc = read_store(b, o);
	else
		rc = read_files(b, &host, files, n_files);
	correlator_finish(b->off.correlator, INT64_MAX, on_alert, b);
	return rc != 0 ? rc : backtest_report_print(&b->report, b->rule, &o->fail_if, o->junit);
}

/* False: said why. */
static bool read_time(const char *option, const char *text, int64_t *time_us)
{
	if (text == NULL || journal_export_since(text, time_us))
		return true;
	fprintf(stderr,
	    "sekisho: %s %s: expected a span such as 7d or 12h before now, or a time such as "
	    "2026-11-23T06:00:00Z\n",
	    option, text);
	return false;
}

int backtest(const struct backtest_options *o, const char *rule, char **files, unsigned n_files)
{
	struct backtest *b;
	int rc;

	if ((n_files > 0) + (o->journal != NULL) + (o->sqlite != NULL) != 1) {
		fprintf(stderr,
		    "sekisho: backtest needs files, or --journal, or --sqlite: one of them\n");
		return EX_USAGE;
	}
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return EX_OSERR;
	b->rule = rule;
	b->not_before_us = INT64_MIN;
	b->not_after_us = INT64_MAX;
	rc = read_time("--since", o->since, &b->not_before_us) &&
		     read_time("--until", o->until, &b->not_after_us)
		 ? run(b, o, files, n_files)
		 : EX_USAGE;
	backtest_report_free(&b->report);
	ip_set_free(&b->never);
	free(b->chosen);
	offline_close(&b->off);
	free(b);
	return rc;
}
