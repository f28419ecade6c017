#include "journal/slots.h"

#include "base/crc32c.h"
#include "base/err.h"
#include "journal/format.h"
#include "journal/journal_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define SLOT	512u
#define MAGIC	0x4c534b53u /* "SKSL" */
#define VERSION 1u

int slots_path(char out[SLOTS_PATH_MAX], const char *dir, const char *name, struct err *e)
{
	int n = snprintf(out, SLOTS_PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= SLOTS_PATH_MAX - 4) /* room for ".tmp" */
		return err_set(e, ENAMETOOLONG, "%s: path too long", name);
	return 0;
}

/* The generation of a whole slot, 0 for any other bytes. */
static uint64_t slot_generation(const uint8_t slot[SLOT])
{
	if (format_get32(slot) != MAGIC || format_get32(slot + 4) != VERSION)
		return 0;
	if (format_get32(slot + 508) != crc32c(0, slot, 508))
		return 0;
	return format_get32(slot + 16) <= SLOTS_PAYLOAD_MAX ? format_get64(slot + 8) : 0;
}

static void encode(uint8_t slot[SLOT], uint64_t generation, struct slice payload)
{
	memset(slot, 0, SLOT);
	format_put32(slot, MAGIC);
	format_put32(slot + 4, VERSION);
	format_put64(slot + 8, generation);
	format_put32(slot + 16, (uint32_t)payload.n);
	if (payload.n > 0)
		memcpy(slot + 24, payload.p, payload.n);
	format_put32(slot + 508, crc32c(0, slot, 508));
}

int slots_open(struct slots *s, const struct journal_io *io, const char *dir, const char *name,
    struct slots_value *v, struct err *e)
{
	uint8_t both[2 * SLOT] = { 0 };

	*s = (struct slots){ .io = io, .fd = -1 };
	if (slots_path(s->path, dir, name, e) != 0)
		return -1;
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	s->fd = io->open(io->ctx, s->path, O_RDWR);
	if (s->fd == -EACCES || s->fd == -EROFS)
		s->fd = io->open(io->ctx, s->path, O_RDONLY);
	if (s->fd == -ENOENT) {
		s->fd = -1;
		v->n = 0;
		return 0;
	}
	if (s->fd < 0) {
		int code = -s->fd;

		s->fd = -1;
		return err_set(e, code, "%s: %s", s->path, strerror(code));
	}

	ssize_t r = io->pread(io->ctx, s->fd, both, sizeof(both), 0);

	if (r < 0) {
		slots_close(s);
		return err_set(e, (int)-r, "%s: %s", s->path, strerror((int)-r));
	}

	uint64_t g0 = slot_generation(both);
	uint64_t g1 = slot_generation(both + SLOT);
	const uint8_t *newest = g0 > g1 ? both : both + SLOT;

	s->generation = g0 > g1 ? g0 : g1;
	if (s->generation == 0) {
		slots_close(s);
		return err_set(e, EBADMSG, "%s: damaged: neither slot is whole", s->path);
	}
	v->n = format_get32(newest + 16);
	memcpy(v->p, newest + 24, v->n);
	return 0;
}

/* A new file under a temporary name, then the name: used first, and after a failed write. */
static int make_anew(struct slots *s, const uint8_t both[2 * SLOT])
{
	const struct journal_io *io = s->io;
	char tmp[SLOTS_PATH_MAX + 4];

	snprintf(tmp, sizeof(tmp), "%s.tmp", s->path);

	int fd = io->open(io->ctx, tmp, O_RDWR | O_CREAT | O_TRUNC);

	if (fd < 0)
		return fd;

	int rc = io->pwrite(io->ctx, fd, both, 2 * (size_t)SLOT, 0);

	if (rc == 0)
		rc = io->datasync(io->ctx, fd);
	if (rc == 0)
		rc = io->rename(io->ctx, tmp, s->path);
	if (rc == 0)
		rc = io->sync_dir(io->ctx, s->dir);
	if (rc != 0) {
		io->close(io->ctx, fd);
		io->unlink(io->ctx, tmp);
		return rc;
	}
	s->fd = fd;
	return 0;
}

int slots_save(struct slots *s, struct slice payload, struct err *e)
{
	const struct journal_io *io = s->io;
	uint8_t both[2 * SLOT] = { 0 };
	uint64_t generation = s->generation + 1;
	uint8_t *slot = both + (generation & 1) * SLOT;
	int rc;

	assert(payload.n <= SLOTS_PAYLOAD_MAX);
	encode(slot, generation, payload);
	if (s->fd >= 0) {
		rc = io->pwrite(io->ctx, s->fd, slot, SLOT, (generation & 1) * SLOT);
		if (rc == 0)
			rc = io->datasync(io->ctx, s->fd);
		if (rc != 0)
			slots_close(s);
	} else {
		rc = make_anew(s, both);
	}
	/* Even after a failure this generation may be on disk: it is never given to another value.
	 */
	s->generation = generation;
	if (rc != 0)
		return err_set(e, -rc, "%s: %s", s->path, strerror(-rc));
	return 0;
}

void slots_close(struct slots *s)
{
	if (s->io != NULL && s->fd >= 0)
		s->io->close(s->io->ctx, s->fd);
	s->fd = -1;
}
