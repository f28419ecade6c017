/*
 * window_cost.h - sets of windows under comparison, for window.c alone.
 */
#ifndef MATCH_WINDOW_COST_H
#define MATCH_WINDOW_COST_H

#include "match/walk.h"
#include "match/window.h"

/*
 * Windows as sequences of w->cls. cost: expected work a byte of honest text, a filter
 * hit being 1; HUGE_VAL: not a usable set. n == 0 with a finite cost: nothing can match.
 */
struct window_cost_set {
	double cost;
	unsigned n;
	struct walk_seq seq[WINDOW_SET_MAX];
};

struct window_cost;

/* What is remembered between calls, for one walk. NULL without memory. */
struct window_cost *window_cost_new(enum grams_profile profile);
void window_cost_free(struct window_cost *wc);

/*
 * *out = the result of w's last walk, simplified and with its cost. False: not usable, or
 * not below limit, in which case the cost is only known to be that much.
 */
bool window_cost_of_walk(
    struct window_cost *wc, struct walk *w, struct window_cost_set *out, double limit);

/* Add the windows of one to all; false when either is unusable, or all is full. */
bool window_cost_join(struct window_cost_set *all, const struct window_cost_set *one);

/* Simplify set and find its cost. False as above. */
bool window_cost_tidy(
    struct window_cost *wc, struct walk *w, struct window_cost_set *set, double limit);

#endif
