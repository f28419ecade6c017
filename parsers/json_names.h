/* json_names.h - what the members of a JSON log line mean, by their names. */
#ifndef PARSERS_JSON_NAMES_H
#define PARSERS_JSON_NAMES_H

#include "parsers/parser.h"

enum json_kind { JSON_BARE, JSON_TEXT, JSON_ARRAY };

/*
 * Names that are Sekisho's own word on an event, among them whose address it is: a
 * log can't say them, but for how a login went.
 */
bool json_is_reserved(struct slice name);

/* Has the name a meaning of its own here? */
bool json_is_known(struct slice name);

/* Make an attribute, or the event's time, of a member; the name is copied if it is kept. */
void json_member(const struct parse_ctx *c, struct event *ev, struct slice name, struct slice v,
    enum json_kind kind);

#endif
