/*
 * journal_io.h - every operation the journal does on files.
 *
 * Behind a table of functions, so that the tests can lose, tear and refuse any
 * of them. journal_io_real is the file system. Functions return a value >= 0 or
 * -errno. Paths are borrowed. All of them may be called by several threads.
 */
#ifndef JOURNAL_JOURNAL_IO_H
#define JOURNAL_JOURNAL_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct journal_stat {
	uint64_t size; /* bytes, to the end of the file */
	uint64_t disk; /* bytes allocated */
};

struct journal_space {
	uint64_t total; /* bytes of the file system */
	uint64_t avail; /* bytes an unprivileged writer may still use */
};

struct journal_io {
	void *ctx; /* first argument of each */

	int (*open)(void *ctx, const char *path, int flags); /* as open(2), mode 0640 */
	void (*close)(void *ctx, int fd);
	ssize_t (*pread)(
	    void *ctx, int fd, void *buf, size_t n, uint64_t off); /* short at EOF only */
	int (*pwrite)(
	    void *ctx, int fd, const void *buf, size_t n, uint64_t off); /* all, or -errno */
	int (*datasync)(void *ctx, int fd);
	int (*truncate)(void *ctx, int fd, uint64_t size);
	int (*punch)(void *ctx, int fd, uint64_t off, uint64_t n); /* free blocks, keep the size */
	int (*stat)(void *ctx, int fd, struct journal_stat *st);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path); /* mode 0750; -EEXIST when it is there */
	int (*sync_dir)(void *ctx, const char *path);
	int (*space)(void *ctx, const char *path, struct journal_space *sp);

	/* Call each() with every name in the directory, until it returns non-zero; that is
	 * returned. */
	int (*list)(
	    void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg);

	/*
	 * Take the one writer's lock on path, waiting up to wait_ms; returns its fd.
	 * -EBUSY when another process keeps it, *pid then says which (0: unknown).
	 */
	int (*lock)(void *ctx, const char *path, unsigned wait_ms, int *pid);

	int (*random)(void *ctx, void *buf, size_t n);
	uint64_t (*now_us)(void *ctx); /* UTC */
};

extern const struct journal_io journal_io_real;

#endif
