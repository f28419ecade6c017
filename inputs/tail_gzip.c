/* Compressed copies of logs: there may be half of one, as somebody is still writing it. */
#include "inputs/tail_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAGIC_BYTES = 2, START_BYTES = 16384, WINDOW_BYTES = 65536 };

void tail_gzip_forget(struct open_file *f)
{
	free(f->back);
	f->back = NULL;
	f->back_n = 0;
}

/* A window is kept, as a part of it will be asked for again: gzip would start anew for that. */
static void keep(struct open_file *f, const char *text, size_t n, uint64_t offset)
{
	char *back = n > WINDOW_BYTES ? realloc(f->back, n) : NULL;

	if (back == NULL)
		return;
	memcpy(back, text, n);
	f->back = back;
	f->back_n = n;
	f->back_at = offset;
}

static size_t from_back(const struct open_file *f, char *to, size_t n, uint64_t offset)
{
	size_t left;

	if (offset < f->back_at || offset >= f->back_at + f->back_n)
		return 0;
	left = (size_t)(f->back_at + f->back_n - offset);
	left = left < n ? left : n;
	memcpy(to, f->back + (offset - f->back_at), left);
	return left;
}

/* What a writer has added since the end was met is read too. */
ssize_t tail_gzip_read(struct open_file *f, char *to, size_t n, uint64_t offset)
{
	struct stat st;
	size_t got = from_back(f, to, n, offset);
	int k = 1;
	int error;

	if (got == n)
		return (ssize_t)got;
	/* zlib takes for plain text what has not even these */
	if (fstat(f->gz_fd, &st) == 0 && st.st_size < MAGIC_BYTES) {
		f->cut = true;
		return 0;
	}
	gzerror(f->gz, &error);
	if (error == Z_OK || error == Z_BUF_ERROR)
		gzclearerr(f->gz);
	if (gzseek(f->gz, (z_off_t)(offset + got), SEEK_SET) < 0)
		return -1;
	while (got < n && (k = gzread(f->gz, to + got, (unsigned)(n - got))) > 0)
		got += (size_t)k;
	if (k < 0)
		return got > 0 ? (ssize_t)got : -1;
	if (k == 0) { /* else nothing was learnt of its end */
		gzerror(f->gz, &error);
		f->cut = error == Z_BUF_ERROR;
	}
	keep(f, to, got, offset);
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
