#include "base/crc32c.h"
#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

int commit_segment_path(
    const struct journal *j, uint64_t first_seq, char out[SLOTS_PATH_MAX], struct err *e)
{
	char name[FORMAT_SEGMENT_NAME];

	format_segment_name(first_seq, name);
	return slots_path(out, j->dir, name, e);
}

int commit_list_segment(struct journal *j, const struct segment *s, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&j->mu);
	if (j->n_seg == j->cap_seg) {
		size_t cap = j->cap_seg == 0 ? 64 : j->cap_seg * 2;
		struct segment *grown = realloc(j->seg, cap * sizeof(*grown));

		if (grown == NULL) {
			rc = err_set(e, ENOMEM, "journal: out of memory");
		} else {
			j->seg = grown;
			j->cap_seg = cap;
		}
	}
	if (rc == 0)
		j->seg[j->n_seg++] = *s;
	pthread_mutex_unlock(&j->mu);
	return rc;
}

/* A frame on its way to disk. */
struct draft {
	struct frame_header h;
	struct slice control;
	struct slice bulk;
};

static void draft_init(
    const struct journal *j, const struct journal_frame *f, uint64_t seq, struct draft *d)
{
	*d = (struct draft){
		.h = {
			.flags = f->flags,
			.n_control = f->n_control,
			.n_bulk = f->n_bulk,
			.control_len = (uint32_t)f->control.n,
			.control_crc = crc32c(0, f->control.p, f->control.n),
			.bulk_len = (uint32_t)f->bulk.n,
			.bulk_crc = crc32c(0, f->bulk.p, f->bulk.n),
			.seq = seq,
			.rec_seq = j->next_rec,
			.time_us = f->time_us,
			.durable = j->durable,
			.bytes_in = f->bytes_in,
			.floor = j->floor,
			.cum_control = j->cum.control_records,
			.cum_bulk = j->cum.bulk_records,
			.cum_bytes = j->cum.bytes_in,
		},
		.control = f->control,
		.bulk = f->bulk,
	};
}

/* Three writes, no order needed between them: the CRCs decide what is there. */
static int write_draft(
    const struct journal *j, int fd, uint64_t salt, struct draft *d, uint64_t off)
{
	uint8_t header[FORMAT_SECTOR];
	struct frame_place p;
	int rc;

	d->h.offset = off;
	format_place(&d->h, &p);

	size_t n = format_frame_encode(&d->h, (struct slice){ NULL, 0 }, salt, header);

	rc = j->io->pwrite(j->io->ctx, fd, header, n, off);
	if (rc == 0 && d->control.n > 0)
		rc = j->io->pwrite(j->io->ctx, fd, d->control.p, d->control.n, p.control);
	if (rc == 0 && d->bulk.n > 0)
		rc = j->io->pwrite(j->io->ctx, fd, d->bulk.p, d->bulk.n, p.bulk);
	return rc;
}

/* Count f as committed with sequence seq. */
static void advance(struct journal *j, struct journal_frame *f, uint64_t seq)
{
	f->seq = seq;
	f->rec_seq = j->next_rec;
	j->next_seq = seq + 1;
	j->next_rec += (uint64_t)f->n_control + f->n_bulk;
	j->cum.control_records += f->n_control;
	j->cum.bulk_records += f->n_bulk;
	j->cum.bytes_in += f->bytes_in;
}

/* Let readers see everything before next_seq; the newest segment now ends at `end`. */
static void publish(struct journal *j, uint64_t end, uint64_t disk)
{
	struct segment *s;

	pthread_mutex_lock(&j->mu);
	s = &j->seg[j->n_seg - 1];
	s->last_seq = j->next_seq - 1;
	s->next_rec = j->next_rec;
	s->next_cum = j->cum;
	s->end = end;
	s->disk = disk;
	j->durable = j->next_seq - 1;
	j->stats.next_rec = j->next_rec;
	j->stats.control_records = j->cum.control_records;
	j->stats.bulk_records = j->cum.bulk_records;
	j->stats.bytes_in = j->cum.bytes_in;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->mu);
}

static uint64_t disk_of(const struct journal *j, int fd, uint64_t at_least)
{
	struct journal_stat st;

	return j->io->stat(j->io->ctx, fd, &st) == 0 ? st.disk : at_least;
}

/*
 * The newest file is done for: what the kernel says of it can no longer be believed. Cut it
 * to its durable end, which frees space and keeps readers of a later run from meeting half
 * a frame; that this may fail or be lost is harmless.
 */
static void abandon(struct journal *j)
{
	if (j->fd < 0)
		return;
	if (j->n_seg > 0)
		j->io->truncate(j->io->ctx, j->fd, j->seg[j->n_seg - 1].end);
	j->io->close(j->io->ctx, j->fd);
	j->fd = -1;
}

static void count_failure(struct journal *j)
{
	pthread_mutex_lock(&j->mu);
	j->stats.write_failures++;
	pthread_mutex_unlock(&j->mu);
}

static int write_in_place(struct journal *j, struct journal_frame *f, struct err *e)
{
	const struct segment *s = &j->seg[j->n_seg - 1];
	struct frame_place p;
	struct draft d;
	int rc;

	draft_init(j, f, j->next_seq, &d);
	rc = write_draft(j, j->fd, s->salt, &d, j->next_off);
	if (rc == 0)
		rc = j->io->datasync(j->io->ctx, j->fd);
	if (rc != 0) {
		count_failure(j);
		abandon(j);
		return err_set(e, -rc, "%s: %s", j->dir, strerror(-rc));
	}
	format_place(&d.h, &p);
	j->next_off = p.next;
	advance(j, f, d.h.seq);
	publish(j, p.end, disk_of(j, j->fd, p.next));
	return 0;
}

/* Both copies of the segment header. */
static int write_header(struct journal *j, int fd, struct segment *s)
{
	struct segment_header h = {
		.salt = s->salt,
		.first_seq = s->first_seq,
		.first_rec = s->first_rec,
		.created_us = j->io->now_us(j->io->ctx),
		.base_rec = j->base_rec,
		.cum_control = j->cum.control_records,
		.cum_bulk = j->cum.bulk_records,
		.cum_bytes = j->cum.bytes_in,
	};
	uint8_t both[2 * FORMAT_SECTOR];

	memcpy(h.journal_id, j->id, sizeof(h.journal_id));
	format_segment_encode(&h, (struct slice){ NULL, 0 }, both);
	memcpy(both + FORMAT_SECTOR, both, FORMAT_SECTOR);
	return j->io->pwrite(j->io->ctx, fd, both, sizeof(both), 0);
}

/*
 * Fill a fresh file: header, checkpoint, frame. The caller has applied f to its state, so the
 * checkpoint contains f; both get their name at one instant, so neither is ever alone.
 */
static int fill_segment(
    struct journal *j, int fd, struct segment *s, struct journal_frame *f, struct slice state)
{
	struct journal_frame c = { .control = state };
	struct frame_place p;
	struct draft d;
	int rc = write_header(j, fd, s);

	s->end = FORMAT_FIRST_FRAME;
	j->next_off = FORMAT_FIRST_FRAME;
	if (rc != 0 || f == NULL)
		return rc;

	c.time_us = f->time_us;
	draft_init(j, &c, s->first_seq, &d);
	d.h.flags = FRAME_CHECKPOINT;
	d.h.covers = s->first_seq + 1;
	rc = write_draft(j, fd, s->salt, &d, j->next_off);
	if (rc != 0)
		return rc;
	format_place(&d.h, &p);

	draft_init(j, f, s->first_seq + 1, &d);
	rc = write_draft(j, fd, s->salt, &d, p.next);
	format_place(&d.h, &p);
	s->checkpoint = true;
	s->end = p.end;
	j->next_off = p.next;
	return rc;
}

/* Write, sync and name the file of s; returns its fd or -errno. */
static int make_file(struct journal *j, struct segment *s, struct journal_frame *f,
    struct slice state, const char *path)
{
	const struct journal_io *io = j->io;
	char tmp[SLOTS_PATH_MAX + 4];

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);

	int fd = io->open(io->ctx, tmp, O_RDWR | O_CREAT | O_TRUNC);

	if (fd < 0)
		return fd;

	int rc = fill_segment(j, fd, s, f, state);

	if (rc == 0)
		rc = io->datasync(io->ctx, fd);
	if (rc == 0) {
		/*
		 * From here on the name may be on disk whatever is returned, and its sequence
		 * bounds the older segment: that one must never get another frame.
		 */
		abandon(j);
		rc = io->rename(io->ctx, tmp, path);
		if (rc == 0)
			rc = io->sync_dir(io->ctx, j->dir);
	}
	if (rc == 0)
		return fd;
	io->close(io->ctx, fd);
	io->unlink(io->ctx, tmp);
	return rc;
}

int commit_new_segment(struct journal *j, struct journal_frame *f, struct err *e)
{
	char path[SLOTS_PATH_MAX];
	struct slice state = { NULL, 0 };
	struct segment s = {
		.first_seq = j->next_seq,
		.first_rec = j->next_rec,
		.last_seq = j->next_seq - 1,
		.next_rec = j->next_rec,
		.cum = j->cum,
		.next_cum = j->cum,
	};
	uint64_t next_off = j->next_off;
	int fd = j->io->random(j->io->ctx, &s.salt, sizeof(s.salt));

	if (fd < 0)
		return err_set(e, -fd, "%s: no random bytes: %s", j->dir, strerror(-fd));
	if (commit_segment_path(j, s.first_seq, path, e) != 0)
		return -1;
	if (f != NULL && j->opt.checkpoint(j->opt.ctx, &state, e) != 0)
		return err_wrap(e, "checkpoint");
	if (state.n > JOURNAL_PAYLOAD_MAX)
		return err_set(e, EMSGSIZE, "checkpoint of %zu bytes", state.n);
	fd = make_file(j, &s, f, state, path);
	if (fd < 0) {
		j->next_off = next_off;
		count_failure(j);
		return err_set(e, -fd, "%s: %s", path, strerror(-fd));
	}
	if (commit_list_segment(j, &s, e) != 0) {
		j->io->close(j->io->ctx, fd);
		return -1;
	}
	j->fd = fd;
	j->checkpoint_len = state.n;
	if (f != NULL)
		advance(j, f, s.first_seq + 1);
	publish(j, s.end, disk_of(j, fd, s.end));
	return 0;
}

uint64_t commit_need(const struct journal *j, const struct journal_frame *f)
{
	uint64_t frame = f->control.n + f->bulk.n + 3 * (uint64_t)FORMAT_BLOCK;

	if (j->fd < 0 || j->next_off + frame > j->opt.segment_size)
		frame += j->checkpoint_len + 2 * (uint64_t)FORMAT_BLOCK;
	return frame;
}

int commit_frame(struct journal *j, struct journal_frame *f, struct err *e)
{
	struct frame_place p;
	struct draft d;
	const struct segment *s = &j->seg[j->n_seg - 1];

	if (j->fd < 0)
		return commit_new_segment(j, f, e);

	draft_init(j, f, j->next_seq, &d);
	d.h.offset = j->next_off;
	format_place(&d.h, &p);

	bool full = p.end > j->opt.segment_size && s->last_seq >= s->first_seq;

	if (full && commit_new_segment(j, f, e) == 0)
		return 0;
	if (j->fd >= 0 && write_in_place(j, f, e) == 0)
		return 0;
	return commit_new_segment(j, f, e);
}
