/*
 * fuzz_journal.c - any bytes as a segment: open, replay, read, audit, append.
 *
 * Random bytes would never pass a CRC, so the harness first puts right the CRC of
 * every header it can recognise, and of the blocks where a bit of the input says so.
 */
#include "base/crc32c.h"
#include "base/err.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/unit/test_journal_model.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct model model;

static int checkpoint(void *ctx, struct slice *out, struct err *e)
{
	(void)ctx;
	(void)e;
	*out = SLICE("fuzz");
	return 0;
}

static int take(void *ctx, const struct frame_header *h, struct slice block, struct err *e)
{
	(void)ctx;
	(void)e;
	assert(crc32c(0, block.p, block.n) == h->control_crc);
	return 0;
}

/* Header CRCs as in journal/format.c, over whatever the fields say. */
static void mend_frame(uint8_t *file, size_t size, size_t at, const uint8_t salt[8])
{
	uint8_t *h = file + at;
	uint64_t ext = format_get32(h + 12);
	uint64_t control = (at + 136 + ext + 7) / 8 * 8;
	uint64_t len = format_get32(h + 64);
	uint64_t bulk = (control + len + 4095) / 4096 * 4096;
	uint64_t bulk_len = format_get32(h + 72);

	if (ext > 376)
		return;
	format_put64(h + 56, at);
	if ((h[6] & 1) == 0 && control + len <= size)
		format_put32(h + 68, crc32c(0, file + control, (size_t)len));
	if ((h[6] & 2) == 0 && bulk + bulk_len <= size)
		format_put32(h + 76, crc32c(0, file + bulk, (size_t)bulk_len));
	if ((h[6] & 4) == 0)
		format_put32(
		    h + 132, crc32c(crc32c(crc32c(0, salt, 8), h, 132), h + 136, (size_t)ext));
}

static void mend(uint8_t *file, size_t size)
{
	if (size < 1024)
		return;
	for (unsigned copy = 0; copy < 2; copy++)
		format_put32(file + copy * 512 + 508, crc32c(0, file + copy * 512, 508));
	for (size_t at = 1024; at + 512 <= size; at += 512)
		if (memcmp(file + at, "SKFR", 4) == 0)
			mend_frame(file, size, at, file + 32);
}

static void read_lane(struct journal *j, enum journal_lane lane)
{
	struct journal_reader *r;
	struct journal_item it;
	struct err e;
	enum journal_read got;
	uint64_t seq = 0;

	if (journal_reader_open(j, lane, 0, &r, &e) != 0)
		return;
	while ((got = journal_reader_next(r, 0, &it, &e)) != JOURNAL_READ_TIMEOUT) {
		if (got == JOURNAL_READ_ERROR)
			break;
		assert(it.seq > seq);
		seq = it.seq;
		if (got == JOURNAL_READ_FRAME)
			assert(crc32c(0, it.payload.p, it.payload.n) ==
			       (lane == JOURNAL_BULK ? it.frame.bulk_crc : it.frame.control_crc));
	}
	journal_reader_close(r);
}

static void put_file(const char *name, const uint8_t *data, size_t n, bool mended)
{
	int fd = m_open(&model, name, O_CREAT);
	struct m_file *f = m_file(&model, fd);

	memcpy(f->cache->data, data, n);
	f->cache->size = n;
	if (mended)
		mend(f->cache->data, n);
	m_close(&model, fd);
}

static void use(struct journal *j)
{
	struct journal_frame f = { .control = SLICE("after"), .n_control = 1 };
	struct journal_totals t;
	struct journal_counts c;
	struct err e;

	read_lane(j, JOURNAL_CONTROL);
	read_lane(j, JOURNAL_BULK);
	if (journal_audit(j, &t, NULL, NULL, &e) == 0)
		assert(t.shed_frames <= t.frames);
	(void)journal_counts_at(j, journal_durable(j) / 2, &c, &e);

	uint64_t before = journal_durable(j);

	if (journal_append(j, &f, &e) == 0) {
		assert(f.seq > before);
		read_lane(j, JOURNAL_CONTROL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct journal_io io;
	struct journal_options o = {
		.dir = "j",
		.segment_size = 32 * 1024,
		.max_size = 256 * 1024,
		.io = &io,
		.checkpoint = checkpoint,
		.restore = take,
		.replay = take,
	};
	char name[FORMAT_SEGMENT_NAME];
	struct journal *j;
	struct err e;

	if (n > 48 * 1024)
		return 0;
	model_init(&model, 1);
	io = model_io(&model);

	/* The name comes from the header, or recovery would refuse all but one. */
	uint64_t first = n >= 1024 ? format_get64(data + 40) : 1;

	format_segment_name(first, name);
	put_file(name, data, n, true);
	if (n > 2048) { /* the rest as a cursor and a floor, as it is */
		put_file("x.cursor", data + 1024, 1024, false);
		put_file("floor", data + n - 1024, 1024, false);
	}
	if (journal_open(&o, &j, &e) == 0) {
		use(j);
		journal_close(j);
	}
	model_free(&model);
	return 0;
}
