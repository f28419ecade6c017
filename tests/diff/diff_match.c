/*
 * Does the window engine lose matches? Compared with PCRE2 itself.
 *
 *   diff_match [-k TEXTS] [-s SEED] [-f FILE] [-l LINES] PATTERNS...
 *
 * PATTERNS: a pattern a line. Each is used as it is and caseless. For each, TEXTS texts
 * are made by walking its syntax tree at random, some of them mutated, and given to it
 * and to some other patterns; every pattern also sees the first LINES lines of FILE.
 * Wherever PCRE2 says yes, one of the pattern's windows must have been found in that
 * text, in a buffer of all texts:
 *  - joined by '\n', windows chosen with WINDOW_ANCHORS;
 *  - embedded in random bytes, windows chosen without.
 * Both buffers are scanned at all 64 alignments and in plain C, always with the same
 * result. Exit code 1 on any miss.
 */
#include "base/err.h"
#include "match/filter.h"
#include "match/regex.h"
#include "match/syntax.h"
#include "match/window.h"
#include "tests/diff/make_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	JUNK = 16,   /* bytes between two texts, at most */
	OTHERS = 12, /* patterns that see another one's text */
	ALIGNMENTS = 64,
	PART = 64 * 1024, /* bytes that are scanned at every alignment */
};

struct pattern {
	struct slice text;
	unsigned flags;
	struct syntax tree;
	bool parsed;
	struct regex *re;
	bool windows[2]; /* has some; [1]: with anchors */
};

struct text {
	char *p;
	size_t n;
	unsigned owner; /* pattern it was made from */
	bool from_file; /* for all patterns */
	size_t at;	/* in the joined buffer */
};

static struct pattern *patterns;
static unsigned n_patterns, n_refused, n_bare[2], n_limit;
static struct text *texts;
static unsigned n_texts, texts_cap;
static uint64_t matches, misses;

static void *grown(void *p, size_t bytes)
{
	p = realloc(p, bytes);
	if (!p) {
		perror("realloc");
		exit(2);
	}
	return p;
}

/* ---- texts ---- */

static void add_text(const char *p, size_t n, unsigned owner, bool from_file)
{
	struct text *t;

	if (n_texts == texts_cap) {
		texts_cap = texts_cap ? texts_cap * 2 : 1024;
		texts = grown(texts, texts_cap * sizeof(*texts));
	}
	t = &texts[n_texts++];
	*t = (struct text){
		.p = grown(NULL, n + 1), .n = n, .owner = owner, .from_file = from_file
	};
	memcpy(t->p, p, n);
}

static void make_texts(unsigned each)
{
	for (unsigned i = 0; i < n_patterns; i++) {
		for (unsigned k = 0; k < each; k++) {
			struct make_text o = { .n = 0 };

			if (patterns[i].parsed)
				make_text_node(&patterns[i].tree, patterns[i].tree.root, &o);
			else
				for (size_t b = 0; b < patterns[i].text.n; b++)
					make_text_put(&o, (unsigned char)patterns[i].text.p[b]);
			for (uint32_t m = make_text_rnd(2) ? make_text_rnd(4) : 0; m; m--)
				make_text_mutate(&o);
			add_text(o.b, o.n, i, false);
		}
	}
}

static void load_texts(const char *file, unsigned most)
{
	FILE *fp = fopen(file, "rb");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!fp) {
		perror(file);
		exit(2);
	}
	for (; most && (n = getline(&line, &cap, fp)) > 0; most--)
		add_text(line, (size_t)n - (line[n - 1] == '\n'), 0, true);
	free(line);
	fclose(fp);
}

/* ---- patterns ---- */

static void add_pattern(const char *p, size_t n, unsigned flags)
{
	struct pattern *pt;
	struct slice s;
	struct regex *re;
	struct err e;
	char *copy = grown(NULL, n + 1);

	memcpy(copy, p, n);
	s = (struct slice){ copy, n };
	re = regex_compile(s, flags, &e);
	if (!re) {
		n_refused++;
		free(copy);
		return;
	}
	patterns = grown(patterns, (n_patterns + 1) * sizeof(*patterns));
	pt = &patterns[n_patterns++];
	*pt = (struct pattern){ .text = s, .flags = flags, .re = re };
	pt->parsed = syntax_parse(s, flags, &pt->tree);
}

static void load_patterns(const char *file)
{
	FILE *fp = fopen(file, "rb");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!fp) {
		perror(file);
		exit(2);
	}
	while ((n = getline(&line, &cap, fp)) > 0) {
		n -= line[n - 1] == '\n';
		if (n == 0 || (n > 1 && line[0] == '#' && line[1] == '#'))
			continue;
		add_pattern(line, (size_t)n, 0);
		add_pattern(line, (size_t)n, REGEX_CASELESS);
	}
	free(line);
	fclose(fp);
}

/* ---- the comparison ---- */

struct entry {
	unsigned pattern;
	unsigned n; /* bytes of the window */
};

struct pass {
	bool anchors;
	struct filter **f;
	unsigned n_f;
	unsigned n_of;
	struct entry *of;  /* by tag */
	uint8_t *buffer;   /* ALIGNMENTS larger than needed */
	size_t n;	   /* of the joined text */
	uint32_t *text_at; /* by offset: the text there, or n_texts */
	uint8_t *found;	   /* a bit for each pattern and text */
	uint64_t sum;	   /* over all windows found */
	bool mark;
};

static size_t bit_of(unsigned pattern, unsigned text)
{
	return (size_t)pattern * n_texts + text;
}

static void on_window(void *ctx, uint32_t tag, ptrdiff_t at)
{
	struct pass *p = ctx;
	const struct entry *w = &p->of[tag];
	ptrdiff_t slack = p->anchors, end = at + (ptrdiff_t)w->n;

	p->sum += ((uint64_t)(at + 1) * 70001 + tag) * UINT64_C(0x9E3779B97F4A7C15);
	if (!p->mark)
		return;
	/* With anchors one text's last '\n' is the next one's first, so look at both. */
	for (ptrdiff_t q = at; q <= at + slack; q++) {
		uint32_t i = q < 0 || q > (ptrdiff_t)p->n ? n_texts : p->text_at[q];
		const struct text *t = &texts[i];

		if (i == n_texts || at < (ptrdiff_t)t->at - slack ||
		    end > (ptrdiff_t)(t->at + t->n) + slack)
			continue;
		p->found[bit_of(w->pattern, i) / 8] |= (uint8_t)(1u << bit_of(w->pattern, i) % 8);
	}
}

/* Add the windows of pattern i to entries, n of which are in use; how many are then. */
static unsigned add_windows(struct pass *p, unsigned i, struct filter_entry **entries, unsigned n)
{
	static struct window_set set;
	struct pattern *pt = &patterns[i];

	window_choose(pt->text, pt->flags | WINDOW_COMMON | (p->anchors ? WINDOW_ANCHORS : 0),
	    (enum grams_profile)(i % 3), &set);
	pt->windows[p->anchors] = set.n > 0;
	n_bare[p->anchors] += set.n == 0;
	*entries = grown(*entries, (n + set.n + 1) * sizeof(**entries));
	p->of = grown(p->of, (p->n_of + set.n + 1) * sizeof(*p->of));
	for (unsigned k = 0; k < set.n; k++) {
		p->of[p->n_of] = (struct entry){ i, set.w[k].n };
		(*entries)[n++] = (struct filter_entry){ set.w[k], p->n_of++ };
	}
	return n;
}

/* Filters of all sizes: each has its own way to look windows up. */
static void build_filters(struct pass *p)
{
	struct filter_entry *entries = NULL;
	unsigned i = 0;
	struct err e;

	while (i < n_patterns) {
		unsigned upto = i + 1 + make_text_rnd(make_text_rnd(2) ? 4 : 80), n = 0;
		struct filter *f;

		for (; i < upto && i < n_patterns; i++)
			n = add_windows(p, i, &entries, n);
		f = filter_build(entries, n, (enum grams_profile)(i % 3), &e);
		if (!f) {
			fprintf(stderr, "%s\n", e.msg);
			exit(2);
		}
		p->f = grown(p->f, (p->n_f + 1) * sizeof(*p->f));
		p->f[p->n_f++] = f;
	}
	free(entries);
}

static void scan_all(struct pass *p, const uint8_t *text, size_t n)
{
	for (unsigned i = 0; i < p->n_f; i++)
		filter_scan(p->f[i], text, n, on_window, p);
}

static void join_texts(struct pass *p)
{
	size_t room = FILTER_BEFORE + FILTER_AFTER + ALIGNMENTS + 64, at = 0;
	uint8_t *b;

	for (unsigned i = 0; i < n_texts; i++)
		room += texts[i].n + 2 * JUNK + 1;
	p->buffer = grown(NULL, room);
	p->text_at = grown(NULL, room * sizeof(*p->text_at));
	b = p->buffer + FILTER_BEFORE;
	for (size_t i = 0; i < room; i++) {
		p->buffer[i] = (uint8_t)make_text_rnd(256);
		p->text_at[i] = n_texts;
	}
	for (unsigned i = 0; i < n_texts; i++) {
		if (!p->anchors) {
			for (uint32_t k = make_text_rnd(JUNK); k; k--)
				b[at++] = make_text_rnd(2) ? (uint8_t) "a_ /"[make_text_rnd(4)]
							   : (uint8_t)make_text_rnd(256);
		}
		texts[i].at = at;
		memcpy(b + at, texts[i].p, texts[i].n);
		for (size_t k = 0; k <= texts[i].n; k++)
			p->text_at[at + k] = i;
		at += texts[i].n;
		if (p->anchors)
			b[at++] = '\n';
	}
	p->n = p->anchors && at ? at - 1 : at;
	b[-1] = b[p->n] = '\n';
}

static void scan_everywhere(struct pass *p)
{
	uint8_t *b = p->buffer + FILTER_BEFORE;
	size_t part = p->n < PART ? p->n : PART;
	uint64_t first = 0;

	p->mark = true;
	scan_all(p, b, p->n);
	p->mark = false;
	/* What is found must not depend on where the text lies; a part of it will show. */
	b[part] = '\n';
	for (unsigned shift = 0; shift <= ALIGNMENTS; shift++) {
		p->sum = 0;
		for (unsigned i = 0; shift == ALIGNMENTS && i < p->n_f; i++)
			filter_use_plain(p->f[i]);
		if (shift && shift < ALIGNMENTS)
			memmove(p->buffer + shift, p->buffer + shift - 1,
			    FILTER_BEFORE + part + FILTER_AFTER);
		b = p->buffer + FILTER_BEFORE + (shift == ALIGNMENTS ? shift - 1 : shift);
		scan_all(p, b, part);
		if (shift == 0)
			first = p->sum;
		if (p->sum != first) {
			printf("MISS: windows differ at alignment %u (64: plain C)\n", shift);
			misses++;
		}
	}
}

static void print_bytes(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 32 && c < 127 && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
	putchar('\n');
}

static void compare(struct pass *p, struct regex_ctx *ctx, unsigned pattern, unsigned text)
{
	const struct pattern *pt = &patterns[pattern];
	const struct text *t = &texts[text];
	size_t bit = bit_of(pattern, text);
	enum regex_result r;

	if (!pt->windows[p->anchors] || memchr(t->p, '\n', t->n))
		return;
	r = regex_find(pt->re, ctx, (struct slice){ t->p, t->n }, NULL);
	n_limit += r == REGEX_LIMIT;
	if (r != REGEX_YES)
		return;
	matches++;
	if (p->found[bit / 8] >> bit % 8 & 1)
		return;
	misses++;
	printf("MISS, anchors %d, flags %u\n  pattern ", p->anchors, pt->flags);
	print_bytes(pt->text.p, pt->text.n);
	printf("  text    ");
	print_bytes(t->p, t->n);
}

static void run_pass(bool anchors, struct regex_ctx *ctx)
{
	struct pass p = { .anchors = anchors };
	size_t bytes = (size_t)n_patterns * n_texts / 8 + 1;

	build_filters(&p);
	join_texts(&p);
	p.found = grown(NULL, bytes);
	memset(p.found, 0, bytes);
	scan_everywhere(&p);
	for (unsigned t = 0; t < n_texts; t++) {
		if (texts[t].from_file) {
			for (unsigned i = 0; i < n_patterns; i++)
				compare(&p, ctx, i, t);
			continue;
		}
		compare(&p, ctx, texts[t].owner, t);
		for (unsigned i = 0; i < OTHERS; i++)
			compare(&p, ctx, make_text_rnd(n_patterns), t);
	}
	for (unsigned i = 0; i < p.n_f; i++)
		filter_free(p.f[i]);
	free(p.f);
	free(p.of);
	free(p.buffer);
	free(p.text_at);
	free(p.found);
}

int main(int argc, char **argv)
{
	unsigned each = 40, lines = 2000;
	const char *file = NULL;
	struct regex_ctx *ctx;
	struct err e;
	int c;

	while ((c = getopt(argc, argv, "k:s:f:l:")) != -1) {
		if (c == 'k')
			each = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 's')
			make_text_seed = strtoull(optarg, NULL, 10) * 2 + 1;
		else if (c == 'f')
			file = optarg;
		else if (c == 'l')
			lines = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	for (; optind < argc; optind++)
		load_patterns(argv[optind]);
	ctx = regex_ctx_new(&e);
	if (!n_patterns || !ctx)
		return 2;
	make_texts(each);
	if (file)
		load_texts(file, lines);
	run_pass(true, ctx);
	run_pass(false, ctx);
	printf("patterns %u (refused %u, without windows %u anchored, %u not), texts %u, matches "
	       "%llu, "
	       "limits %u, misses %llu\n",
	    n_patterns, n_refused, n_bare[1], n_bare[0], n_texts, (unsigned long long)matches,
	    n_limit, (unsigned long long)misses);
	for (unsigned i = 0; i < n_patterns; i++) {
		regex_free(patterns[i].re);
		syntax_free(&patterns[i].tree);
		free((void *)(uintptr_t)patterns[i].text.p);
	}
	for (unsigned i = 0; i < n_texts; i++)
		free(texts[i].p);
	free(patterns);
	free(texts);
	regex_ctx_free(ctx);
	return misses ? 1 : 0;
}
