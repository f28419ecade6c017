/*
 * syntax_group.h - the tree under construction and everything between ( and ),
 * for syntax.c alone.
 *
 * No recursion: open groups are frames on a stack of fixed size, and a quantifier
 * wraps the item that was added last.
 */
#ifndef MATCH_SYNTAX_GROUP_H
#define MATCH_SYNTAX_GROUP_H

#include "match/syntax_atom.h"

enum {
	SYNTAX_GROUPS_MAX = 40,
	SYNTAX_REPEAT_MAX = 65535, /* PCRE2's own limit */
};

enum syntax_role {
	SYNTAX_ROLE_GROUP, /* counts as what it holds */
	SYNTAX_ROLE_LOOK,  /* consumes nothing */
	SYNTAX_ROLE_COND,  /* (?(..)yes|no): which branch is taken is not known */
};

struct syntax_frame {
	enum syntax_role role;
	uint32_t alt;		       /* the ALT node, its branches being the CAT nodes */
	uint32_t branch;	       /* the CAT node being filled */
	bool caseless, more, extended; /* as they were before the group */
};

struct syntax_parse {
	struct syntax_at at;
	struct syntax *out;
	struct syntax_frame stack[SYNTAX_GROUPS_MAX];
	unsigned depth;	 /* frames in use */
	bool extended;	 /* (?x): blanks and # comments do not count */
	bool quoted;	 /* between \Q and \E */
	bool can_repeat; /* an item precedes that a quantifier may follow */
	bool ok;	 /* false: give up, whatever else is in here */
};

/* Add a node to the branch being read; returns it, or 0 without memory. */
uint32_t syntax_group_add(struct syntax_parse *ps, enum syntax_kind kind);
void syntax_group_add_set(struct syntax_parse *ps, struct byteset set);

/* Either case of b when caseless. */
void syntax_group_add_byte(struct syntax_parse *ps, uint8_t b);

/* At "|": the branch is complete; the next begins. */
void syntax_group_branch_close(struct syntax_parse *ps);
void syntax_group_branch_new(struct syntax_parse *ps);

void syntax_group_open(struct syntax_parse *ps, enum syntax_role role);
void syntax_group_close(struct syntax_parse *ps);

/* Put the item added last under a REPEAT, or, when unknown, make it UNKNOWN. */
void syntax_group_repeat(struct syntax_parse *ps, uint32_t lo, uint32_t hi, bool unknown);

/* Read digits at *p; false if there is none. Above SYNTAX_REPEAT_MAX the value is not exact. */
bool syntax_group_number(const uint8_t **p, const uint8_t *end, uint32_t *out);

/* Go on behind the next stop; without one, false, and ps->ok is false too. */
bool syntax_group_skip_past(struct syntax_parse *ps, uint8_t stop);

/* The ( is read: read what kind of group it opens, or all of it if it has no branches. */
void syntax_group_read(struct syntax_parse *ps);

#endif
