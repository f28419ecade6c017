/* cloud_logging.h - inside sinks/: records as LogEntry of the Cloud Logging API, v2. */
#ifndef SINKS_CLOUD_LOGGING_H
#define SINKS_CLOUD_LOGGING_H

#include "sinks/row.h"

struct entry_rules {
	const char *project; /* of traces */
	enum keep_body keep_body;
	enum log_entries wanted;
};

/*
 * Is it wanted there? Notable are alerts, decisions, the ledger, events with detections, and
 * errors: a status of 500 and above, or a severity of error and above.
 */
bool entry_is_wanted(const struct entry_rules *rules, const struct record *r);

/* Append its LogEntry, without logName and resource. The form of outbox.h; self: the rules. */
int entry_put(void *self, const struct record *r, enum row_size size, struct buf *out,
    struct row_memory *m, struct err *e);

#endif
