/* render.h - events and alerts as the JSON of `scan`, `tap` and `journal cat` (design: fixed). */
#ifndef AGENT_RENDER_H
#define AGENT_RENDER_H

#include "base/event.h"
#include "base/json.h"
#include "base/record.h"
#include "detect/alert.h"

/* One object, no line end. parser: its name. */
void render_event(
    struct json *j, const struct event *ev, const uint64_t id[2], struct slice parser);
void render_alert(struct json *j, const struct alert *a);

/*
 * A record of the journal, in the same form; decisions and ledger rows with `attributes`.
 * whole: with its number and all that is kept beside it, so that nothing is only in the
 * journal.
 */
void render_record(struct json *j, const struct record *r, bool whole);

#endif
