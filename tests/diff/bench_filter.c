/*
 * How fast is a filter of many rules, and how often does it stop for nothing?
 *
 *   bench_filter [-p url|agent|text] [-f FIELDS] [-l] [-v] RULES TEXTS
 *
 * RULES: a line is "NAME FIELDS PATTERN" (# for comments), and only rules are taken
 * that have one of the letters of -f among FIELDS; with -l a line is a pattern.
 * TEXTS: one a line. -v lists the rules by what they cost.
 */
#include "base/err.h"
#include "match/filter.h"
#include "match/regex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { RULES_MAX = 4096, ROUNDS = 5 };

struct rule {
	char *pattern;
	double cost;
	unsigned n;
	uint64_t hits;
};

static struct rule rules[RULES_MAX];
static unsigned n_rules, n_entries;
static struct filter_entry *entries;
static bool verbose;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_rule(const char *pattern, enum grams_profile profile)
{
	static struct window_set set;
	struct rule *r = &rules[n_rules];
	struct slice s = { pattern, strlen(pattern) };

	if (n_rules == RULES_MAX)
		return;
	window_choose(s, REGEX_CASELESS | WINDOW_ANCHORS, profile, &set);
	r->pattern = strdup(pattern);
	r->cost = set.cost;
	r->n = set.n;
	for (unsigned i = 0; i < set.n; i++)
		entries[n_entries++] = (struct filter_entry){ set.w[i], n_rules };
	if (!set.n)
		printf("no window: %s\n", pattern);
	n_rules++;
}

static void load_rules(const char *file, const char *fields, bool bare, enum grams_profile profile)
{
	FILE *fp = fopen(file, "r");
	char line[20000];

	if (!fp) {
		perror(file);
		exit(1);
	}
	while (fgets(line, sizeof(line), fp)) {
		char *second, *third;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || (line[0] == '#' && !bare))
			continue;
		if (bare) {
			add_rule(line, profile);
			continue;
		}
		second = strchr(line, ' ');
		third = second ? strchr(second + 1, ' ') : NULL;
		if (!third)
			continue;
		*third = '\0';
		if (strpbrk(second + 1, fields))
			add_rule(third + 1, profile);
	}
	fclose(fp);
}

static uint8_t *load_text(const char *file, size_t *n)
{
	FILE *fp = fopen(file, "rb");
	uint8_t *b;
	long size;

	if (!fp || fseek(fp, 0, SEEK_END) != 0 || (size = ftell(fp)) <= 0) {
		perror(file);
		exit(1);
	}
	rewind(fp);
	b = calloc(1, (size_t)size + FILTER_BEFORE + FILTER_AFTER);
	*n = b ? fread(b + FILTER_BEFORE, 1, (size_t)size, fp) : 0;
	if (!*n)
		exit(1);
	fclose(fp);
	b[FILTER_BEFORE - 1] = b[FILTER_BEFORE + *n] = '\n';
	return b;
}

static void hit(void *ctx, uint32_t tag, ptrdiff_t at)
{
	(void)at;
	rules[tag].hits++;
	++*(uint64_t *)ctx;
}

static void run(const char *name, struct filter *f, const uint8_t *text, size_t n)
{
	double best = HUGE_VAL;
	uint64_t hits = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double t = now();

		hits = 0;
		filter_scan(f, text, n, hit, &hits);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("%s: %.0f MB/s, %.1f candidates a MB\n", name, (double)n / best / 1e6,
	    (double)hits / ((double)n / 1e6));
}

static int by_hits(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return x->hits < y->hits ? 1 : x->hits > y->hits ? -1 : 0;
}

int main(int argc, char **argv)
{
	enum grams_profile profile = GRAMS_URL;
	const char *fields = "q";
	bool bare = false;
	struct err e;
	struct filter *f;
	uint8_t *text;
	size_t n;
	double t;
	int c;

	while ((c = getopt(argc, argv, "p:f:lv")) != -1) {
		if (c == 'p')
			profile = *optarg == 'a'   ? GRAMS_AGENT
				  : *optarg == 't' ? GRAMS_TEXT
						   : GRAMS_URL;
		else if (c == 'f')
			fields = optarg;
		else if (c == 'l')
			bare = true;
		else if (c == 'v')
			verbose = true;
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	entries = calloc((size_t)RULES_MAX * WINDOW_SET_MAX, sizeof(*entries));
	if (!entries)
		return 1;
	t = now();
	load_rules(argv[optind], fields, bare, profile);
	printf("%u rules, %u windows, chosen in %.1f ms\n", n_rules, n_entries, (now() - t) * 1e3);
	text = load_text(argv[optind + 1], &n);
	t = now();
	f = filter_build(entries, n_entries, profile, &e);
	if (!f) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	printf("filter: %zu KB, built in %.1f ms\n", filter_memory(f) / 1024, (now() - t) * 1e3);
	run("best code", f, text + FILTER_BEFORE, n);
	filter_use_plain(f);
	for (unsigned i = 0; i < n_rules; i++)
		rules[i].hits = 0;
	run("plain C", f, text + FILTER_BEFORE, n);
	qsort(rules, n_rules, sizeof(rules[0]), by_hits);
	for (unsigned i = 0; verbose && i < n_rules; i++)
		printf("%9.3f a MB, expected %9.3f, %2u windows: %s\n",
		    (double)rules[i].hits / ROUNDS / ((double)n / 1e6), rules[i].cost * 1e6,
		    rules[i].n, rules[i].pattern);
	filter_free(f);
	return 0;
}
