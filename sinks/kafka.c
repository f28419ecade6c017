/*
 * kafka.c - Kafka by librdkafka: an idempotent producer.
 *
 * A topic for each table: PREFIX-events, -alerts, -blocks, -rejects, -ledger. A message is one
 * row as a JSON object, its key the entity, address or host it is about. A commit is delivered
 * when the delivery report of every message has come back.
 *
 * All callbacks run in the sink's own thread, inside of poll and flush. Payloads are not
 * copied: they stand in the outbox until their report, so a producer that owes reports is
 * destroyed before the outbox is used again.
 */
#include "sinks/kafka.h"

#include "base/err.h"
#include "sinks/kafka_round.h"
#include "sinks/outbox.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES_MAX = 10000, /* of one commit's part */
	BYTES_MAX = 24 << 20,
	FRAMING = 512,	  /* of a message, beside its row: key, header and lengths */
	FLUSH_MS = 40000, /* longer than message.timeout.ms */
	POLL_MS = 100,
	METADATA_MS = 10000
};

struct kafka {
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;			   /* NULL: to be made */
	rd_kafka_topic_t *topics[TABLE_N]; /* of rk; NULL: not used yet */
	struct kafka_round round;
	struct outbox out;
	char prefix[128];
	char why[256]; /* the last thing that librdkafka said went wrong */
	bool denied;   /* it was about who we are */

	enum outbox_answer answer; /* of the request under way */
};

/* ---- what librdkafka says ---- */

/*
 * librdkafka sends the nonce of SCRAM twice; Kafka checks it since 4.0 (CVE-2024-56128), and then
 * says that the password is wrong.
 */
static bool is_scram_misspoken(const struct kafka *k, rd_kafka_resp_err_t code)
{
	enum { MENDED = 0x02060100 };
	char mechanism[32] = "";
	size_t n = sizeof(mechanism);

	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION && rd_kafka_version() < MENDED &&
	       rd_kafka_conf_get(k->conf, "sasl.mechanisms", mechanism, &n) == RD_KAFKA_CONF_OK &&
	       strncmp(mechanism, "SCRAM", 5) == 0;
}

static void note(struct kafka *k, rd_kafka_resp_err_t code, const char *text)
{
	if (is_scram_misspoken(k, code))
		snprintf(k->why, sizeof(k->why),
		    "%s: %.80s ... (or the broker is Kafka 4: librdkafka %s can't do SCRAM there, "
		    "2.6.1 can)",
		    rd_kafka_err2name(code), text, rd_kafka_version_str());
	else
		snprintf(k->why, sizeof(k->why), "%s: %s", rd_kafka_err2name(code), text);
}

/* Not before somebody changes something. */
static bool is_for_somebody(rd_kafka_resp_err_t code)
{
	static const rd_kafka_resp_err_t codes[] = { RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
		RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
		RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__AUTHENTICATION,
		RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
		RD_KAFKA_RESP_ERR__INVALID_ARG };

	for (unsigned i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (code == codes[i])
			return true;
	return false;
}

/* About this message. The broker says so of a whole batch, so it counts of one alone. */
static bool is_for_the_message(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
	       code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
	       code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *ctx)
{
	struct kafka *k = ctx;

	(void)rk;
	/* a broker that is away says so again and again; who we are is the better reason */
	if (!k->denied)
		note(k, (rd_kafka_resp_err_t)code, text);
	k->denied = k->denied || is_for_somebody((rd_kafka_resp_err_t)code);
}

/* What it would write to standard error; on_error has what matters. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)text;
}

static void settle(struct kafka *k, struct outbox_row *row, rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		row->state = ROW_DELIVERED;
		return;
	}
	/* these say less than what was heard before them */
	if (k->why[0] == '\0' ||
	    (code != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && code != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
		code != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT))
		note(k, code, rd_kafka_err2str(code));
	if (is_for_the_message(code))
		row->mark = true;
	else if (is_for_somebody(code) || k->denied)
		k->answer = ANSWER_HOLD;
	else if (k->answer == ANSWER_OK)
		k->answer = ANSWER_RETRY;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	(void)rk;
	settle(ctx, m->_private, m->err);
}

/* ---- the producer ---- */

static bool make_producer(struct kafka *k)
{
	rd_kafka_conf_t *conf;

	if (k->rk != NULL)
		return true;
	conf = rd_kafka_conf_dup(k->conf);
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	kafka_round_listen(&k->round, conf);
	k->why[0] = '\0';
	k->denied = false;
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, k->why, sizeof(k->why));
	if (k->rk == NULL)
		rd_kafka_conf_destroy(conf);
	return k->rk != NULL;
}

static void drop_producer(struct kafka *k)
{
	for (unsigned i = 0; i < TABLE_N; i++) {
		if (k->topics[i] != NULL)
			rd_kafka_topic_destroy(k->topics[i]);
		k->topics[i] = NULL;
	}
	if (k->rk != NULL)
		rd_kafka_destroy(k->rk);
	k->rk = NULL;
}

/*
 * After a fatal error it takes nothing more; one that owes reports would give them to rows that
 * are others by then. The next try makes a new one, and the rows without a report are sent again.
 */
static void flush(struct kafka *k)
{
	rd_kafka_flush(k->rk, FLUSH_MS);
	if (rd_kafka_outq_len(k->rk) > 0) {
		rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(k->rk, POLL_MS);
		drop_producer(k);
		if (k->answer == ANSWER_OK)
			k->answer = ANSWER_RETRY;
	} else if (rd_kafka_fatal_error(k->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		drop_producer(k);
	}
}

static rd_kafka_topic_t *topic_of(struct kafka *k, enum schema_table t)
{
	char name[160];

	snprintf(name, sizeof(name), "%s-%s", k->prefix, schema_table(t)->short_name);
	if (k->topics[t] == NULL)
		k->topics[t] = rd_kafka_topic_new(k->rk, name, NULL);
	return k->topics[t];
}

/* Into the queue, and out of it. What is refused at once is settled at once. */
static void send_round(struct kafka *k, enum schema_table t, unsigned n)
{
	rd_kafka_topic_t *topic = topic_of(k, t);
	unsigned n_full = 0;

	if (topic == NULL) {
		for (unsigned i = 0; i < n; i++)
			settle(k, k->round.message[i]._private, rd_kafka_last_error());
		return;
	}
	rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, 0, k->round.message, (int)n);
	for (unsigned i = 0; i < n; i++) {
		struct outbox_row *row = k->round.message[i]._private;

		/* by `options` the queue may be shorter than a round: the rest goes with the next
		 */
		if (k->round.message[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL && ++n_full < n)
			row->state = ROW_SENT;
		else if (k->round.message[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			settle(k, row, k->round.message[i].err);
	}
	flush(k);
}

/* Rows that the broker would not take in a batch (they are marked): it is as large as all of them.
 */
static void send_alone(struct kafka *k, struct outbox_flight *f)
{
	for (unsigned i = 0; i < f->n && k->answer == ANSWER_OK; i++) {
		struct outbox_row *row = f->rows[i];

		if (!row->mark)
			continue;
		row->mark = false;
		if (!make_producer(k)) {
			k->answer = ANSWER_RETRY;
			return;
		}
		row->state = ROW_SENT;
		send_round(k, row->table,
		    kafka_round_fill(
			&k->round, &k->out, &(struct outbox_flight){ .rows = &row, .n = 1 }));
		if (row->mark)
			outbox_refuse(&k->out, row, k->why);
	}
}

static enum outbox_answer send_rows(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct kafka *k = self;
	unsigned n;

	(void)o;
	if (!make_producer(k)) { /* wrong settings, a CA file that is not there */
		err_set(e, 0, "%s", k->why);
		return ANSWER_HOLD;
	}
	k->answer = ANSWER_OK;
	k->why[0] = '\0';
	for (unsigned i = 0; i < f->n; i++)
		f->rows[i]->mark = false;
	while (k->answer == ANSWER_OK && make_producer(k) &&
	       (n = kafka_round_fill(&k->round, &k->out, f)) > 0)
		send_round(k, f->rows[0]->table, n);
	send_alone(k, f);
	if (k->answer == ANSWER_HOLD) /* it remembers what a topic's error was */
		drop_producer(k);
	if (k->why[0] != '\0')
		err_set(e, 0, "%s", k->why);
	else if (k->answer != ANSWER_OK)
		err_set(e, 0, "no delivery report within %d s", FLUSH_MS / 1000);
	return k->answer;
}

/* ---- the sink ---- */

static void kafka_close(void *self)
{
	struct kafka *k = self;

	if (k == NULL)
		return;
	drop_producer(k);
	if (k->conf != NULL)
		rd_kafka_conf_destroy(k->conf);
	outbox_free(&k->out);
	kafka_round_free(&k->round);
	free(k);
}

/*
 * Buffers of requests and zstd's tables are some MB, made for each request: from the kernel, each
 * page of them would be cleared anew (agent/main.c), which was a third of all. They must lie under
 * the threshold together, and one arena holds them once, not once a thread.
 */
static void keep_memory(void)
{
	enum { KEPT_BYTES = 8 << 20 };

	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_ARENA_MAX, 1);
}

static void *kafka_open(const struct sink_settings *s, struct err *e)
{
	struct kafka *k = calloc(1, sizeof(*k));
	char text[32];
	size_t n = sizeof(text);

	if (k == NULL) {
		err_set(e, 0, "no memory");
		return NULL;
	}
	outbox_init(&k->out);
	k->conf = kafka_conf(s, e);
	if (k->conf == NULL || kafka_round_init(&k->round, e) != 0) {
		kafka_close(k);
		return NULL;
	}
	keep_memory();
	k->out.rules.keep_body = s->keep_body;
	k->out.keyed = true;
	if (rd_kafka_conf_get(k->conf, "message.max.bytes", text, &n) == RD_KAFKA_CONF_OK)
		k->out.row_max = (size_t)strtoul(text, NULL, 10) - FRAMING;
	snprintf(k->prefix, sizeof(k->prefix), "%s", s->topic != NULL ? s->topic : "sekisho");
	return k;
}

static enum sink_result kafka_begin(void *self, struct err *e)
{
	struct kafka *k = self;

	(void)e;
	outbox_begin(&k->out);
	return SINK_OK;
}

static enum sink_result kafka_put(void *self, const struct record *r, struct err *e)
{
	return outbox_put(&((struct kafka *)self)->out, r, e);
}

static enum sink_result kafka_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	static const struct outbox_way way = { MESSAGES_MAX, BYTES_MAX, FRAMING, send_rows, NULL };
	struct kafka *k = self;

	(void)cursor;
	return outbox_send(&k->out, &way, k, e);
}

static void kafka_abort(void *self)
{
	outbox_begin(&((struct kafka *)self)->out);
}

/* Errors of connections that nobody uses are taken out of their queue. */
static void kafka_idle(void *self, int64_t now_us)
{
	struct kafka *k = self;

	(void)now_us;
	if (k->rk != NULL)
		rd_kafka_poll(k->rk, 0);
}

static int partitions_of(const rd_kafka_metadata_t *m, const char *topic)
{
	for (int i = 0; i < m->topic_cnt; i++)
		if (strcmp(m->topics[i].topic, topic) == 0)
			return m->topics[i].partition_cnt;
	return 0;
}

/* All topics are asked for: to ask for one by name would make it. */
static void kafka_check(void *self, sink_say *say, void *ctx)
{
	struct kafka *k = self;
	const rd_kafka_metadata_t *m;
	rd_kafka_resp_err_t code;
	char text[512];

	if (!make_producer(k)) {
		say(ctx, false, k->why);
		return;
	}
	code = rd_kafka_metadata(k->rk, 1, NULL, &m, METADATA_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_poll(k->rk, 0);
		snprintf(text, sizeof(text), "no answer of a broker: %s",
		    k->why[0] != '\0' ? k->why : rd_kafka_err2str(code));
		say(ctx, false, text);
		return;
	}
	snprintf(text, sizeof(text), "%d brokers", m->broker_cnt);
	say(ctx, true, text);
	for (unsigned t = 0; t < TABLE_N; t++) {
		char topic[160];
		int n;

		snprintf(topic, sizeof(topic), "%s-%s", k->prefix,
		    schema_table((enum schema_table)t)->short_name);
		n = partitions_of(m, topic);
		if (n > 0)
			snprintf(text, sizeof(text), "topic %s: %d partitions", topic, n);
		else
			snprintf(text, sizeof(text),
			    "topic %s: not there, or hidden from us (permissions Describe, Write)",
			    topic);
		say(ctx, n > 0, text);
	}
	rd_kafka_metadata_destroy(m);
}

const struct sink sink_kafka = {
	.name = "kafka",
	.library = &rdkafka_late,
	.max_records = 10000,
	.max_bytes = 16 << 20,
	.open = kafka_open,
	.begin = kafka_begin,
	.put = kafka_put,
	.commit = kafka_commit,
	.abort = kafka_abort,
	.check = kafka_check,
	.idle = kafka_idle,
	.close = kafka_close,
};
