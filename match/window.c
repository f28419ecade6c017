#include "match/window.h"

#include "match/syntax.h"
#include "match/walk.h"
#include "match/window_cost.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/*
 * The graph is built from its end, so that when an item is in place everything that
 * can follow it is too, and a walk from its first state shows what a match looks like
 * from there on. Each item that no match can do without is such a place; of an
 * alternation it is one place in each branch. The cheapest wins.
 */
enum {
	SETS = 200,	     /* sets in use at once: one a branch being built, and one besides */
	COPIES_MAX = 12,     /* of one item, for x{2} and the like */
	COPIED_STATES = 64,  /* of all the copies, but for the two of x+ */
	LOOP_STATES = 256,   /* an item larger than that is not copied at all */
	STEPS_MAX = 3000000, /* of all walks: some 100 ms */
};

static const unsigned lengths[] = { 9, 7, 6, 5, 4, 3, 2, 1 };

struct chooser {
	const struct syntax *tree;
	struct walk *walk;
	struct window_cost *cost;
	struct window_cost_set *sets; /* SETS of them, used as a stack */
	unsigned n_sets;
	uint32_t *size; /* by node: states it takes; not for what is below an EMPTY or UNKNOWN */
};

/* Is the set w->seq of the last walk better than *best? */
static void offer(struct chooser *c, struct window_cost_set *best)
{
	struct window_cost_set *now;

	if (c->n_sets == SETS)
		return;
	now = &c->sets[c->n_sets];
	if (window_cost_of_walk(c->cost, c->walk, now, best->cost))
		*best = *now;
}

/* Look at every length of window that begins at state. best NULL: state is not on every way. */
static void look(struct chooser *c, uint32_t state, struct window_cost_set *best)
{
	if (!best || c->walk->full)
		return;
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (c->walk->steps > STEPS_MAX)
			return;
		if (!walk_from(c->walk, state, lengths[i]))
			continue;
		offer(c, best);
		/* Shorter ones cannot be rarer, and the filter looks up four bytes anyway. */
		if (c->walk->n_seqs <= 1)
			return;
	}
}

static uint32_t build(
    struct chooser *c, uint32_t node, uint32_t exit, struct window_cost_set *best);

static uint32_t build_alt(
    struct chooser *c, const struct syntax_node *n, uint32_t exit, struct window_cost_set *best)
{
	unsigned mark = c->n_sets;
	struct window_cost_set *all = NULL, *one = NULL;
	uint32_t entry = 0;
	bool first = true;

	if (best && mark + 3 <= SETS) {
		all = &c->sets[c->n_sets++];
		one = &c->sets[c->n_sets++];
		*all = (struct window_cost_set){ .cost = 0 };
	}
	for (uint32_t i = n->child; i; i = c->tree->nodes[i].next) {
		uint32_t s;

		if (one)
			one->cost = HUGE_VAL;
		s = build(c, i, exit, one);
		entry = first ? s : walk_state(c->walk, WALK_SPLIT, s, entry);
		first = false;
		if (all && !window_cost_join(all, one))
			all->cost = HUGE_VAL;
	}
	if (all && window_cost_tidy(c->cost, c->walk, all, best->cost))
		*best = *all;
	c->n_sets = mark;
	look(c, entry, best);
	return entry;
}

/* How an x{lo,hi} is spelt out: lo times x, then many more or a few that may be missing. */
struct copies {
	uint32_t lo;
	uint32_t optional;
	bool many;
	bool loop; /* not copied at all: x+ or x* */
};

static struct copies plan(const struct syntax_node *n, uint32_t size)
{
	uint32_t most = size ? COPIED_STATES / size : COPIES_MAX;
	struct copies p = { .loop = size > LOOP_STATES };

	most = most < 1 ? 1 : most > COPIES_MAX ? COPIES_MAX : most;
	p.lo = n->lo < most ? n->lo : most;
	p.many = n->hi > most; /* a superset of what hi allows */
	p.optional = p.many ? 0 : n->hi - p.lo;
	return p;
}

/* The states that build() makes of a node, copies included, into c->size. Depth: SYNTAX_HEIGHT_MAX.
 */
static uint32_t measure(struct chooser *c, uint32_t node)
{
	const struct syntax_node *n = &c->tree->nodes[node];
	uint32_t size = 1;

	if (n->kind == SYNTAX_CAT || n->kind == SYNTAX_ALT || n->kind == SYNTAX_REPEAT)
		for (uint32_t i = n->child; i; i = c->tree->nodes[i].next)
			size += measure(c, i);
	c->size[node] = size;
	if (n->kind == SYNTAX_REPEAT) {
		struct copies p = plan(n, size);

		if (!p.loop)
			c->size[node] = size * (p.lo + p.optional + p.many) + 1;
	}
	return c->size[node];
}

/* The last x of those that must be there comes last, so that it is a place to look from too. */
static uint32_t build_copies(struct chooser *c, const struct syntax_node *n, struct copies p,
    uint32_t exit, struct window_cost_set *best)
{
	uint32_t s = exit, skip;

	if (p.lo)
		s = build(c, n->child, exit, best);
	skip = s;
	for (uint32_t i = 0; i < p.optional; i++) {
		s = build(c, n->child, s, NULL);
		s = walk_state(c->walk, WALK_SPLIT, s, skip);
	}
	if (p.many) {
		uint32_t loop = walk_state(c->walk, WALK_SPLIT, skip, skip);
		uint32_t body = build(c, n->child, loop, NULL);

		c->walk->state[loop].a = body;
		s = loop;
	}
	for (uint32_t i = 1; i < p.lo; i++) {
		look(c, s, best);
		s = build(c, n->child, s, i + 1 == p.lo ? best : NULL);
	}
	return s;
}

/* A large x: x+ or x*, whatever the numbers. */
static uint32_t build_loop(
    struct chooser *c, const struct syntax_node *n, uint32_t exit, struct window_cost_set *best)
{
	/* Until the body is there, the way back leads to where nothing is known. */
	uint32_t stop = walk_state(c->walk, WALK_STOP, 0, 0);
	uint32_t loop = walk_state(c->walk, WALK_SPLIT, stop, exit);
	uint32_t body = build(c, n->child, loop, n->lo ? best : NULL);

	c->walk->state[loop].a = body;
	return n->lo ? body : loop;
}

static uint32_t build_repeat(
    struct chooser *c, uint32_t node, uint32_t exit, struct window_cost_set *best)
{
	const struct syntax_node *n = &c->tree->nodes[node];
	struct copies p = plan(n, c->size[n->child] + 1);

	if (n->hi == 0)
		return exit;
	return p.loop ? build_loop(c, n, exit, best) : build_copies(c, n, p, exit, best);
}

static uint32_t build(struct chooser *c, uint32_t node, uint32_t exit, struct window_cost_set *best)
{
	const struct syntax_node *n = &c->tree->nodes[node];
	uint32_t s = exit;

	switch (n->kind) {
	case SYNTAX_EMPTY:
		return exit;
	case SYNTAX_UNKNOWN:
		return walk_state(c->walk, WALK_STOP, 0, 0);
	case SYNTAX_CAT:
		for (uint32_t i = n->child; i; i = c->tree->nodes[i].next)
			s = build(c, i, s, best);
		return s;
	case SYNTAX_ALT:
		return build_alt(c, n, exit, best);
	case SYNTAX_REPEAT:
		s = build_repeat(c, node, exit, best);
		break;
	case SYNTAX_SET:
		s = walk_state(c->walk, WALK_BYTE, exit, 0);
		c->walk->state[s].cls = walk_class(c->walk, n->set);
		break;
	case SYNTAX_START:
		s = walk_state(c->walk, WALK_START, exit, 0);
		break;
	case SYNTAX_END:
		s = walk_state(c->walk, WALK_END, exit, 0);
		break;
	case SYNTAX_WORD_EDGE:
		s = walk_state(c->walk, WALK_EDGE, exit, 0);
		break;
	case SYNTAX_NO_WORD_EDGE:
		s = walk_state(c->walk, WALK_NO_EDGE, exit, 0);
		break;
	}
	look(c, s, best);
	return s;
}

/* Above this, one in some 250 bytes, it is in most texts: looking for it would be a waste. */
static const double useful = .08;

static void give(const struct walk *w, const struct window_cost_set *best, struct window_set *out)
{
	out->n = best->n;
	/* In filter hits; the ratio of the two is in window_cost.c. */
	out->cost = best->cost / 20;
	for (unsigned i = 0; i < best->n; i++) {
		out->w[i].n = best->seq[i].n;
		for (unsigned k = 0; k < best->seq[i].n; k++)
			out->w[i].cls[k] = w->cls[best->seq[i].c[k]];
	}
	if (best->n == 0) { /* no text can match, and so a window that does not occur is right */
		out->n = 1;
		out->w[0] = (struct window){ .n = 1 };
	}
}

static unsigned choose(
    const struct syntax *tree, unsigned flags, enum grams_profile profile, struct window_set *out)
{
	struct chooser c = { .tree = tree };
	struct window_cost_set *best;

	c.walk = walk_new(flags & WINDOW_ANCHORS);
	c.cost = window_cost_new(profile);
	c.sets = malloc(SETS * sizeof(*c.sets));
	c.size = calloc(tree->n, sizeof(*c.size));
	if (c.walk && c.cost && c.sets && c.size) {
		best = &c.sets[c.n_sets++];
		best->n = 0;
		best->cost = HUGE_VAL;
		measure(&c, tree->root);
		build(&c, tree->root, walk_state(c.walk, WALK_STOP, 0, 0), best);
		if (!c.walk->full && best->cost <= (flags & WINDOW_COMMON ? DBL_MAX : useful))
			give(c.walk, best, out);
	}
	free(c.size);
	free(c.sets);
	window_cost_free(c.cost);
	free(c.walk);
	return out->n;
}

unsigned window_choose(
    struct slice pattern, unsigned flags, enum grams_profile profile, struct window_set *out)
{
	struct syntax tree;

	*out = (struct window_set){ .cost = HUGE_VAL };
	if (!syntax_parse(pattern, flags, &tree))
		return 0;
	choose(&tree, flags, profile, out);
	syntax_free(&tree);
	return out->n;
}

unsigned window_literal(struct slice literal, struct window_place place, unsigned flags,
    enum grams_profile profile, struct window_set *out)
{
	struct syntax tree;

	*out = (struct window_set){ .cost = HUGE_VAL };
	if (!syntax_literal(literal, flags, place.at_start, place.at_end, &tree))
		return 0;
	choose(&tree, flags, profile, out);
	syntax_free(&tree);
	return out->n;
}
