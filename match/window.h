/*
 * window.h - a few byte classes in a row that every match of a pattern contains.
 *
 * A scan for windows (filter.h) finds the texts that a pattern could match; of all
 * places in the pattern the chooser takes the one that is rarest in honest text.
 * Soundness: for a text without LF that regex_find() says YES to, at least one
 * window of the set occurs in the text, or, with WINDOW_ANCHORS, in the text with a
 * '\n' before and a '\n' behind it. A wrong guess of what is rare costs only time.
 */
#ifndef MATCH_WINDOW_H
#define MATCH_WINDOW_H

#include "base/slice.h"
#include "match/byteset.h"
#include "match/grams.h"

enum {
	WINDOW_LEN_MAX = 12, /* classes of a window */
	WINDOW_SET_MAX = 64, /* windows of a set */

	/*
	 * To be or-ed to the REGEX_ flags: in the scanned buffer '\n' stands right
	 * before and right behind the text, so that ^, $ and \b at its ends can be
	 * part of a window. Without it, windows lie within the match, and the text may
	 * be any part of the buffer.
	 */
	WINDOW_ANCHORS = 256,

	/* Give even windows that are in most texts: for tests. */
	WINDOW_COMMON = 512,
};

struct window {
	uint8_t n;			    /* 1 to WINDOW_LEN_MAX */
	struct byteset cls[WINDOW_LEN_MAX]; /* the first n hold; an empty one: never occurs */
};

struct window_set {
	unsigned n;  /* 0: no use; the pattern has to be run on every text */
	double cost; /* expected hits of the filter a byte of honest text; HUGE_VAL for n == 0 */
	struct window w[WINDOW_SET_MAX];
};

/*
 * Choose windows for a pattern that regex_compile(pattern, flags) accepts. flags: its
 * REGEX_ flags and WINDOW_ANCHORS. The work is bounded, whatever the pattern. Returns
 * how many there are, out->n; 0 also for what is not understood, and without memory.
 */
unsigned window_choose(
    struct slice pattern, unsigned flags, enum grams_profile profile, struct window_set *out);

/* Where a literal has to be. */
struct window_place {
	bool at_start; /* of the text */
	bool at_end;   /* both: the text is the literal */
};

/* The same for texts that hold a literal of any bytes but LF; flags as above. */
unsigned window_literal(struct slice literal, struct window_place place, unsigned flags,
    enum grams_profile profile, struct window_set *out);

#endif
