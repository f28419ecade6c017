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
	TAIL_SAVED_MS = 100,	/* how often it is asked whether a place is durable */
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
	int gz_fd;  /* which the stream owns */
	char *back; /* gzip: of its text, what was read last */
	size_t back_n;
	uint64_t back_at;
	bool cut;      /* gzip: what is there of it ends in the middle */
	bool cut_said; /* and that was reported */
	uint64_t size; /* seen last */
	uint64_t before_hash;
	bool dirty;	  /* there may be more to read */
	bool known;	  /* it has its identity */
	bool renamed;	  /* its path is another file's now, or nobody's */
	bool catch_up;	  /* found beside its log: read to its end, then let go */
	bool first;	  /* and comes before what its log is now, to its end */
	bool sibling;	  /* and whether it is to be read is not settled yet */
	bool newer;	  /* and was written since its log was left */
	bool unwanted;	  /* nothing is to be read of it */
	bool fresh;	  /* found while running: it may be a copy in the making */
	uint64_t same;	  /* then so many bytes of it are those of the log same_as, */
	uint64_t same_as; /* an inode */
	bool checked;	  /* identity was checked since it became dirty */
	bool idle_said;
	bool restarted;	   /* it is another log than what was saved under its inode */
	int64_t left_us;   /* what was copied since is to be looked for; 0: nothing is */
	bool ended;	   /* nobody writes it any more: all of it is its head */
	int64_t last_ms;   /* of the last byte, or of opening */
	uint64_t moved_to; /* the place behind what was given out; 0: nothing was */
	uint64_t scanned;  /* of a line longer than a window: bytes known to have no end */
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
/* f, which was read as far as `left`, was truncated. True: a copy is open that has the rest. */
bool tail_find_copied_rest(
    struct tail *t, const struct open_file *f, const struct tail_position *left);
/* f was truncated when it had been read at since_us, perhaps more than once. */
void tail_find_copies(struct tail *t, const struct open_file *f, int64_t since_us);
/* Is f, a sibling, to be read? False: no (it is unwanted), or too little of it is there to say. */
bool tail_settle(struct tail *t, struct open_file *f, int64_t now_ms);

/* tail_identity.c: give an open file its identity and place. False: it has no head yet. */
bool tail_identify(struct tail *t, struct open_file *f);
/* When its log was last written, into f->pub. */
void tail_note_mtime(struct open_file *f);

/* The same, only by a saved position. */
enum tail_match { TAIL_MATCH_NO_HEAD, TAIL_MATCH_NONE, TAIL_MATCH_SAVED };
enum tail_match tail_match(struct tail *t, struct open_file *f);

/* The same of a log that no saved position is of, after tail_match(). */
void tail_begin(struct tail *t, struct open_file *f);

/* Does a saved position have the head of f, so that f, which is cut, may be the rest of its log? */
bool tail_may_be_saved(struct tail *t, const struct open_file *f);

/*
 * tail_copy.c: may f, which is fresh, be read as a log? False: as far as it is there it is the
 * beginning of another one, so either a copy, perhaps in the making, or too short to say.
 */
bool tail_is_own(struct tail *t, struct open_file *f, int64_t now_ms);
/* Is f, which has its head, a copy of another open file as far as that was read? */
bool tail_is_copy(struct tail *t, struct open_file *f);
/* BASE.* or BASE-*, as copies are named that are kept. */
bool tail_is_named_after(const char *name, const char *base);
/* Identify f, if it can be. */
bool tail_become_known(struct tail *t, struct open_file *f, int64_t now_ms);

/* tail_identity.c: a saved position, not of another open file, up to which f is a copy. */
bool tail_find_copied(struct tail *t, struct open_file *f, struct tail_position *p);
bool tail_read_head(struct open_file *f, uint64_t *hash);
/* Has f the bytes before p, or just as many? */
bool tail_agrees(struct open_file *f, const struct tail_position *p);
void tail_take(struct open_file *f, const struct tail_position *p);

/* Still the log it was? After it became dirty. Restarts it under a new number when not. */
void tail_check(struct tail *t, struct open_file *f);
bool tail_is_other(struct open_file *f);      /* would it be restarted? */
uint64_t tail_file_size(struct open_file *f); /* 0 for gzip */
uint64_t tail_hash_before(struct open_file *f, uint64_t offset, bool *ok);

/*
 * Is the log at path, which is not compressed, the one that was left at p? *same_head: it begins
 * like that.
 */
bool tail_is_left(const char *path, const struct tail_position *p, bool *same_head);

/* tail_gzip.c */
ssize_t tail_gzip_read(struct open_file *f, char *to, size_t n, uint64_t offset);
void tail_gzip_forget(struct open_file *f); /* nothing of what was read is wanted again */
/* Does f, compressed, end by saying that it has n bytes? Then nobody unpacks it to know. */
bool tail_gzip_has(const struct open_file *f, uint64_t n);
/* Is f, compressed, as far as it is there, what g, which is not, begins with? */
bool tail_gzip_is_of(struct open_file *f, struct open_file *g);

/* tail_read.c */
ssize_t tail_pread(struct open_file *f, void *to, size_t n, uint64_t offset);
void tail_let_go(struct tail *t, unsigned i);

#endif
