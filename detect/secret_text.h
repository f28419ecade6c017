/*
 * secret_text.h - how far a value reaches in the text that it stands in; for secret_value.c.
 *
 * The same bytes are written in many ways: %61, %2561, \u0061, \x61, and a quote within a
 * quoted text as \" or \\\". Functions read at most to the end of the text, and return places in
 * it.
 */
#ifndef DETECT_SECRET_TEXT_H
#define DETECT_SECRET_TEXT_H

#include "base/slice.h"

/* One byte as it is written. */
struct unit {
	uint8_t c;     /* what it stands for */
	uint8_t n;     /* bytes that it takes */
	uint8_t coded; /* how often it was percent-encoded */
	bool escaped;  /* by a backslash */
};

/* The byte of two hexadecimal digits at i, or -1: they are none, or the text ends before. */
int secret_text_byte(struct slice t, size_t i);

/* i < t.n */
struct unit secret_text_unit(struct slice t, size_t i);

/* Behind blanks, of which it skips a few. */
size_t secret_text_blanks(struct slice t, size_t i);

/* Is a quote at i, however it is written? */
bool secret_text_quote(struct slice t, size_t i);

/* A quote is at open: the end of what it quotes. *closed: a quote of the same kind is there. */
size_t secret_text_quoted_end(struct slice t, size_t open, bool *closed);

/* The end of a parameter's value from i on, whose = was percent-encoded so often. */
size_t secret_text_query_end(struct slice t, size_t i, unsigned coded);

/* The end of a word of a command line. */
size_t secret_text_word_end(struct slice t, size_t i);

/* The end of what a header holds that is not quoted: a word, and more behind each comma. */
size_t secret_text_header_end(struct slice t, size_t i);

/* The bytes of a mask ([masked:24:9f3a]) at i, which is kept as it is; 0: there is none. */
size_t secret_text_mask(struct slice t, size_t i);

/* Is the text up to i within double quotes? */
bool secret_text_inside(struct slice t, size_t i);

#endif
