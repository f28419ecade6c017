/*
 * span.h - where in the line a piece of evidence stands.
 *
 * The same bytes of a request are tested in many texts: as target and as a parameter, written and
 * decoded. Weights count each byte once (docs/rules.md), so evidence is traced back to the bytes
 * of the attribute it comes from. What a form moved around (squashed, base64) and what is longer
 * than ENGINE_TEXT_MAX stands for the whole value.
 */
#ifndef DETECT_SPAN_H
#define DETECT_SPAN_H

#include "detect/engine.h"

/* Of evidence e, found in text t of a lane. */
struct span span_of(
    struct engine *g, unsigned lane, const struct text *t, const struct evidence *e);

bool span_overlaps(const struct span *a, const struct span *b);

#endif
