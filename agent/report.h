/* report.h - what a running agent says of itself: status, metrics. */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "base/buf.h"

struct agent;

void report_status(struct agent *a, bool json, struct buf *out);

/* Prometheus text format. */
void report_metrics(struct agent *a, struct buf *out);

/* Config loaded, inputs read, journal writable; never a sink, an alert or the network. */
bool report_ready(const struct agent *a);

#endif
