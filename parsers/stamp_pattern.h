/*
 * stamp_pattern.h - a time by a pattern, as strptime(3) has them.
 *
 * Unlike strptime it knows no locale, needs no end of text, and a fraction of a second is
 * one of its directives. Any byte that is no directive stands for itself.
 *	%Y %y %m %d %e %b %B %a %A %F	year, month, day; %e may be padded by a blank
 *	%H %I %p %M %S %f %T		time of day; %f: one digit or more
 *	%z %Z				Z, +0900, +09:00; UTC, GMT or Z
 *	%s				seconds since 1970
 *	%%				a per cent sign
 */
#ifndef PARSERS_STAMP_PATTERN_H
#define PARSERS_STAMP_PATTERN_H

#include "parsers/parser.h"

struct err;

/* Can a pattern be used: known directives alone, and a day of the year among them? */
int stamp_pattern_check(struct slice pattern, struct err *e);

/* All of s by a checked pattern. A year or zone that it does not name is c's. */
bool stamp_pattern_parse(
    const struct parse_ctx *c, struct slice pattern, struct slice s, int64_t *time_us);

/* The same at the start of s: how many bytes were used, 0 if it does not fit. */
size_t stamp_pattern_head(
    const struct parse_ctx *c, struct slice pattern, struct slice s, int64_t *time_us);

#endif
