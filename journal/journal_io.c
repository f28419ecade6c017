#include "journal/journal_io.h"

#include "base/err.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static int real_open(void *ctx, const char *path, int flags)
{
	(void)ctx;

	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);

	return fd < 0 ? -errno : fd;
}

static void real_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

static ssize_t real_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	(void)ctx;

	ssize_t r = io_pread(fd, buf, n, off);

	return r < 0 ? -errno : r;
}

static int real_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	(void)ctx;
	return io_pwrite(fd, buf, n, off) < 0 ? -errno : 0;
}

static int real_datasync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int real_truncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int real_punch(void *ctx, int fd, uint64_t off, uint64_t n)
{
	(void)ctx;

	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return fallocate(fd, mode, (off_t)off, (off_t)n) < 0 ? -errno : 0;
}

static int real_stat(void *ctx, int fd, struct journal_stat *st)
{
	struct stat s;

	(void)ctx;
	if (fstat(fd, &s) < 0)
		return -errno;
	st->size = (uint64_t)s.st_size;
	st->disk = (uint64_t)s.st_blocks * 512;
	return 0;
}

static int real_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to) < 0 ? -errno : 0;
}

static int real_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return unlink(path) < 0 ? -errno : 0;
}

static int real_mkdir(void *ctx, const char *path)
{
	(void)ctx;
	return mkdir(path, 0750) < 0 ? -errno : 0;
}

static int real_sync_dir(void *ctx, const char *path)
{
	struct err e;

	(void)ctx;
	return io_sync_dir(path, &e) < 0 ? -e.code : 0;
}

static int real_space(void *ctx, const char *path, struct journal_space *sp)
{
	struct statvfs s;

	(void)ctx;
	if (statvfs(path, &s) < 0)
		return -errno;
	sp->total = (uint64_t)s.f_blocks * s.f_frsize;
	sp->avail = (uint64_t)s.f_bavail * s.f_frsize;
	return 0;
}

static int real_list(
    void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	struct dirent *de;
	int rc = 0;

	(void)ctx;

	DIR *d = opendir(path);

	if (d == NULL)
		return -errno;
	for (;;) {
		errno = 0;
		de = readdir(d);
		if (de == NULL) {
			rc = -errno;
			break;
		}
		rc = each(arg, de->d_name);
		if (rc != 0)
			break;
	}
	closedir(d);
	return rc;
}

static void sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static int real_lock(void *ctx, const char *path, unsigned wait_ms, int *pid)
{
	char text[32] = "";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	(void)ctx;
	if (fd < 0)
		return -errno;
	for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += 20) {
		if (errno != EWOULDBLOCK || waited >= wait_ms) {
			int saved = errno == EWOULDBLOCK ? EBUSY : errno;

			*pid = 0;
			if (io_pread(fd, text, sizeof(text) - 1, 0) > 0)
				*pid = (int)strtol(text, NULL, 10);
			close(fd);
			return -saved;
		}
		sleep_ms(20);
	}

	/* The pid is only for the message of whoever comes second: no reason to fail. */
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) == 0 && n > 0)
		(void)io_pwrite(fd, text, (size_t)n, 0);
	return fd;
}

static int real_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;

	ssize_t r = getrandom(buf, n, 0); /* never short for n <= 256 */

	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

static uint64_t real_now_us(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

const struct journal_io journal_io_real = {
	.open = real_open,
	.close = real_close,
	.pread = real_pread,
	.pwrite = real_pwrite,
	.datasync = real_datasync,
	.truncate = real_truncate,
	.punch = real_punch,
	.stat = real_stat,
	.rename = real_rename,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.sync_dir = real_sync_dir,
	.space = real_space,
	.list = real_list,
	.lock = real_lock,
	.random = real_random,
	.now_us = real_now_us,
};
