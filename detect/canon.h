/*
 * canon.h - the forms under which a web value is tested, so that nobody has to
 * write `%27|%2527` into a rule.
 *
 *	written   as the client sent it: the log's own escapes undone
 *	decoded   percent-decoded once; in queries + is a blank
 *	decoded2  and once more
 *	squashed  of the last: entities, %uHHHH and overlong UTF-8 decoded, comments and
 *		  white space to one blank, in paths also . .. and // resolved
 *	base64    of a whole value that is base64 of text
 *
 * Every function writes at most in.n bytes to out and returns how many. LF never
 * leaves here: it becomes CR, since LF separates texts in the scanned buffers.
 */
#ifndef DETECT_CANON_H
#define DETECT_CANON_H

#include "base/slice.h"

enum form { FORM_WRITTEN, FORM_DECODED, FORM_DECODED2, FORM_SQUASHED, FORM_BASE64, FORM_N };

extern const struct slice form_names[FORM_N];

/* What a text holds that one of the forms would change; bits of canon_look(). */
enum {
	CANON_ESCAPE = 1,  /* a backslash */
	CANON_PERCENT = 2, /* % */
	CANON_PLUS = 4,	   /* + */
	CANON_SQUASH = 8,  /* entities, high bytes, blanks other than single spaces, comments */
	CANON_PATH = 16,   /* // and /. : of consequence in paths only */
};

/* One pass over s. CANON_SQUASH is decided on what is there, before any decoding; it may be
 * said of a text that squashing leaves as it is, never the other way round. */
unsigned canon_look(struct slice s);

/* Has the query an & or = that is encoded, once or more often (%26, %3d, %25), and parts nothing?
 */
bool canon_hides_mark(struct slice query);

/* The pairs of a query: one more than it has &. */
unsigned canon_pairs(struct slice query);

/* nginx \xHH, Apache \" \\ \n \r \t \b \v \xhh undone. */
size_t canon_unescape(struct slice in, char *out);

/* Percent-decoding (RFC 3986 section 2.1); what is not %HH stays. out is another text than in. */
size_t canon_percent(struct slice in, bool plus_is_blank, char *out);

/* Where in `in` that is written which the two make byte `at` of; in.n: of none, it is the end. */
size_t canon_unescape_source(struct slice in, size_t at);
size_t canon_percent_source(struct slice in, size_t at);

size_t canon_squash(struct slice in, bool is_path, char *out);

enum { BASE64_MIN = 8 };

/*
 * Standard or URL-safe base64 of at least BASE64_MIN characters that decodes to printable text
 * (9 bytes of 10): the length, else 0.
 */
size_t canon_base64(struct slice in, char *out);

/* False: neither canon_base64() of it nor of what it is percent-decoded to, once or twice, is. */
bool canon_may_be_base64(struct slice in);

#endif
