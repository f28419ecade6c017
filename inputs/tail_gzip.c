/* Compressed copies of logs: there may be half of one, as somebody is still writing it. */
#include "inputs/tail_internal.h"

#include <fcntl.h>
#include <unistd.h>

enum { MAGIC_BYTES = 2, START_BYTES = 16384 };

/*
 * gzip has no random access: going back starts anew. What a writer has added since the end was
 * met is read too.
 */
ssize_t tail_gzip_read(struct open_file *f, char *to, size_t n, uint64_t offset)
{
	struct stat st;
	size_t got = 0;
	int k = 1;
	int error;

	/* zlib takes for plain text what has not even these */
	if (fstat(f->gz_fd, &st) == 0 && st.st_size < MAGIC_BYTES) {
		f->cut = true;
		return 0;
	}
	gzerror(f->gz, &error);
	if (error == Z_OK || error == Z_BUF_ERROR)
		gzclearerr(f->gz);
	if (gzseek(f->gz, (z_off_t)offset, SEEK_SET) < 0)
		return -1;
	while (got < n && (k = gzread(f->gz, to + got, (unsigned)(n - got))) > 0)
		got += (size_t)k;
	if (k < 0)
		return got > 0 ? (ssize_t)got : -1;
	if (k == 0) { /* else nothing was learnt of its end */
		gzerror(f->gz, &error);
		f->cut = error == Z_BUF_ERROR;
	}
	return (ssize_t)got;
}

/* RFC 1952: the last four bytes of a member are its length modulo 2^32. */
bool tail_gzip_has(const struct open_file *f, uint64_t n)
{
	uint8_t b[4];
	struct stat st;

	if (f->gz == NULL || fstat(f->gz_fd, &st) != 0 || st.st_size < (off_t)sizeof(b) ||
	    pread(f->gz_fd, b, sizeof(b), st.st_size - (off_t)sizeof(b)) != (ssize_t)sizeof(b))
		return false;
	return ((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
		   (uint32_t)b[3] << 24) == (n & UINT32_MAX);
}

bool tail_gzip_is_of(struct open_file *f, struct open_file *g)
{
	char a[START_BYTES];
	char b[START_BYTES];
	ssize_t n;
	ssize_t m;

	if (f->gz == NULL || g->gz != NULL)
		return false;
	n = tail_pread(f, a, sizeof(a), 0);
	m = tail_pread(g, b, sizeof(b), 0);
	if (n <= 0 || m < n || memcmp(a, b, (size_t)n) != 0)
		return false;
	return n == m || f->cut; /* a short one may begin as another log does */
}
