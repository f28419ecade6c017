#include "base/err.h"
#include "sinks/kafka.h"
#include "sinks/secret.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 2048 };

struct pair {
	const char *name, *value;
};

/* What `options` may change. The queue's default is 1 GiB; ours holds one commit at most. */
static const struct pair defaults[] = { { "client.id", "sekisho" }, { "compression.codec", "zstd" },
	{ "compression.level", "1" }, { "linger.ms", "50" }, { "batch.num.messages", "10000" },
	{ "queue.buffering.max.kbytes", "65536" }, { "queue.buffering.max.messages", "100000" },
	{ "message.timeout.ms", "30000" }, { "request.timeout.ms", "20000" },
	{ "socket.timeout.ms", "20000" }, { "reconnect.backoff.max.ms", "10000" },
	{ "socket.keepalive.enable", "true" }, { "log.connection.close", "false" },
	{ "topic.metadata.propagation.max.ms", "5000" } };

/* Keys of our own, what delivery rests on, secrets, and what would load or run other code. */
static const char *const ours[] = { "bootstrap.servers", "metadata.broker.list",
	"security.protocol", "sasl.mechanisms", "sasl.mechanism", "sasl.username", "sasl.password",
	"ssl.ca.location", "enable.idempotence", "acks", "request.required.acks",
	"transactional.id", "partitioner", "ssl.key.password", "ssl.keystore.password",
	"ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config",
	"plugin.library.paths", "ssl.engine.location", "sasl.kerberos.kinit.cmd", "log_level",
	"debug", "test.mock.num.brokers" };

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
	char why[256];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(e, 0, "%s: %s", name, why);
}

int kafka_option_check(const char *name, const char *value, struct err *e)
{
	const char *why = late_open(&rdkafka_late);
	rd_kafka_conf_t *scratch;
	int rc;

	if (why != NULL)
		return err_set(e, 0, "%s", why);
	for (unsigned i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return err_set(e, 0, "%s can't be set here", name);
	scratch = rd_kafka_conf_new();
	rc = set(scratch, name, value, e);
	rd_kafka_conf_destroy(scratch);
	return rc;
}

static int set_brokers(rd_kafka_conf_t *conf, const struct sink_settings *s, struct err *e)
{
	char text[TEXT_MAX] = "";
	size_t n = 0;

	for (unsigned i = 0; i < s->n_brokers && n < sizeof(text); i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s%s", i > 0 ? "," : "", s->brokers[i]);
	if (n == 0 || n >= sizeof(text))
		return err_set(
		    e, 0, "a sink of type kafka needs `brokers`, of at most %d bytes", TEXT_MAX);
	return set(conf, "bootstrap.servers", text, e);
}

static int set_sasl(rd_kafka_conf_t *conf, const struct sink_settings *s, struct err *e)
{
	static const char *const mechanisms[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN" };
	char password[SECRET_MAX];
	int rc;

	if (s->security != KAFKA_SASL_SSL)
		return 0;
	if (set(conf, "sasl.mechanisms", mechanisms[s->sasl_mechanism], e) != 0 ||
	    secret_read("password", s->password_file, s->password_env, password, e) != 0)
		return -1;
	rc = set(conf, "sasl.username", s->username != NULL ? s->username : "", e);
	if (rc == 0)
		rc = set(conf, "sasl.password", password, e);
	explicit_bzero(password, sizeof(password));
	return rc;
}

static int set_all(rd_kafka_conf_t *conf, const struct sink_settings *s, struct err *e)
{
	static const char *const security[] = { "ssl", "sasl_ssl", "plaintext" };

	for (unsigned i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (set(conf, defaults[i].name, defaults[i].value, e) != 0)
			return -1;
	for (unsigned i = 0; i < s->n_options; i++)
		if (kafka_option_check(s->options[i].name, s->options[i].value, e) != 0 ||
		    set(conf, s->options[i].name, s->options[i].value, e) != 0)
			return -1;
	if (set(conf, "enable.idempotence", "true", e) != 0 ||
	    set(conf, "security.protocol", security[s->security], e) != 0 ||
	    (s->ca_file != NULL && set(conf, "ssl.ca.location", s->ca_file, e) != 0) ||
	    set_sasl(conf, s, e) != 0)
		return -1;
	return set_brokers(conf, s, e);
}

rd_kafka_conf_t *kafka_conf(const struct sink_settings *s, struct err *e)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (set_all(conf, s, e) == 0)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}
