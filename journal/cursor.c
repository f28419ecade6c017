#include "journal/cursor.h"

#include "base/crc32c.h"
#include "base/err.h"
#include "journal/format.h"
#include "journal/journal_io.h"
#include "journal/slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	 0x55434b53u /* "SKCU" */
#define VERSION	 1u
#define SUFFIX	 ".cursor"
#define STEM_MAX 64u

struct journal_cursor_file {
	struct slots slots;
	bool found;
};

void journal_cursor_encode(const struct journal_cursor *c, uint8_t out[JOURNAL_CURSOR_BYTES])
{
	memset(out, 0, JOURNAL_CURSOR_BYTES);
	format_put32(out, MAGIC);
	format_put32(out + 4, VERSION);
	memcpy(out + 8, c->journal_id, 16);
	format_put64(out + 24, c->time_us);
	for (unsigned i = 0; i < JOURNAL_LANES; i++) {
		const struct journal_cursor_lane *l = &c->lane[i];
		uint8_t *p = out + 32 + 56 * (size_t)i;

		format_put64(p, l->seq);
		format_put64(p + 8, l->next_rec);
		format_put64(p + 16, l->delivered);
		format_put64(p + 24, l->rejected);
		format_put64(p + 32, l->shed);
		format_put64(p + 40, l->dropped);
		format_put64(p + 48, l->damaged);
	}
	format_put64(out + 144, c->redrive_batch);
	format_put64(out + 152, c->redrive_done);
	format_put64(out + 160, c->forgotten);
	format_put32(out + 252, crc32c(0, out, 252));
}

bool journal_cursor_decode(const uint8_t in[JOURNAL_CURSOR_BYTES], struct journal_cursor *c)
{
	if (format_get32(in) != MAGIC || format_get32(in + 4) != VERSION ||
	    format_get32(in + 252) != crc32c(0, in, 252))
		return false;
	for (unsigned i = 0; i < JOURNAL_LANES; i++)
		if (format_get64(in + 32 + 56 * (size_t)i) >= FORMAT_NUMBER_END ||
		    format_get64(in + 40 + 56 * (size_t)i) >= FORMAT_NUMBER_END)
			return false;
	memcpy(c->journal_id, in + 8, 16);
	c->time_us = format_get64(in + 24);
	for (unsigned i = 0; i < JOURNAL_LANES; i++) {
		struct journal_cursor_lane *l = &c->lane[i];
		const uint8_t *p = in + 32 + 56 * (size_t)i;

		l->seq = format_get64(p);
		l->next_rec = format_get64(p + 8);
		l->delivered = format_get64(p + 16);
		l->rejected = format_get64(p + 24);
		l->shed = format_get64(p + 32);
		l->dropped = format_get64(p + 40);
		l->damaged = format_get64(p + 48);
	}
	c->redrive_batch = format_get64(in + 144);
	c->redrive_done = format_get64(in + 152);
	c->forgotten = format_get64(in + 160);
	return true;
}

/* "name.cursor" into file; the name becomes part of a path, so only harmless ones pass. */
static int file_name(const char *name, char file[STEM_MAX + sizeof(SUFFIX)], struct err *e)
{
	size_t n = strlen(name);

	if (n == 0 || n > STEM_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
		return err_set(e, EINVAL, "cursor name \"%.64s\": use a-z 0-9 _ -", name);
	memcpy(file, name, n);
	memcpy(file + n, SUFFIX, sizeof(SUFFIX));
	return 0;
}

static int open_stored(const struct journal_io *io, const char *dir, const char *name,
    struct journal_cursor_file **out, struct journal_cursor *c, struct err *e)
{
	char file[STEM_MAX + sizeof(SUFFIX)];
	struct journal_cursor_file *f;
	struct slots_value v;

	if (file_name(name, file, e) != 0)
		return -1;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return err_set(e, ENOMEM, "cursor %s: out of memory", name);
	if (slots_open(&f->slots, io != NULL ? io : &journal_io_real, dir, file, &v, e) != 0) {
		free(f);
		return -1;
	}
	if (v.n > 0 && (v.n != JOURNAL_CURSOR_BYTES || !journal_cursor_decode(v.p, c))) {
		journal_cursor_close(f);
		return err_set(e, EBADMSG, "%s/%s: not a cursor of this version", dir, file);
	}
	f->found = v.n > 0;
	*out = f;
	return 0;
}

int journal_cursor_open(const struct journal_io *io, const char *dir, const char *name,
    struct journal_cursor_file **out, struct journal_cursor *c, struct err *e)
{
	struct journal_cursor_file *f;

	if (open_stored(io, dir, name, &f, c, e) != 0)
		return -1;
	/* It may be in the page cache only, if the last process died after a failed sync. */
	if (f->found && journal_cursor_save(f, c, e) != 0) {
		journal_cursor_close(f);
		return -1;
	}
	*out = f;
	return 0;
}

bool journal_cursor_found(const struct journal_cursor_file *f)
{
	return f->found;
}

int journal_cursor_save(
    struct journal_cursor_file *f, const struct journal_cursor *c, struct err *e)
{
	char bytes[JOURNAL_CURSOR_BYTES];

	journal_cursor_encode(c, (uint8_t *)bytes);
	return slots_save(&f->slots, (struct slice){ bytes, sizeof(bytes) }, e);
}

void journal_cursor_close(struct journal_cursor_file *f)
{
	if (f == NULL)
		return;
	slots_close(&f->slots);
	free(f);
}

int journal_cursor_load(const struct journal_io *io, const char *dir, const char *name,
    struct journal_cursor *c, struct err *e)
{
	struct journal_cursor_file *f;

	if (open_stored(io, dir, name, &f, c, e) != 0)
		return -1;

	bool found = f->found;

	journal_cursor_close(f);
	return found ? 0 : err_set(e, ENOENT, "%s: no cursor \"%s\"", dir, name);
}

int journal_cursor_forget(
    const struct journal_io *io, const char *dir, const char *name, struct err *e)
{
	char file[STEM_MAX + sizeof(SUFFIX)];
	char path[SLOTS_PATH_MAX];

	if (io == NULL)
		io = &journal_io_real;
	if (file_name(name, file, e) != 0 || slots_path(path, dir, file, e) != 0)
		return -1;

	int rc = io->unlink(io->ctx, path);

	if (rc == 0)
		rc = io->sync_dir(io->ctx, dir);
	return rc == 0 ? 0 : err_set(e, -rc, "%s: %s", path, strerror(-rc));
}

struct listing {
	const struct journal_io *io;
	const char *dir;
	void (*each)(void *arg, const char *name, const struct journal_cursor *c);
	void *arg;
	struct err *e;
};

static int list_one(void *arg, const char *name)
{
	struct listing *l = arg;
	struct journal_cursor c;
	char stem[STEM_MAX + 1];
	struct err e;
	size_t n = strlen(name);
	size_t suffix = sizeof(SUFFIX) - 1;

	if (n <= suffix || n - suffix > STEM_MAX || strcmp(name + n - suffix, SUFFIX) != 0)
		return 0;
	memcpy(stem, name, n - suffix);
	stem[n - suffix] = '\0';
	if (journal_cursor_load(l->io, l->dir, stem, &c, &e) == 0) {
		l->each(l->arg, stem, &c);
		return 0;
	}
	if (e.code == EINVAL || e.code == ENOENT) /* not one of ours, or just forgotten */
		return 0;
	if (e.code == EBADMSG) {
		l->each(l->arg, stem, NULL);
		return 0;
	}
	*l->e = e;
	return -e.code;
}

int journal_cursor_list(const struct journal_io *io, const char *dir,
    void (*each)(void *arg, const char *name, const struct journal_cursor *c), void *arg,
    struct err *e)
{
	struct err why = { 0 };
	struct listing l = { io != NULL ? io : &journal_io_real, dir, each, arg, &why };
	int rc = l.io->list(l.io->ctx, dir, list_one, &l);

	if (rc == 0)
		return 0;
	if (why.code == 0)
		return err_set(e, -rc, "%s: %s", dir, strerror(-rc));
	*e = why;
	return -1;
}
