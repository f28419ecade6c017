#include "agent/rules_bench.h"

#include "agent/file_scan.h"
#include "base/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct bench {
	struct offline off;
	struct file_scan files;
	uint64_t lines;
};

struct row {
	const struct rule *rule;
	const struct rule_timing *t;
};

static void on_batch(void *ctx, const struct file_scan *f)
{
	struct bench *b = ctx;

	(void)f;
	b->lines += b->off.pipeline.n_events;
}

static int dearest_first(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	return x->t->ns != y->t->ns ? (x->t->ns < y->t->ns ? 1 : -1) : 0;
}

static double ratio(uint64_t n, uint64_t of)
{
	return of > 0 ? (double)n / (double)of : 0;
}

static void print_row(const struct row *r, uint64_t lines, uint64_t all_ns)
{
	uint64_t candidates = r->rule->candidates;
	uint64_t hits = r->rule->hits;

	printf("%-34.*s %8.1f %6.1f %% %9.4f %% %8.1f %% %10" PRIu64 " %9.1f\n",
	    SLICE_ARG(r->rule->name), ratio(r->t->ns, lines), 100 * ratio(r->t->ns, all_ns),
	    100 * ratio(candidates, lines), 100 * ratio(hits, candidates),
	    (uint64_t)r->rule->regex_calls, (double)r->t->worst_ns / 1000);
}

static void print(const struct bench *b, const struct rule_timing *timing)
{
	const struct ruleset *rs = b->off.rs;
	struct row *rows = calloc(rs->n_rules + 1, sizeof(*rows));
	uint64_t all = 0;

	for (unsigned i = 0; rows != NULL && i < rs->n_rules; i++) {
		rows[i] = (struct row){ &rs->rules[i], &timing[i] };
		all += timing[i].ns;
	}
	if (rows == NULL)
		return;
	qsort(rows, rs->n_rules, sizeof(*rows), dearest_first);
	printf("%" PRIu64 " lines, %u rules: deciding took %.1f ns a line (filters not counted)\n",
	    b->lines, rs->n_rules, ratio(all, b->lines));
	printf("%-34s %8s %8s %11s %10s %10s %9s\n", "rule", "ns/line", "share", "let through",
	    "of it hits", "PCRE2", "worst us");
	for (unsigned i = 0; i < rs->n_rules; i++)
		print_row(&rows[i], b->lines, all);
	for (unsigned i = 0; i < 3 && i < rs->n_rules && rows[i].t->worst_ns > 0; i++) {
		printf("longest for %.*s: ", SLICE_ARG(rows[i].rule->name));
		for (const char *s = rows[i].t->worst; *s != '\0'; s++)
			putchar((unsigned char)*s < ' ' || *s == 0x7f ? '.' : *s);
		putchar('\n');
	}
	free(rows);
}

int rules_bench(const struct offline_options *o, char **files, unsigned n_files)
{
	struct bench b = { .lines = 0 };
	struct rule_timing *timing = NULL;
	struct host_identity host;
	int rc;

	identity_host(&host);
	rc = offline_open(&b.off, o, host.key);
	if (rc != 0)
		return rc;
	timing = calloc(b.off.rs->n_rules + 1, sizeof(*timing));
	if (timing == NULL)
		rc = EX_OSERR;
	b.off.pipeline.engine->timing = timing;
	b.files = (struct file_scan){
		.off = &b.off, .rules = b.off.rules, .host = &host, .batch = on_batch, .ctx = &b
	};
	for (unsigned i = 0; rc == 0 && i < n_files; i++)
		if (file_scan_run(&b.files, files[i]) != 0)
			rc = EX_NOINPUT;
	if (rc == 0)
		print(&b, timing);
	offline_close(&b.off);
	free(timing);
	return rc;
}
