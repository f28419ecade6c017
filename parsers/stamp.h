/* stamp.h - a time whose format is only roughly known, as text. */
#ifndef PARSERS_STAMP_H
#define PARSERS_STAMP_H

#include "parsers/parser.h"

enum stamp_kind {
	STAMP_ANY, /* the first of the others that fits */
	STAMP_RFC3339,
	STAMP_CLF,
	STAMP_BSD,
	STAMP_EPOCH,	/* seconds; ms, us or ns by its size */
	STAMP_EPOCH_MS, /* milliseconds */
};

/* All of s, without brackets and blanks around it, as a time. */
bool stamp_parse(const struct parse_ctx *c, struct slice s, enum stamp_kind kind, int64_t *time_us);

#endif
