#include "agent/backtest_report.h"

#include "base/slice.h"
#include "base/timefmt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

int backtest_report_init(struct backtest_report *r)
{
	r->table = calloc(BACKTEST_CLIENTS, sizeof(*r->table));
	return r->table != NULL ? 0 : -1;
}

void backtest_report_free(struct backtest_report *r)
{
	free(r->table);
	r->table = NULL;
}

void backtest_seen(struct backtest_report *r, int64_t time_us)
{
	if (r->events == 0 || time_us < r->first_us)
		r->first_us = time_us;
	if (r->events == 0 || time_us > r->last_us)
		r->last_us = time_us;
	r->events++;
}

struct day *backtest_day(struct backtest_report *r, int64_t time_us)
{
	const int64_t length = INT64_C(86400) * US_PER_S;
	int64_t day = time_us / length - (time_us % length < 0);

	for (unsigned i = r->n_days; i-- > 0;)
		if (r->days[i].day == day || i == BACKTEST_DAYS - 1)
			return &r->days[i];
	r->days[r->n_days] = (struct day){ .day = day };
	return &r->days[r->n_days++];
}

struct client *backtest_client(struct backtest_report *r, uint64_t hash)
{
	for (uint64_t at = hash;; at++) {
		struct client *c = &r->table[at % BACKTEST_CLIENTS];

		if (c->hash == hash)
			return c;
		if (c->hash != 0)
			continue;
		if (r->n_table >= BACKTEST_CLIENTS * 3 / 4) {
			r->clients_untold++;
			return NULL;
		}
		r->n_table++;
		c->hash = hash;
		return c;
	}
}

/* ---- conditions ---- */

struct counts {
	uint64_t honest, honest_blocked, crawlers, verified;
};

static struct counts count_honest(const struct backtest_report *r)
{
	struct counts c = { .honest = 0 };

	for (unsigned i = 0; i < BACKTEST_CLIENTS; i++) {
		c.honest += r->table[i].matched && r->table[i].succeeded;
		c.honest_blocked += r->table[i].blocked && r->table[i].succeeded;
		c.crawlers += r->table[i].blocked && r->table[i].crawler;
		c.verified += r->table[i].blocked && r->table[i].verified;
	}
	return c;
}

static bool count_by_name(
    const struct backtest_report *r, const struct counts *c, struct slice name, uint64_t *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = { { "matches", r->matches }, { "new", r->new_matches }, { "clients", r->clients },
		{ "alerts", r->alerts }, { "blocks", r->blocks }, { "honest", c->honest },
		{ "honest_blocked", c->honest_blocked }, { "crawlers_blocked", c->crawlers },
		{ "verified_blocked", c->verified }, { "never_blocked", r->never },
		{ "masked", r->store.masked }, { "missing", r->store.missing + r->store.bare } };

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (slice_eq(name, slice_of(all[i].name))) {
			*out = all[i].value;
			return true;
		}
	return false;
}

/* 1: it holds; 0: it does not; -1: it can't be read. */
static int holds(const struct backtest_report *r, const struct counts *c, const char *condition)
{
	size_t n = strcspn(condition, "<>=");
	const char *op = condition + n;
	size_t op_n = strspn(op, "<>=");
	uint64_t have;
	uint64_t want;

	if (!count_by_name(r, c, (struct slice){ condition, n }, &have) ||
	    !slice_u64(slice_of(op + op_n), &want))
		return -1;
	if (op_n == 1 && *op == '>')
		return have > want;
	if (op_n == 1 && *op == '<')
		return have < want;
	if (op_n == 2 && op[0] == '>' && op[1] == '=')
		return have >= want;
	return -1;
}

/* ---- saying it ---- */

static void show_time(int64_t time_us, char out[32])
{
	struct civil c;

	timefmt_to_civil(time_us, &c);
	snprintf(out, 32, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
}

static void print_days(const struct backtest_report *r)
{
	for (unsigned i = 0; i < r->n_days; i++) {
		char text[32];

		show_time(r->days[i].day * INT64_C(86400) * US_PER_S, text);
		printf("  %.10s  %10" PRIu64 " matches  %8" PRIu64 " clients for the first time\n",
		    text, r->days[i].matches, r->days[i].clients);
	}
}

/* What was not kept can't be found: the figures are what there was at least. */
static void print_store(const struct backtest_report *r)
{
	if (!r->store.used)
		return;
	if (r->store.masked + r->store.bare + r->store.missing == 0) {
		printf("kept      %10" PRIu64 " events, none of them masked or missing\n",
		    r->store.events);
		return;
	}
	printf("kept      %10" PRIu64 " events; all figures are a lower bound:\n", r->store.events);
	if (r->store.masked > 0)
		printf("          %10" PRIu64
		       " of them had values masked before they were stored\n",
		    r->store.masked);
	if (r->store.bare > 0)
		printf("          %10" PRIu64 " of them were kept without their line\n",
		    r->store.bare);
	if (r->store.missing > 0)
		printf("          %10" PRIu64 " records were shed or damaged\n", r->store.missing);
}

static void print_text(const struct backtest_report *r, const char *rule, const struct counts *c)
{
	char first[32] = "-";
	char last[32] = "-";

	if (r->events > 0) {
		show_time(r->first_us, first);
		show_time(r->last_us, last);
	}
	printf("%s: %" PRIu64 " events from %s to %s (UTC)\n", rule, r->events, first, last);
	printf("matches   %10" PRIu64 "   of them %" PRIu64
	       " that no other rule of the set finds\n",
	    r->matches, r->new_matches);
	printf("clients   %10" PRIu64 "   of them %" PRIu64
	       " that also succeeded (a login, or a page of an account)\n",
	    r->clients, c->honest);
	printf("alerts    %10" PRIu64 "\n", r->alerts);
	printf("blocks    %10" PRIu64 "   of them %" PRIu64
	       " of clients that also succeeded; before the policy spares anybody\n",
	    r->blocks, c->honest_blocked);
	if (c->crawlers > 0)
		printf("          %10" PRIu64 " of clients that call themselves a known crawler\n",
		    c->crawlers);
	if (c->verified > 0)
		printf("          %10" PRIu64 " of crawlers that DNS had confirmed\n", c->verified);
	if (r->never > 0)
		printf("          %10" PRIu64 " of what the config never blocks\n", r->never);
	print_store(r);
	if (r->clients_untold > 0)
		printf("          %10" PRIu64 " events of clients beyond %d: not told apart\n",
		    r->clients_untold, BACKTEST_CLIENTS * 3 / 4);
	print_days(r);
	for (unsigned i = 0; i < r->n_samples; i++) {
		printf("  e.g. ");
		for (const char *s = r->samples[i]; *s != '\0'; s++) /* a terminal may read it */
			putchar((unsigned char)*s < ' ' || *s == 0x7f ? '.' : *s);
		putchar('\n');
	}
}

static void xml_text(FILE *f, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '<' || *s == '&' || *s == '"' || *s == '>')
			fprintf(f, "&#%d;", *s);
		else
			fputc((unsigned char)*s < ' ' ? ' ' : *s, f);
}

/* One test case a condition. The format: what JUnit's XML reporters write. */
static int write_junit(const struct backtest_report *r, const struct counts *c, const char *rule,
    const struct option_list *fail_if, const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL) {
		fprintf(stderr, "sekisho: %s: %s\n", path, strerror(errno));
		return EX_CANTCREAT;
	}
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"backtest ");
	xml_text(f, rule);
	fprintf(f, "\" tests=\"%u\">\n", fail_if->n);
	for (unsigned i = 0; i < fail_if->n; i++) {
		fprintf(f, "  <testcase classname=\"sekisho.backtest\" name=\"not ");
		xml_text(f, fail_if->v[i]);
		fprintf(f, "\">");
		if (holds(r, c, fail_if->v[i]) == 1)
			fprintf(f,
			    "<failure message=\"%" PRIu64 " matches, %" PRIu64 " clients, %" PRIu64
			    " alerts, %" PRIu64 " blocks\"/>",
			    r->matches, r->clients, r->alerts, r->blocks);
		fprintf(f, "</testcase>\n");
	}
	fprintf(f, "</testsuite>\n");
	return fclose(f) == 0 ? 0 : EX_IOERR;
}

int backtest_report_print(const struct backtest_report *r, const char *rule,
    const struct option_list *fail_if, const char *junit)
{
	struct counts c = count_honest(r);
	int rc = 0;

	print_text(r, rule, &c);
	for (unsigned i = 0; i < fail_if->n; i++) {
		int v = holds(r, &c, fail_if->v[i]);

		if (v < 0) {
			fprintf(stderr,
			    "sekisho: --fail-if %s: expected a count, > or >= or <, and a number, "
			    "such as alerts>0; counts are matches, new, clients, alerts, blocks, "
			    "honest, honest_blocked, crawlers_blocked, verified_blocked, "
			    "never_blocked, masked and "
			    "missing\n",
			    fail_if->v[i]);
			return EX_USAGE;
		}
		if (v > 0) {
			printf("FAILED: %s\n", fail_if->v[i]);
			rc = EX_DATAERR;
		}
	}
	if (junit != NULL) {
		int written = write_junit(r, &c, rule, fail_if, junit);

		rc = written != 0 ? written : rc;
	}
	return rc;
}
