/*
 * quoted.h - is an attack only quoted?
 *
 * People search for attacks and write about them: `/search?q=<script`, a forum's title with
 * "UNION SELECT". In the value of a parameter that a person types (a search, a title, a comment)
 * an attack is detected, at level low, and counts for itself only: ten such events of an address
 * within a minute are a tool, not a person (correlate.h). Rules whose evidence is conclusive are
 * not concerned: what they match, nobody types by chance.
 */
#ifndef DETECT_QUOTED_H
#define DETECT_QUOTED_H

#include "detect/engine.h"

/*
 * Do all bytes of e, found in text t of a lane, lie in the value of such a parameter? Parameters
 * are those of the line, where an encoded & parts nothing: who attacks does not choose the name.
 */
bool quoted_in(struct engine *g, unsigned lane, const struct text *t, const struct evidence *e);

#endif
