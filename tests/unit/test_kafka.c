/* The Kafka sink against librdkafka's own cluster: what arrives, what is tried again, what is
 * refused. */
#include "base/clock.h"
#include "base/err.h"
#include "sinks/kafka.h"

#include <jansson.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { PARTITIONS = 3, PRODUCE = 0, SEQS = 4096, FIRST = 1000 };

static struct {
	rd_kafka_t *rk; /* owns the cluster */
	rd_kafka_mock_cluster_t *cluster;
	void *sink;
} t;

static uint8_t no_cursor[SINK_CURSOR_BYTES];
static unsigned got[SEQS]; /* how often a row's seq arrived */

static void *open_sink(const char *timeout_ms, struct err *e)
{
	const char *brokers[] = { rd_kafka_mock_cluster_bootstraps(t.cluster) };
	struct sink_option options[] = { { "message.timeout.ms", timeout_ms },
		{ "retry.backoff.ms", "10" } };
	struct sink_settings s = { .name = "k",
		.topic = "s",
		.brokers = brokers,
		.n_brokers = 1,
		.security = KAFKA_PLAINTEXT,
		.options = options,
		.n_options = 2 };

	return sink_kafka.open(&s, e);
}

static int set_up(void **state)
{
	struct err e = { 0, "" };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	(void)state;
	t.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, e.msg, sizeof(e.msg));
	if (t.rk == NULL || (t.cluster = rd_kafka_mock_cluster_new(t.rk, 3)) == NULL)
		return -1;
	rd_kafka_mock_topic_create(t.cluster, "s-events", PARTITIONS, 1);
	t.sink = open_sink("20000", &e);
	memset(got, 0, sizeof(got));
	return t.sink != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sink_kafka.close(t.sink);
	rd_kafka_mock_cluster_destroy(t.cluster);
	rd_kafka_destroy(t.rk);
	return 0;
}

/* n events into the sink; the result of the last put. *n_rejected of them were refused. */
static enum sink_result put_events(unsigned n, size_t body, unsigned *n_rejected)
{
	struct record_writer w = { 0 };
	struct record_context c = { .host_name = SLICE("host-1") };
	struct record_reader *reader = calloc(1, sizeof(*reader));
	struct buf block = { 0 };
	char *line = malloc(body + 1);
	enum sink_result rc = SINK_OK;
	struct record r;
	struct err e = { 0, "" };
	unsigned origin;

	*n_rejected = 0;
	memset(line, 'x', body);
	record_begin(&w, &c);
	origin = record_put_origin(&w, &(struct record_origin){ .hash = 1 });
	for (unsigned i = 0; i < n; i++) {
		struct attr attrs[EVENT_MAX_ATTRS];
		struct event ev = { .body = { line, body }, .attrs = attrs, .offset = i };

		record_put_event(&w, origin, &ev);
	}
	record_end(&w, NULL, &block);
	record_reader_open(reader, buf_as_slice(&block), FIRST);
	assert_int_equal(sink_kafka.begin(t.sink, &e), SINK_OK);
	while (record_next(reader, &r, &e) > 0)
		if (r.seq != 0 && (rc = sink_kafka.put(t.sink, &r, &e)) == SINK_REJECT)
			++*n_rejected;
	record_reader_free(reader);
	record_writer_free(&w);
	buf_free(&block);
	free(reader);
	free(line);
	return rc;
}

static void read_message(const rd_kafka_message_t *m)
{
	json_t *j = json_loadb(m->payload, m->len, 0, NULL);
	json_int_t seq = json_integer_value(json_object_get(j, "seq"));

	assert_in_range(seq, FIRST, FIRST + SEQS - 1);
	got[seq - FIRST]++;
	assert_int_equal(m->key_len, 6);
	assert_memory_equal(m->key, "host-1", 6);
	assert_int_equal(json_string_length(json_object_get(j, "id")), RECORD_ID_TEXT);
	json_decref(j);
}

/* All that is in the topic, by a consumer of its own. */
static unsigned read_all(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
	char why[256];
	unsigned n = 0;
	int ends = 0;
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(t.cluster),
	    why, sizeof(why));
	rd_kafka_conf_set(conf, "group.id", "test", why, sizeof(why));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	assert_non_null(rk);
	for (int p = 0; p < PARTITIONS; p++)
		rd_kafka_topic_partition_list_add(list, "s-events", p)->offset =
		    RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	while (ends < PARTITIONS) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 20000);

		assert_non_null(m);
		if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		else if (m->err == 0 && ++n > 0)
			read_message(m);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return n;
}

static void all_once(unsigned n)
{
	assert_int_equal(read_all(), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(got[i], 1);
}

static enum sink_result commit(struct err *e)
{
	*e = (struct err){ 0, "" };
	return sink_kafka.commit(t.sink, no_cursor, e);
}

static void all_rows_arrive_with_key_and_id(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	put_events(3000, 100, &rejected);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(3000);
}

static void what_passes_is_tried_again_by_the_producer(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	rd_kafka_mock_push_request_errors(t.cluster, PRODUCE, 3,
	    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
	    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	put_events(500, 100, &rejected);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(500);
}

/* Delivered only with every report: brokers that are away are waited for, and then all arrives. */
static void brokers_that_are_away_get_everything_later(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	sink_kafka.close(t.sink);
	t.sink = open_sink("1500", &e);
	for (int b = 1; b <= 3; b++)
		rd_kafka_mock_broker_set_down(t.cluster, b);
	put_events(200, 100, &rejected);
	assert_int_equal(commit(&e), SINK_RETRY);
	assert_int_not_equal(e.msg[0], '\0');
	for (int b = 1; b <= 3; b++)
		rd_kafka_mock_broker_set_up(t.cluster, b);
	for (unsigned i = 0; i < 10; i++) {
		put_events(200, 100, &rejected);
		if (commit(&e) == SINK_OK)
			break;
	}
	all_once(200);
}

/* The broker says so of a batch: each row is then tried alone, and only a row alone is refused. */
static void too_large_is_refused_alone(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	rd_kafka_mock_push_request_errors(
	    t.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	put_events(20, 100, &rejected);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(20);
	rd_kafka_mock_push_request_errors(t.cluster, PRODUCE, 2,
	    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	put_events(1, 100, &rejected);
	assert_int_equal(commit(&e), SINK_AGAIN);
	assert_int_equal(put_events(1, 100, &rejected), SINK_REJECT);
	assert_int_equal(rejected, 1);
	assert_int_equal(commit(&e), SINK_OK);
}

static void a_long_line_goes_without_its_end(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	put_events(2, 1500000, &rejected);
	assert_int_equal(rejected, 0);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(2);
}

static void no_permission_is_held(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	rd_kafka_mock_push_request_errors(
	    t.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	put_events(10, 100, &rejected);
	assert_int_equal(commit(&e), SINK_HOLD);
	assert_non_null(strstr(e.msg, "TOPIC_AUTHORIZATION_FAILED"));
	put_events(10, 100, &rejected);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(10);
}

static void a_topic_that_is_not_there_is_held(void **state)
{
	struct err e;
	unsigned rejected;

	(void)state;
	rd_kafka_mock_topic_set_error(
	    t.cluster, "s-events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	put_events(10, 100, &rejected);
	assert_int_equal(commit(&e), SINK_HOLD);
	rd_kafka_mock_topic_set_error(t.cluster, "s-events", RD_KAFKA_RESP_ERR_NO_ERROR);
	put_events(10, 100, &rejected);
	assert_int_equal(commit(&e), SINK_OK);
	all_once(10);
}

/* The broker forgot who we are: the producer can't go on, a new one can. */
static void after_a_fatal_error_a_new_producer_goes_on(void **state)
{
	struct err e;
	unsigned rejected;
	enum sink_result rc = SINK_RETRY;

	(void)state;
	rd_kafka_mock_push_request_errors(
	    t.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	put_events(100, 100, &rejected);
	assert_int_equal(commit(&e), SINK_RETRY);
	for (unsigned i = 0; i < 5 && rc == SINK_RETRY; i++) {
		put_events(100, 100, &rejected);
		rc = commit(&e);
	}
	assert_int_equal(rc, SINK_OK);
	read_all();
	for (unsigned i = 0; i < 100; i++)
		assert_true(got[i] >= 1);
}

static void options_can_not_undo_what_delivery_rests_on(void **state)
{
	struct err e = { 0, "" };

	(void)state;
	assert_int_equal(kafka_option_check("linger.ms", "200", &e), 0);
	assert_int_equal(kafka_option_check("enable.idempotence", "false", &e), -1);
	assert_int_equal(kafka_option_check("plugin.library.paths", "x", &e), -1);
	assert_int_equal(kafka_option_check("sasl.password", "x", &e), -1);
	assert_int_equal(kafka_option_check("lingr.ms", "200", &e), -1);
	assert_int_equal(kafka_option_check("linger.ms", "soon", &e), -1);
}

/* CPU time of all threads of this process, the broker's in it. */
static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

enum { HANG_MS = 4000, HANG_ROWS = 3000, HANG_BODY = 3000 }; /* some ten requests */

/* What it takes to deliver them when the first request has its answer so late. */
static double cpu_of_commit(unsigned hang_ms)
{
	unsigned rejected;
	struct err e;
	int64_t began;
	double before;

	if (hang_ms > 0)
		for (int b = 1; b <= 3; b++) /* one of them leads the partition */
			rd_kafka_mock_broker_push_request_error_rtts(
			    t.cluster, b, PRODUCE, 1, RD_KAFKA_RESP_ERR_NO_ERROR, (int)hang_ms);
	put_events(HANG_ROWS, HANG_BODY, &rejected);
	before = cpu_s();
	began = clock_boot_us();
	assert_int_equal(commit(&e), SINK_OK);
	assert_true(clock_boot_us() - began >= (int64_t)hang_ms * 1000); /* it did hang */
	return cpu_s() - before;
}

/*
 * librdkafka's thread spins while messages wait behind five requests without an answer: a core for
 * as long as a broker hangs (sinks/kafka_round.h). No time is measured but that of the CPU: what
 * the hang costs is compared with its length, of which spinning would take all.
 */
static void a_broker_that_hangs_costs_no_cpu(void **state)
{
	double without;
	double with;

	(void)state;
	cpu_of_commit(0); /* connections, the topic */
	without = cpu_of_commit(0);
	with = cpu_of_commit(HANG_MS);
	print_message("CPU seconds: %.3f, and with %.1f s without an answer %.3f\n", without,
	    HANG_MS / 1000.0, with);
	assert_true(with - without < HANG_MS / 1000.0 / 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_rows_arrive_with_key_and_id),
		TEST(what_passes_is_tried_again_by_the_producer),
		TEST(brokers_that_are_away_get_everything_later),
		TEST(too_large_is_refused_alone),
		TEST(a_long_line_goes_without_its_end),
		TEST(no_permission_is_held),
		TEST(a_topic_that_is_not_there_is_held),
		TEST(after_a_fatal_error_a_new_producer_goes_on),
		TEST(a_broker_that_hangs_costs_no_cpu),
		cmocka_unit_test(options_can_not_undo_what_delivery_rests_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
