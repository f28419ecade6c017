/* stamp_any.h - the time of a line whose format nobody named. */
#ifndef PARSERS_STAMP_ANY_H
#define PARSERS_STAMP_ANY_H

#include "parsers/parser.h"

/*
 * The first stamp within the first 128 bytes of s, of some thirty ways to write one (of two
 * readings of 01/02/2026, the month comes first). Returns where the stamp ends in s, 0 if there
 * is none; *from is where it starts.
 */
size_t stamp_any(const struct parse_ctx *c, struct slice s, size_t *from, int64_t *time_us);

#endif
