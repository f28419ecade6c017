/* alert.h - what correlation makes of detections: somebody did something, so often, since then. */
#ifndef DETECT_ALERT_H
#define DETECT_ALERT_H

#include "base/ip.h"
#include "detect/rule.h"

enum entity_type {
	ENTITY_IP,
	ENTITY_CLIENT,
	ENTITY_ACCOUNT,
	ENTITY_SESSION,
	ENTITY_OTHER,
	ENTITY_N
};
enum action {
	ACTION_BLOCK,
	ACTION_CHALLENGE,
	ACTION_LIMIT,
	ACTION_NOTIFY,
	ACTION_OBSERVE,
	ACTION_N
};

extern const char *const entity_names[ENTITY_N];
extern const char *const action_names[ACTION_N];

/* Where a client's address comes from; only the first two may ever be blocked. */
enum provenance { PROVENANCE_NONE, PROVENANCE_PEER, PROVENANCE_FORWARDED, PROVENANCE_CLAIMED };

extern const char *const provenance_names[4];

enum { ALERT_MAX_LINES = 100, ALERT_MAX_VALUE = 256, ALERT_MAX_IDS = 16 };

struct alert {
	uint64_t id[2];
	int64_t time_us;	   /* of the event that made it fire */
	int64_t first_us, last_us; /* of the counted events */
	char rule[128];
	uint64_t rule_hash;
	enum category category;
	enum level level;
	enum entity_type entity;
	char value[ALERT_MAX_VALUE]; /* of the entity: the address last seen, an account ... */
	bool has_address;
	struct ip address; /* of the client, when the event had one */
	enum provenance provenance;
	uint32_t agent;	    /* ENTITY_CLIENT: hash of the user agent, see alert_agent() */
	enum action action; /* what the default policy would do in enforce */
	int64_t duration_s; /* of a block; 0: none */
	uint64_t count;	    /* hits counted in so far */
	unsigned revision;  /* 1 at first; raised at doublings of the count */
	bool page;
	const struct slice *tags; /* of the rule; only valid while the alert is being said */
	unsigned n_tags;
	uint32_t lines[ALERT_MAX_LINES];
	unsigned n_lines;
	uint64_t events[ALERT_MAX_IDS][2]; /* ids of the first events */
	unsigned n_events;
};

/* What stands for a user agent, here and among those that succeeded. Never 0. */
uint32_t alert_agent(struct slice user_agent);

/* action and duration_s from category, level, entity and provenance. */
void alert_decide(struct alert *a);

#endif
