/*
 * audit.h - the sums of what was read, journalled and delivered, and whether they balance.
 */
#ifndef AGENT_AUDIT_H
#define AGENT_AUDIT_H

#include "base/buf.h"

struct agent;

/*
 * since_us 0: since counting began; else of the frames from the first on that was committed then
 * or later. As text or one JSON object. False: they don't balance, or can't be told (out says why).
 */
bool audit_report(struct agent *a, int64_t since_us, bool json, struct buf *out);

/* The request of the socket: "audit [SINCE_US] [json]". */
bool audit_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out);

/* By the committer, when a frame is durable: what a->tally says is true from here on. */
void audit_publish(struct agent *a);

/* What an input is called in the sums: its first pattern, journald..., or -. */
struct input_config;
void audit_label(const struct input_config *in, char *to, unsigned n);

#endif
