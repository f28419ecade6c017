/*
 * tap.h - live events for whoever asks by the status socket.
 *
 * A tap is a reader of the journal like a sink, from the newest durable frame on, but has no
 * cursor: nothing waits for it and nothing is kept for it. The journal is its queue. Who
 * reads more slowly than events come is set to the newest frame again and told how many
 * records were passed over: {"kind":"dropped","records":N}. Each tap has a thread.
 */
#ifndef AGENT_TAP_H
#define AGENT_TAP_H

#include "base/slice.h"

struct agent;
struct tap_set;

struct tap_set *tap_open(struct agent *a); /* NULL: no memory */
void tap_close(struct tap_set *t);	   /* ends all; before the journal is closed; takes NULL */

/*
 * Take over the connection. First the line "ok FRAME", then NDJSON until one side ends; or one
 * line that says what is wrong with the filter. Only the control thread calls it.
 */
void tap_serve(struct tap_set *t, int fd, struct slice filter);

#endif
