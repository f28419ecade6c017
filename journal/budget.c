#include "base/err.h"
#include "journal/internal.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FLOOR_BYTES 32u

int budget_load_floor(struct journal *j, struct err *e)
{
	struct slots_value v;
	const uint8_t *p = v.p;

	if (slots_open(&j->floor_file, j->io, j->dir, "floor", &v, e) != 0)
		return e->code == EBADMSG ? 0 : -1; /* damaged: frame headers repeat the floor */
	if (v.n < FLOOR_BYTES || format_get64(p) >= FORMAT_NUMBER_END)
		return 0;
	j->floor = format_get64(p);
	j->stats.shed_records = format_get64(p + 8);
	j->stats.shed_bytes = format_get64(p + 16);
	j->stats.shed_frames = format_get64(p + 24);
	if (j->opt.read_only)
		return 0;
	/* It may be in the page cache only; holes are punched on the strength of it. */
	return slots_save(&j->floor_file, (struct slice){ (const char *)p, FLOOR_BYTES }, e);
}

static uint64_t used_bytes(const struct journal *j)
{
	uint64_t used = 0;

	for (size_t i = 0; i < j->n_seg; i++)
		used += j->seg[i].disk;
	return used;
}

/* The lowest frame that every cursor has passed, on the lanes in the range; 0 without cursors. */
static uint64_t all_passed(struct journal *j, unsigned from_lane)
{
	uint64_t seq = UINT64_MAX;

	pthread_mutex_lock(&j->mu);
	for (unsigned i = 0; i < JOURNAL_CURSORS_MAX; i++) {
		for (unsigned l = from_lane; l < JOURNAL_LANES && j->cursor[i].used; l++)
			if (j->cursor[i].seq[l] < seq)
				seq = j->cursor[i].seq[l];
	}
	pthread_mutex_unlock(&j->mu);
	return seq == UINT64_MAX ? 0 : seq;
}

/* Remove the oldest segment. On -1 no further removal is allowed in this process. */
static int remove_oldest(struct journal *j)
{
	char path[SLOTS_PATH_MAX];
	struct err e;
	uint64_t first_seq = j->seg[0].first_seq;

	pthread_mutex_lock(&j->mu);
	j->n_seg--;
	memmove(&j->seg[0], &j->seg[1], j->n_seg * sizeof(j->seg[0]));
	pthread_mutex_unlock(&j->mu);

	int rc = commit_segment_path(j, first_seq, path, &e);

	if (rc == 0)
		rc = j->io->unlink(j->io->ctx, path);
	/* One at a time: a crash may undo the last removal, never one in the middle. */
	if (rc == 0)
		rc = j->io->sync_dir(j->io->ctx, j->dir);
	if (rc == 0)
		return 0;
	j->no_trim = true;
	pthread_mutex_lock(&j->mu);
	j->stats.removal_failures++;
	pthread_mutex_unlock(&j->mu);
	return -1;
}

static bool later_checkpoint(const struct journal *j)
{
	for (size_t i = 1; i < j->n_seg; i++)
		if (j->seg[i].checkpoint)
			return true;
	return false;
}

void budget_trim(struct journal *j, uint64_t target)
{
	uint64_t passed = all_passed(j, 0);

	while (j->n_seg > 1 && !j->no_trim && used_bytes(j) > target) {
		if (j->seg[1].first_seq - 1 > passed || !later_checkpoint(j))
			return;
		if (remove_oldest(j) != 0)
			return;
	}
}

/* What one pass over bulk blocks adds up. */
struct shed_sum {
	uint64_t freed; /* bytes of blocks */
	uint64_t frames;
	uint64_t records;
	uint64_t bytes;
	uint64_t floor; /* after the last frame counted */
};

/*
 * Count bulk blocks from the floor upwards until `want` bytes of blocks are found. A frame
 * that every cursor has passed is freed like any other but is nobody's loss.
 */
static int choose_floor(struct journal *j, uint64_t want, struct shed_sum *sum)
{
	uint64_t passed = all_passed(j, JOURNAL_BULK);
	char path[SLOTS_PATH_MAX];
	struct frame_header h;
	struct frame_place place;
	struct journal_damage d;
	struct walk w;
	struct err e;
	enum walk_result r;

	for (size_t i = 0; i < j->n_seg && sum->freed < want; i++) {
		const struct segment *s = &j->seg[i];

		if (s->dead || s->last_seq < s->first_seq || s->last_seq < j->floor)
			continue;
		if (commit_segment_path(j, s->first_seq, path, &e) != 0)
			return -1;

		int fd = j->io->open(j->io->ctx, path, O_RDONLY);

		if (fd < 0)
			continue;
		segment_walk(&w, j->io, fd, s);
		while (sum->freed < want && (r = segment_next(&w, &h, &d)) != WALK_END) {
			if (r == WALK_FOREIGN)
				break;
			if (r != WALK_FRAME || h.seq < j->floor || h.bulk_len == 0)
				continue;
			format_place(&h, &place);
			sum->freed += place.bulk_room;
			sum->floor = h.seq + 1;
			if (h.seq > passed) {
				sum->frames++;
				sum->records += h.n_bulk;
				sum->bytes += h.bulk_len;
			}
		}
		j->io->close(j->io->ctx, fd);
	}
	return 0;
}

/* Make the new floor durable, then visible. Only after that may a block be freed. */
static int raise_floor(struct journal *j, const struct shed_sum *sum)
{
	uint8_t p[FLOOR_BYTES];
	struct err e;

	format_put64(p, sum->floor);
	format_put64(p + 8, j->stats.shed_records + sum->records);
	format_put64(p + 16, j->stats.shed_bytes + sum->bytes);
	format_put64(p + 24, j->stats.shed_frames + sum->frames);
	if (slots_save(&j->floor_file, (struct slice){ (const char *)p, sizeof(p) }, &e) != 0)
		return -1;
	pthread_mutex_lock(&j->mu);
	j->floor = sum->floor;
	j->stats.shed_records += sum->records;
	j->stats.shed_bytes += sum->bytes;
	j->stats.shed_frames += sum->frames;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->mu);
	return 0;
}

/* Free the bulk blocks of one segment between j->punched and the floor; returns bytes freed. */
static uint64_t punch_segment(struct journal *j, struct segment *s)
{
	char path[SLOTS_PATH_MAX];
	struct journal_stat st;
	struct journal_damage d;
	struct frame_header h;
	struct frame_place place;
	struct walk w;
	struct err e;
	enum walk_result r;
	uint64_t before = s->disk;

	if (commit_segment_path(j, s->first_seq, path, &e) != 0)
		return 0;

	int fd = j->io->open(j->io->ctx, path, O_RDWR);

	if (fd < 0)
		return 0;
	segment_walk(&w, j->io, fd, s);
	while ((r = segment_next(&w, &h, &d)) == WALK_FRAME || r == WALK_DAMAGE) {
		if (r == WALK_DAMAGE || h.seq < j->punched || h.bulk_len == 0)
			continue;
		if (h.seq >= j->floor)
			break;
		format_place(&h, &place);
		if (j->io->punch(j->io->ctx, fd, place.bulk, place.bulk_room) != 0) {
			j->no_punch = true;
			break;
		}
	}
	if (j->io->stat(j->io->ctx, fd, &st) == 0) {
		pthread_mutex_lock(&j->mu);
		s->disk = st.disk;
		pthread_mutex_unlock(&j->mu);
	}
	j->io->close(j->io->ctx, fd);
	return before > s->disk ? before - s->disk : 0;
}

uint64_t budget_shed(struct journal *j, uint64_t need)
{
	struct shed_sum sum = { .floor = j->floor };
	uint64_t step = j->opt.max_size / 64; /* not for every frame anew */
	uint64_t freed = 0;

	if (j->no_punch || choose_floor(j, need > step ? need : step, &sum) != 0)
		return 0;
	if (sum.floor > j->floor && raise_floor(j, &sum) != 0)
		return 0;
	for (size_t i = 0; i < j->n_seg && j->seg[i].first_seq < j->floor; i++) {
		struct segment *s = &j->seg[i];

		if (!s->dead && s->last_seq >= s->first_seq && s->last_seq >= j->punched)
			freed += punch_segment(j, s);
	}
	if (!j->no_punch)
		j->punched = j->floor;
	return freed;
}

/* How many bytes too many there would be after writing need more. */
static uint64_t excess(const struct journal *j, uint64_t need, bool bulk)
{
	uint64_t reserve = j->opt.reserved_control;
	uint64_t used = used_bytes(j) + need;
	uint64_t limit = j->opt.max_size - (bulk ? reserve : 0);
	uint64_t over = j->opt.max_size != 0 && used > limit ? used - limit : 0;
	struct journal_space sp;

	if (j->opt.min_free == 0 && j->opt.min_free_percent == 0)
		return over;
	if (j->io->space(j->io->ctx, j->dir, &sp) != 0)
		return over;

	uint64_t keep = sp.total / 100 * j->opt.min_free_percent;

	if (keep < j->opt.min_free)
		keep = j->opt.min_free;
	if (!bulk)
		keep -= reserve < keep ? reserve : keep;

	uint64_t lack = sp.avail < keep + need ? keep + need - sp.avail : 0;

	return lack > over ? lack : over;
}

int budget_make_room(struct journal *j, uint64_t need, bool bulk, struct err *e)
{
	uint64_t over = excess(j, need, bulk);

	if (over == 0)
		return 0;

	uint64_t used = used_bytes(j);

	budget_trim(j, used > over ? used - over : 0);
	over = excess(j, need, bulk);
	/* More than once: a hole frees less than its size where it splits an extent. */
	for (uint64_t floor = UINT64_MAX; over > 0 && floor != j->floor;) {
		floor = j->floor;
		budget_shed(j, over);
		over = excess(j, need, bulk);
	}
	if (over > 0)
		return err_set(
		    e, ENOSPC, "%s: full, %llu bytes too many", j->dir, (unsigned long long)over);
	return 0;
}
