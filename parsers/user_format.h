/*
 * user_format.h - a format that a user wrote down as a pattern with named groups.
 *
 * A group gives the attribute of its name, with '_' for '.' and '-': client_address
 * is client.address; a name that is no attribute is kept as it is. The groups
 * `time` and `request` are read as such.
 */
#ifndef PARSERS_USER_FORMAT_H
#define PARSERS_USER_FORMAT_H

#include "base/slice.h"

struct err;
struct user_format;

/*
 * Compile a pattern (PCRE2, bytes). time_format is rfc3339, clf, bsd, epoch or
 * epoch_ms; empty: the first that fits. NULL, and *e filled, when one of them is wrong.
 * The format has one set of match data: it belongs to one thread at a time.
 */
struct user_format *user_format_compile(
    struct slice name, struct slice pattern, struct slice time_format, struct err *e);

void user_format_free(struct user_format *f);

#endif
