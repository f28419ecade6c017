/*
 * io.h - whole reads and writes, and files that change at one instant.
 *
 * All of it works on offsets; nothing here moves a file position. Paths are
 * borrowed. Errors carry errno in err.code and the path or operation in err.msg.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/*
 * Read n bytes at off, going on after EINTR and short reads. Returns the bytes
 * read, less than n only at the end of the file, or -1 with errno.
 */
ssize_t io_pread(int fd, void *buf, size_t n, uint64_t off);

/* Write all n bytes at off, going on after EINTR and short writes. 0, or -1 with errno. */
int io_pwrite(int fd, const void *buf, size_t n, uint64_t off);

/* Make renames, creations and removals in the directory durable. 0, or -1 with *e filled. */
int io_sync_dir(const char *dir, struct err *e);

/*
 * Write a fresh file of n bytes and sync it. -1 with *e: it may be left behind, half written.
 * mode as in open(2).
 */
int io_write_new(const char *path, const void *p, size_t n, mode_t mode, struct err *e);

/*
 * Replace dir/name by n bytes: name.tmp, fsync, rename, fsync of dir. A crash
 * leaves the old file or the new one, whole. name has no slash. mode as in open(2).
 */
int io_replace(
    const char *dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e);

/*
 * Read a whole file of at most max bytes into memory from malloc, which the
 * caller frees; one NUL follows the *n bytes. EFBIG when it is longer.
 */
int io_read_file(const char *path, size_t max, char **out, size_t *n, struct err *e);

#endif
