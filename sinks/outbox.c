#include "sinks/outbox.h"

#include "base/err.h"
#include "base/protobuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A byte of a record may become six of JSON; 16 MiB of them are the largest sink's commit. */
enum { TEXT_MAX = 100 << 20, KEY_MAX = 256 };

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){ .row_max = 8 << 20, .requests = 1, .wrap = "" };
	o->text.max = TEXT_MAX;
	for (unsigned i = 0; i < OUTBOX_REQUESTS_MAX; i++)
		o->flight[i].number = i;
}

void outbox_free(struct outbox *o)
{
	buf_free(&o->text);
	row_memory_free(&o->memory);
	free(o->rows);
	free(o->delivered);
	free(o->refused);
	for (unsigned i = 0; i < OUTBOX_REQUESTS_MAX; i++)
		free(o->flight[i].rows);
	*o = (struct outbox){ 0 };
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
		return o->form(o->form_self, r, size, &o->text, &o->memory, e);
	return row_put(&o->rules, r, size, &o->text, &o->memory, e);
}

/* Messages that a row may be in; a tag and the longest length that buf_varint() has room for. */
enum { WRAPS_MAX = 2, WRAP_MAX = WRAPS_MAX * 11 };

/* Tags and lengths, outermost first, of a row of n bytes. */
static void put_heads(const char *tags, size_t n, struct buf *to)
{
	size_t sizes[WRAPS_MAX] = { 0 };
	size_t at = strlen(tags);

	while (at-- > 0) {
		sizes[at] = n;
		n = pb_size(n);
	}
	for (at = 0; tags[at] != '\0'; at++) {
		buf_char(to, tags[at]);
		buf_varint(to, sizes[at]);
	}
}

/* Nearly all rows have 128 bytes to 16 KiB: a tag and a length of two bytes. */
enum { LIKELY = 3 };

/* Put the row that begins at `from` in its messages, where there is likely room for their heads. */
static size_t wrap(struct outbox *o, size_t from)
{
	char head[WRAP_MAX] = { 0 };
	size_t room = LIKELY * strlen(o->wrap);
	struct buf heads = { .p = head, .cap = sizeof(head), .max = sizeof(head) };
	size_t begin = from - room;
	size_t n;

	put_heads(o->wrap, o->text.n - from, &heads);
	n = heads.n;
	if (n > room && buf_room(&o->text, n - room) == NULL)
		return from;
	if (n != room)
		memmove(o->text.p + begin + n, o->text.p + from, o->text.n - from);
	memcpy(o->text.p + begin, head, n);
	o->text.n = o->text.n - room + n;
	return begin + n;
}

struct slice outbox_wrapped(const struct outbox *o, const struct outbox_flight *f, struct buf *copy)
{
	const struct outbox_row *row = f->rows[0];
	size_t begin = row->off - row->before;
	size_t end = begin;
	bool together = true;

	for (unsigned i = 0; i < f->n; i++) {
		row = f->rows[i];
		together = together && row->off - row->before == end;
		end = row->off + row->len;
	}
	if (together)
		return (struct slice){ o->text.p + begin, end - begin };
	begin = copy->n;
	for (unsigned i = 0; i < f->n; i++) {
		row = f->rows[i];
		buf_put(copy, o->text.p + row->off - row->before, row->before + row->len);
	}
	return (struct slice){ copy->p + begin, copy->n - begin };
}

/* The row at *from, its key or heads before it at `start`. text.full when there is no room. */
static int put_row(struct outbox *o, const struct record *r, enum row_size size, size_t start,
    size_t *from, struct err *e)
{
	o->text.n = start;
	if (o->keyed)
		buf_slice(&o->text, key_of(r));
	buf_put(&o->text, "......", LIKELY * strlen(o->wrap));
	*from = o->text.n;
	if (form(o, r, size, e) != 0)
		return -1;
	if (o->wrap[0] != '\0' && !o->text.full)
		*from = wrap(o, *from);
	return 0;
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
	rc = put_row(o, r, ROW_WHOLE, start, &from, e);
	if (rc == 0 && !o->text.full && o->text.n - from > o->row_max)
		rc = put_row(o, r, ROW_SHORT, start, &from, e);
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
		.before = (uint32_t)(from - start),
		.most = OUTBOX_ROWS,
		.id = { r->id[0], r->id[1] } };
	o->n_rows++;
	return SINK_OK;
}

void outbox_refuse(struct outbox *o, struct outbox_row *row, const char *why)
{
	if (!grow((void **)&o->refused, o->n_refused, &o->cap_refused, sizeof(*o->refused))) {
		row->state = ROW_LATER;
		return;
	}
	row->state = ROW_REFUSED;
	o->refused[o->n_refused].seq = row->seq;
	snprintf(o->refused[o->n_refused++].why, OUTBOX_WHY, "%s", why);
}

/* ---- requests ---- */

/* Room for all rows that there are, so that a flight's list never fails to grow. */
static bool has_room(const struct outbox *o, struct outbox_flight *f)
{
	struct outbox_row **rows;

	if (f->cap >= o->n_rows)
		return true;
	rows = realloc(f->rows, o->cap_rows * sizeof(*rows)); /* NOLINT: pointers are meant */
	if (rows == NULL)
		return false;
	f->rows = rows;
	f->cap = o->cap_rows;
	return true;
}

/* The next request's rows: of one table, in order, as many as may be. None: n is 0. */
static void cut(struct outbox *o, const struct outbox_way *w, struct outbox_flight *f)
{
	unsigned most = w->max_rows;
	size_t bytes = 0;
	unsigned i = o->next;

	f->n = 0;
	for (; i < o->n_rows; i++) {
		struct outbox_row *row = &o->rows[i];

		if (row->state != ROW_WAITS)
			continue;
		if (row->most < most)
			most = row->most;
		bytes += row->len + w->row_overhead;
		if (f->n > 0 &&
		    (row->table != f->rows[0]->table || f->n >= most || bytes > w->max_bytes))
			break;
		row->state = ROW_SENT;
		f->rows[f->n++] = row;
	}
	o->next = i;
}

static void set_sent(struct outbox *o, struct outbox_flight *f, enum row_state to)
{
	for (unsigned i = 0; i < f->n; i++) {
		unsigned at = (unsigned)(f->rows[i] - o->rows);

		if (f->rows[i]->state != ROW_SENT)
			continue;
		f->rows[i]->state = to;
		if (to == ROW_WAITS && at < o->next)
			o->next = at;
	}
}

/* Something in it is bad: each half is sent by itself, down to the row. */
static void halve(struct outbox *o, struct outbox_flight *f, const struct err *e)
{
	if (f->n == 1) {
		outbox_refuse(o, f->rows[0], e->msg);
		return;
	}
	for (unsigned i = 0; i < f->n; i++)
		f->rows[i]->most = (f->n + 1) / 2;
	set_sent(o, f, ROW_WAITS);
}

static void settle(
    struct outbox *o, struct outbox_flight *f, enum outbox_answer answer, const struct err *e)
{
	f->up = false;
	if (answer == ANSWER_BAD)
		halve(o, f, e);
	else
		set_sent(o, f,
		    answer == ANSWER_OK	     ? ROW_DELIVERED
		    : answer == ANSWER_AGAIN ? ROW_WAITS
					     : ROW_LATER);
}

/* The worst of the answers so far, and its words. */
struct sending {
	enum outbox_answer worst;
	struct err *e;
};

static void note(struct sending *s, enum outbox_answer answer, const struct err *e)
{
	if ((answer == ANSWER_RETRY || answer == ANSWER_HOLD) && answer > s->worst)
		s->worst = answer;
	else if (e->msg[0] == '\0' || s->worst != ANSWER_OK)
		return;
	*s->e = *e;
}

/* One more on its way, if there is anything to send and a place for it. */
static bool start_one(
    struct outbox *o, const struct outbox_way *w, void *self, struct sending *s, unsigned *n_up)
{
	struct outbox_flight *f = o->flight;
	struct err e = { 0, "" };
	enum outbox_answer answer;

	if (s->worst != ANSWER_OK || *n_up >= o->requests)
		return false;
	while (f->up)
		f++;
	if (!has_room(o, f)) {
		err_set(&e, ENOMEM, "no memory for a request");
		note(s, ANSWER_RETRY, &e);
		return false;
	}
	cut(o, w, f);
	if (f->n == 0)
		return false;
	answer = w->start(self, o, f, &e);
	f->up = answer == ANSWER_FLYING;
	*n_up += f->up;
	if (!f->up)
		settle(o, f, answer, &e);
	note(s, answer, &e);
	return true;
}

/* When one did not get through no more are begun, and those under way are waited for. */
static void send_all(struct outbox *o, const struct outbox_way *w, void *self, struct sending *s)
{
	unsigned n_up = 0;

	o->next = 0;
	for (;;) {
		struct outbox_flight *f = NULL;
		struct err e = { 0, "" };
		enum outbox_answer answer;

		while (start_one(o, w, self, s, &n_up))
			continue;
		if (n_up == 0)
			return;
		answer = w->land(self, o, &f, &e);
		if (answer != ANSWER_FLYING) {
			settle(o, f, answer, &e);
			n_up--;
		}
		note(s, answer, &e);
	}
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

/* Nearly always it is: events alone, in their order. */
static bool is_sorted(const struct outbox *o)
{
	for (unsigned i = 1; i < o->n_rows; i++)
		if (by_table(&o->rows[i - 1], &o->rows[i]) > 0)
			return false;
	return true;
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

enum sink_result outbox_send(
    struct outbox *o, const struct outbox_way *way, void *self, struct err *e)
{
	struct sending s = { ANSWER_OK, e };
	bool refused = false;
	bool later = false;

	if (!is_sorted(o))
		qsort(o->rows, o->n_rows, sizeof(*o->rows), by_table);
	send_all(o, way, self, &s);
	for (unsigned i = 0; i < o->n_rows; i++) {
		refused = refused || o->rows[i].state == ROW_REFUSED;
		later = later || o->rows[i].state == ROW_LATER;
	}
	if (s.worst == ANSWER_OK && !refused && !later) {
		o->n_delivered = 0;
		o->n_refused = 0;
		return SINK_OK;
	}
	remember(o);
	if (s.worst == ANSWER_HOLD)
		return SINK_HOLD;
	return s.worst == ANSWER_OK && !later ? SINK_AGAIN : SINK_RETRY;
}
