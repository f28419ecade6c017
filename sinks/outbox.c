#include "sinks/outbox.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 48 << 20, HALVINGS = 16, KEY_MAX = 256 };

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){ .row_max = 8 << 20 };
	o->text.max = TEXT_MAX;
}

void outbox_free(struct outbox *o)
{
	buf_free(&o->text);
	buf_free(&o->scratch);
	free(o->rows);
	free(o->delivered);
	free(o->refused);
	o->rows = NULL;
	o->delivered = NULL;
	o->refused = NULL;
}

void outbox_begin(struct outbox *o)
{
	buf_reset(&o->text);
	o->n_rows = 0;
}

/* What a row is about: an alert's entity, a block's prefix, a client, else the host. */
static struct slice key_of(const struct record *r)
{
	struct slice key;

	if (r->kind == RECORD_EVENT)
		key = event_get(&r->ev, ATTR_CLIENT_ADDRESS);
	else if (r->kind == RECORD_ALERT)
		key = event_get_named(&r->ev, SLICE("entity_value"));
	else
		key = event_get_named(&r->ev, SLICE("prefix"));
	if (key.n == 0)
		key = r->context->host_name;
	key.n = key.n < KEY_MAX ? key.n : KEY_MAX;
	return key;
}

static bool was_delivered(const struct outbox *o, uint64_t seq)
{
	unsigned lo = 0;
	unsigned hi = o->n_delivered;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (o->delivered[mid] < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->n_delivered && o->delivered[lo] == seq;
}

/* Room for one more of `size` bytes in an array of n. */
static bool grow(void **array, unsigned n, unsigned *cap, size_t size)
{
	unsigned more = *cap != 0 ? *cap * 2 : 256;
	void *p;

	if (n < *cap)
		return true;
	if (*cap >= OUTBOX_ROWS || (p = realloc(*array, more * size)) == NULL)
		return false;
	*array = p;
	*cap = more;
	return true;
}

bool outbox_knows(const struct outbox *o, uint64_t seq)
{
	for (unsigned i = 0; i < o->n_refused; i++)
		if (o->refused[i].seq == seq)
			return true;
	return was_delivered(o, seq);
}

static int form(struct outbox *o, const struct record *r, enum row_size size, struct err *e)
{
	if (o->form != NULL)
		return o->form(o->form_self, r, size, &o->text, &o->scratch, e);
	return row_put(&o->rules, r, size, &o->text, &o->scratch, e);
}

enum sink_result outbox_put(struct outbox *o, const struct record *r, struct err *e)
{
	enum schema_table table = schema_of(r->kind);
	struct outbox_row *row;
	size_t start = o->text.n;
	size_t from;
	int rc;

	if (table == TABLE_N || was_delivered(o, r->seq))
		return SINK_OK;
	for (unsigned i = 0; i < o->n_refused; i++)
		if (o->refused[i].seq == r->seq) {
			err_set(e, 0, "%s", o->refused[i].why);
			return SINK_REJECT;
		}
	if (!grow((void **)&o->rows, o->n_rows, &o->cap_rows, sizeof(*o->rows))) {
		err_set(e, ENOMEM, "no memory for %u rows", o->n_rows);
		return SINK_RETRY;
	}
	row = &o->rows[o->n_rows];
	if (o->keyed)
		buf_slice(&o->text, key_of(r));
	from = o->text.n;
	rc = form(o, r, ROW_WHOLE, e);
	if (rc == 0 && !o->text.full && o->text.n - from > o->row_max) {
		o->text.n = from;
		rc = form(o, r, ROW_SHORT, e);
	}
	if (rc != 0) {
		o->text.n = start;
		return SINK_REJECT;
	}
	if (o->text.full || o->text.n - from > o->row_max) {
		o->text.n = start;
		o->text.full = false;
		err_set(e, EMSGSIZE, "the row is longer than %zu bytes", o->row_max);
		return SINK_REJECT;
	}
	*row = (struct outbox_row){ .seq = r->seq,
		.table = table,
		.off = (uint32_t)from,
		.len = (uint32_t)(o->text.n - from),
		.key_len = (uint32_t)(from - start) };
	record_id_text(r->id, row->id);
	o->n_rows++;
	return SINK_OK;
}

void outbox_refuse(struct outbox *o, struct outbox_row *row, const char *why)
{
	if (!grow((void **)&o->refused, o->n_refused, &o->cap_refused, sizeof(*o->refused))) {
		row->retry = true; /* the next time */
		return;
	}
	row->state = ROW_REFUSED;
	o->refused[o->n_refused].seq = row->seq;
	snprintf(o->refused[o->n_refused++].why, OUTBOX_WHY, "%s", why);
}

/* ---- requests ---- */

struct sending {
	struct outbox *o;
	outbox_send_fn *send;
	void *self;
	struct err *e;
};

/* rows[0..n), halved while the answer is that something in them is bad. */
static enum outbox_answer send_some(
    struct sending *s, struct outbox_row *rows, unsigned n, unsigned depth)
{
	enum outbox_answer a = s->send(s->self, s->o, rows, n, s->e);

	if (a == ANSWER_OK) {
		for (unsigned i = 0; i < n; i++)
			if (rows[i].state == ROW_WAITS && !rows[i].retry)
				rows[i].state = ROW_DELIVERED;
		return a;
	}
	if (a != ANSWER_BAD)
		return a;
	if (n == 1) {
		outbox_refuse(s->o, rows, s->e->msg);
		return ANSWER_OK;
	}
	if (depth == HALVINGS)
		return ANSWER_RETRY;
	a = send_some(s, rows, n / 2, depth + 1);
	return a == ANSWER_OK ? send_some(s, rows + n / 2, n - n / 2, depth + 1) : a;
}

/* The rows are sorted: a request ends where the next table begins, at the latest. */
static enum outbox_answer send_all(struct sending *s, const struct outbox_limits *l)
{
	struct outbox_row *rows = s->o->rows;
	enum outbox_answer a = ANSWER_OK;
	unsigned n;

	for (unsigned i = 0; i < s->o->n_rows && a == ANSWER_OK; i += n) {
		size_t bytes = 0;

		n = 0;
		while (i + n < s->o->n_rows && rows[i + n].table == rows[i].table &&
		       n < l->max_rows &&
		       (n == 0 || bytes + rows[i + n].len + l->row_overhead <= l->max_bytes))
			bytes += rows[i + n++].len + l->row_overhead;
		a = send_some(s, rows + i, n, 0);
	}
	return a;
}

/* Alerts and blocks before events: of one commit they matter most. */
static int by_table(const void *a, const void *b)
{
	static const unsigned order[TABLE_N] = { [TABLE_ALERTS] = 0,
		[TABLE_BLOCKS] = 1,
		[TABLE_EVENTS] = 2,
		[TABLE_REJECTS] = 3,
		[TABLE_LEDGER] = 4 };
	const struct outbox_row *x = a;
	const struct outbox_row *y = b;

	if (x->table != y->table)
		return order[x->table] < order[y->table] ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int by_seq(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What was delivered must not be sent again when the records come again. */
static void remember(struct outbox *o)
{
	for (unsigned i = 0; i < o->n_rows; i++)
		if (o->rows[i].state == ROW_DELIVERED &&
		    grow((void **)&o->delivered, o->n_delivered, &o->cap_delivered,
			sizeof(*o->delivered)))
			o->delivered[o->n_delivered++] = o->rows[i].seq;
	if (o->n_delivered > 0)
		qsort(o->delivered, o->n_delivered, sizeof(*o->delivered), by_seq);
}

enum sink_result outbox_send(struct outbox *o, const struct outbox_limits *l, outbox_send_fn *send,
    void *self, struct err *e)
{
	struct sending s = { o, send, self, e };
	enum outbox_answer a;
	bool refused = false;
	bool waits = false;

	qsort(o->rows, o->n_rows, sizeof(*o->rows), by_table);
	a = send_all(&s, l);
	for (unsigned i = 0; i < o->n_rows; i++) {
		refused = refused || o->rows[i].state == ROW_REFUSED;
		waits = waits || o->rows[i].state == ROW_WAITS;
	}
	if (a == ANSWER_OK && !refused && !waits) {
		o->n_delivered = 0;
		o->n_refused = 0;
		return SINK_OK;
	}
	remember(o);
	if (a == ANSWER_HOLD)
		return SINK_HOLD;
	if (a == ANSWER_OK && !waits)
		return SINK_AGAIN;
	return SINK_RETRY;
}
