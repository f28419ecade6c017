/* What a sink needs, by its type. */
#include "agent/config.h"

#include "agent/drop.h"
#include "base/err.h"
#include "sinks/http.h"
#include "sinks/kafka.h"
#include "sinks/sink.h"

const struct sink_config *config_sink_named(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->sinks.n; i++)
		if (strcmp(config_sink(c, i)->name, name) == 0)
			return config_sink(c, i);
	return NULL;
}

static void check_name(const struct sink_config *s, struct place at, struct problems *p)
{
	for (const char *q = s->name; *q != '\0'; q++)
		if (!((*q >= 'a' && *q <= 'z') || (*q >= '0' && *q <= '9') || *q == '_' ||
			*q == '-')) {
			problem_error(p, at, "sink names are of a-z, 0-9, _ and -: '%s'", s->name);
			return;
		}
}

/* A name that no input has would leave the sink without events. */
static void check_services(const struct config *c, const struct sink_config *s, struct problems *p)
{
	const char *names[64];
	unsigned n = 0;

	if (c->service != NULL)
		names[n++] = c->service;
	for (unsigned i = 0; i < c->inputs.n && n < 64; i++)
		if (config_input(c, i)->service != NULL)
			names[n++] = config_input(c, i)->service;
	for (unsigned i = 0; i < s->drop.services.n; i++) {
		const char *name = s->drop.services.v[i];
		const char *meant;
		bool known = false;

		for (unsigned k = 0; k < n; k++)
			known = known || strcmp(name, names[k]) == 0;
		if (known)
			continue;
		meant = problem_suggest(slice_of(name), names, n);
		problem_warn(p, s->drop.services.at[i],
		    "sink '%s': no input has the service '%s'%s%s%s", s->name, name,
		    meant != NULL ? "; did you mean '" : "", meant != NULL ? meant : "",
		    meant != NULL ? "'?" : "");
	}
}

static void check_google(const struct sink_config *s, struct place at, struct problems *p)
{
	if (s->project == NULL)
		problem_error(p, at, "sink '%s' needs `project:`", s->name);
	if (s->type == SINK_BIGQUERY && s->dataset == NULL)
		problem_error(p, at, "sink '%s' needs `dataset:`", s->name);
	for (const char *q = s->type == SINK_CLOUD_LOGGING ? s->log : ""; *q != '\0'; q++)
		if (!((*q >= 'a' && *q <= 'z') || (*q >= 'A' && *q <= 'Z') ||
			(*q >= '0' && *q <= '9') || strchr("/_.-", *q) != NULL)) {
			problem_error(p, at,
			    "sink '%s': log: names of logs are of letters, digits, / _ . and -",
			    s->name);
			break;
		}
	if (s->endpoint != NULL && strncmp(s->endpoint, "https://", 8) != 0 &&
	    strncmp(s->endpoint, "http://", 7) != 0)
		problem_error(p, at, "sink '%s': endpoint '%s' is no URL; say https://HOST",
		    s->name, s->endpoint);
}

static void check_webhook(const struct sink_config *s, struct place at, struct problems *p)
{
	bool token = s->token_file != NULL || s->token_env != NULL;
	bool secret = s->secret_file != NULL || s->secret_env != NULL;

	if (s->url == NULL && s->template != WEBHOOK_PAGERDUTY)
		problem_error(p, at, "sink '%s' needs `url:`", s->name);
	if (s->url != NULL && !http_is_safe(s->url))
		problem_error(p, at,
		    "sink '%s': url '%s': alerts are sent by https only (or by http to this host)",
		    s->name, s->url);
	if (s->template == WEBHOOK_PAGERDUTY && !token)
		problem_error(p, at,
		    "sink '%s': PagerDuty needs its routing key: `token_file:` or `token_env:`",
		    s->name);
	if (s->template == WEBHOOK_JSON && !secret)
		problem_error(p, at,
		    "sink '%s': requests are signed; say `secret_file:` or `secret_env:`", s->name);
	if (s->template == WEBHOOK_JSON && token)
		problem_error(p, at, "sink '%s': a token is for slack and pagerduty", s->name);
	if ((s->secret_file != NULL && s->secret_env != NULL) ||
	    (s->token_file != NULL && s->token_env != NULL))
		problem_error(
		    p, at, "sink '%s': a file or an environment variable, not both", s->name);
}

static void check_kafka(const struct sink_config *s, struct place at, struct problems *p)
{
	bool password = s->password_file != NULL || s->password_env != NULL;
	struct err e = { 0, "" };

	if (s->brokers.n == 0)
		problem_error(p, at, "sink '%s' needs `brokers:`", s->name);
	for (unsigned i = 0; i < s->brokers.n; i++)
		if (strpbrk(s->brokers.v[i], "/, ") != NULL)
			problem_error(
			    p, s->brokers.at[i], "brokers: '%s' is not HOST:PORT", s->brokers.v[i]);
	if (s->security == KAFKA_SASL_SSL && (s->username == NULL || !password))
		problem_error(p, at,
		    "sink '%s': sasl_ssl needs `username:` and `password_file:` or "
		    "`password_env:`",
		    s->name);
	if (s->security != KAFKA_SASL_SSL && (s->username != NULL || password))
		problem_error(p, at,
		    "sink '%s': a user and a password are for `security: sasl_ssl`", s->name);
	for (unsigned i = 0; i < s->options.n; i++) {
		const struct sink_option *o = (const struct sink_option *)s->options.v + i;

		if (kafka_option_check(o->name, o->value, &e) != 0)
			problem_error(p, at, "sink '%s': options: %s", s->name, e.msg);
	}
}

void config_check_sinks(const struct config *c, const struct yaml *y, struct problems *p)
{
	for (unsigned i = 0; i < c->sinks.n; i++) {
		const struct sink_config *s = config_sink(c, i);
		struct place at = yaml_key_place(&c->file, &y->child[i]);

		check_name(s, at, p);
		check_services(c, s, p);
		drop_resolve(&s->drop.rules, &c->file, yaml_get(&y->child[i], "drop"), p);
		switch ((enum sink_type)s->type) {
		case SINK_SQLITE:
		case SINK_FILE:
			if (s->path == NULL)
				problem_error(p, at, "sink '%s' needs `path:`", s->name);
			break;
		case SINK_PUBSUB:
		case SINK_BIGQUERY:
		case SINK_CLOUD_LOGGING:
			check_google(s, at, p);
			break;
		case SINK_WEBHOOK:
			check_webhook(s, at, p);
			break;
		case SINK_KAFKA:
			check_kafka(s, at, p);
			break;
		case SINK_NULL:
			break;
		}
	}
}
