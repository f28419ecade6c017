/*
 * segment.h - reading one segment file: its header, its frames in order, its blocks.
 *
 * Used by recovery, readers, shedding and audit alike, so that all of them agree on
 * what is a frame, what is damage and what is the end. No state beyond the walk.
 */
#ifndef JOURNAL_SEGMENT_H
#define JOURNAL_SEGMENT_H

#include "journal/format.h"
#include "journal/journal.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of a segment in memory. */
struct segment {
	uint64_t first_seq; /* its name */
	uint64_t first_rec;
	uint64_t last_seq;		/* last durable frame; first_seq - 1: none */
	uint64_t end;			/* first byte after that frame */
	uint64_t next_rec;		/* number after its last record */
	struct journal_counts cum;	/* of everything before its first frame */
	struct journal_counts next_cum; /* and after its last */
	uint64_t disk;			/* bytes allocated */
	uint64_t salt;
	bool dead;	 /* neither copy of its header is whole; it has no readable frames */
	bool checkpoint; /* its first frame is a checkpoint */
};

/* A position in a segment. fd is borrowed. */
struct walk {
	const struct journal_io *io;
	int fd;
	uint64_t salt;
	uint64_t segment;	   /* first sequence, for reports */
	uint64_t off;		   /* where the next frame should start */
	uint64_t size;		   /* nothing at or beyond is looked at */
	uint64_t seq;		   /* the sequence expected next */
	uint64_t rec;		   /* the record number expected next */
	struct journal_counts cum; /* of everything before seq */
	uint64_t below;		   /* frames from this sequence on are not this segment's */
	bool saw_eio;		   /* something after the last frame could not be read */
	const char *why;	   /* after WALK_FOREIGN: static text */

	uint64_t window_off; /* file offset of window */
	size_t window_n;     /* bytes in it */
	uint8_t window[FORMAT_BLOCK];
};

enum walk_result {
	WALK_FRAME,   /* *h is the frame; the walk is after it */
	WALK_DAMAGE,  /* *d is what was skipped; the next call gives the frame after it */
	WALK_END,     /* no further frame; w->seq is what would have come */
	WALK_FOREIGN, /* a frame that this version must not touch */
};

/* Counts before and after a frame. */
struct journal_counts segment_counts_before(const struct frame_header *h);
struct journal_counts segment_counts_after(const struct frame_header *h);

/* a - b, where b is known to come earlier; all zero when the bytes say otherwise. */
struct journal_counts segment_counts_diff(struct journal_counts a, struct journal_counts b);

/* Before the first frame of s; the limits are those of s and can be moved afterwards. */
void segment_walk(struct walk *w, const struct journal_io *io, int fd, const struct segment *s);

enum walk_result segment_next(struct walk *w, struct frame_header *h, struct journal_damage *d);

/* Forget what was read ahead: the file grew. */
void segment_refresh(struct walk *w);

/*
 * Read the segment header, from the second copy if the first is bad. *blank is true
 * when both are zeros or absent. FORMAT_BAD after a read error also sets *eio.
 */
enum format_result segment_header(const struct journal_io *io, int fd, struct segment_header *h,
    bool *blank, bool *eio, const char **why);

enum block_result {
	BLOCK_OK,
	BLOCK_BAD, /* torn, punched or damaged */
	BLOCK_EIO,
};

/*
 * Check the n bytes at off against crc. buf gets them, or is NULL to only check. On
 * other results than BLOCK_OK the contents of buf mean nothing.
 */
enum block_result segment_block(
    const struct journal_io *io, int fd, uint64_t off, size_t n, uint32_t crc, void *buf);

/* The same for both blocks of a frame, contents not wanted. */
enum block_result segment_check(const struct journal_io *io, int fd, const struct frame_header *h);

#endif
