/*
 * file.c - NDJSON files, PATH/dt=YYYY-MM-DD/hour=HH/NAME.ndjson[.gz].
 *
 * A file has a name that ends in .tmp until it is closed (by age or size), then it is
 * renamed, so whoever collects files sees whole ones only. A commit is durable when it
 * is acknowledged: the gzip member is ended and the file synced. After a crash a .tmp
 * file is renamed as it is: records at its end may come again in the next file (at
 * least once), known by their seq.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/record_json.h"
#include "base/schema.h"
#include "base/timefmt.h"
#include "sinks/sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PATH_LEN = 1024 };

struct file_sink {
	const char *root;
	bool compress;
	int64_t rotate_us, keep_us;
	uint64_t rotate_bytes, max_size;
	struct buf text; /* since begin */
	struct buf packed;
	struct buf scratch;
	int fd; /* -1: no open file */
	char path[PATH_LEN];
	int64_t opened_us, next_idle_us;
	uint64_t size;
};

static int make_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0750) == 0 || errno == EEXIST)
		return 0;
	return err_set(e, errno, "%s: %s", path, strerror(errno));
}

/* .tmp files of a predecessor get their names. */
static void finish_old(const char *root)
{
	char *paths[] = { (char *)(uintptr_t)root, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *ent;

	while (fts != NULL && (ent = fts_read(fts)) != NULL)
		if (ent->fts_info == FTS_F && slice_ends(slice_of(ent->fts_path), SLICE(".tmp"))) {
			char to[PATH_LEN];

			snprintf(to, sizeof(to), "%.*s", (int)ent->fts_pathlen - 4, ent->fts_path);
			rename(ent->fts_path, to);
		}
	if (fts != NULL)
		fts_close(fts);
}

static void *file_open(const struct sink_settings *s, struct err *e)
{
	struct file_sink *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	*f = (struct file_sink){ .root = s->path,
		.compress = s->compress,
		.rotate_us = s->rotate_us,
		.keep_us = s->keep_us,
		.rotate_bytes = s->rotate_bytes,
		.max_size = s->max_size,
		.fd = -1 };
	if (make_dir(s->path, e) != 0) {
		free(f);
		return NULL;
	}
	finish_old(s->path);
	return f;
}

static int close_file(struct file_sink *f, struct err *e)
{
	char to[PATH_LEN];

	if (f->fd < 0)
		return 0;
	close(f->fd);
	f->fd = -1;
	snprintf(to, sizeof(to), "%.*s", (int)strlen(f->path) - 4, f->path);
	if (rename(f->path, to) != 0)
		return err_set(e, errno, "%s: %s", to, strerror(errno));
	return 0;
}

static int open_file(struct file_sink *f, int64_t now_us, struct err *e)
{
	char when[TIMEFMT_MAX];
	char dir[PATH_LEN];

	timefmt_rfc3339(now_us, when);
	snprintf(dir, sizeof(dir), "%s/dt=%.10s", f->root, when);
	if (make_dir(dir, e) != 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s/dt=%.10s/hour=%.2s", f->root, when, when + 11);
	if (make_dir(dir, e) != 0)
		return -1;
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%lld.ndjson%s.tmp", dir,
		(long long)now_us, f->compress ? ".gz" : "") >= sizeof(f->path))
		return err_set(e, ENAMETOOLONG, "%s: path too long", f->root);
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (f->fd < 0)
		return err_set(e, errno, "%s: %s", f->path, strerror(errno));
	f->opened_us = now_us;
	f->size = 0;
	return 0;
}

static enum sink_result file_begin(void *self, struct err *e)
{
	struct file_sink *f = self;

	(void)e;
	buf_reset(&f->text);
	return SINK_OK;
}

static enum sink_result file_put(void *self, const struct record *r, struct err *e)
{
	static const char *const kinds[] = { "event", "alert", "block", "reject", "ledger" };
	struct file_sink *f = self;
	enum schema_table k = schema_of(r->kind);
	struct json j = { .out = &f->text };

	if (k == TABLE_N)
		return SINK_OK;

	const struct table *t = schema_table(k);

	json_open(&j, '{');
	json_member_text(&j, "kind", slice_of(kinds[k]));
	for (unsigned i = 0; i < t->n; i++) {
		struct cell c;

		schema_cell(r, &t->c[i], &f->scratch, &c);
		if (c.is_null)
			continue;
		json_quoted(&j, t->key[i]);
		if (t->c[i].type == COLUMN_BOOL)
			json_bool(&j, c.number != 0);
		else if (c.is_number)
			json_i64(&j, c.number);
		else if (t->c[i].type == COLUMN_JSON)
			json_raw(&j, c.text);
		else
			json_text(&j, c.text);
	}
	json_close(&j, '}');
	buf_char(&f->text, '\n');
	if (f->text.full) {
		err_set(e, ENOMEM, "no memory for the records of a commit");
		return SINK_RETRY;
	}
	return SINK_OK;
}

static bool pack(struct file_sink *f)
{
	z_stream z = { .next_in = (Bytef *)f->text.p, .avail_in = (uInt)f->text.n };

	buf_reset(&f->packed);
	if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;

	size_t room = deflateBound(&z, f->text.n);
	char *to = buf_room(&f->packed, room);
	int rc = Z_MEM_ERROR;

	if (to != NULL) {
		z.next_out = (Bytef *)to;
		z.avail_out = (uInt)room;
		rc = deflate(&z, Z_FINISH);
		f->packed.n = z.total_out;
	}
	deflateEnd(&z);
	return rc == Z_STREAM_END;
}

static enum sink_result file_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	struct file_sink *f = self;
	int64_t now = clock_now_us();
	const struct buf *b = f->compress ? &f->packed : &f->text;

	(void)cursor;
	if (f->text.n == 0)
		return SINK_OK;
	if (f->fd >= 0 && (now - f->opened_us >= f->rotate_us || f->size >= f->rotate_bytes) &&
	    close_file(f, e) != 0)
		return SINK_RETRY;
	if ((f->fd < 0 && open_file(f, now, e) != 0) || (f->compress && !pack(f)))
		return SINK_RETRY;
	for (size_t at = 0; at < b->n;) {
		ssize_t n = write(f->fd, b->p + at, b->n - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_set(e, errno, "%s: %s", f->path, strerror(errno));
			if (ftruncate(f->fd, (off_t)f->size) != 0 || lseek(f->fd, 0, SEEK_END) < 0)
				close_file(f, e);
			return SINK_RETRY;
		}
		at += (size_t)n;
	}
	if (fdatasync(f->fd) != 0) {
		err_set(e, errno, "%s: %s", f->path, strerror(errno));
		return SINK_RETRY;
	}
	f->size += b->n;
	return SINK_OK;
}

static void file_abort(void *self)
{
	buf_reset(&((struct file_sink *)self)->text);
}

static int by_age(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Names sort by age: the oldest go by keep, then by size. */
static void file_idle(void *self, int64_t now_us)
{
	struct file_sink *f = self;
	char *paths[] = { (char *)(uintptr_t)f->root, NULL };
	struct err ignored;
	uint64_t total = 0;

	if (f->fd >= 0 && now_us - f->opened_us >= f->rotate_us)
		close_file(f, &ignored);
	if (now_us < f->next_idle_us)
		return;
	f->next_idle_us = now_us + 60 * INT64_C(1000000);
	for (unsigned round = 0; round < 2; round++) {
		FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_age);
		FTSENT *ent;

		while (fts != NULL && (ent = fts_read(fts)) != NULL) {
			if (ent->fts_info != FTS_F)
				continue;
			if (round == 0) {
				total += (uint64_t)ent->fts_statp->st_size;
				continue;
			}
			if ((int64_t)ent->fts_statp->st_mtim.tv_sec * US_PER_S <
				now_us - f->keep_us ||
			    total > f->max_size) {
				total -= (uint64_t)ent->fts_statp->st_size;
				unlink(ent->fts_path);
			}
		}
		if (fts != NULL)
			fts_close(fts);
	}
}

static void file_close(void *self)
{
	struct file_sink *f = self;
	struct err ignored;

	if (f == NULL)
		return;
	close_file(f, &ignored);
	buf_free(&f->text);
	buf_free(&f->packed);
	buf_free(&f->scratch);
	free(f);
}

const struct sink sink_file = {
	.name = "file",
	.max_records = 20000,
	.max_bytes = 8 << 20,
	.open = file_open,
	.begin = file_begin,
	.put = file_put,
	.commit = file_commit,
	.abort = file_abort,
	.idle = file_idle,
	.close = file_close,
};
