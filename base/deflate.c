#include "base/deflate.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#if HAVE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

static uint32_t gzip_crc(uint32_t crc, struct slice in)
{
	return crc32_gzip_refl(crc, (const unsigned char *)in.p, in.n);
}

struct deflater {
	struct isal_zstream s;
	uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
};

struct deflater *deflater_new(void)
{
	return calloc(1, sizeof(struct deflater));
}

void deflater_free(struct deflater *d)
{
	free(d);
}

static void run(struct deflater *d, struct slice in, struct buf *out)
{
	/* stored blocks are the worst case: 5 bytes per 64 KiB, and the headers of the last one */
	size_t room = in.n + in.n / 8192 + 512;
	char *to = buf_room(out, room);

	if (to == NULL)
		return;
	isal_deflate_stateless_init(&d->s);
	d->s.level = 1;
	d->s.level_buf = d->level_buf;
	d->s.level_buf_size = sizeof(d->level_buf);
	d->s.next_in = (uint8_t *)(uintptr_t)in.p;
	d->s.avail_in = (uint32_t)in.n;
	d->s.next_out = (uint8_t *)to;
	d->s.avail_out = (uint32_t)room;
	d->s.end_of_stream = 1;
	d->s.flush = NO_FLUSH;
	if (isal_deflate_stateless(&d->s) != COMP_OK) {
		out->full = true;
		return;
	}
	out->n += d->s.total_out;
}
#else
static uint32_t gzip_crc(uint32_t crc, struct slice in)
{
	return (uint32_t)crc32_z(crc, (const Bytef *)in.p, in.n);
}

struct deflater {
	z_stream s;
};

struct deflater *deflater_new(void)
{
	struct deflater *d = calloc(1, sizeof(*d));

	if (d != NULL && deflateInit2(&d->s, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return NULL;
	}
	return d;
}

void deflater_free(struct deflater *d)
{
	if (d != NULL)
		deflateEnd(&d->s);
	free(d);
}

static void run(struct deflater *d, struct slice in, struct buf *out)
{
	size_t room = deflateBound(&d->s, in.n) + 64;
	char *to = buf_room(out, room);

	if (to == NULL)
		return;
	deflateReset(&d->s);
	d->s.next_in = (Bytef *)(uintptr_t)in.p;
	d->s.avail_in = (uInt)in.n;
	d->s.next_out = (Bytef *)to;
	d->s.avail_out = (uInt)room;
	if (deflate(&d->s, Z_FINISH) != Z_STREAM_END) {
		out->full = true;
		return;
	}
	out->n += d->s.total_out;
}
#endif

/* One block as it is, not the last (RFC 1951, 3.2.4). */
static void put_stored(struct slice s, struct buf *out)
{
	buf_char(out, 0);
	for (unsigned i = 0; i < 4; i++)
		buf_char(out, (char)((i < 2 ? s.n : ~s.n) >> (i % 2 * 8)));
	buf_slice(out, s);
}

void deflater_gzip(struct deflater *d, struct slice head, struct slice in, struct buf *out)
{
	static const char magic[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
	uint32_t tail[2] = { gzip_crc(gzip_crc(0, head), in), (uint32_t)(head.n + in.n) };

	if (head.n > UINT16_MAX) {
		out->full = true;
		return;
	}
	buf_put(out, magic, sizeof(magic) - 1);
	if (head.n > 0)
		put_stored(head, out);
	run(d, in, out);
	for (unsigned i = 0; i < 8; i++)
		buf_char(out, (char)(tail[i / 4] >> (i % 4 * 8)));
}

int gunzip_block(struct slice in, struct buf *out)
{
	enum { STEP = 65536 };
	z_stream s = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	int rc = Z_OK;

	if (inflateInit2(&s, 31) != Z_OK)
		return -1;
	while (rc == Z_OK) {
		char *to = buf_room(out, STEP);

		if (to == NULL)
			break;
		s.next_out = (Bytef *)to;
		s.avail_out = STEP;
		rc = inflate(&s, Z_NO_FLUSH);
		out->n += STEP - s.avail_out;
		if (rc == Z_OK && s.avail_out > 0)
			rc = Z_BUF_ERROR; /* it is cut short */
	}
	inflateEnd(&s);
	return rc == Z_STREAM_END ? 0 : -1;
}

/* Exactly raw_n bytes, and nothing left over. */
static bool inflate_whole(struct slice in, void *to, size_t raw_n)
{
	z_stream s = { .next_in = (Bytef *)(uintptr_t)in.p,
		.avail_in = (uInt)in.n,
		.next_out = to,
		.avail_out = (uInt)raw_n };
	int rc;

	if (inflateInit2(&s, -15) != Z_OK)
		return false;
	rc = inflate(&s, Z_FINISH);
	inflateEnd(&s);
	return rc == Z_STREAM_END && s.total_out == raw_n && s.avail_in == 0;
}

int inflate_block(struct slice in, void *to, size_t raw_n, struct err *e)
{
	if (!inflate_whole(in, to, raw_n))
		return err_set(
		    e, EINVAL, "inflate: block of %zu bytes does not hold %zu", in.n, raw_n);
	return 0;
}
