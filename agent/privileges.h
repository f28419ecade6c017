/* privileges.h - whose rights the agent runs with. */
#ifndef AGENT_PRIVILEGES_H
#define AGENT_PRIVILEGES_H

struct config;
struct err;

/*
 * Started as root: become `user:` with that user's groups, or stay uid 0 without it; of
 * all capabilities only CAP_DAC_READ_SEARCH stays, and that only with `read_all`. Fails
 * closed. Without root there is nothing to drop. To be called before there are threads.
 */
int privileges_drop(const struct config *c, struct err *e);

#endif
