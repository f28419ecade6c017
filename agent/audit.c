#include "agent/audit.h"

#include "agent/agent.h"
#include "agent/alert_record.h"
#include "agent/balance.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/timefmt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void audit_publish(struct agent *a)
{
	struct journal_stats s;

	journal_stats(a->journal, &s);
	pthread_mutex_lock(&a->audited.lock);
	a->audited.tally = a->tally;
	a->audited.at = s;
	pthread_mutex_unlock(&a->audited.lock);
}

void audit_label(const struct input_config *in, char *to, unsigned n)
{
	const char *where = in->journald.dir != NULL   ? in->journald.dir
			    : in->journald.files.n > 0 ? in->journald.files.v[0]
						       : NULL;

	if (in->from_journald)
		snprintf(
		    to, n, "journald%s%s", where != NULL ? ":" : "", where != NULL ? where : "");
	else
		snprintf(to, n, "%s", in->files.n > 0 ? in->files.v[0] : "-");
}

/* ---- the state that the sums begin with ---- */

struct then {
	struct journal_moment at;
	struct tally tally; /* before that frame; places of sinks: when it was made */
	struct tally frame; /* what the frame itself adds */
	uint64_t covers;
	bool counted; /* the frame said what it adds */
};

static int take_items(
    struct then *th, unsigned kind, struct tally *to, struct slice block, struct err *e)
{
	struct record_reader *r = calloc(1, sizeof(*r));
	struct record rec;
	int found = 0;
	int rc;

	if (r == NULL)
		return err_set(e, ENOMEM, "no memory to read the journal");
	record_reader_open(r, block, 0);
	while ((rc = record_next(r, &rec, e)) > 0) {
		if (rec.kind != RECORD_STATE || rec.payload.n < 1 || rec.payload.p[0] != (char)kind)
			continue;
		found = tally_load(to, slice_from(rec.payload, 1)) ? 1 : found;
	}
	record_reader_free(r);
	free(r);
	th->counted = found > 0;
	return rc;
}

static int then_restore(
    void *ctx, const struct frame_header *h, struct slice checkpoint, struct err *e)
{
	struct then *th = ctx;

	th->covers = h->covers;
	return take_items(th, STATE_TALLY_ALL, &th->tally, checkpoint, e);
}

static int then_replay(void *ctx, const struct frame_header *h, struct slice control, struct err *e)
{
	struct then *th = ctx;

	if (take_items(th, STATE_TALLY, &th->frame, control, e) != 0)
		return -1;
	if (!th->counted)
		return 0;
	if (h->seq > th->covers)
		tally_add(&th->tally, &th->frame);
	if (h->seq == th->at.seq)
		tally_take_back(&th->tally, &th->frame);
	return 0;
}

static int find_then(struct agent *a, int64_t since_us, const struct tally *now,
    const struct journal_stats *js, struct then *th, struct err *e)
{
	struct journal_look look = { then_restore, then_replay, th };
	char text[TIMEFMT_MAX];

	if (since_us == 0) {
		th->at.before = now->base;
		return 0;
	}
	if (journal_since(a->journal, (uint64_t)since_us, &th->at, e) != 0)
		return -1;
	if (th->at.seq > js->durable_seq) { /* nothing since */
		th->tally = *now;
		th->at.before = journal_counts_now(js);
		return 0;
	}
	if (journal_state_at(a->journal, th->at.seq, &look, e) != 0)
		return err_wrap(e, "the sums then");
	if (th->counted && th->tally.epoch_us == now->epoch_us)
		return 0;
	return err_set(e, ENOENT, "counting began at %.*s: ask for the time since then",
	    (int)timefmt_rfc3339((int64_t)now->epoch_us, text), text);
}

/* ---- sums ---- */

struct sums {
	struct agent *a;
	int64_t since_us;
	struct then *then;
	struct tally now;
	struct journal_stats at;
	struct buf *out; /* text */
	struct json *j;	 /* or JSON: of the following */
	struct json json;
	bool ok;
};

/* A member of the object, or "+ name v" of the line, where _ is a blank. */
struct term {
	const char *name;
	uint64_t v;
	bool shown; /* in text also when it is 0 */
};

static void put_line(struct sums *s, const char *head, const char *lane, const struct term *left,
    const struct term *right, bool ok)
{
	const struct term *sides[] = { left, right };

	s->ok = s->ok && ok;
	if (s->j != NULL) {
		json_open(s->j, '{');
		json_member_text(s->j, "name", slice_of(head));
		if (lane != NULL)
			json_member_text(s->j, "lane", slice_of(lane));
	} else {
		buf_printf(s->out, lane != NULL ? "%-9s %-7s" : "%-9s", head, lane);
	}
	for (unsigned k = 0; k < 2; k++) {
		const char *sep = k == 0 ? " " : " = ";

		for (const struct term *t = sides[k]; t->name != NULL; t++) {
			if (s->j != NULL) {
				json_member_u64(s->j, t->name, t->v);
			} else if (t->shown || t->v > 0) {
				buf_str(s->out, sep);
				for (const char *c = t->name; *c != '\0'; c++)
					buf_char(s->out, *c == '_' ? ' ' : *c);
				buf_printf(s->out, " %" PRIu64, t->v);
				sep = " + ";
			}
		}
	}
	if (s->j != NULL) {
		JSON_KEY(s->j, "ok");
		json_bool(s->j, ok);
		json_close(s->j, '}');
	} else {
		buf_printf(s->out, "  %s\n", ok ? "ok" : "DOES NOT BALANCE");
	}
}

static void input_lines(struct sums *s)
{
	struct tally *was = &s->then->tally;

	for (unsigned i = 0; i < s->now.n_inputs; i++) {
		const struct tally_input *n = &s->now.input[i];
		const struct tally_input *w = tally_input(was, n->label);
		const struct term left[] = { { "read", n->read - w->read, true }, { 0 } };
		const struct term right[] = { { "journalled", n->journalled - w->journalled, true },
			{ "duplicates", n->copies - w->copies, true }, { 0 } };
		char head[TALLY_LABEL + 8];

		snprintf(head, sizeof(head), s->j != NULL ? "%s" : "input %s", n->label);
		put_line(s, head, NULL, left, right, left[0].v == right[0].v + right[1].v);
	}
}

/* The other side of all inputs' sums: what the frames' headers say. */
static void journal_lines(struct sums *s)
{
	const struct journal_counts *was = &s->then->at.before;
	uint64_t records =
	    s->at.control_records - was->control_records + s->at.bulk_records - was->bulk_records;
	uint64_t bytes = s->at.bytes_in - was->bytes_in;
	uint64_t own = s->now.own - s->then->tally.own;
	uint64_t events = 0;
	uint64_t read = 0;

	for (unsigned i = 0; i < s->now.n_inputs; i++) {
		const struct tally_input *n = &s->now.input[i];
		const struct tally_input *w = tally_input(&s->then->tally, n->label);

		events += n->journalled - w->journalled;
		read += n->bytes - w->bytes;
	}

	const struct term left[] = { { "records", records, true }, { 0 } };
	const struct term right[] = { { "events", events, true }, { "other_records", own, true },
		{ 0 } };
	const struct term left_bytes[] = { { "bytes", bytes, true }, { 0 } };
	const struct term right_bytes[] = { { "of_inputs", read, true }, { 0 } };

	put_line(s, "journal", NULL, left, right, records == events + own);
	put_line(s, "journal", NULL, left_bytes, right_bytes, bytes == read);
}

static uint64_t settled(const struct journal_cursor_lane *l)
{
	return l->delivered + l->rejected + l->shed + l->dropped + l->damaged;
}

/* Where the sink was then; a sink that is new, or began anew, had everything before it. */
static struct journal_cursor_lane place_then(
    const struct sums *s, const char *name, unsigned l, const struct journal_cursor_lane *now)
{
	const struct tally_sink *k = tally_sink(&s->then->tally, name);

	if (k == NULL || k->lane[l].seq > now->seq || k->lane[l].delivered > now->delivered ||
	    k->lane[l].shed > now->shed || k->lane[l].dropped > now->dropped ||
	    k->lane[l].damaged > now->damaged)
		return (struct journal_cursor_lane){ 0 };
	return k->lane[l];
}

/* Is what it had settled then what the journal says of its place? Unknown: that part is gone. */
static bool agrees(struct sums *s, const struct journal_cursor_lane *l, unsigned lane)
{
	struct journal_counts at;
	struct err e;

	if (l->seq == 0 || journal_counts_at(s->a->journal, l->seq, &at, &e) != 0)
		return true;
	return settled(l) == journal_lane_records(&at, (enum journal_lane)lane);
}

static void lane_since(struct sums *s, const struct ship_status *st, unsigned l)
{
	const struct journal_cursor_lane *now = &st->cursor.lane[l];
	struct journal_cursor_lane was = place_then(s, st->name, l, now);
	uint64_t before = journal_lane_records(&s->then->at.before, (enum journal_lane)l);
	uint64_t gone = settled(now);
	struct balance b;

	balance_of(st, (enum journal_lane)l, &b);

	const struct term left[] = { { "waiting_then", before - settled(&was), true },
		{ "journalled", b.journalled - before, true },
		{ "sent_again", was.rejected > now->rejected ? was.rejected - now->rejected : 0,
		    false },
		{ 0 } };
	const struct term right[] = { { "delivered", now->delivered - was.delivered, true },
		{ "waiting", b.journalled - gone, true },
		{ "rejected", now->rejected > was.rejected ? now->rejected - was.rejected : 0,
		    true },
		{ "shed", now->shed - was.shed, true },
		{ "dropped", now->dropped - was.dropped, true },
		{ "damaged", now->damaged - was.damaged, true }, { 0 } };
	uint64_t sum[2] = { 0 };

	for (unsigned i = 0; left[i].name != NULL; i++)
		sum[0] += left[i].v;
	for (unsigned i = 0; right[i].name != NULL; i++)
		sum[1] += right[i].v;
	put_line(s, st->name, l == JOURNAL_CONTROL ? "control" : "bulk", left, right,
	    b.ok && sum[0] == sum[1] && settled(&was) <= before && gone <= b.journalled &&
		agrees(s, &was, l));
}

static void lane_ever(struct sums *s, const struct ship_status *st, unsigned l)
{
	struct balance b;

	balance_of(st, (enum journal_lane)l, &b);

	const struct term left[] = { { "journalled", b.journalled, true }, { 0 } };
	const struct term right[] = { { "delivered", b.delivered, true },
		{ "waiting", b.waiting, true }, { "rejected", b.rejected, true },
		{ "shed", b.shed, true }, { "dropped", b.dropped, true },
		{ "damaged", b.damaged, true }, { 0 } };

	put_line(s, st->name, l == JOURNAL_CONTROL ? "control" : "bulk", left, right, b.ok);
}

static void sink_lines(struct sums *s)
{
	for (unsigned i = 0; i < s->a->n_ships; i++) {
		struct ship_status st;

		ship_status(s->a->ships[i], &st);
		for (unsigned l = 0; l < JOURNAL_LANES; l++)
			(s->since_us != 0 && i < s->a->n_own ? lane_since : lane_ever)(s, &st, l);
	}
}

/*
 * What was read since the start, and where it went. The counters are the reader's and the
 * committer's and move on while they are read: taken again until nothing is in between.
 */
static void start_line(struct sums *s)
{
	struct stats *st = &s->a->stats;
	uint64_t read;
	uint64_t kept;
	uint64_t copies;
	uint64_t waiting;
	bool ok;

	for (unsigned tries = 0;; tries++) {
		read = stats_get(st, events_read);
		copies = stats_get(st, duplicates_dropped);
		kept = stats_get(st, events);
		waiting = atomic_load(&s->a->queue.waiting);
		ok = read == kept + copies + waiting && read == stats_get(st, events_read);
		if (ok || tries == 200)
			break;
		usleep(10000);
	}

	const struct term left[] = { { "read", read, true }, { 0 } };
	const struct term right[] = { { "journalled", kept, true }, { "duplicates", copies, true },
		{ "waiting", waiting, true }, { 0 } };

	put_line(s, s->j != NULL ? "inputs" : "inputs    since start:", NULL, left, right, ok);
}

/* ---- the report ---- */

static void head_text(struct sums *s)
{
	char text[TIMEFMT_MAX];
	const struct then *th = s->then;

	if (s->since_us == 0)
		buf_printf(s->out,
		    "journal   frames %" PRIu64 "-%" PRIu64 "  bytes in %" PRIu64
		    "  control %" PRIu64 "  bulk %" PRIu64 "\n",
		    s->at.first_seq, s->at.durable_seq, s->at.bytes_in, s->at.control_records,
		    s->at.bulk_records);
	else if (th->at.seq > s->at.durable_seq)
		buf_str(s->out, "journal   no frame since then\n");
	else
		buf_printf(s->out, "journal   frames %" PRIu64 "-%" PRIu64 ", from %.*s on%s\n",
		    th->at.seq, s->at.durable_seq,
		    (int)timefmt_rfc3339((int64_t)th->at.time_us, text), text,
		    th->at.seq == s->at.first_seq ? ": it has no older ones" : "");
	buf_printf(s->out, "possibly lost: %llu reports, %llu bytes known, %llu records at most\n",
	    stats_get(&s->a->stats, possibly_lost_reports),
	    stats_get(&s->a->stats, possibly_lost_bytes),
	    stats_get(&s->a->stats, possibly_lost_records));
}

static void all_text(struct sums *s)
{
	start_line(s);
	head_text(s);
	input_lines(s);
	journal_lines(s);
	sink_lines(s);
	buf_str(s->out, s->ok ? "balanced\n" : "NOT BALANCED\n");
}

static void array(struct sums *s, const char *name, void (*lines)(struct sums *s))
{
	json_key(s->j, slice_of(name));
	json_open(s->j, '[');
	lines(s);
	json_close(s->j, ']');
}

static void all_json(struct sums *s)
{
	struct json *j = &s->json;
	const struct stats *st = &s->a->stats;

	j->out = s->out;
	s->j = j;
	json_open(j, '{');
	if (s->since_us != 0) {
		JSON_KEY(j, "since");
		json_time(j, s->since_us);
		json_member_u64(j, "first_frame", s->then->at.seq);
		if (s->then->at.time_us != 0) {
			JSON_KEY(j, "first_frame_time");
			json_time(j, (int64_t)s->then->at.time_us);
		}
	}
	json_member_u64(j, "last_frame", s->at.durable_seq);
	array(s, "since_start", start_line);
	array(s, "inputs", input_lines);
	array(s, "journal", journal_lines);
	array(s, "sinks", sink_lines);
	json_member_u64(j, "possibly_lost_reports", stats_get(st, possibly_lost_reports));
	json_member_u64(j, "possibly_lost_bytes", stats_get(st, possibly_lost_bytes));
	json_member_u64(j, "possibly_lost_records", stats_get(st, possibly_lost_records));
	JSON_KEY(j, "balanced");
	json_bool(j, s->ok);
	json_close(j, '}');
	buf_char(s->out, '\n');
}

bool audit_report(struct agent *a, int64_t since_us, bool json, struct buf *out)
{
	struct sums *s = calloc(1, sizeof(*s));
	struct then *th = calloc(1, sizeof(*th));
	struct err e = { 0, "no memory" };
	bool ok = false;

	if (s != NULL && th != NULL) {
		*s = (struct sums){
			.a = a, .since_us = since_us, .then = th, .out = out, .ok = true
		};
		pthread_mutex_lock(&a->audited.lock);
		s->now = a->audited.tally;
		s->at = a->audited.at;
		pthread_mutex_unlock(&a->audited.lock);
		if (find_then(a, since_us, &s->now, &s->at, th, &e) != 0)
			buf_printf(out, "%s\n", e.msg);
		else if (json)
			all_json(s), ok = s->ok;
		else
			all_text(s), ok = s->ok;
	} else {
		buf_printf(out, "%s\n", e.msg);
	}
	free(s);
	free(th);
	return ok;
}

bool audit_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out)
{
	int64_t since_us = 0;

	if (n > 1 && !slice_i64(word[1], &since_us)) {
		buf_str(out, "audit needs a time in microseconds\n");
		return false;
	}
	return audit_report(a, since_us, n > 2 && slice_eq(word[2], SLICE("json")), out);
}
