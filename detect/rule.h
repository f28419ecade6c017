/*
 * rule.h - a Sigma rule as the engine holds it (Sigma specification 2.1).
 *
 * Loading (sigma_*.c) makes these from YAML; they are immutable afterwards but
 * for the counters. All memory belongs to the rule set and dies with it.
 */
#ifndef DETECT_RULE_H
#define DETECT_RULE_H

#include "base/ip.h"
#include "base/level.h"
#include "base/problem.h"
#include "detect/field.h"

#include <stdatomic.h>

struct regex;
struct yaml;

/* ---- a value ---- */

enum matcher_kind {
	MATCH_EQUAL,
	MATCH_CONTAINS,
	MATCH_STARTS,
	MATCH_ENDS,
	MATCH_REGEX, /* `re`, and values with wildcards inside */
	MATCH_CIDR,
	MATCH_COMPARE, /* lt lte gt gte, and numbers */
	MATCH_ABSENT,  /* null: the field is not there */
	MATCH_PRESENT, /* exists: true */
	MATCH_FIELD,   /* fieldref: another field's value */
};

enum compare { COMPARE_LT, COMPARE_LTE, COMPARE_GT, COMPARE_GTE, COMPARE_EQ };

/* What of a date is compared, as the date is written; a week is that of ISO 8601. */
enum time_part {
	TIME_NONE, /* no date: the number itself */
	TIME_MINUTE,
	TIME_HOUR,
	TIME_DAY,
	TIME_WEEK,
	TIME_MONTH,
	TIME_YEAR
};

struct matcher {
	enum matcher_kind kind;
	bool cased;	      /* string kinds: case counts */
	struct slice text;    /* string kinds: lower case unless cased. MATCH_REGEX: the pattern */
	unsigned regex_flags; /* REGEX_* */
	struct regex *regex;
	struct ip_prefix cidr;
	enum compare compare;
	enum time_part part;
	double number;
	struct field other;	 /* MATCH_FIELD */
	enum matcher_kind place; /* MATCH_FIELD: where in the text the other one's stands */
};

/* ---- a condition: a tree in an array ---- */

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_ITEM, NODE_NEVER };

struct node {
	enum node_kind kind;
	unsigned n;	 /* children of AND and OR; NOT has one */
	unsigned *child; /* indexes into rule.nodes */
	/* NODE_ITEM: the field holds any (or all) of the values */
	struct field field;
	bool all;
	struct matcher *matchers;
	unsigned n_matchers;
	/* set by trigger.c */
	bool cheap;	    /* a few values and no pattern */
	bool if_absent;	    /* one of the values is that it is not there */
	bool written_only;  /* no value is text or a pattern: only the written form counts */
	unsigned char lane; /* where its texts are, see trigger.h */
};

/* ---- what a rule is about ---- */

/* Which events it can see; bits. An event has the bits of what it is. */
enum event_class {
	CLASS_WEB = 1 << 0,
	CLASS_PROXY = 1 << 1,
	CLASS_SYSLOG = 1 << 2,
	CLASS_AUDITD = 1 << 3,
	CLASS_PROCESS = 1 << 4, /* derived from auditd */
	CLASS_FILE = 1 << 5,
	CLASS_NETWORK = 1 << 6,
	CLASS_OTHER = 1 << 7, /* json, raw, user formats without an HTTP request */
};

enum category {
/* clang-format off */
#define CATEGORY_TABLE(X) \
	X(SQLI, "sqli") X(XSS, "xss") X(LFI, "lfi") \
	X(RFI, "rfi") X(RCE, "rce") X(LOG4SHELL, "log4shell") \
	X(XXE, "xxe") X(SSRF, "ssrf") X(SSTI, "ssti") \
	X(NOSQLI, "nosqli") X(LDAPI, "ldapi") X(CRLF, "crlf") \
	X(SHELLSHOCK, "shellshock") X(PHP, "php") X(JAVA, "java") \
	X(PROTOCOL, "protocol") X(SCANNER, "scanner") X(CRAWLER, "crawler") \
	X(RECON, "recon") X(WEBSHELL, "webshell") X(AUTH_FAILURE, "auth-failure") \
	X(AUTH_SUCCESS, "auth-success") X(PRIVILEGE, "privilege") X(PERSISTENCE, "persistence") \
	X(EXECUTION, "execution") X(DOS, "dos") X(EXFILTRATION, "exfiltration") \
	X(LEAK, "leak")
/* clang-format on */
#define CATEGORY_ENUM(id, name) CATEGORY_##id,
	CATEGORY_TABLE(CATEGORY_ENUM)
#undef CATEGORY_ENUM
	    CATEGORY_N
};

extern const char *const category_names[CATEGORY_N];

/* Does a detection of that category and level count as an attack (may agree, may block)? */
bool category_is_attack(enum category c, enum level l);

struct rule_test {
	bool match;	      /* else: must be ignored */
	const struct yaml *y; /* a line, an attribute map, or a sequence of lines */
};

enum { RULE_MAX_DOMAINS = 8, RULE_DOMAIN_MAX = 64 };

struct rule {
	/* identity */
	struct slice name; /* Sigma `name`, else the file's stem */
	struct slice id;   /* UUID */
	struct slice title;
	struct slice file;
	unsigned line;
	uint64_t hash; /* of its content: windows of correlations belong to it */
	struct slice *tags;
	unsigned n_tags;
	enum level level;
	enum category category;

	/* what it sees */
	unsigned classes;     /* CLASS_*: any of them */
	struct slice program; /* syslog program, or empty */
	bool proxy_only;

	/* what it does */
	bool canonical;	 /* web fields in all their forms */
	bool conclusive; /* one hit alone may block */
	bool generate;	 /* a hit is a detection; else it only feeds correlations */
	bool disabled;
	unsigned weight; /* 1..10: counts towards web.<category>.score; 0: no */

	/* whom it takes agents for has addresses with names in these domains; lower case */
	struct slice *domains;
	unsigned n_domains;

	struct node *nodes;
	unsigned n_nodes;
	unsigned root;

	struct rule_test *tests;
	unsigned n_tests;

	/* filled by sigma_resolve.c: the correlations that a hit may count for, members first */
	uint32_t *counts_for;
	unsigned n_counts_for;

	/* filled by trigger.c */
	bool untriggered; /* no window on some way: tried on every event of its class */
	bool agent_only;  /* its verdict depends on the User-Agent and nothing else */
	double cost;	  /* expected share of honest texts that make it a candidate */

	/* counters */
	atomic_ullong candidates, hits, regex_calls, undecided;
};

#endif
