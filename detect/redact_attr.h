/*
 * redact_attr.h - what attributes tell of the secrets of an event; for redact.c.
 */
#ifndef DETECT_REDACT_ATTR_H
#define DETECT_REDACT_ATTR_H

#include "base/event.h"
#include "detect/edits.h"

struct arena;
struct finder;

/* Does an attribute's name say that its value is secret? */
bool redact_attr_secret(struct slice name);

/* Add to x, places in its value, what v's own name says of it. */
void redact_attr_whole(const struct attr *v, struct edits *x);

/* The same of all that are parts of the body, as places in that. True: there are secret ones. */
bool redact_attr_named(const struct event *ev, struct edits *x);

/*
 * In the records of auditd, which write what has blanks in hexadecimal digits: the fields of the
 * body that are secret once they are decoded. Also what only the whole command line shows.
 */
void redact_attr_audit(struct finder *f, struct arena *a, const struct event *ev, struct edits *x);

#endif
