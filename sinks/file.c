/*
 * file.c - NDJSON files, PATH/dt=YYYY-MM-DD/hour=HH/NAME.ndjson[.gz].
 *
 * A file has a name that ends in .tmp until it is closed (by age or size), then it is
 * renamed, so whoever collects files sees whole ones only. Each line is in one of them
 * once: PATH/.SINK.place holds the cursor and how long the file under way was with it. A commit
 * first writes and syncs the file, then replaces the place. What a crash left behind that
 * length is cut off at the next start; those records come again.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
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

enum { PATH_LEN = 1024, NAME_LEN = 80 };

#define PLACE_MAGIC "SKFILE1"

/* What is durable, in this machine's order of bytes. */
struct place {
	char magic[8];
	int64_t opened_us; /* names the file under way, if there is one with .tmp; 0: none yet */
	uint64_t size;	   /* of it: whole commits */
	uint32_t compress;
	uint32_t has_cursor;
	uint8_t cursor[SINK_CURSOR_BYTES];
};

struct file_sink {
	const char *root;
	bool compress;
	int64_t rotate_us, keep_us;
	uint64_t rotate_bytes, max_size;
	struct buf text; /* since begin */
	struct buf packed;
	struct buf scratch;
	int fd; /* -1: no open file */
	char path[PATH_LEN], dir[PATH_LEN];
	char place_name[NAME_LEN];
	struct place place;
	int64_t next_idle_us;
};

static int make_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0750) == 0 || errno == EEXIST)
		return 0;
	return err_set(e, errno, "%s: %s", path, strerror(errno));
}

static int save_place(struct file_sink *f, const struct place *p, struct err *e)
{
	if (io_replace(f->root, f->place_name, p, sizeof(*p), 0640, e) != 0)
		return -1;
	f->place = *p;
	return 0;
}

/* Of the file that was opened then: f->dir and f->path. */
static int name_file(struct file_sink *f, int64_t opened_us, bool compress, struct err *e)
{
	char when[TIMEFMT_MAX];
	int n;

	timefmt_rfc3339(opened_us, when);
	n = snprintf(f->dir, sizeof(f->dir), "%s/dt=%.10s/hour=%.2s", f->root, when, when + 11);
	if (n < 0 || (size_t)n >= sizeof(f->dir) ||
	    (size_t)snprintf(f->path, sizeof(f->path), "%s/%lld.ndjson%s.tmp", f->dir,
		(long long)opened_us, compress ? ".gz" : "") >= sizeof(f->path))
		return err_set(e, ENAMETOOLONG, "%s: path too long", f->root);
	return 0;
}

/* The file gets its name, with nothing behind its last commit. */
static int close_file(struct file_sink *f, struct err *e)
{
	char to[PATH_LEN];
	int rc;

	if (f->fd < 0)
		return 0;
	snprintf(to, sizeof(to), "%.*s", (int)strlen(f->path) - 4, f->path);
	if (f->place.size == 0)
		rc = unlink(f->path);
	else if ((rc = ftruncate(f->fd, (off_t)f->place.size)) == 0 && (rc = fsync(f->fd)) == 0)
		rc = rename(f->path, to);
	/* somebody took it away: nothing can be closed any more */
	if (rc != 0 && errno != ENOENT)
		return err_set(e, errno, "%s: %s", to, strerror(errno));
	close(f->fd);
	f->fd = -1;
	return io_sync_dir(f->dir, e);
}

/* The file that a crash left under way. Without one it had got its name already. */
static int close_left(struct file_sink *f, struct err *e)
{
	if (f->place.opened_us == 0)
		return 0;
	if (name_file(f, f->place.opened_us, f->place.compress != 0, e) != 0)
		return -1;
	f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "%s: %s", f->path, strerror(errno));
	return close_file(f, e);
}

static int load_place(struct file_sink *f, struct err *e)
{
	char path[PATH_LEN + NAME_LEN];
	char *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", f->root, f->place_name);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return 0;
	if (io_read_file(path, sizeof(f->place), &text, &n, e) != 0)
		return -1;
	if (n == sizeof(f->place))
		memcpy(&f->place, text, n);
	free(text);
	if (n != sizeof(f->place) || memcmp(f->place.magic, PLACE_MAGIC, sizeof(PLACE_MAGIC)) != 0)
		return err_set(e, EBADMSG, "%s: not written by this version", path);
	return close_left(f, e);
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
		.place = { .magic = PLACE_MAGIC },
		.fd = -1 };
	snprintf(f->place_name, sizeof(f->place_name), ".%s.place", s->name);
	if (make_dir(s->path, e) != 0 || load_place(f, e) != 0) {
		if (f->fd >= 0)
			close(f->fd);
		free(f);
		return NULL;
	}
	return f;
}

static int file_load_cursor(
    void *self, uint8_t cursor[SINK_CURSOR_BYTES], bool *found, struct err *e)
{
	const struct file_sink *f = self;

	(void)e;
	*found = f->place.has_cursor != 0;
	memcpy(cursor, f->place.cursor, SINK_CURSOR_BYTES);
	return 0;
}

/* The place names it before it is there, and its folders are durable before it holds anything. */
static int open_file(struct file_sink *f, int64_t now_us, struct err *e)
{
	struct place p = f->place;
	char day[PATH_LEN];

	if (name_file(f, now_us, f->compress, e) != 0)
		return -1;
	snprintf(day, sizeof(day), "%.*s", (int)(strrchr(f->dir, '/') - f->dir), f->dir);
	if (make_dir(day, e) != 0 || make_dir(f->dir, e) != 0 || io_sync_dir(day, e) != 0)
		return -1;
	p.opened_us = now_us;
	p.size = 0;
	p.compress = f->compress;
	if (save_place(f, &p, e) != 0)
		return -1;
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (f->fd < 0)
		return err_set(e, errno, "%s: %s", f->path, strerror(errno));
	return io_sync_dir(f->dir, e);
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

/* What was put, behind the commits before it. */
static int write_text(struct file_sink *f, struct err *e)
{
	const struct buf *b = f->compress ? &f->packed : &f->text;
	int64_t now = clock_now_us();

	if (f->fd >= 0 &&
	    (now - f->place.opened_us >= f->rotate_us || f->place.size >= f->rotate_bytes) &&
	    close_file(f, e) != 0)
		return -1;
	if (f->fd < 0 && open_file(f, now, e) != 0)
		return -1;
	if (f->compress && !pack(f))
		return err_set(e, ENOMEM, "no memory for compression");
	/* not appended: what a failed write left there is written over */
	if (io_pwrite(f->fd, b->p, b->n, f->place.size) != 0 || fdatasync(f->fd) != 0)
		return err_set(e, errno, "%s: %s", f->path, strerror(errno));
	return 0;
}

static enum sink_result file_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	struct file_sink *f = self;
	struct place p;

	if (f->text.n > 0 && write_text(f, e) != 0)
		return SINK_RETRY;
	p = f->place;
	if (f->text.n > 0)
		p.size += f->compress ? f->packed.n : f->text.n;
	p.has_cursor = 1;
	memcpy(p.cursor, cursor, SINK_CURSOR_BYTES);
	return save_place(f, &p, e) == 0 ? SINK_OK : SINK_RETRY;
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

	if (f->fd >= 0 && now_us - f->place.opened_us >= f->rotate_us)
		close_file(f, &ignored);
	if (now_us < f->next_idle_us)
		return;
	f->next_idle_us = now_us + 60 * INT64_C(1000000);
	for (unsigned round = 0; round < 2; round++) {
		FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_age);
		FTSENT *ent;

		while (fts != NULL && (ent = fts_read(fts)) != NULL) {
			if (ent->fts_info != FTS_F || ent->fts_name[0] == '.' ||
			    (f->fd >= 0 && strcmp(ent->fts_path, f->path) == 0))
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
	if (f->fd >= 0)
		close(f->fd);
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
	.load_cursor = file_load_cursor,
	.begin = file_begin,
	.put = file_put,
	.commit = file_commit,
	.abort = file_abort,
	.idle = file_idle,
	.close = file_close,
};
