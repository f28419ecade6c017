/*
 * user.h - a format that the config declares: a pattern with named groups.
 *
 * The pattern must match the whole line. What a group is comes from its name: `request` is
 * an HTTP request line; a name that is an attribute with _ for its points (url_path,
 * client_address) is that attribute; any other is an attribute of its own, unless the
 * config maps it. A match that reaches a limit of match/regex.h is a parse error.
 *
 *	user_format_new(), then _map() and _time() as the config says, then _finish();
 *	from then on it is immutable, and user_format_parser() may be used by all threads.
 */
#ifndef PARSERS_USER_H
#define PARSERS_USER_H

#include "parsers/parser.h"

struct err;
struct user_format;

enum { USER_FORMAT_GROUPS = 64 };

/* The texts must live as long as the format. NULL with EINVAL or ENOMEM. */
struct user_format *user_format_new(const char *name, struct slice pattern, struct err *e);
void user_format_free(struct user_format *f);

/* Group `group` is attribute `attribute`. -1: no such group, or no attribute that a log may set. */
int user_format_map(
    struct user_format *f, struct slice group, struct slice attribute, struct err *e);

/*
 * Group `group` is the time: rfc3339, clf, bsd, epoch, epoch_ms, or a pattern with %
 * (stamp_pattern.h). -1: no such group or format.
 */
int user_format_time(struct user_format *f, struct slice group, struct slice format, struct err *e);

/* All groups that nobody spoke of get their attributes by their names. -1: one can't. */
int user_format_finish(struct user_format *f, struct err *e);

const struct parser *user_format_parser(const struct user_format *f);

/* The name of the group that is nearest to a wrong one, or NULL. */
const char *user_format_suggest(const struct user_format *f, struct slice wrong);

#endif
