/*
 * Entries of the systemd journal. Positions are those of tail.h in other units: an origin is a row
 * of sequence numbers, its offset the number that is next, a record's span one number. Numbers
 * in between may belong to entries that nobody asked for; they are within the move all the same.
 *
 *	head_hash	hash of (host, row)	dev, ino	the row's id, for cursors
 *	offset		next number		before_hash	journald's time of the last entry
 *
 * Row 0 is none that exists: its before_hash is where `start_at` began, for rows without a
 *position.
 *
 * When something has changed, the files' headers say which rows have more (look()); each of them is
 * then read up to the number that its tail had (a pass). One thread. Not for
 * others than reader_journald.c and reader_rows.c.
 */
#ifndef AGENT_READER_JOURNALD_H
#define AGENT_READER_JOURNALD_H

#include "agent/reader.h"
#include "inputs/journald.h"

enum { READER_MAX_ROWS = 1024 }; /* known at a time; the one read longest ago goes */

struct row {
	struct journald_mark last; /* all up to it was read; seqnum 0: nothing was */
	uint64_t head_hash;
	uint64_t turn; /* when it was read */
	int64_t moved_us;
	uint64_t tail; /* number of its last entry, by a file's header */
	int64_t tail_realtime_us;
	int64_t tail_us; /* boot time: since when it is that */
	int64_t pass_us; /* boot time: when it was looked for entries */
	bool todo;	 /* and should be now */
	bool reported;
};

struct reader_journald {
	struct reader_journald *next;
	unsigned input;
	struct journald_source source;
	char path[TAIL_PATH_MAX];
	struct journald *j;
	struct row rows[READER_MAX_ROWS];
	unsigned n_rows;
	uint64_t turn;
	struct journald_row found[READER_MAX_ROWS];
	struct row *pass; /* the row being read */
	int64_t floor_us; /* entries of rows without a position count from here on */
	bool pending;	  /* `at` was found and not yet used */
	struct journald_mark at;
	bool changed;
	int64_t look_us, retry_us; /* not before */
	int64_t settle_us;	   /* then look again; 0: no need to */
	unsigned errors;
	uint64_t unreadable; /* not yet reported */
	bool said, said_rows;
};

/* What was saved of this journal, into the table; says whether anything was. */
bool reader_rows_load(struct agent *a, struct reader_journald *s);

/* `start_at` holds once: where it began is kept, before anything else is. */
void reader_rows_save_floor(struct reader *r, struct reader_journald *s);

/* The files' headers: which rows have more, and is what follows their positions still there? */
void reader_rows_look(struct reader *r, struct reader_journald *s);

/* The row that has more and was not read for longest; NULL: none has. */
struct row *reader_rows_next(struct reader_journald *s);

/* Nothing more comes of that row: is that its tail? */
void reader_rows_pass_ended(struct reader *r, struct reader_journald *s, struct row *w);

/* The batch being filled moves the row's position from that number to behind `last`. */
void reader_rows_move(
    struct batch *b, const struct reader_journald *s, const struct row *w, uint64_t from);

/* Entries may be lost: log, ledger, counters. */
void reader_rows_report(
    struct reader *r, const struct reader_journald *s, const char *what, uint64_t n);

#endif
