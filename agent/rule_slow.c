#include "agent/rule_slow.h"

#include "base/clock.h"
#include "match/regex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_BYTES = 4096, SLOW_NS = 2 * 1000 * 1000, FRAGMENT_MAX = 256, TAIL = 3, SHOWN = 48 };

/* The slowest so far. */
struct worst {
	uint64_t ns;
	char fragment[FRAGMENT_MAX];
	size_t n;
};

/* One that gives up counts as the longest of all: whoever sends such a text hides behind it. */
static uint64_t time_of(struct offline *o, struct regex *re, struct slice text)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) { /* the second one finds everything in the caches */
		struct regex_span at;
		uint64_t begin = clock_thread_ns();

		if (regex_find(re, o->pipeline.engine->regex, text, &at) == REGEX_LIMIT)
			return UINT64_MAX;
		begin = clock_thread_ns() - begin;
		best = begin < best ? begin : best;
	}
	return best;
}

/* The end of a match stands alone at the end: PCRE2 gives up at once on texts without it. */
static void try_fragment(struct offline *o, const struct rule *r, struct slice fragment,
    struct slice tail, struct worst *w)
{
	char text[LONG_BYTES];

	if (fragment.n == 0 || fragment.n > FRAGMENT_MAX)
		return;
	for (size_t n = 0; n < LONG_BYTES; n++)
		text[n] = fragment.p[n % fragment.n];
	memcpy(text + LONG_BYTES - tail.n, tail.p, tail.n);
	text[LONG_BYTES - tail.n - 1] = '!';
	for (unsigned i = 0; i < r->n_nodes; i++)
		for (unsigned k = 0; k < r->nodes[i].n_matchers; k++) {
			struct regex *re = r->nodes[i].matchers[k].regex;
			uint64_t ns =
			    re != NULL ? time_of(o, re, (struct slice){ text, LONG_BYTES }) : 0;

			if (ns <= w->ns)
				continue;
			w->ns = ns;
			w->n = fragment.n;
			memcpy(w->fragment, fragment.p, fragment.n);
		}
}

/* Beginnings of a match make a pattern start and fail, again and again. */
static void try_match(struct offline *o, const struct rule *r, struct slice match, struct worst *w)
{
	struct slice tail = match.n > TAIL ? slice_from(match, match.n - TAIL) : match;

	for (size_t n = 2; n <= match.n; n += 1 + match.n / 16)
		try_fragment(o, r, slice_head(match, n), tail, w);
}

static void try_example(struct offline *o, struct rule *r, struct slice line, struct worst *w)
{
	struct line_rules lr = o->rules;
	struct window_in in = { .text = line, .line = 1, .final = true };

	lr.ref_us = clock_now_us();
	o->pipeline.last_time_us = 0;
	pipeline_window(&o->pipeline, &lr, &in);
	for (unsigned i = 0; i < o->pipeline.n_events; i++) {
		const struct event *ev = &o->pipeline.events[i];

		for (unsigned d = 0; d < ev->n_detections; d++)
			if (slice_eq(ev->detections[d].id, r->id))
				try_match(o, r, ev->detections[d].match, w);
	}
}

bool rule_slow(struct offline *o, struct rule *r)
{
	struct worst w = { .ns = 0 };

	for (unsigned i = 0; i < r->n_tests; i++)
		if (r->tests[i].match && r->tests[i].y->n == 0)
			try_example(o, r, r->tests[i].y->text, &w);
	if (w.ns < SLOW_NS)
		return false;
	printf(
	    "%.*s:%u: warning: %.*s: a pattern ", SLICE_ARG(r->file), r->line, SLICE_ARG(r->name));
	if (w.ns == UINT64_MAX)
		printf("gives up on 4 KiB of '");
	else
		printf("takes %.1f ms on 4 KiB of '", (double)w.ns / 1e6);
	for (size_t i = 0; i < w.n && i < SHOWN; i++)
		putchar(w.fragment[i] < ' ' || w.fragment[i] == 0x7f ? '.' : w.fragment[i]);
	printf("', repeated: bound its repetitions, {0,40} instead of *\n");
	return true;
}
