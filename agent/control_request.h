/* control_request.h - what is asked on the socket, apart from how it gets there. */
#ifndef AGENT_CONTROL_REQUEST_H
#define AGENT_CONTROL_REQUEST_H

#include "agent/policy.h"

enum { CONTROL_WORDS = 8 };

/* The words of a request; how many. What follows the last that fits is left out. */
unsigned control_words(struct slice request, struct slice word[static CONTROL_WORDS]);

/* "blocks VERB ...", by the thread that owns the policy. False: refused, call->out says
 * why. */
bool control_blocks(struct policy *p, struct slice request, const struct policy_call *call);

#endif
