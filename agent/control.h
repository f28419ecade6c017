/*
 * control.h - the Unix socket of a running agent.
 *
 * One request a connection: a line of words; the answer is text (or JSON) until the
 * agent closes. Only the socket's owner and group may connect. control_ask() is the
 * other side, for the commands.
 */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "base/slice.h"

struct agent;
struct control;
struct err;

struct control *control_start(struct agent *a, struct err *e);
void control_stop(struct control *c); /* takes NULL */

/*
 * Send a request to the agent of this config (or socket path) and copy its answer to
 * stdout. Returns the exit code the agent asked for (its answer's last line is "exit N"),
 * or EX_UNAVAILABLE after having said why.
 */
int control_ask(const char *config_path, const char *request);

/*
 * The same for an answer that the caller reads: a connection on which the request (with its
 * LF) was sent. -1 after having said why; *exit_code is then what to end with.
 */
int control_connect(const char *config_path, struct slice request, int *exit_code);

#endif
