/* The sinks there are, and their part of the config. */
#include "agent/agent.h"
#include "base/err.h"
#include "libs/microhttpd.h"
#include "sinks/sink.h"

#include <errno.h>

const struct sink *agent_sink(unsigned type)
{
	static const struct sink *const kinds[] = { [SINK_SQLITE] = &sink_sqlite,
		[SINK_FILE] = &sink_file,
		[SINK_NULL] = &sink_null,
		[SINK_PUBSUB] = &sink_pubsub,
		[SINK_BIGQUERY] = &sink_bigquery,
		[SINK_WEBHOOK] = &sink_webhook,
		[SINK_KAFKA] = &sink_kafka,
		[SINK_CLOUD_LOGGING] = &sink_cloud_logging };

	return kinds[type];
}

static int need(struct late *library, const char *for_what, struct err *e)
{
	const char *why = library != NULL ? late_open(library) : NULL;

	if (why == NULL)
		return 0;
	return err_set(e, ENOENT, "%s: %s", for_what, why);
}

int agent_open_libraries(const struct config *c, struct err *e)
{
	if (c->status.listen != NULL && need(&microhttpd_late, "status.listen", e) != 0)
		return -1;
	for (unsigned i = 0; i < c->sinks.n; i++) {
		const struct sink_config *s = config_sink(c, i);

		if (need(agent_sink(s->type)->library, s->name, e) != 0)
			return -1;
	}
	return 0;
}

struct sink_settings agent_sink_settings(const struct sink_config *s)
{
	return (struct sink_settings){ .name = s->name,
		.path = s->path,
		.keep_us = s->keep_us,
		.max_size = s->max_size,
		.compress = s->compress,
		.rotate_us = s->rotate_us,
		.rotate_bytes = s->rotate_bytes,
		.keep_body = (enum keep_body)s->keep_body,
		.project = s->project,
		.topic = s->topic,
		.dataset = s->dataset,
		.endpoint = s->endpoint,
		.credentials = s->credentials,
		.ca_file = s->ca_file,
		.transport = s->transport,
		.topic_schema = s->topic_schema,
		.requests = (unsigned)s->requests,
		.mode = s->mode,
		.log = s->log,
		.entries = s->entries,
		.url = s->url,
		.secret_file = s->secret_file,
		.secret_env = s->secret_env,
		.token_file = s->token_file,
		.token_env = s->token_env,
		.template = s->template,
		.min_level = s->min_level,
		.per_minute = s->per_minute,
		.brokers = s->brokers.v,
		.n_brokers = s->brokers.n,
		.security = s->security,
		.sasl_mechanism = s->sasl_mechanism,
		.username = s->username,
		.password_file = s->password_file,
		.password_env = s->password_env,
		.options = s->options.v,
		.n_options = s->options.n,
		.max_lag_us = s->max_lag_us };
}
