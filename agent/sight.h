/* sight.h - from the events of a window to what correlation counts. */
#ifndef AGENT_SIGHT_H
#define AGENT_SIGHT_H

#include "agent/pipeline.h"

typedef void sight_cb(void *ctx, const struct sighting *s);

/* Every sighting of p's last window, in order of events. */
void sight_window(const struct pipeline *p, const struct correlator *c, uint64_t origin_hash,
    sight_cb *cb, void *ctx);

#endif
