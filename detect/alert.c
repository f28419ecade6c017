#include "detect/alert.h"

#include <xxhash.h>

const char *const entity_names[ENTITY_N] = { "ip", "client", "account", "session", "other" };
const char *const action_names[ACTION_N] = { "block", "challenge", "limit", "notify", "observe" };
const char *const provenance_names[4] = { "", "peer", "forwarded", "claimed" };

enum { FIRST_BLOCK_S = 3600 };

uint32_t alert_agent(struct slice user_agent)
{
	return (uint32_t)XXH3_64bits(user_agent.p != NULL ? user_agent.p : "", user_agent.n) | 1;
}

static bool category_blocks(enum category c, enum level l)
{
	return category_is_attack(c, l) || c == CATEGORY_AUTH_FAILURE || c == CATEGORY_DOS;
}

/*
 * An address is only blocked when somebody we trust saw it. What one account does is
 * answered at the account, not at the address that it shares with others.
 */
void alert_decide(struct alert *a)
{
	bool address = (a->entity == ENTITY_IP || a->entity == ENTITY_CLIENT) && a->has_address;
	bool seen = a->provenance == PROVENANCE_PEER || a->provenance == PROVENANCE_FORWARDED;

	a->duration_s = 0;
	if (a->entity == ENTITY_OTHER)
		a->action = ACTION_OBSERVE;
	else if (address && seen && category_blocks(a->category, a->level))
		a->action = ACTION_BLOCK;
	else
		a->action = ACTION_NOTIFY;
	if (a->action == ACTION_BLOCK)
		a->duration_s = FIRST_BLOCK_S;
	a->page = a->category == CATEGORY_AUTH_SUCCESS || a->category == CATEGORY_WEBSHELL ||
		  (a->category == CATEGORY_PERSISTENCE && a->level >= LEVEL_HIGH);
}
