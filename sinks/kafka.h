/* kafka.h - inside of the Kafka sink: its settings as librdkafka's. */
#ifndef SINKS_KAFKA_H
#define SINKS_KAFKA_H

#include "libs/rdkafka.h"
#include "sinks/sink.h"

struct err;

/* The producer's configuration without callbacks; NULL with *e. The password is read here. */
rd_kafka_conf_t *kafka_conf(const struct sink_settings *s, struct err *e);

/* May `options:` have it? -1 with *e: librdkafka does not know it, or it is not theirs to set. */
int kafka_option_check(const char *name, const char *value, struct err *e);

#endif
