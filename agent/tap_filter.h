/*
 * tap_filter.h - which records somebody wants to see.
 *
 * Terms NAME=VALUE or NAME!=VALUE, all of which must hold; `*` in a value stands for any
 * text. NAME is kind, rule, category, level, field, parser, file, body, id or an attribute.
 * An event has as many rules as detections: = holds if one is so, != if none is. An
 * alert's entity counts as client.address, user.name or session.id, whichever it is.
 */
#ifndef AGENT_TAP_FILTER_H
#define AGENT_TAP_FILTER_H

#include "base/record.h"

enum { TAP_TERMS_MAX = 8, TAP_SEPARATOR = '\t' };

struct tap_filter {
	struct {
		char name[64];
		char value[256];
		bool not ;
	} term[TAP_TERMS_MAX];
	unsigned n;
	bool control_only; /* nothing in the bulk lane can hold */
};

/* Terms between separators. False: the message is in *e. */
bool tap_filter_parse(struct slice text, struct tap_filter *f, struct err *e);

bool tap_filter_holds(const struct tap_filter *f, const struct record *r);

/* A name that is neither one of the above nor in the table of attributes: it may be a mistake. */
bool tap_filter_knows(struct slice name);

#endif
