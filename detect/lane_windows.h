/* lane_windows.h - the windows of one value in the texts of one lane, for trigger.c. */
#ifndef DETECT_LANE_WINDOWS_H
#define DETECT_LANE_WINDOWS_H

#include "detect/trigger.h"
#include "match/window.h"

struct memo;

/* What kind of text is in it, for the counts of what is rare. */
enum grams_profile lane_profile(unsigned lane);

/*
 * Windows of m into *out, chosen for the field's text by itself, with a '\n' at either end; their
 * expected share of such texts. HUGE_VAL with n == 0: there are none.
 */
double lane_windows(struct memo *memo, const struct field *f, const struct matcher *m,
    unsigned lane, struct window_set *out);

/*
 * In the text of the request target a field ends where another one begins: let what may be
 * an end of the field's text also be the bytes that stand there. A parameter that is found so
 * holds neither & nor = (texts.c).
 */
void lane_edges(const struct field *f, struct window_set *set);

#endif
