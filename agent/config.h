/*
 * config.h (agent) - the configuration file, read, checked and resolved.
 *
 * Owned by struct config; immutable after config_load(). The keys are the tables in
 * config_keys.c.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/client.h"
#include "agent/drop.h"
#include "base/config.h"

struct parser;
struct regex;
struct user_format;

enum input_lane { LANE_AUTO, LANE_IS_BULK, LANE_IS_CONTROL };

struct input_config {
	struct config_texts files;
	bool from_stdin;
	struct {
		struct config_texts units;
		const char *dir;
		struct config_texts files;
	} journald;
	const char *parser_name;
	const char *service;
	const char *logsource;
	unsigned lane; /* enum input_lane */
	const char *start_at;
	const char *start_pattern;
	const char *zone;
	struct {
		unsigned log; /* enum client_log */
		struct config_texts hops;
	} client_address;
	struct config_items identity; /* struct identity_config */

	/* resolved */
	struct place at;
	const struct parser *parser;
	struct regex *start;
	struct client_rule client;
	bool from_end;	       /* start_at: end */
	int64_t start_span_us; /* start_at: a span; 0: beginning */
	int tz_s;
	bool control;
	bool from_journald; /* `journald:` was there, maybe empty */
};

struct identity_config {
	const char *attribute; /* user.name, session.id ... */
	const char *field;     /* of the log line */
};

/* A format of `parsers:`; see agent/formats.h. */
struct format_config {
	const char *name;
	const char *pattern;
	struct {
		const char *field, *format;
	} time;
	struct config_items attributes; /* struct format_pair: group, attribute */
	struct config_items samples;	/* struct format_sample */

	/* resolved */
	struct user_format *format;
};

struct format_pair {
	const char *name, *value;
};

struct format_sample {
	const char *line;
	struct config_items expect; /* struct format_pair: attribute, value */
	bool bad;
};

struct network_config {
	const char *name;
	struct ip_set set;
};

struct sink_config {
	const char *name;
	unsigned type;
	const char *path;
	int64_t keep_us;
	uint64_t max_size;
	int64_t max_lag_us;
	bool compress;
	int64_t rotate_us;
	uint64_t rotate_bytes;
	unsigned keep_body; /* enum keep_body */
	const char *project, *topic, *dataset, *endpoint, *credentials, *ca_file;
	unsigned transport; /* enum transport */
	bool topic_schema;
	uint64_t requests;
	unsigned mode; /* enum bigquery_mode */
	const char *log;
	unsigned entries; /* enum log_entries */
	const char *url, *secret_file, *secret_env, *token_file, *token_env;
	unsigned template;  /* enum webhook_template */
	unsigned min_level; /* 0: as the template has it */
	uint64_t per_minute;
	struct config_texts brokers;
	unsigned security, sasl_mechanism;
	const char *username, *password_file, *password_env;
	struct config_items options; /* struct sink_option */
	struct drop_settings drop;
};

enum sink_type {
	SINK_SQLITE,
	SINK_FILE,
	SINK_NULL,
	SINK_PUBSUB,
	SINK_BIGQUERY,
	SINK_WEBHOOK,
	SINK_KAFKA,
	SINK_CLOUD_LOGGING
};

/* Does it need the network? */
static inline bool sink_is_remote(unsigned type)
{
	return type >= SINK_PUBSUB;
}

enum sandbox_mode { SANDBOX_AUTO, SANDBOX_OFF };

enum response_mode { MODE_SHADOW, MODE_CANARY, MODE_ENFORCE };

struct response_rule {
	const char *rule, *tag, *level, *category;
	unsigned action; /* index into action_names, or 5: as by default */
	unsigned mode;	 /* enum response_mode, or 3: as by default */
	int64_t ttl_us;
};

struct response_config {
	unsigned mode; /* enum response_mode */
	double canary;
	struct ip_set never_block;
	struct config_texts planes;
	int64_t ttl_us, max_ttl_us;
	int64_t max_event_age_us;
	uint64_t max_per_minute, max_blocks;
	uint64_t max_collateral;
	unsigned min_prefix4, min_prefix6;
	struct config_items rules; /* struct response_rule */
};

struct config {
	const char *service, *service_version, *environment;
	const char *user;
	bool read_all;
	unsigned sandbox; /* enum sandbox_mode */
	struct config_texts sandbox_read, sandbox_connect;
	uint64_t check_one_in;
	struct config_items inputs;   /* struct input_config */
	struct config_items formats;  /* struct format_config */
	struct config_items networks; /* struct network_config */
	struct config_items sinks;    /* struct sink_config */
	struct config_texts rules;
	struct {
		struct config_texts paths, profiles;
	} decoys; /* what no screen links to */
	struct {
		const char *dir;
		uint64_t max_size;
		struct config_space min_free;
		uint64_t segment_size;
	} journal;
	struct {
		uint64_t max_size;
	} dead_letter;
	struct response_config response;
	struct {
		bool verify;
		struct config_texts resolver;
	} crawlers;
	struct {
		const char *socket;
		const char *listen;
	} status;
	struct {
		const char *level;
	} log;

	/* behind it */
	struct arena arena;
	struct yaml_file file;
};

/* What one sink's keys say of each other; y is the map `sinks`. */
void config_check_sinks(const struct config *c, const struct yaml *y, struct problems *p);

#define CONFIG_DEFAULT_PATH "/etc/sekisho/sekisho.yaml"

extern const struct config_key config_keys[];

/* -1: problems were added. The config is to be freed either way. */
int config_load(const char *path, struct config *c, struct problems *p);
/* The same from a text; name is only for messages. */
int config_load_text(const char *name, struct slice text, struct config *c, struct problems *p);
void config_free(struct config *c);

static inline const struct input_config *config_input(const struct config *c, unsigned i)
{
	return (const struct input_config *)c->inputs.v + i;
}

static inline const struct format_config *config_format(const struct config *c, unsigned i)
{
	return (const struct format_config *)c->formats.v + i;
}

static inline const struct sink_config *config_sink(const struct config *c, unsigned i)
{
	return (const struct sink_config *)c->sinks.v + i;
}

/* NULL: there is none of that name. */
const struct sink_config *config_sink_named(const struct config *c, const char *name);

#endif
