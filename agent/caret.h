/* caret.h - a text with a mark below it, for a terminal. */
#ifndef AGENT_CARET_H
#define AGENT_CARET_H

#include "base/slice.h"

/*
 * Print `label text`, and below it ~ for the bytes [start, end) and ^ for byte `at`, which may be
 * the text's length. Of a long text what surrounds `at` is shown. Control bytes, and bytes that
 * are not UTF-8, are dots.
 */
void caret_print(const char *label, struct slice text, size_t start, size_t end, size_t at);

/* The text alone, up to the width of a caret_print(). */
void caret_text(const char *label, struct slice text);

#endif
