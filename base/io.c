#include "base/io.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t io_pread(int fd, void *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int io_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pwrite(fd, (const char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r == 0) /* cannot happen for n > 0; never loop on it */
			errno = EIO;
		if (r <= 0)
			return -1;
		done += (size_t)r;
	}
	return 0;
}

int io_sync_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "%s: %s", dir, strerror(errno));

	int rc = fsync(fd);
	int saved = errno;

	close(fd);
	return rc == 0 ? 0 : err_set(e, saved, "%s: fsync: %s", dir, strerror(saved));
}

int io_write_new(const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return err_set(e, errno, "%s: %s", path, strerror(errno));

	int rc = io_pwrite(fd, p, n, 0);

	if (rc == 0)
		rc = fsync(fd);

	int saved = errno;

	close(fd);
	return rc == 0 ? 0 : err_set(e, saved, "%s: %s", path, strerror(saved));
}

int io_replace(
    const char *dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e)
{
	char path[4096];
	char tmp[4096];
	int a = snprintf(path, sizeof(path), "%s/%s", dir, name);
	int b = snprintf(tmp, sizeof(tmp), "%s/%s.tmp", dir, name);

	if (a < 0 || b < 0 || (size_t)a >= sizeof(path) || (size_t)b >= sizeof(tmp))
		return err_set(e, ENAMETOOLONG, "%s/%s: path too long", dir, name);
	if (io_write_new(tmp, p, n, mode, e) != 0) {
		unlink(tmp);
		return -1;
	}
	if (rename(tmp, path) != 0) {
		err_set(e, errno, "%s: rename: %s", path, strerror(errno));
		unlink(tmp);
		return -1;
	}
	return io_sync_dir(dir, e);
}

/* Read fd to its end into *buf, growing it up to max + 1 bytes; returns bytes or -1 with errno. */
static ssize_t read_growing(int fd, size_t max, char **buf)
{
	size_t cap = 0;
	size_t n = 0;

	for (;;) {
		if (n == cap) {
			size_t want = cap == 0 ? 4096 : cap * 2;
			char *grown = realloc(*buf, (want > max + 1 ? max + 1 : want) + 1);

			if (grown == NULL)
				return -1;
			*buf = grown;
			cap = want > max + 1 ? max + 1 : want;
		}

		ssize_t r = read(fd, *buf + n, cap - n); /* not pread: /proc and pipes too */

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			return (ssize_t)n;
		n += (size_t)r;
		if (n > max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int io_read_file(const char *path, size_t max, char **out, size_t *n, struct err *e)
{
	char *buf = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "%s: %s", path, strerror(errno));

	ssize_t r = read_growing(fd, max, &buf);
	int saved = errno;

	close(fd);
	if (r < 0) {
		free(buf);
		if (saved == EFBIG)
			return err_set(e, EFBIG, "%s: longer than %zu bytes", path, max);
		return err_set(e, saved, "%s: %s", path, strerror(saved));
	}
	buf[r] = '\0';
	*out = buf;
	*n = (size_t)r;
	return 0;
}
