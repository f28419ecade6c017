/* redrive.h - `journal redrive`: dead letters back into what waits, by the agent or without it. */
#ifndef AGENT_REDRIVE_H
#define AGENT_REDRIVE_H

#include "agent/config.h"
#include "base/buf.h"

struct agent;

/* What is to be moved: NULL and 0 are no limit. id: 32 hex digits. */
struct redrive_options {
	const char *sink, *id;
	int64_t since_us;
};

/* The command: an exit code. Asks the running agent, else takes its lock and does it itself. */
int redrive_command(
    const char *config_path, const struct config *c, const struct redrive_options *o);

/* The agent's side: "redrive SINK SINCE_US ID", `*` for any sink or id. False: out says why. */
bool redrive_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out);

#endif
