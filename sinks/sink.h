/*
 * sink.h - the interface of a sink: where journalled records are delivered.
 *
 * Each sink has a thread, its own readers of the journal and its own cursor, so it may
 * block and a slow one delays nobody. Between begin and commit come the records of one
 * or more frames of one lane, in order; commit settles all of them or none.
 *
 * Delivery is at least once: what was not committed comes again after a crash, with
 * the same numbers. A sink that keeps the cursor in its own transaction makes it
 * exactly once.
 */
#ifndef SINKS_SINK_H
#define SINKS_SINK_H

#include "base/record.h"

struct err;

enum { SINK_CURSOR_BYTES = 256 };

enum sink_result {
	SINK_OK,
	SINK_REJECT, /* put only: this record can never be delivered, *e says why */
	SINK_DROP,   /* put only: by its settings this sink does not want it; counted */
	SINK_RETRY,  /* nothing is settled; the same again later */
	SINK_HOLD,   /* will not get better by itself (permissions): keep, say so, probe */
	SINK_AGAIN,  /* commit only: put the same again at once, it will say what it rejects */
};

/* Of which events a sink of rows gets the line itself, besides its attributes. */
enum keep_body { KEEP_BODY_ALWAYS, KEEP_BODY_UNPARSED, KEEP_BODY_DETECTED };

/* How Google's services are called. Auto: gRPC by https, else and where no HTTP/2 is REST. */
enum transport { TRANSPORT_AUTO, TRANSPORT_GRPC, TRANSPORT_REST };

/* By which of BigQuery's two ways rows are written. */
enum bigquery_mode { BIGQUERY_INSERT_ALL, BIGQUERY_STORAGE_WRITE };

/* Which events go to Cloud Logging, besides alerts, decisions and the ledger. */
enum log_entries { LOG_ENTRIES_NOTABLE, LOG_ENTRIES_ALERTS, LOG_ENTRIES_ALL };

enum kafka_security { KAFKA_SSL, KAFKA_SASL_SSL, KAFKA_PLAINTEXT };
enum webhook_template { WEBHOOK_JSON, WEBHOOK_SLACK, WEBHOOK_PAGERDUTY };

struct sink_option {
	const char *name, *value;
};

/* What the config says; text is owned by the caller and outlives the sink. */
struct sink_settings {
	const char *name;
	const char *path;
	int64_t keep_us;
	uint64_t max_size;
	bool compress;
	int64_t rotate_us;
	uint64_t rotate_bytes;
	enum keep_body keep_body;
	const char *project, *topic, *dataset, *endpoint, *credentials, *ca_file;
	unsigned transport; /* pubsub: enum transport */
	bool topic_schema;  /* pubsub: JSON columns as texts, which is all that a schema can say */
	unsigned requests;  /* pubsub, bigquery, cloud_logging: under way at once; 0: 1 */
	unsigned mode;	    /* bigquery: enum bigquery_mode */
	const char *log;    /* cloud_logging: first word of the logs' names */
	unsigned entries;   /* cloud_logging: enum log_entries */
	const char *url, *secret_file, *secret_env, *token_file, *token_env;
	unsigned template;  /* enum webhook_template */
	unsigned min_level; /* webhook: 0: as the template has it; else informational is 1 */
	uint64_t per_minute;
	const char *const *brokers;
	unsigned n_brokers;
	unsigned security;	 /* enum kafka_security */
	unsigned sasl_mechanism; /* 0: SCRAM-SHA-512, 1: SCRAM-SHA-256, 2: PLAIN */
	const char *username, *password_file, *password_env;
	const struct sink_option *options; /* of librdkafka */
	unsigned n_options;
	const char *label;	 /* for the caller: what status calls it; NULL: its name */
	uint64_t dead_max_bytes; /* for the caller: of its dead letters; 0: any number */
	int64_t max_lag_us; /* for the caller: the sink is not given older bulk; 0: all of it */
};

struct late;

typedef void sink_say(void *ctx, bool ok, const char *text);

struct sink {
	const char *name;     /* as written in the config */
	unsigned max_records; /* of one commit */
	size_t max_bytes;     /* of their bodies and values */
	struct late *library; /* that it calls, or NULL: to be had before open() is called */
	bool control_only;    /* wants nothing of the bulk lane: its records are dropped unread */

	/* NULL with *e: wrong settings or an unusable destination. No network yet. */
	void *(*open)(const struct sink_settings *s, struct err *e);

	/*
	 * The cursor kept with the data. NULL: the sink keeps none, the caller does.
	 * *found false: a new destination.
	 */
	int (*load_cursor)(
	    void *self, uint8_t cursor[SINK_CURSOR_BYTES], bool *found, struct err *e);

	enum sink_result (*begin)(void *self, struct err *e);
	enum sink_result (*put)(void *self, const struct record *r, struct err *e);
	/* cursor: what is true once this is settled; kept with the data by a sink that can. */
	enum sink_result (*commit)(
	    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e);
	void (*abort)(void *self); /* forget what was put since begin */

	/*
	 * Ask the destination whether deliveries will be taken, hop by hop, without delivering; may
	 * be NULL. say() for each hop, with what to do when it is not ok.
	 */
	void (*check)(void *self, sink_say *say, void *ctx);

	/* Retention and the like, about once a second when nothing waits; may be NULL. */
	void (*idle)(void *self, int64_t now_us);
	void (*close)(void *self); /* takes NULL */
};

extern const struct sink sink_sqlite;
extern const struct sink sink_file;
extern const struct sink sink_null;
extern const struct sink sink_pubsub;
extern const struct sink sink_bigquery;
extern const struct sink sink_webhook;
extern const struct sink sink_kafka;
extern const struct sink sink_cloud_logging;

#endif
