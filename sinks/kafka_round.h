/*
 * kafka_round.h - which rows go to librdkafka at once.
 *
 * While messages wait behind the five requests that an idempotent producer may have without an
 * answer, librdkafka's thread spins (it asks poll(2) for no time at all): for as long as a broker
 * is slow or hangs. So rows go in rounds of what these requests hold: one for each of four
 * partitions, each below the size of a batch.
 */
#ifndef SINKS_KAFKA_ROUND_H
#define SINKS_KAFKA_ROUND_H

#include "libs/rdkafka.h"
#include "sinks/outbox.h"

#include <stdatomic.h>

struct err;

enum { KAFKA_ROUND_ROWS = 8192, KAFKA_FRAMING = 512 /* of a message: key and lengths */ };

struct kafka_round {
	rd_kafka_message_t *message; /* KAFKA_ROUND_ROWS of them */
	atomic_int n_partitions;     /* of the topic that was last produced to; 0: unknown */
};

/* -1 with *e: no memory. */
int kafka_round_init(struct kafka_round *r, struct err *e);
void kafka_round_free(struct kafka_round *r);

/*
 * Hear how many partitions a topic has, by choosing among them: as Java's producer does. r must
 * stay as long as a producer of conf.
 */
void kafka_round_listen(struct kafka_round *r, rd_kafka_conf_t *conf);

/*
 * The rows of f that go next, those in state ROW_SENT, into r->message, in the order of each
 * partition; how many: 0, none is left. They become ROW_LATER, until a report says otherwise.
 */
unsigned kafka_round_fill(struct kafka_round *r, const struct outbox *o, struct outbox_flight *f);

#endif
