/*
 * sigma.h - from YAML to rules: what the sigma_*.c files share. Not for others.
 *
 * A reader adds a problem with its place and goes on where it can; the rule is
 * dropped at the end when it had errors.
 */
#ifndef DETECT_SIGMA_H
#define DETECT_SIGMA_H

#include "detect/ruleset.h"

#include <sys/types.h>

enum { SIGMA_MAX_NODES = 4096, SIGMA_MAX_SELECTIONS = 128, SIGMA_DEPTH = 32, SIGMA_MAX_NAMED = 64 };

struct selection {
	struct slice name;
	unsigned node;
};

/* One `filter:` document. */
struct sigma_filter {
	const struct yaml_file *file;
	const struct yaml *doc;
	unsigned used; /* rules it was added to */
};

struct loader {
	struct ruleset *rs;
	struct problems *p;
	const struct yaml_file *file;
	struct node nodes[SIGMA_MAX_NODES]; /* of the rule being read */
	unsigned n_nodes;
	struct selection selections[SIGMA_MAX_SELECTIONS];
	unsigned n_selections;
	/* files that were named: a folder that is read later may have them, too */
	struct {
		dev_t device;
		ino_t inode;
	} named[SIGMA_MAX_NAMED];
	unsigned n_named;
	struct sigma_filter *filters; /* in the order of the files */
	unsigned n_filters, cap_filters;
	uint64_t mixed; /* hash of what the rule being read took from other documents; 0: nothing */
};

struct sigma_head;

/* Arena memory of the rule set; the set is loaded within a fixed reservation. NULL: full, reported.
 */
void *sigma_alloc(struct loader *l, size_t n, size_t align);
struct slice sigma_copy(struct loader *l, struct slice s);

/* A new node, or the index of a NEVER node after reporting that there are too many. */
unsigned sigma_node(struct loader *l, enum node_kind kind, const unsigned *child, unsigned n);

void sigma_error(struct loader *l, const struct yaml *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sigma_key_error(struct loader *l, const struct yaml *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* sigma_item.c: one selection of `detection:` to a node. */
unsigned sigma_selection(struct loader *l, const struct yaml *y);

struct modifiers {
	bool contains, starts, ends, re, cased, cidr, fieldref, exists, windash, base64,
	    base64offset;
	bool re_i, re_m, re_s;
	bool neq, all, expand;
	int compare; /* enum compare, or -1 */
	enum time_part part;
	enum { WIDE_NONE, WIDE_UTF16LE, WIDE_UTF16BE, WIDE_UTF16 } wide;
};

/* sigma_modifier.c: `field|mod|mod`. False, with the problem said, when one is not known or they do
 * not go together. */
bool sigma_modifiers(
    struct loader *l, const struct yaml *item, struct slice *field, struct modifiers *mod);

/* sigma_value.c: one value with its modifiers to the matchers it stands for, into m (at most
 * max); how many. */
unsigned sigma_value(struct loader *l, const struct yaml *value, const struct modifiers *mod,
    struct matcher *m, unsigned max);

/* sigma_expand.c: value number k (from 0) that v stands for with its placeholders replaced, in
 * arena memory. False: there is no such value; errors are said at k = 0. */
bool sigma_expand(struct loader *l, const struct yaml *v, unsigned k, struct yaml *out);

/* sigma_condition.c: the text of a condition over loader.selections to a node. */
unsigned sigma_condition(struct loader *l, const struct yaml *y);

/* sigma_rule.c: all selections of `detection:` or `filter:` into loader.selections, then the node
 * of `condition:`. False: the problem was said. */
bool sigma_detection(struct loader *l, const struct yaml *y, unsigned *root);

/* sigma_filter.c: before any rule is read, the document is noted if it is a filter; false: it has
 * errors. Then the filters that hold for a rule, joined to its root. At the end those that
 * hold for none are said. */
bool sigma_filter_note(struct loader *l, const struct yaml_file *file, const struct yaml *doc);
unsigned sigma_filter_join(
    struct loader *l, const struct yaml *rule, const struct sigma_head *h, unsigned root);
void sigma_filter_unused(struct loader *l);

/* Does pattern fit? A * stands for any text. */
bool sigma_glob(struct slice pattern, struct slice s);

/* sigma_rule.c, sigma_correlation.c: one document. False: it was dropped. */
bool sigma_rule(struct loader *l, const struct yaml *doc, struct slice stem);
bool sigma_correlation(struct loader *l, const struct yaml *doc, struct slice stem);

/* sigma_resolve.c: when all documents are read, the rules and correlations that correlations name.
 * Those that can't be resolved are dropped, with the problem said. */
void sigma_resolve(struct loader *l);

/* The attributes that rules and correlations share. */
struct sigma_head {
	struct slice name, id, title;
	enum level level;
	enum category category;
	bool has_category;
	struct slice *tags;
	unsigned n_tags;
	struct rule_test *tests;
	unsigned n_tests;
	bool disabled;
	uint64_t hash;
};
void sigma_head(struct loader *l, const struct yaml *doc, struct slice stem, struct sigma_head *h);

/* A hash of everything in the tree, order included. */
uint64_t sigma_hash(const struct yaml *y);

#endif
