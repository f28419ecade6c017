/*
 * cursor.h - a sink's durable place in the journal and its counts, in one record.
 *
 * Place and counts change together, so they cannot disagree after a crash. Kept in
 * NAME.cursor, or by a sink with transactions of its own as the 256 encoded bytes.
 * Each file belongs to one thread.
 */
#ifndef JOURNAL_CURSOR_H
#define JOURNAL_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct journal_io;
struct journal_cursor_file;

enum journal_lane {
	JOURNAL_CONTROL,
	JOURNAL_BULK,
	JOURNAL_LANES,
};

enum { JOURNAL_CURSOR_BYTES = 256 };

struct journal_cursor_lane {
	uint64_t seq;	    /* last frame done with; 0: none */
	uint64_t next_rec;  /* number after the last record done with; 0: unknown */
	uint64_t delivered; /* records, as the following */
	uint64_t rejected;  /* kept in the dead letter */
	uint64_t shed;
	uint64_t dropped; /* by a configured rule */
	uint64_t damaged; /* unreadable in the journal */
};

struct journal_cursor {
	uint8_t journal_id[16]; /* the journal that the sequences belong to */
	uint64_t time_us;	/* of the update, UTC */
	struct journal_cursor_lane lane[JOURNAL_LANES];
	uint64_t redrive_batch; /* the caller's: which queue of dead letters, 0 none, */
	uint64_t redrive_done;	/* and how many lines of it are settled */
	uint64_t forgotten;	/* records of both lanes given up by hand, part of shed */
};

/* To and from 256 bytes. Decode returns false, leaving *c alone, for any other bytes,
 * numbers at or above FORMAT_NUMBER_END included. */
void journal_cursor_encode(const struct journal_cursor *c, uint8_t out[JOURNAL_CURSOR_BYTES]);
bool journal_cursor_decode(const uint8_t in[JOURNAL_CURSOR_BYTES], struct journal_cursor *c);

/*
 * Open the cursor `name` ([a-z0-9_-], at most 64) of the journal in dir. If one was
 * stored, it is in *c. EINVAL for a bad name, EBADMSG when the
 * file is damaged, EIO. The handle in *out goes to journal_cursor_close().
 * io NULL means the file system.
 */
int journal_cursor_open(const struct journal_io *io, const char *dir, const char *name,
    struct journal_cursor_file **out, struct journal_cursor *c, struct err *e);

/* Was one stored when it was opened? */
bool journal_cursor_found(const struct journal_cursor_file *f);

/*
 * Store *c: one write and one fdatasync, at one instant. Returns 0 when it is durable.
 * On -1 the old or the new value counts; call it again.
 */
int journal_cursor_save(
    struct journal_cursor_file *f, const struct journal_cursor *c, struct err *e);

/* Takes NULL too. */
void journal_cursor_close(struct journal_cursor_file *f);

/* Read a stored cursor without a handle. ENOENT when there is none; else as journal_cursor_open().
 */
int journal_cursor_load(const struct journal_io *io, const char *dir, const char *name,
    struct journal_cursor *c, struct err *e);

/* Remove a cursor for good (`sekisho journal forget`). ENOENT when there is none. */
int journal_cursor_forget(
    const struct journal_io *io, const char *dir, const char *name, struct err *e);

/*
 * Call each() for every cursor file in dir, in no order; c is NULL for a damaged one.
 * Stops and returns -1 when the directory or a file cannot be read.
 */
int journal_cursor_list(const struct journal_io *io, const char *dir,
    void (*each)(void *arg, const char *name, const struct journal_cursor *c), void *arg,
    struct err *e);

#endif
