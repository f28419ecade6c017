/* redrive.h - changes to what waits for a sink: dead letters back into it, or all of it given up.
 */
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

/* `journal forget`: what waits for a sink is given up. until_us: what was journalled before that;
 * 0: all. */
struct forget_options {
	const char *sink;
	int64_t until_us;
};

/* The command: an exit code. The running agent does it; a sink that the config has no more leaves
 * only its cursor, which is removed. */
int forget_command(const char *config_path, const struct config *c, const struct forget_options *o);

/* The agent's side: "forget SINK UNTIL_US". False: out says why. */
bool forget_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out);

#endif
