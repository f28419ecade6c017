/*
 * syntax_atom.h - escapes and bracket classes, for syntax.c alone.
 */
#ifndef MATCH_SYNTAX_ATOM_H
#define MATCH_SYNTAX_ATOM_H

#include "match/syntax.h"

/* Where the parser stands. */
struct syntax_at {
	const uint8_t *p;
	const uint8_t *end;
	unsigned groups_max; /* the pattern has no more groups than that */
	bool caseless;
	bool more; /* (?xx): blanks in classes do not count */
};

enum syntax_atom_kind {
	SYNTAX_ATOM_FAIL, /* not understood: the whole pattern is to be given up */
	SYNTAX_ATOM_BYTE, /* .byte, either case of it when caseless */
	SYNTAX_ATOM_NODE, /* .node, a kind of its own; .set for SYNTAX_SET */
};

struct syntax_atom {
	enum syntax_atom_kind kind;
	uint8_t byte;
	enum syntax_kind node;
	struct byteset set; /* exact, but for .vague; LF may be in it */
	bool vague;	    /* set is only a superset */
};

/*
 * Read the escape whose backslash is at a->p[-1]; a->p ends up behind it. in_class:
 * by the rules that hold between [ and ]. \Q and \E are the caller's.
 */
struct syntax_atom syntax_atom_escape(struct syntax_at *a, bool in_class);

/* Read the class whose [ is at a->p[-1], into *out. False: not understood. */
bool syntax_atom_class(struct syntax_at *a, struct byteset *out);

#endif
