/*
 * outbox.h - rows on their way to a service that takes many at once, and may refuse some.
 *
 * A commit's records become rows of their tables here; outbox_send() cuts them into
 * requests by count and encoded bytes, has several of them under way at once, and settles each
 * row by itself: delivered, refused for good, or to be sent again. What a request of many
 * refuses as a whole is halved until the bad row stands alone. When a commit did not come to
 * its end the same records are put again: rows that were delivered are passed over, those that
 * were refused are rejected at put, which is where ship.c gives them to the dead letter.
 */
#ifndef SINKS_OUTBOX_H
#define SINKS_OUTBOX_H

#include "sinks/row.h"

struct err;

enum { OUTBOX_ROWS = 1 << 20, OUTBOX_WHY = 200, OUTBOX_REQUESTS_MAX = 16 };

enum row_state {
	ROW_WAITS,
	ROW_SENT,  /* in a request under way */
	ROW_LATER, /* not in this try any more: refused for a reason that passes */
	ROW_DELIVERED,
	ROW_REFUSED
};

struct outbox_row {
	uint64_t seq;
	enum schema_table table;
	uint32_t off, len; /* of its coded form in outbox.text */
	uint32_t before;   /* bytes that stand before it: its key, or the heads of outbox.wrap */
	uint32_t most;	   /* rows of a request that it may be in: halved where one was refused */
	uint64_t id[2];
	enum row_state state;
	bool mark; /* the sink's own */
};

struct outbox_refused {
	uint64_t seq;
	char why[OUTBOX_WHY];
};

/* A request, as long as it is under way: rows of one table. */
struct outbox_flight {
	unsigned number; /* below outbox.requests: which of them it is */
	struct outbox_row **rows;
	unsigned n, cap;
	bool up;
};

/* A record in the form that the service takes, as row_put(). */
typedef int outbox_form_fn(void *self, const struct record *r, enum row_size size, struct buf *out,
    struct row_memory *m, struct err *e);

struct outbox {
	struct buf text;
	struct row_memory memory;
	struct outbox_row *rows; /* grows with the largest commit: a frame is settled whole */
	unsigned n_rows, cap_rows;
	unsigned next;	     /* of sending: no row before it waits */
	uint64_t *delivered; /* of a commit that did not come to its end: seqs, ascending */
	unsigned n_delivered, cap_delivered;
	struct outbox_refused *refused;
	unsigned n_refused, cap_refused;
	struct row_rules rules;
	outbox_form_fn *form; /* NULL: the row of its table, by rules */
	void *form_self;
	bool keyed; /* rows have the key by which they belong together */
	const char
	    *wrap;	/* tags of the messages that each row is put in, outermost first; else "" */
	size_t row_max; /* bytes of one row that the service takes; longer ones lose their body */
	unsigned requests; /* under way at once; 1 to OUTBOX_REQUESTS_MAX */
	struct outbox_flight flight[OUTBOX_REQUESTS_MAX];
};

/* What a request came to, besides what it says of single rows. */
enum outbox_answer {
	ANSWER_OK,     /* every row that is not marked otherwise is delivered */
	ANSWER_FLYING, /* nothing yet: it is under way */
	ANSWER_AGAIN,  /* nothing was taken of those not marked otherwise: they go once more at once
			*/
	ANSWER_BAD,    /* something in it is wrong: nothing was taken */
	ANSWER_RETRY,  /* not now, or nobody knows */
	ANSWER_HOLD,   /* not before somebody changes something */
};

/* How a service takes rows. start and land may mark single rows of the flight. */
struct outbox_way {
	unsigned max_rows;   /* of one request */
	size_t max_bytes;    /* of their coded forms */
	size_t row_overhead; /* added to each by the request's form */

	/* Send f->rows. ANSWER_FLYING: land will tell; anything else is what it came to. */
	enum outbox_answer (*start)(
	    void *self, struct outbox *o, struct outbox_flight *f, struct err *e);
	/*
	 * Wait for any of those under way: *f, and what it came to; ANSWER_FLYING: look again. NULL
	 * where start never says ANSWER_FLYING.
	 */
	enum outbox_answer (*land)(
	    void *self, struct outbox *o, struct outbox_flight **f, struct err *e);
};

void outbox_init(struct outbox *o);
void outbox_free(struct outbox *o);

void outbox_begin(struct outbox *o);
/* Was it settled in a try that did not come to its end? put() then says how. */
bool outbox_knows(const struct outbox *o, uint64_t seq);
enum sink_result outbox_put(struct outbox *o, const struct record *r, struct err *e);

/*
 * SINK_OK: all are settled, and forgotten. SINK_AGAIN: some were refused, put says which. None is
 * under way when it returns.
 */
enum sink_result outbox_send(
    struct outbox *o, const struct outbox_way *way, void *self, struct err *e);

void outbox_refuse(struct outbox *o, struct outbox_row *row, const char *why);

static inline struct slice outbox_text(const struct outbox *o, const struct outbox_row *row)
{
	return (struct slice){ o->text.p + row->off, row->len };
}

static inline struct slice outbox_key(const struct outbox *o, const struct outbox_row *row)
{
	return (struct slice){ o->text.p + row->off - row->before, row->before };
}

/*
 * The flight's rows one behind the other, each in the messages of outbox.wrap: where they stand,
 * if nothing is between them, else appended to copy.
 */
struct slice outbox_wrapped(
    const struct outbox *o, const struct outbox_flight *f, struct buf *copy);

#endif
