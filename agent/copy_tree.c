#include "agent/copy_tree.h"

#include "base/err.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static bool copy_span(int from, int to, off_t at, off_t end)
{
	static char chunk[CHUNK];

	while (at < end) {
		size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = io_pread(from, chunk, want, (uint64_t)at);

		if (n <= 0 || io_pwrite(to, chunk, (size_t)n, (uint64_t)at) != 0)
			return false;
		at += n;
	}
	return true;
}

static bool copy_all(int from, int to)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) != 0 || ftruncate(to, st.st_size) != 0)
		return false;
	while (at < st.st_size) {
		off_t data = lseek(from, at, SEEK_DATA);
		off_t hole = data >= 0 ? lseek(from, data, SEEK_HOLE) : -1;

		if (data < 0)
			return errno == ENXIO; /* nothing but a hole follows */
		if (hole < 0 || !copy_span(from, to, data, hole))
			return false;
		at = hole;
	}
	return true;
}

int copy_tree_file(const char *from, const char *to, const struct stat *like, struct err *e)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640) : -1;
	bool good = out >= 0 && fchown(out, like->st_uid, like->st_gid) == 0 && copy_all(in, out) &&
		    fsync(out) == 0;
	int why = errno;

	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return good ? 0 : err_set(e, why, "%s: %s", in >= 0 ? to : from, strerror(why));
}

int copy_tree_dir(const char *path, const struct stat *like, struct err *e)
{
	if (mkdir(path, 0750) != 0)
		return errno == EEXIST ? 0 : err_set(e, errno, "%s: %s", path, strerror(errno));
	if (chown(path, like->st_uid, like->st_gid) != 0)
		return err_set(e, errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int copy_tree_remove(const char *path, struct err *e)
{
	if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		return err_set(e, errno, "%s: %s", path, strerror(errno));
	return 0;
}
