/*
 * internal.h - the open journal, as the files of this folder see it.
 */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "journal/journal.h"
#include "journal/segment.h"
#include "journal/slots.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_io;

struct registered {
	bool used;
	uint64_t seq[JOURNAL_LANES];
};

/*
 * Where earlier walks stood: frames don't change once they are durable, so whoever asks for a place
 * again, or for one that is further on, need not begin at the segment's first frame.
 */
struct walk_hint {
	uint64_t segment; /* its first sequence; 0: unused */
	uint64_t off, seq, rec;
	struct journal_counts cum;
	uint64_t used; /* when, by count of uses: the oldest gives way */
};

/* The first frame behind `after` that has records of a lane is `seq`; 0: unused. */
struct lane_hint {
	uint64_t after, seq, time_us;
};

enum { WALK_HINTS = 2 * JOURNAL_CURSORS_MAX, LANE_HINTS = JOURNAL_CURSORS_MAX };

struct journal {
	const struct journal_io *io;
	struct journal_options opt; /* opt.dir points to dir */
	char dir[SLOTS_PATH_MAX];
	uint8_t id[16];
	uint64_t base_rec;
	int lock_fd;

	/* The committer's alone. */
	int fd;			   /* the newest segment, -1 when another must be made */
	uint64_t next_seq;	   /* of the next frame */
	uint64_t next_rec;	   /* of the next record */
	struct journal_counts cum; /* of all frames before next_seq */
	uint64_t next_off;	   /* in fd, where the next frame starts */
	uint64_t checkpoint_len;   /* of the last one, to estimate the next */
	uint64_t punched;	   /* bulk of frames below it has been freed in this process */
	bool no_trim;		   /* a removal failed: a later one could leave a hole */
	bool no_punch;		   /* the file system cannot */
	struct slots floor_file;

	/* Shared, under mu. */
	pthread_mutex_t mu;
	pthread_cond_t changed; /* durable, floor or stopping */
	struct segment *seg;	/* oldest first */
	size_t n_seg;
	size_t cap_seg;
	uint64_t durable;
	uint64_t floor;
	bool stopping;
	struct registered cursor[JOURNAL_CURSORS_MAX];
	struct journal_stats stats; /* what is not derived from the above */
	struct walk_hint hint[WALK_HINTS];
	uint64_t hints_used;
	struct lane_hint first[JOURNAL_LANES][LANE_HINTS];
	unsigned next_first[JOURNAL_LANES];
};
/*
 * Invariants, whenever mu is free:
 * 1. Frames up to durable are on disk, whole or known to be damaged; nobody reads above it.
 * 2. seg is sorted by first_seq; seg[i].last_seq < seg[i + 1].first_seq.
 * 3. floor is durable before it is here, and no bulk at or above it has been punched.
 * 4. Only the committer changes seg, durable and floor, so it may read them without mu.
 * 5. If fd >= 0, no write to and no sync of that file has failed.
 */

/* commit.c */

/*
 * Make the journal's next segment: f and, before it, a checkpoint if the journal
 * has frames or f is not NULL. f NULL makes the journal's first, empty segment.
 * Durable and published on 0. On -1 nothing counts.
 */
int commit_new_segment(struct journal *j, struct journal_frame *f, struct err *e);

/* Write f, durably, in the newest segment or a new one. Fills f->seq, f->rec_seq. */
int commit_frame(struct journal *j, struct journal_frame *f, struct err *e);

/* Upper bound of the bytes on disk that committing f takes. */
uint64_t commit_need(const struct journal *j, const struct journal_frame *f);

/* Path of the segment that starts with first_seq; ENAMETOOLONG. */
int commit_segment_path(
    const struct journal *j, uint64_t first_seq, char out[SLOTS_PATH_MAX], struct err *e);

/* Append one to j->seg, under mu; ENOMEM. */
int commit_list_segment(struct journal *j, const struct segment *s, struct err *e);

/* recover.c: bring the directory and *j into agreement; calls the callbacks of j->opt. */
int recover_journal(struct journal *j, struct err *e);

/* replay.c: hand over the newest whole checkpoint and the frames after it. */
int replay_journal(struct journal *j, struct err *e);

/* view.c */

/* The segments at one instant; later changes are not its business. */
struct view {
	struct segment *seg;
	size_t n;
	uint64_t floor, durable;
};

/* ENOMEM. Any thread. */
int view_open(struct journal *j, struct view *v, struct err *e);
void view_close(struct view *v);

/* Before the first frame of s. ENOENT: it was removed since. w->fd is to be closed. */
int view_walk(struct journal *j, const struct segment *s, struct walk *w, struct err *e);

/* After view_walk(): go on at the furthest known place that is not behind frame seq. */
void view_resume(struct journal *j, struct walk *w, uint64_t seq);

/* This place may be asked for again. */
void view_remember(struct journal *j, const struct walk *w);

/* budget.c */

/*
 * Free space until need more bytes fit. bulk: whether they may not touch the space
 * reserved for control. ENOSPC when nothing is left to free.
 */
int budget_make_room(struct journal *j, uint64_t need, bool bulk, struct err *e);

/* The disk itself is full: free at least need bytes if possible. Returns the bytes freed. */
uint64_t budget_shed(struct journal *j, uint64_t need);

/* Remove segments that every cursor has passed, while `used` exceeds `target` bytes. */
void budget_trim(struct journal *j, uint64_t target);

/* Read the stored floor into *j. */
int budget_load_floor(struct journal *j, struct err *e);

#endif
