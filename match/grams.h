/*
 * grams.h - how often a row of byte classes occurs in honest text.
 *
 * An estimate from counts of neighbouring bytes, made once by tools/grams/grams.py
 * and compiled in. It steers which window is chosen, and so speed, but no result.
 */
#ifndef MATCH_GRAMS_H
#define MATCH_GRAMS_H

#include "match/byteset.h"

/* What kind of text is scanned. */
enum grams_profile {
	GRAMS_URL,   /* paths and queries, decoded or not */
	GRAMS_AGENT, /* user agents */
	GRAMS_TEXT,  /* whole log lines, messages, anything else */
	GRAMS_PARAM, /* names and values of parameters, each a text */
	GRAMS_REFERER,
};

enum { GRAMS_SYMBOLS = 72 }; /* kinds of bytes that are told apart */

/* A byte class, made ready for grams_share(). */
struct grams_class {
	uint8_t n;		       /* symbols with a byte in the class */
	uint8_t symbol[GRAMS_SYMBOLS]; /* which, ascending; the first n hold */
	float
	    part[GRAMS_SYMBOLS]; /* of symbol[i]'s bytes the share in the class: above 0, up to 1 */
};

/* The class of the bytes of set. Letters count in either case; '\n' is the end of a text. */
void grams_class_init(struct grams_class *c, const struct byteset *set);

/*
 * The expected share of the positions of a text of kind profile at which bytes of
 * *cls[0], ..., *cls[n - 1] follow each other. 1 for n == 0; 0 only with an empty class.
 */
double grams_share(enum grams_profile profile, const struct grams_class *const *cls, unsigned n);

#endif
