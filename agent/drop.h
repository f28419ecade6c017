/*
 * drop.h - events that a sink is not to get, by the config: `drop:` of a sink.
 *
 * Only events without detections are dropped, and only at that sink: they were read, matched and
 * journalled like all others. Each is counted in the sink's cursor, which is what `audit` adds up.
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

/* Reads `when` of each; y is the list. Problems are added to p. */
void drop_resolve(const struct config_items *rules, const struct yaml_file *file,
    const struct yaml *y, struct problems *p);

/* The first rule that the record falls under; -1: none. */
int drop_find(const struct config_items *rules, const struct record *r);

/* The terms of a rule, as one text. */
void drop_text(const struct config_items *rules, unsigned i, struct buf *out);

#endif
