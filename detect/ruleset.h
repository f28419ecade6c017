/*
 * ruleset.h - all rules of a run: loaded, checked, resolved.
 *
 * Immutable after ruleset_load() but for counters, and freed as a whole: a reload
 * makes a new one. Every string in it lives in its arena.
 */
#ifndef DETECT_RULESET_H
#define DETECT_RULESET_H

#include "base/arena.h"
#include "base/yaml.h"
#include "detect/rule.h"

enum correlation_type {
	CORRELATE_EVENT_COUNT,
	CORRELATE_VALUE_COUNT,
	CORRELATE_TEMPORAL,	    /* how many of its rules hit */
	CORRELATE_TEMPORAL_ORDERED, /* one after the other, as they are listed */
	CORRELATE_VALUE_SUM,
	CORRELATE_VALUE_AVG,
};

enum { CORRELATION_MAX_GROUP = 4, CORRELATION_MAX_RULES = 256, CORRELATION_MAX_DEPTH = 4 };

/* What a correlation counts: hits of a rule, or firings of another correlation. */
struct correlation_member {
	uint32_t index; /* into ruleset.rules, or ruleset.correlations */
	uint16_t entry; /* of `rules:`; a pattern is one entry and many members */
	bool chained;	/* a correlation */
};

/* A Sigma correlation: of these rules' hits, so many within a timespan, per group. */
struct correlation {
	const struct yaml_file *from; /* one of the set's */
	const struct yaml *doc;	      /* in it */
	struct slice name, id, title, file;
	unsigned line;
	uint64_t hash;
	enum level level;
	enum category category;
	enum correlation_type type;
	bool disabled;
	bool quiet;	/* only feeds other correlations: raises no alert itself */
	unsigned depth; /* 0: of rules alone. Sets are sorted by it: members come before */
	struct correlation_member members[CORRELATION_MAX_RULES];
	unsigned n_members, n_entries;
	struct field group[CORRELATION_MAX_GROUP];
	unsigned n_group;
	struct field *aliased; /* n_members rows of n_group fields; NULL: group holds for all */
	struct field value[CORRELATION_MAX_GROUP]; /* what is counted or summed up */
	unsigned n_value;
	bool by_rule; /* VALUE_COUNT: the rules that hit are counted, on two events at least */
	struct slice *tags;
	unsigned n_tags;
	int64_t timespan_us;
	double at_least, at_most; /* fires while the measure is within; whole numbers for counts */
	struct rule_test *tests;
	unsigned n_tests;
};

struct ruleset {
	struct arena arena;
	struct yaml_file *files;
	unsigned n_files, cap_files;
	struct rule *rules;
	unsigned n_rules, cap_rules;
	struct correlation *correlations;
	unsigned n_correlations, cap_correlations;
	uint64_t hash; /* over all content, in order: the column rules_hash */
	char hash_text[17];
};

/*
 * Load every *.yml and *.yaml below the folders (or single files, or bundles), in order of their
 * names; a rule in an earlier folder hides one of the same name in a later one, and a file that was
 * named is not read again as part of a folder. Returns the set, or
 * NULL only when memory is short; p has the problems, and a rule with errors is left out. more:
 * further rules as text (decoys.h), or nothing.
 */
struct ruleset *ruleset_load(
    const char *const *dirs, unsigned n_dirs, struct slice more, struct problems *p);

/* The same from one text, for tests of rules and fuzzing. */
struct ruleset *ruleset_load_text(const char *name, struct slice text, struct problems *p);

void ruleset_free(struct ruleset *rs);

/* By `name`, or by `id`; NULL when there is none. */
const struct rule *ruleset_rule(const struct ruleset *rs, struct slice name);
const struct correlation *ruleset_correlation(const struct ruleset *rs, struct slice name);

#endif
