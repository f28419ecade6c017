/*
 * drop.h - events that a sink is not to get, by the config: `drop:` of a sink.
 *
 * Rules concern events without detections. `services:` concerns all events: it is how inputs have
 * topics and datasets of their own, each a sink with its own cursor. Alerts, decisions and the
 * ledger go to every sink. What is dropped was read, matched and journalled like all else, and is
 * counted in the sink's cursor, which is what `audit` adds up.
 */
#ifndef AGENT_DROP_H
#define AGENT_DROP_H

#include "agent/tap_filter.h"
#include "base/config.h"

enum { DROP_RULES_MAX = 32 };

/* One rule: terms as in tap_filter.h, all of which must hold. */
struct drop_config {
	struct config_texts when;

	/* resolved */
	struct tap_filter filter;
};

/* What a sink is not to get: the part of its config. */
struct drop_settings {
	struct config_items rules;    /* struct drop_config */
	struct config_texts services; /* events of others are not for it; none: all are */
};

/* Reads `when` of each; y is the list. Problems are added to p. */
void drop_resolve(const struct config_items *rules, const struct yaml_file *file,
    const struct yaml *y, struct problems *p);

/* The first rule that the record falls under; DROP_NONE, or DROP_OTHERS: of another service. */
enum { DROP_NONE = -1, DROP_OTHERS = -2 };
int drop_find(const struct drop_settings *d, const struct record *r);

/* The terms of a rule, as one text. */
void drop_text(const struct config_items *rules, unsigned i, struct buf *out);

#endif
