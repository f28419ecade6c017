/* Events of a journal. See event_store.h. */
#include "agent/event_store.h"

#include "base/err.h"
#include "base/record.h"
#include "journal/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* A stamp may be so far ahead of the frame that it came in. */
#define AHEAD_US (INT64_C(600) * 1000000)

/* A lane: the item that comes next, and of a frame the event that comes next. */
struct side {
	struct journal_reader *reader;
	struct journal_item item;
	enum journal_read got;
	struct record_reader records;
	struct record event;
	uint64_t left; /* records of the item that were not read yet */
	bool has_event;
};

struct store {
	struct event_store *s;
	struct side lane[JOURNAL_LANES];
	struct err e;
	int rc;
};

/* The next event of the lane's frame; false: there is none. */
static bool next_event(struct store *st, struct side *l)
{
	int rc;

	l->has_event = false;
	while ((rc = record_next(&l->records, &l->event, &st->e)) > 0) {
		l->left -= l->event.seq != 0 && l->left > 0;
		if (l->event.kind == RECORD_EVENT) {
			l->has_event = true;
			return true;
		}
	}
	if (rc < 0)
		st->s->missing += l->left;
	return false;
}

/* The next item with an event; what can't be given any more is counted. */
static void next_item(struct store *st, struct side *l)
{
	for (unsigned errors = 0; errors < 3;) {
		l->got = journal_reader_next(l->reader, 0, &l->item, &st->e);
		switch (l->got) {
		case JOURNAL_READ_ERROR: /* is given twice, then it is damage */
			errors++;
			break;
		case JOURNAL_READ_SHED:
		case JOURNAL_READ_DAMAGE:
			st->s->missing += l->item.n;
			break;
		case JOURNAL_READ_FRAME:
			if ((int64_t)l->item.frame.time_us + AHEAD_US < st->s->from_us)
				break;
			l->left = l->item.n;
			record_reader_open(&l->records, l->item.payload, l->item.rec_seq);
			if (next_event(st, l))
				return;
			break;
		case JOURNAL_READ_TIMEOUT:
		case JOURNAL_READ_STOPPED:
			return;
		}
	}
	fprintf(stderr, "sekisho: %s\n", st->e.msg);
	st->rc = EX_IOERR;
}

/* Of both lanes the one to go on with: the older frame, within one frame the older event. */
static struct side *choose(struct store *st)
{
	struct side *a = &st->lane[JOURNAL_CONTROL];
	struct side *b = &st->lane[JOURNAL_BULK];

	if (!a->has_event || !b->has_event)
		return a->has_event ? a : b->has_event ? b : NULL;
	if (a->item.frame.seq != b->item.frame.seq)
		return a->item.frame.seq < b->item.frame.seq ? a : b;
	return a->event.ev.time_us <= b->event.ev.time_us ? a : b;
}

static void run(struct store *st)
{
	struct side *l;

	for (unsigned i = 0; i < JOURNAL_LANES && st->rc == 0; i++)
		next_item(st, &st->lane[i]);
	while (st->rc == 0 && (l = choose(st)) != NULL) {
		event_store_put(st->s, &l->event.ev, l->event.seq, l->event.origin->path);
		if (!next_event(st, l))
			next_item(st, l);
	}
	event_store_end(st->s);
}

int event_store_journal(struct event_store *s, const char *dir)
{
	struct journal_options o = { .dir = dir, .read_only = true };
	struct store *st = calloc(1, sizeof(*st));
	struct journal *j;

	if (st == NULL)
		return EX_OSERR;
	st->s = s;
	if (journal_open(&o, &j, &st->e) != 0) {
		fprintf(stderr, "sekisho: %s\n", st->e.msg);
		free(st);
		return EX_NOINPUT;
	}
	for (unsigned i = 0; i < JOURNAL_LANES && st->rc == 0; i++)
		if (journal_reader_open(j, (enum journal_lane)i, 0, &st->lane[i].reader, &st->e) !=
		    0) {
			fprintf(stderr, "sekisho: %s\n", st->e.msg);
			st->rc = EX_IOERR;
		}
	if (st->rc == 0)
		run(st);
	for (unsigned i = 0; i < JOURNAL_LANES; i++) {
		journal_reader_close(st->lane[i].reader);
		record_reader_free(&st->lane[i].records);
	}
	journal_close(j);

	int rc = st->rc;

	free(st);
	return rc;
}
