/*
 * journal.h - the one append-only log.
 *
 * One process writes (it holds the lock), by one thread, the committer. Any number
 * of readers (journal/reader.h) follow it. Payloads are opaque bytes. The file
 * format and the recovery rules are in DESIGN.md, "The journal".
 *
 * Numbers: frames have consecutive sequences from 1; records have numbers that
 * only grow, control before bulk within a frame, and start at the journal's
 * creation time in microseconds.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/slice.h"
#include "journal/cursor.h"
#include "journal/format.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct journal;
struct journal_io;

enum {
	JOURNAL_CURSORS_MAX = 32,
	JOURNAL_PAYLOAD_MAX = FORMAT_PAYLOAD_MAX, /* bytes of one control or bulk block */
};

/* Cumulative counts: everything before some point, since the journal began. */
struct journal_counts {
	uint64_t control_records;
	uint64_t bulk_records;
	uint64_t bytes_in;
};

/* What could not be read and was skipped. */
struct journal_damage {
	uint64_t segment;  /* first sequence of the segment, its file's name */
	uint64_t offset;   /* in that file */
	uint64_t seq_from; /* frames lost, both included */
	uint64_t seq_to;
	uint64_t rec_from;	    /* numbers that the lost records had: from, inclusive, */
	uint64_t rec_to;	    /* to, exclusive; equal: none, or unknown */
	struct journal_counts lost; /* exact where the next header tells, else 0 */
	const char *why;	    /* static text */
};

struct journal_options {
	const char *dir;	   /* made when absent, not its parents */
	uint64_t max_size;	   /* bytes on disk; 0: no limit */
	uint64_t segment_size;	   /* bytes after which a new segment begins; 0: 64 MiB */
	uint64_t min_free;	   /* bytes of the file system to leave free */
	unsigned min_free_percent; /* the same as a share; the larger counts */
	uint64_t reserved_control; /* bytes of max_size kept for frames without bulk */
	unsigned lock_wait_ms;	   /* 0: 5,000 */
	bool keep_passed;	   /* keep what every cursor has passed until the budget needs it */
	bool read_only;		   /* no lock, nothing written: for looking at a journal in use */
	uint64_t known_seq;	   /* highest frame a cursor kept elsewhere has passed, 0 none */
	uint64_t known_rec;	   /* and its next_rec */
	const struct journal_io *io; /* NULL: the file system */

	void *ctx; /* first argument of the following */

	/*
	 * The caller's whole state, *with the effect of the frame being appended*. Called
	 * by the committer inside journal_append(). *out is borrowed until the append
	 * returns. -1 with *e: the append goes on in the old segment if it can. NULL only
	 * with read_only.
	 */
	int (*checkpoint)(void *ctx, struct slice *out, struct err *e);

	/* At open, in this order; each may be NULL. -1 with *e ends journal_open(). */
	void (*report)(void *ctx, const struct journal_damage *d);
	int (*restore)(
	    void *ctx, const struct frame_header *h, struct slice checkpoint, struct err *e);
	int (*replay)(void *ctx, const struct frame_header *h, struct slice control, struct err *e);
};

/* One commit. The committer owns it. */
struct journal_frame {
	struct slice control; /* may be empty */
	struct slice bulk;    /* may be empty; with n_bulk > 0 those records are shed at birth */
	uint32_t n_control;   /* records in control */
	uint32_t n_bulk;
	uint32_t flags;	   /* within FRAME_CALLER_MASK */
	uint64_t time_us;  /* UTC */
	uint64_t bytes_in; /* raw input bytes this frame accounts for */

	uint64_t seq;	  /* out */
	uint64_t rec_seq; /* out: number of the first control record */
};

/* What the journal holds, at one instant. */
struct journal_stats {
	uint8_t journal_id[16];
	uint64_t first_seq;	  /* oldest frame kept */
	uint64_t durable_seq;	  /* newest durable frame, 0 none */
	uint64_t base_rec;	  /* number of the very first record */
	uint64_t next_rec;	  /* number the next record will get */
	uint64_t control_records; /* since the journal began, removed segments included */
	uint64_t bulk_records;
	uint64_t bytes_in;
	uint64_t floor;	      /* bulk of frames below it is shed */
	uint64_t shed_frames; /* whose bulk was freed before every cursor had passed it */
	uint64_t shed_records;
	uint64_t shed_bytes;
	uint64_t disk; /* bytes allocated by segments */
	uint64_t segments;
	uint64_t write_failures; /* since open */
	uint64_t removal_failures;
	bool state_lost; /* no whole checkpoint was left at open although one was needed */
};

/* Sums over the frames still kept, made by reading all of them. */
struct journal_totals {
	uint64_t frames;
	uint64_t checkpoints;
	uint64_t control_records;
	uint64_t bulk_records; /* shed ones included */
	uint64_t bytes_in;
	uint64_t control_bytes;
	uint64_t bulk_bytes; /* readable ones */
	uint64_t shed_frames;
	uint64_t shed_records;
	uint64_t damaged_frames;
	uint64_t damaged_records; /* where known */
};

/*
 * Open the journal in o->dir, or make one. Recovers first (DESIGN.md, "The journal"), then
 * calls report, restore and replay. EBUSY: another process has it (named in the
 * message); ENOTSUP: written by a newer version, nothing was changed; EINVAL: wrong
 * options or foreign files; EIO, ENOSPC, ENOMEM. *o is copied, o->dir too.
 */
int journal_open(const struct journal_options *o, struct journal **out, struct err *e);

/* Readers must be closed before. Takes NULL too. */
void journal_close(struct journal *j);

/*
 * Append one frame and make it durable; fills f->seq and f->rec_seq. 0 only after the
 * sync. -1: nothing of it counts, the caller keeps it and appends it again; code is
 * ENOSPC (a full disk or budget; a frame without bulk has reserved space), EMSGSIZE,
 * EINVAL, EIO or what the disk said. Only the committer calls it.
 */
int journal_append(struct journal *j, struct journal_frame *f, struct err *e);

/* Remove segments every cursor has passed. For an idle committer; append does it too. */
void journal_trim(struct journal *j);

/*
 * Tell the journal of a cursor: the last frames done with, by lane. Returns an id for
 * the following, or -1 with ENOSPC after JOURNAL_CURSORS_MAX. With no cursor
 * registered nothing is removed. Register all before the first append.
 */
int journal_register(struct journal *j, const struct journal_cursor *c, struct err *e);

/* The cursor is *durably* at *c. Any thread. */
void journal_passed(struct journal *j, int id, const struct journal_cursor *c);

void journal_unregister(struct journal *j, int id);

/* Any thread. */
void journal_stats(struct journal *j, struct journal_stats *s);
uint64_t journal_durable(struct journal *j);

/* End every wait of every reader, now and from now on. Any thread. */
void journal_stop(struct journal *j);

/*
 * Read everything up to the durable sequence and check every CRC; report (may be
 * NULL) gets each damage. Any thread. -1 with EIO when a file cannot be opened.
 */
int journal_audit(struct journal *j, struct journal_totals *t,
    void (*report)(void *arg, const struct journal_damage *d), void *arg, struct err *e);

/*
 * Records journalled through frame seq (0..durable) since the journal began, so that
 * waiting = counts(durable) - counts(cursor). ENOENT when that part is gone. Any thread.
 */
int journal_counts_at(struct journal *j, uint64_t seq, struct journal_counts *c, struct err *e);

/* The same through the newest durable frame. */
static inline struct journal_counts journal_counts_now(const struct journal_stats *s)
{
	return (struct journal_counts){ s->control_records, s->bulk_records, s->bytes_in };
}

static inline uint64_t journal_lane_records(const struct journal_counts *c, enum journal_lane l)
{
	return l == JOURNAL_CONTROL ? c->control_records : c->bulk_records;
}

/* A border between two frames. */
struct journal_moment {
	uint64_t seq;		      /* the frame behind it; durable + 1: there is none */
	uint64_t time_us;	      /* when that was committed, 0: there is none */
	uint64_t next_rec;	      /* number of its first record */
	struct journal_counts before; /* of all frames before it */
};

/*
 * The border before the first kept frame that was committed at time_us or later; checkpoints are no
 * frames here. All that follow it count as later, whatever a clock that was set back wrote in them.
 * Reads headers of each segment's first frame and of one segment. Any thread.
 */
int journal_since(struct journal *j, uint64_t time_us, struct journal_moment *m, struct err *e);

/* Who wants the state at a frame; as restore and replay of struct journal_options. */
struct journal_look {
	int (*restore)(
	    void *ctx, const struct frame_header *h, struct slice checkpoint, struct err *e);
	int (*replay)(void *ctx, const struct frame_header *h, struct slice control, struct err *e);
	void *ctx;
};

/*
 * Hand over the checkpoint of the segment that holds frame seq and the control blocks behind it up
 * to seq. Frame seq is always handed over, also where the checkpoint has its effect (h->covers of
 * that says so). EBADMSG: one of them is damaged; ENOENT: seq is gone. Any thread.
 */
int journal_state_at(
    struct journal *j, uint64_t seq, const struct journal_look *look, struct err *e);

/*
 * When the first frame after seq that has records in the lane was committed, UTC microseconds;
 * 0: there is none, or it can't be read. Any thread.
 */
uint64_t journal_oldest_after(struct journal *j, enum journal_lane lane, uint64_t seq);

#endif
