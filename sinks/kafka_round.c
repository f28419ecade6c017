#include "sinks/kafka_round.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

/* Five requests without an answer are all that an idempotent producer may have. */
enum {
	ROUND_PARTITIONS = 4,
	REQUEST_BYTES = 900000, /* of batch.size, 1,000,000 */
	AHEAD = 16 /* rows; they were made some MB ago, and their keys are read first */
};

int kafka_round_init(struct kafka_round *r, struct err *e)
{
	r->message = calloc(KAFKA_ROUND_ROWS, sizeof(*r->message));
	return r->message != NULL ? 0 : err_set(e, ENOMEM, "no memory for messages");
}

void kafka_round_free(struct kafka_round *r)
{
	free(r->message);
	r->message = NULL;
}

/* That of Java's producer. How many there are is heard here: it may change, and is not asked for.
 */
static int32_t on_partition(
    const rd_kafka_topic_t *topic, const void *key, size_t n, int32_t count, void *ctx, void *row)
{
	struct kafka_round *r = ctx;

	atomic_store(&r->n_partitions, count);
	return rd_kafka_msg_partitioner_murmur2_random(topic, key, n, count, ctx, row);
}

void kafka_round_listen(struct kafka_round *r, rd_kafka_conf_t *conf)
{
	rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();

	rd_kafka_topic_conf_set_opaque(topic, r);
	rd_kafka_topic_conf_set_partitioner_cb(topic, on_partition);
	rd_kafka_conf_set_default_topic_conf(conf, topic);
}

/* The partitions of a round, and what is in each. */
struct load {
	size_t bytes;
	int32_t partition;
	bool full; /* a later row of it must not overtake one that had no room */
};

/* Is there room for that row in this round? A row alone always has. */
static bool has_room(const struct kafka_round *r, const struct outbox *o,
    struct load load[static ROUND_PARTITIONS], unsigned *n, const struct outbox_row *row)
{
	struct slice key = outbox_key(o, row);
	int32_t count = atomic_load(&r->n_partitions);
	int32_t p = count < 2 ? 0
			      : rd_kafka_msg_partitioner_murmur2_random(
				    NULL, key.n > 0 ? key.p : "", key.n, count, NULL, NULL);
	size_t bytes = row->len + key.n + KAFKA_FRAMING;
	unsigned i = 0;

	while (i < *n && load[i].partition != p)
		i++;
	if (i == ROUND_PARTITIONS)
		return false;
	if (i == *n)
		load[(*n)++] = (struct load){ .partition = p };
	load[i].full = load[i].full || (load[i].bytes > 0 && load[i].bytes + bytes > REQUEST_BYTES);
	if (load[i].full)
		return false;
	load[i].bytes += bytes;
	return true;
}

unsigned kafka_round_fill(struct kafka_round *r, const struct outbox *o, struct outbox_flight *f)
{
	struct load load[ROUND_PARTITIONS];
	unsigned n_load = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < f->n && n < KAFKA_ROUND_ROWS; i++) {
		struct outbox_row *row = f->rows[i];
		struct slice text = outbox_text(o, row);
		struct slice key = outbox_key(o, row);

		if (i + AHEAD < f->n)
			__builtin_prefetch(outbox_key(o, f->rows[i + AHEAD]).p);
		if (row->state != ROW_SENT || !has_room(r, o, load, &n_load, row))
			continue;
		row->state = ROW_LATER;
		r->message[n++] = (rd_kafka_message_t){ .payload = (void *)(uintptr_t)text.p,
			.len = text.n,
			.key = (void *)(uintptr_t)key.p,
			.key_len = key.n,
			._private = row };
	}
	return n;
}
