/*
 * tail.h - following files by name, across rotation, truncation and restarts.
 *
 * A log is known by its content (base/identity.h): by the hash of its head and a
 * number that tells logs with the same head apart. A saved position also has a hash
 * of the bytes before its offset, so a file is recognised when it was renamed, copied
 * or compressed. (device, inode) only finds open files again.
 *
 * The reader asks for windows: bytes that begin where the last ones were used up. What
 * was used is the caller's to say; nothing is remembered here across a restart but what
 * the caller saved and hands back. One thread.
 */
#ifndef INPUTS_TAIL_H
#define INPUTS_TAIL_H

#include "base/slice.h"

struct err;
struct tail;

enum {
	TAIL_BEFORE = 256,
	TAIL_PATH_MAX = 1024,
	TAIL_PAD = 128, /* bytes readable before and behind the text of a window */
};

/* Where a log was left, as the journal keeps it. */
struct tail_position {
	uint64_t head_hash, number;
	uint64_t offset;      /* uncompressed bytes used */
	uint64_t before_hash; /* of up to TAIL_BEFORE bytes before offset */
	uint64_t dev, ino;
	int64_t time_us; /* when the log was last written, as it was known when this was read */
	char path[TAIL_PATH_MAX];
};

/* What happened to a log that its reader can't know otherwise. */
enum tail_report {
	TAIL_TRUNCATED, /* shorter than what was read: copytruncate. lost: bytes seen but not read
			 */
	TAIL_REWRITTEN, /* other content under the same inode */
	TAIL_SHORTENED, /* shorter than at the saved position, same head: a crash of the host */
	TAIL_GONE,	/* a saved position whose log is nowhere any more. lost: unknown */
	TAIL_UNREADABLE,
	TAIL_CROWDED, /* more files than can be followed; path: of their folder */
};

struct tail_callbacks {
	void *ctx;
	/* Saved positions, for matching: the i-th of a head, or false. */
	bool (*saved)(void *ctx, uint64_t head_hash, unsigned i, struct tail_position *out);
	/* The newest saved position of a path, or false. */
	bool (*saved_path)(void *ctx, const char *path, struct tail_position *out);
	/* The i-th saved position of all, or false. */
	bool (*saved_any)(void *ctx, unsigned i, struct tail_position *out);
	/* A log is still followed: its position is not to give way to newer ones. */
	void (*keep)(void *ctx, uint64_t head_hash, uint64_t number);
	/* A number that no log with this head has had. */
	uint64_t (*new_number)(void *ctx, uint64_t head_hash);
	void (*report)(void *ctx, enum tail_report what, const char *path, uint64_t lost_bytes);
};

/* How files that are there at the very first start are taken. */
struct tail_start {
	bool first_start; /* nothing was ever saved */
	bool from_end;
	int64_t not_before_us; /* files last written before that are passed over; 0: none */
	int64_t alive_us;      /* not the first start: when the agent was last known to run */
};

/* One open log, as the caller sees it. */
struct tail_file {
	unsigned input; /* index the pattern was added with */
	uint64_t head_hash, number;
	uint64_t offset; /* of the next byte to give out */
	uint64_t line;	 /* not counted here: 0 */
	const char *path;
	uint64_t dev, ino;
	int64_t mtime_us;
	bool first_start; /* found at the very first start */
};

struct tail_window {
	struct tail_file *file;
	struct slice text; /* from file->offset on; valid until the next call */
	bool at_end;	   /* no more bytes now */
	bool last;	   /* and none will come: the log is let go after this */
	bool idle;	   /* nothing has come for the close time: close what is open */
};

struct tail *tail_new(const struct tail_callbacks *cb, size_t window_bytes, struct err *e);
void tail_free(struct tail *t);

/* Follow a path or pattern (* ? [ in the last component). Before tail_start(). */
int tail_add(
    struct tail *t, const char *pattern, unsigned input, const struct tail_start *s, struct err *e);

/* A descriptor that polls readable when something has changed. */
int tail_fd(const struct tail *t);

/*
 * The next window that has something to read, in order of age at start and in turn
 * later. False: nothing now; *wait_ms says when to call again at the latest.
 */
bool tail_next(struct tail *t, struct tail_window *w, int *wait_ms);

/*
 * The caller used that many bytes of the window (or, for a line longer than any
 * window, more than it held). 0: it needs more behind them. before_hash of the new place is in
 * *before_hash for the position to save.
 */
void tail_used(struct tail *t, struct tail_window *w, uint64_t used, uint64_t *before_hash);

/* Where the end of a line that no window holds lies: its whole length, or 0: not there yet. */
uint64_t tail_line_end(struct tail *t, struct tail_window *w, bool *ended);

/*
 * How many NUL bytes that line, of line_n bytes without its end, begins with; the window's text
 * becomes what follows them of it.
 */
uint64_t tail_skip_nuls(struct tail *t, struct tail_window *w, uint64_t line_n);

unsigned tail_open_files(const struct tail *t);

#endif
