/*
 * dead_letter.h - records that a sink will never take, kept with the reason.
 *
 * One NDJSON file a sink, JOURNAL/../dead/NAME.ndjson. Keyed by (sink, lane, seq): after a crash
 * a record may come again, and is then not written twice. Numbers grow within a lane only:
 * the lanes are read at different places.
 */
#ifndef AGENT_DEAD_LETTER_H
#define AGENT_DEAD_LETTER_H

#include "base/record.h"
#include "journal/cursor.h"

struct dead_letter;
struct err;

struct dead_letter *dead_letter_open(const char *journal_dir, const char *sink, struct err *e);
/* -1: nothing was written. */
int dead_letter_put(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e);
int dead_letter_sync(struct dead_letter *d, struct err *e); /* durable from here on */
void dead_letter_close(struct dead_letter *d);

#endif
