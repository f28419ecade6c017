/*
 * trigger.h - which rules could match an event? Cheap, and never wrong in one
 * direction: a rule that matches is always among the candidates.
 *
 * Texts of one kind go through one lane, which has a filter for the windows of all
 * rules on it. What an equality on a well-known attribute requires is found by an
 * index. Of the parts of a rule's condition that must all hold, the one that is
 * rarest in honest traffic is its trigger; of alternatives, each has one.
 */
#ifndef DETECT_TRIGGER_H
#define DETECT_TRIGGER_H

#include "detect/deny.h"
#include "detect/ruleset.h"

struct err;
struct filter;

enum lane {
	LANE_URI,     /* path?query in all forms */
	LANE_NAME,    /* names of the query's parameters in all forms */
	LANE_PARAM,   /* their values */
	LANE_AGENT,   /* User-Agent in all forms */
	LANE_REFERER, /* Referer in all forms */
	LANE_COOKIE,  /* Cookie in all forms */
	LANE_BODY,    /* the line */
	LANE_RECORD,  /* auditd: each record, and each value of its fields decoded */
	LANE_FIRST_ATTR,
	LANE_MAX = 32,
};

enum index_kind { INDEX_STATUS, INDEX_METHOD, INDEX_PROGRAM, INDEX_AUDIT_TYPE };

#define INDEX_N (INDEX_AUDIT_TYPE + 1)

struct index_entry {
	uint64_t hash; /* of kind and lower-case value */
	uint32_t rule;
};

struct trigger_plan {
	const struct ruleset *rs;
	unsigned n_lanes;
	struct field lane_field[LANE_MAX]; /* from LANE_FIRST_ATTR on: which attribute */
	uint32_t key_lanes[ATTR_N];	   /* which of those lanes have that attribute: bits */
	struct filter *filters[LANE_MAX];  /* NULL: no rule looks there */
	unsigned lane_classes[LANE_MAX];   /* CLASS_* of the rules that do */
	struct index_entry *index;	   /* sorted by hash */
	unsigned n_index;
	bool kinds[4];	  /* index kinds that have entries */
	bool records;	  /* some rule looks at the records of audit events */
	unsigned *always; /* rules without a trigger */
	unsigned n_always;
	struct deny deny;
};

#define TRIGGER_CACHE "windows" /* in the folders below (memo_file.c) */

/*
 * Choose triggers for all rules of rs and build the filters.
 * Sets rule.untriggered and rule.cost. NULL with *e when memory is short.
 * cache_dir: a folder for what is dear to find out, or NULL; shipped_dir: another one, which is
 * only read, with what was found out when the program was built.
 */
struct trigger_plan *trigger_plan_new(
    struct ruleset *rs, const char *cache_dir, const char *shipped_dir, struct err *e);
void trigger_plan_free(struct trigger_plan *p);

uint64_t trigger_hash(enum index_kind kind, struct slice value);

/* The lane whose texts hold that field's, or LANE_MAX: it has none. */
unsigned trigger_lane(const struct trigger_plan *p, const struct field *f);

#endif
