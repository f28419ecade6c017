/* offline.h - rules, pipeline and correlator without an agent: for scan, rules test and bench. */
#ifndef AGENT_OFFLINE_H
#define AGENT_OFFLINE_H

#include "agent/config.h"
#include "agent/options.h"
#include "agent/sight.h"

struct offline_options {
	const char *config; /* or NULL: networks, identities, formats and rules are from there */
	const char *parser; /* name, or NULL: that of the config's first input, else auto */
	struct option_list rules;
	bool raw, no_canonical, reference;
};

struct offline {
	struct ruleset *rs;
	struct trigger_plan *plan;
	struct redactor *redactor;
	struct pipeline pipeline;
	struct correlator *correlator;
	struct line_rules rules; /* of the chosen parser */
	struct config *config;	 /* or NULL */
};

/* 0, or an exit code after having said why on stderr. key: of the host. */
int offline_open(struct offline *o, const struct offline_options *opt, uint64_t key);
void offline_close(struct offline *o);

/* The rules of these folders, and those for the decoys of c, which may be NULL. */
struct ruleset *offline_load_rules(
    const char *const *dirs, unsigned n, const struct config *c, struct problems *p);

/* The folders rules come from when nobody names one. Returns how many, at most 4. */
unsigned offline_rule_dirs(const char *dirs[4]);

struct offline_paths {
	char **v;
	unsigned n;
};

/*
 * The folders and files that offline_open() would take rules from. 0, or an exit code;
 * offline_free_paths() either way.
 */
int offline_rule_paths(const struct offline_options *opt, struct offline_paths *out);
void offline_free_paths(struct offline_paths *p);

#endif
