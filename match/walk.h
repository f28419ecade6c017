/*
 * walk.h - a pattern as a graph of states, and the byte classes it can begin with
 * from any of them. For window.c.
 *
 * Everything is bounded: a full table makes a walk fail, which only means that no
 * window is had from that state.
 */
#ifndef MATCH_WALK_H
#define MATCH_WALK_H

#include "match/byteset.h"

#include <stddef.h>

enum {
	WALK_LEN_MAX = 12,     /* classes of a sequence */
	WALK_SEQ_MAX = 128,    /* sequences of one walk */
	WALK_ITEM_MAX = 2048,  /* steps of one walk */
	WALK_CLASS_MAX = 2048, /* different classes of one pattern */
	WALK_STATE_MAX = 40000,
};

enum walk_kind {
	WALK_BYTE,    /* consume a byte of class cls, go to a */
	WALK_SPLIT,   /* go to a or b */
	WALK_START,   /* ^, then a */
	WALK_END,     /* $, then a */
	WALK_EDGE,    /* \b, then a */
	WALK_NO_EDGE, /* \B, then a */
	WALK_STOP,    /* the match is complete, or nothing is known of what follows */
};

struct walk_state {
	enum walk_kind kind;
	uint16_t cls;
	uint32_t a, b;
};

/* Classes in a row, as indices of walk.cls. */
struct walk_seq {
	uint8_t n; /* 0 to WALK_LEN_MAX */
	uint16_t c[WALK_LEN_MAX];
};

struct walk_item {
	struct walk_seq seq;
	uint8_t need; /* what the next byte must be: one of enum need in walk.c */
	uint32_t state;
	uint16_t slot; /* in item_slot */
};

struct walk {
	bool anchors; /* '\n' stands before and behind the text */
	bool full;    /* the graph did not fit: it must not be used */
	uint32_t n_states;
	uint32_t n_cls;
	uint32_t n_items, n_seqs; /* of the last walk */
	uint64_t steps;		  /* of all walks */
	struct walk_state state[WALK_STATE_MAX];
	struct byteset cls[WALK_CLASS_MAX];
	uint16_t cls_slot[WALK_CLASS_MAX * 2]; /* hash table of cls, index + 1 */
	struct walk_item item[WALK_ITEM_MAX];
	uint16_t item_slot[WALK_ITEM_MAX * 2]; /* hash table of item, index + 1 */
	struct walk_seq seq[WALK_SEQ_MAX];     /* result of the last walk */
};

/* An empty graph, or NULL without memory. free() it. */
struct walk *walk_new(bool anchors);

/* The index of set among the classes; sets full, and returns 0, when there are too many. */
uint16_t walk_class(struct walk *w, struct byteset set);

/* Add a state; sets full, and returns 0, when there are too many. */
uint32_t walk_state(struct walk *w, enum walk_kind kind, uint32_t a, uint32_t b);

/*
 * Every way on from a state, up to max classes long, into w->seq and w->n_seqs: the
 * text around any match that passes the state has one of the sequences beginning
 * there (or at the byte before it). A sequence shorter than max can be followed by
 * anything. n_seqs is 0 when no match can pass. Returns false when there are too
 * many ways, or nothing is known of the first byte.
 */
bool walk_from(struct walk *w, uint32_t state, unsigned max);

#endif
