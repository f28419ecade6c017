/* formats.h - `parsers:` of the config: formats as data, with samples that prove them. */
#ifndef AGENT_FORMATS_H
#define AGENT_FORMATS_H

#include "agent/config.h"

/* Build the formats of a config that was read, and check them against their samples. y: `parsers`.
 */
void formats_resolve(struct config *c, const struct yaml *y, struct problems *p);
void formats_free(struct config *c);

/* The parser of that name: one of c (NULL: no config), else a built-in one, else NULL. */
const struct parser *formats_find(const struct config *c, struct slice name);

/* A name that `wrong` may stand for, or NULL. */
const char *formats_suggest(const struct config *c, struct slice wrong);

#endif
