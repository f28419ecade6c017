/*
 * texts_lay.h - how one text gets into a lane, for texts.c.
 *
 * A lane is one buffer of texts with a '\n' between them (engine.h); LF in a text becomes CR.
 */
#ifndef DETECT_TEXTS_LAY_H
#define DETECT_TEXTS_LAY_H

#include "detect/engine.h"

/* Does a rule look into the lane for events of these classes? */
bool lane_wanted(const struct engine *g, unsigned lane, unsigned classes);

/* Append s. NULL: the lane is full. */
struct text *lay_text(struct lane_buf *l, unsigned event, struct slice s);

/* The same; a text longer than ENGINE_TEXT_MAX becomes its head and its tail, and the event cut. */
void lay_cut(struct engine *g, unsigned lane, unsigned event, struct slice s, enum form form);

/* A value in all its forms: agent, referer, cookie, parameter. plus: + is a blank. */
void lay_forms(struct engine *g, unsigned lane, unsigned event, struct slice raw, bool plus);

/*
 * What a value hides as base64, in its lane; what a parameter hides also as a query of its own, for
 * the rules about whole targets. room: for the text. False: it hides nothing.
 */
bool lay_base64(struct engine *g, unsigned lane, unsigned event, struct slice value, char *room);

/* What the last segment of a path hides as base64, as a path. */
void lay_segment(struct engine *g, unsigned event, struct slice path, char *room);

#endif
