/*
 * syntax.h - what a PCRE2 pattern can consume, as a small tree.
 *
 * The tree describes a superset of the texts that the pattern matches: look-arounds
 * and comments are SYNTAX_EMPTY, back-references, conditionals and recursion
 * SYNTAX_UNKNOWN. It is for texts without LF under regex_compile()'s options, so LF
 * is in no set, and ^ and $ mean the ends of the text in every mode.
 */
#ifndef MATCH_SYNTAX_H
#define MATCH_SYNTAX_H

#include "base/slice.h"
#include "match/byteset.h"

enum syntax_kind {
	SYNTAX_EMPTY,	     /* consumes nothing, says nothing */
	SYNTAX_UNKNOWN,	     /* any bytes, any number of them, none included */
	SYNTAX_SET,	     /* one byte of set; never when set is empty */
	SYNTAX_CAT,	     /* the children one after the other; listed last to first */
	SYNTAX_ALT,	     /* one of the children */
	SYNTAX_REPEAT,	     /* the only child lo to hi times */
	SYNTAX_START,	     /* the start of the text is here */
	SYNTAX_END,	     /* the end of the text is here */
	SYNTAX_WORD_EDGE,    /* \b */
	SYNTAX_NO_WORD_EDGE, /* \B */
};

#define SYNTAX_FOREVER	  UINT32_MAX /* node.hi without an upper bound */
#define SYNTAX_HEIGHT_MAX 150	     /* no path from the root has more nodes */

struct syntax_node {
	enum syntax_kind kind;
	uint32_t child;	    /* CAT, ALT, REPEAT: first child; 0 = none */
	uint32_t next;	    /* next child of the same parent; 0 = none */
	uint32_t lo, hi;    /* REPEAT: lo <= hi */
	unsigned height;    /* nodes on the longest path below, this one included */
	struct byteset set; /* SET */
};

struct syntax {
	struct syntax_node *nodes; /* nodes[0] is not used, so that index 0 can say none */
	uint32_t n, cap;
	uint32_t root;
};

/* [A-Za-z0-9_] */
struct byteset syntax_word_set(void);

/*
 * Parse pattern as regex_compile(pattern, flags) reads it. Returns false, holding no
 * memory, when the pattern has anything whose effect on the rest is not known for
 * sure ((*VERBS), \G, a syntax error, ...), is nested too deep, or memory is short.
 * Only for patterns that regex_compile() accepts does the tree mean anything.
 */
bool syntax_parse(struct slice pattern, unsigned flags, struct syntax *out);

/* The tree of a literal text; flags: REGEX_CASELESS or 0. Returns false without memory. */
bool syntax_literal(
    struct slice text, unsigned flags, bool at_start, bool at_end, struct syntax *out);

/* Free the nodes; a zeroed tree is fine. */
void syntax_free(struct syntax *s);

#endif
