/* librdkafka: Kafka. See late.h. */
#ifndef LIBS_RDKAFKA_H
#define LIBS_RDKAFKA_H

#include "libs/late.h"

#include <librdkafka/rdkafka.h>

#define RDKAFKA_FUNCTIONS(X)                       \
	X(rd_kafka_conf_destroy)                   \
	X(rd_kafka_conf_dup)                       \
	X(rd_kafka_conf_get)                       \
	X(rd_kafka_conf_new)                       \
	X(rd_kafka_conf_set)                       \
	X(rd_kafka_conf_set_default_topic_conf)    \
	X(rd_kafka_conf_set_dr_msg_cb)             \
	X(rd_kafka_conf_set_error_cb)              \
	X(rd_kafka_conf_set_log_cb)                \
	X(rd_kafka_conf_set_opaque)                \
	X(rd_kafka_destroy)                        \
	X(rd_kafka_err2name)                       \
	X(rd_kafka_err2str)                        \
	X(rd_kafka_fatal_error)                    \
	X(rd_kafka_flush)                          \
	X(rd_kafka_last_error)                     \
	X(rd_kafka_metadata)                       \
	X(rd_kafka_metadata_destroy)               \
	X(rd_kafka_msg_partitioner_murmur2_random) \
	X(rd_kafka_new)                            \
	X(rd_kafka_outq_len)                       \
	X(rd_kafka_poll)                           \
	X(rd_kafka_produce_batch)                  \
	X(rd_kafka_purge)                          \
	X(rd_kafka_topic_conf_new)                 \
	X(rd_kafka_topic_conf_set_opaque)          \
	X(rd_kafka_topic_conf_set_partitioner_cb)  \
	X(rd_kafka_topic_destroy)                  \
	X(rd_kafka_topic_new)                      \
	X(rd_kafka_version)                        \
	X(rd_kafka_version_str)

LATE_DECLARE(rdkafka, RDKAFKA_FUNCTIONS)

#define rd_kafka_conf_destroy rdkafka_functions()->rd_kafka_conf_destroy
#define rd_kafka_conf_dup     rdkafka_functions()->rd_kafka_conf_dup
#define rd_kafka_conf_get     rdkafka_functions()->rd_kafka_conf_get
#define rd_kafka_conf_new     rdkafka_functions()->rd_kafka_conf_new
#define rd_kafka_conf_set     rdkafka_functions()->rd_kafka_conf_set
#define rd_kafka_conf_set_default_topic_conf \
	rdkafka_functions()->rd_kafka_conf_set_default_topic_conf
#define rd_kafka_conf_set_dr_msg_cb rdkafka_functions()->rd_kafka_conf_set_dr_msg_cb
#define rd_kafka_conf_set_error_cb  rdkafka_functions()->rd_kafka_conf_set_error_cb
#define rd_kafka_conf_set_log_cb    rdkafka_functions()->rd_kafka_conf_set_log_cb
#define rd_kafka_conf_set_opaque    rdkafka_functions()->rd_kafka_conf_set_opaque
#define rd_kafka_destroy	    rdkafka_functions()->rd_kafka_destroy
#define rd_kafka_err2name	    rdkafka_functions()->rd_kafka_err2name
#define rd_kafka_err2str	    rdkafka_functions()->rd_kafka_err2str
#define rd_kafka_fatal_error	    rdkafka_functions()->rd_kafka_fatal_error
#define rd_kafka_flush		    rdkafka_functions()->rd_kafka_flush
#define rd_kafka_last_error	    rdkafka_functions()->rd_kafka_last_error
#define rd_kafka_metadata	    rdkafka_functions()->rd_kafka_metadata
#define rd_kafka_metadata_destroy   rdkafka_functions()->rd_kafka_metadata_destroy
#define rd_kafka_msg_partitioner_murmur2_random \
	rdkafka_functions()->rd_kafka_msg_partitioner_murmur2_random
#define rd_kafka_new		       rdkafka_functions()->rd_kafka_new
#define rd_kafka_outq_len	       rdkafka_functions()->rd_kafka_outq_len
#define rd_kafka_poll		       rdkafka_functions()->rd_kafka_poll
#define rd_kafka_produce_batch	       rdkafka_functions()->rd_kafka_produce_batch
#define rd_kafka_purge		       rdkafka_functions()->rd_kafka_purge
#define rd_kafka_topic_conf_new	       rdkafka_functions()->rd_kafka_topic_conf_new
#define rd_kafka_topic_conf_set_opaque rdkafka_functions()->rd_kafka_topic_conf_set_opaque
#define rd_kafka_topic_conf_set_partitioner_cb \
	rdkafka_functions()->rd_kafka_topic_conf_set_partitioner_cb
#define rd_kafka_topic_destroy rdkafka_functions()->rd_kafka_topic_destroy
#define rd_kafka_topic_new     rdkafka_functions()->rd_kafka_topic_new
#define rd_kafka_version       rdkafka_functions()->rd_kafka_version
#define rd_kafka_version_str   rdkafka_functions()->rd_kafka_version_str

#endif
