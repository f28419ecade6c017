/*
 * secret_nested.h - secrets that have parts: arrays, objects, schemes, pairs; for secret_value.c.
 */
#ifndef DETECT_SECRET_NESTED_H
#define DETECT_SECRET_NESTED_H

#include "detect/edits.h"

/* A member's value at i that is not quoted: a number, a word, an array, or an object. */
void secret_nested(struct slice t, unsigned kind, size_t i, struct edits *x);

/* Behind the scheme of an Authorization header at i ("Basic "), or i. */
size_t secret_nested_scheme(struct slice t, size_t i, size_t to);

/* The end of the pairs of a Cookie header from i on that is not quoted. */
size_t secret_nested_pairs_end(struct slice t, size_t i);

#endif
