/* tail_internal.h - what the tail_*.c files share. Not for others. */
#ifndef INPUTS_TAIL_INTERNAL_H
#define INPUTS_TAIL_INTERNAL_H

#include "inputs/tail.h"

#include <sys/stat.h>
#include <zlib.h>

enum {
	TAIL_MAX_FILES = 4096,
	TAIL_MAX_PATTERNS = 256,
	TAIL_SAID = 256,
	TAIL_RESCAN_MS = 5000,	/* patterns are looked up anew, in case an event was lost */
	TAIL_LET_GO_MS = 30000, /* a renamed file is kept that long after its last byte */
	TAIL_IDLE_MS = 2000,	/* then open events are closed */
};

struct pattern {
	char dir[TAIL_PATH_MAX];
	char name[256]; /* of the last component */
	unsigned input;
	int watch; /* inotify, or -1 */
	struct tail_start start;
};

struct open_file {
	struct tail_file pub;
	char path[TAIL_PATH_MAX];
	int fd; /* -1: gzip */
	gzFile gz;
	uint64_t gz_at; /* uncompressed offset of the stream */
	uint64_t size;	/* seen last */
	uint64_t before_hash;
	bool dirty;    /* there may be more to read */
	bool known;    /* it has its identity */
	bool renamed;  /* its path is another file's now, or nobody's */
	bool catch_up; /* found beside its log: read to its end, then let go */
	bool checked;  /* identity was checked since it became dirty */
	bool idle_said;
	bool restarted;	  /* it is another log than what was saved under its inode */
	bool ended;	  /* nobody writes it any more: all of it is its head */
	int64_t last_ms;  /* of the last byte, or of opening */
	uint64_t scanned; /* of a line longer than a window: bytes known to have no end */
	uint64_t order;	  /* files are read in this order */
	const struct pattern *pattern;
};

struct tail {
	struct tail_callbacks cb;
	int inotify;
	struct pattern patterns[TAIL_MAX_PATTERNS];
	unsigned n_patterns;
	struct open_file **files;
	unsigned n_files;
	unsigned turn;
	uint64_t next_order;
	char *mem; /* buf with TAIL_PAD around it */
	char *buf;
	size_t buf_n;
	int64_t next_scan_ms;
	bool crowded[TAIL_MAX_PATTERNS]; /* it was said that there are too many */
	uint64_t unreadable[TAIL_SAID];	 /* inodes that were reported; a newer one displaces */
	bool started;
};

int64_t tail_now_ms(void);

/* tail_find.c */
void tail_scan(struct tail *t);	  /* look up all patterns */
void tail_events(struct tail *t); /* read inotify */
struct open_file *tail_open_path(struct tail *t, const struct pattern *p, const char *path);

struct open_file *tail_find_inode(struct tail *t, const struct stat *st);
int64_t tail_mtime_us(const struct stat *st);
bool tail_is_gzip(const char *path);

/* tail_left.c */
/* Another file than before is at `path`, of that name: what was left of the one before? */
void tail_find_missed(struct tail *t, const struct pattern *p, const char *name, const char *path,
    const struct stat *st);
void tail_find_rest(struct tail *t, struct open_file *f, const char *name); /* f: the newest */
void tail_find_lost(struct tail *t);
void tail_reopen(struct tail *t, int watch, const char *name);

/* tail_identity.c: give an open file its identity and place. False: it has no head yet. */
bool tail_identify(struct tail *t, struct open_file *f);
/* When its log was last written, into f->pub. */
void tail_note_mtime(struct open_file *f);

/* Is f, which is identified, a copy of another open file as far as that was read? */
bool tail_is_copy(struct tail *t, struct open_file *f);

/* The same, only by a saved position. False: there is none. */
bool tail_match(struct tail *t, struct open_file *f);

/* f, opened last: is it one? False also where it is known by a position of its own. */
bool tail_identify_copy(struct tail *t, struct open_file *f);

/* The uncompressed length that a gzip file of one member ends with, modulo 2^32. */
bool tail_gzip_size(const char *path, uint64_t *size);

/* Still the log it was? After it became dirty. Restarts it under a new number when not. */
void tail_check(struct tail *t, struct open_file *f);
uint64_t tail_file_size(struct open_file *f); /* 0 for gzip */
uint64_t tail_hash_before(struct open_file *f, uint64_t offset, bool *ok);

/*
 * Is the log at path, which is not compressed, the one that was left at p? *same_head: it begins
 * like that.
 */
bool tail_is_left(const char *path, const struct tail_position *p, bool *same_head);

/* tail_read.c */
ssize_t tail_pread(struct open_file *f, void *to, size_t n, uint64_t offset);
void tail_let_go(struct tail *t, unsigned i);

#endif
