/*
 * Any bytes as the cache of chosen windows. Only a file with the right head and CRC is looked
 * at, so the target puts both there.
 */
#include "base/crc32c.h"
#include "base/err.h"
#include "base/io.h"
#include "detect/memo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 40 }; /* magic and the chooser's id */

static char dir[64];
static char head[HEAD];

static void clean_up(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/memo", dir);
	unlink(path);
	rmdir(dir);
}

/* The head is that of an empty memo's file. */
static void set_up(void)
{
	struct memo *m = memo_new();
	char path[80];
	char *p = NULL;
	size_t n = 0;
	struct err e;

	snprintf(dir, sizeof(dir), "/tmp/sekisho-fuzz.XXXXXX");
	if (m == NULL || mkdtemp(dir) == NULL)
		abort();
	atexit(clean_up);
	memo_save(m, dir, "memo");
	snprintf(path, sizeof(path), "%s/memo", dir);
	if (io_read_file(path, 1 << 20, &p, &n, &e) != 0 || n < HEAD)
		abort();
	memcpy(head, p, HEAD);
	free(p);
	memo_free(m);
}

static void check(void *ctx, struct memo_key key, const struct window_set *set)
{
	unsigned *n = ctx;

	(void)key;
	if (set->n > WINDOW_SET_MAX)
		abort();
	for (unsigned i = 0; i < set->n; i++)
		if (set->w[i].n < 1 || set->w[i].n > WINDOW_LEN_MAX)
			abort();
	(*n)++;
}

static unsigned load(void)
{
	struct memo *m = memo_new();
	unsigned n = 0;

	if (m == NULL)
		abort();
	memo_load(m, dir, "memo");
	if (memo_has_news(m))
		abort();
	memo_each_kept(m, check, &n);
	memo_save(m, dir, "memo");
	memo_free(m);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char file[HEAD + (1 << 16) + 4];
	struct err e;
	uint32_t crc;

	if (size > 1 << 16)
		return 0;
	if (dir[0] == '\0')
		set_up();
	memcpy(file, head, HEAD);
	if (size > 0)
		memcpy(file + HEAD, data, size);
	crc = crc32c(0, file, HEAD + size);
	memcpy(file + HEAD + size, &crc, sizeof(crc));
	if (io_replace(dir, "memo", file, HEAD + size + sizeof(crc), 0644, &e) != 0)
		abort();

	unsigned n = load();

	if (load() != n) /* what was taken comes back from the file that was made of it */
		abort();
	return 0;
}
