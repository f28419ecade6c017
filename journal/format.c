#include "journal/format.h"

#include "base/crc32c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define VERSION	    1
#define FRAME_MAGIC 0x52464b53u /* "SKFR" */

static const uint8_t segment_magic[8] = { 'S', 'K', 'J', 'R', 'N', 'L', '\r', '\n' };

void format_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void format_put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void format_put64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

uint16_t format_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t format_get32(const uint8_t *p)
{
	return (uint32_t)format_get16(p) | (uint32_t)format_get16(p + 2) << 16;
}

uint64_t format_get64(const uint8_t *p)
{
	return (uint64_t)format_get32(p) | (uint64_t)format_get32(p + 4) << 32;
}

static uint64_t round_up(uint64_t v, uint64_t border)
{
	return (v + border - 1) / border * border;
}

static size_t frame_header_len(uint32_t ext_len)
{
	return (size_t)round_up(FORMAT_FRAME_HEADER + (uint64_t)ext_len, 8);
}

void format_place(const struct frame_header *h, struct frame_place *p)
{
	p->control = h->offset + frame_header_len(h->ext_len);
	p->end = p->control + h->control_len;
	p->bulk = p->end;
	p->bulk_room = 0;
	p->next = round_up(p->end, FORMAT_SECTOR);
	if (h->bulk_len > 0) {
		p->bulk = round_up(p->end, FORMAT_BLOCK);
		p->bulk_room = round_up(h->bulk_len, FORMAT_BLOCK);
		p->end = p->bulk + h->bulk_len;
		p->next = p->bulk + p->bulk_room;
	}
}

uint64_t format_records(const struct frame_header *h)
{
	return (uint64_t)h->n_control + h->n_bulk;
}

/* What the tagged fields say: version 1 knows none, so every critical one is foreign. */
static enum format_result check_ext(const uint8_t *p, size_t n, const char **why)
{
	while (n > 0) {
		if (n < 4 || format_get16(p + 2) > n - 4) {
			*why = "malformed tagged fields";
			return FORMAT_FOREIGN;
		}
		if ((format_get16(p) & FORMAT_TAG_CRITICAL) != 0) {
			*why = "an unknown critical field";
			return FORMAT_FOREIGN;
		}

		size_t len = 4 + (size_t)format_get16(p + 2);

		p += len;
		n -= len;
	}
	return FORMAT_OK;
}

void format_segment_encode(
    const struct segment_header *h, struct slice ext, uint8_t out[FORMAT_SECTOR])
{
	assert(ext.n <= FORMAT_SEGMENT_EXT_MAX);
	memset(out, 0, FORMAT_SECTOR);
	memcpy(out, segment_magic, 8);
	format_put16(out + 8, VERSION);
	format_put32(out + 12, (uint32_t)ext.n);
	memcpy(out + 16, h->journal_id, 16);
	format_put64(out + 32, h->salt);
	format_put64(out + 40, h->first_seq);
	format_put64(out + 48, h->first_rec);
	format_put64(out + 56, h->created_us);
	format_put64(out + 64, h->base_rec);
	format_put64(out + 72, h->cum_control);
	format_put64(out + 80, h->cum_bulk);
	format_put64(out + 88, h->cum_bytes);
	if (ext.n > 0)
		memcpy(out + 104, ext.p, ext.n);
	format_put32(out + 508, crc32c(0, out, 508));
}

enum format_result format_segment_decode(
    const uint8_t in[FORMAT_SECTOR], struct segment_header *h, const char **why)
{
	if (memcmp(in, segment_magic, 8) != 0 || format_get32(in + 508) != crc32c(0, in, 508))
		return FORMAT_BAD;
	if (format_get16(in + 8) != VERSION) {
		*why = "written by another version";
		return FORMAT_FOREIGN;
	}

	uint32_t ext_len = format_get32(in + 12);

	uint64_t first_seq = format_get64(in + 40);

	if (ext_len > FORMAT_SEGMENT_EXT_MAX || first_seq == 0 || first_seq >= FORMAT_NUMBER_END ||
	    format_get64(in + 48) >= FORMAT_NUMBER_END)
		return FORMAT_BAD;
	if (check_ext(in + 104, ext_len, why) != FORMAT_OK)
		return FORMAT_FOREIGN;
	memcpy(h->journal_id, in + 16, 16);
	h->salt = format_get64(in + 32);
	h->first_seq = first_seq;
	h->first_rec = format_get64(in + 48);
	h->created_us = format_get64(in + 56);
	h->base_rec = format_get64(in + 64);
	h->cum_control = format_get64(in + 72);
	h->cum_bulk = format_get64(in + 80);
	h->cum_bytes = format_get64(in + 88);
	return FORMAT_OK;
}

/* Keyed by the salt: text in a log line cannot know it, so it cannot look like a frame. */
static uint32_t frame_crc(const uint8_t *in, size_t ext_len, uint64_t salt)
{
	uint8_t key[8];

	format_put64(key, salt);

	uint32_t crc = crc32c(crc32c(0, key, sizeof(key)), in, 132);

	return crc32c(crc, in + FORMAT_FRAME_HEADER, ext_len);
}

size_t format_frame_encode(
    const struct frame_header *h, struct slice ext, uint64_t salt, uint8_t out[FORMAT_SECTOR])
{
	size_t len = frame_header_len(h->ext_len);

	assert(ext.n == h->ext_len && ext.n <= FORMAT_FRAME_EXT_MAX);
	memset(out, 0, len);
	format_put32(out, FRAME_MAGIC);
	format_put16(out + 4, VERSION);
	format_put32(out + 8, h->flags);
	format_put32(out + 12, h->ext_len);
	format_put64(out + 16, h->seq);
	format_put64(out + 24, h->rec_seq);
	format_put32(out + 32, h->n_control);
	format_put32(out + 36, h->n_bulk);
	format_put64(out + 40, h->time_us);
	format_put64(out + 48, h->durable);
	format_put64(out + 56, h->offset);
	format_put32(out + 64, h->control_len);
	format_put32(out + 68, h->control_crc);
	format_put32(out + 72, h->bulk_len);
	format_put32(out + 76, h->bulk_crc);
	format_put64(out + 80, h->bytes_in);
	format_put64(out + 88, h->covers);
	format_put64(out + 96, h->floor);
	format_put64(out + 104, h->cum_control);
	format_put64(out + 112, h->cum_bulk);
	format_put64(out + 120, h->cum_bytes);
	if (ext.n > 0)
		memcpy(out + FORMAT_FRAME_HEADER, ext.p, ext.n);
	format_put32(out + 132, frame_crc(out, ext.n, salt));
	return len;
}

static void frame_fields(const uint8_t *in, struct frame_header *h)
{
	h->flags = format_get32(in + 8);
	h->ext_len = format_get32(in + 12);
	h->seq = format_get64(in + 16);
	h->rec_seq = format_get64(in + 24);
	h->n_control = format_get32(in + 32);
	h->n_bulk = format_get32(in + 36);
	h->time_us = format_get64(in + 40);
	h->durable = format_get64(in + 48);
	h->offset = format_get64(in + 56);
	h->control_len = format_get32(in + 64);
	h->control_crc = format_get32(in + 68);
	h->bulk_len = format_get32(in + 72);
	h->bulk_crc = format_get32(in + 76);
	h->bytes_in = format_get64(in + 80);
	h->covers = format_get64(in + 88);
	h->floor = format_get64(in + 96);
	h->cum_control = format_get64(in + 104);
	h->cum_bulk = format_get64(in + 112);
	h->cum_bytes = format_get64(in + 120);
}

enum format_result format_frame_decode(const uint8_t *in, size_t n, uint64_t salt, uint64_t offset,
    struct frame_header *h, const char **why)
{
	struct frame_header got;

	if (n < FORMAT_FRAME_HEADER || format_get32(in) != FRAME_MAGIC)
		return FORMAT_BAD;
	frame_fields(in, &got);
	if (got.ext_len > FORMAT_FRAME_EXT_MAX || got.ext_len > n - FORMAT_FRAME_HEADER)
		return FORMAT_BAD;
	if (got.offset != offset || format_get32(in + 132) != frame_crc(in, got.ext_len, salt))
		return FORMAT_BAD;
	if (format_get16(in + 4) != VERSION) {
		*why = "written by another version";
		return FORMAT_FOREIGN;
	}
	if ((got.flags & ~(FRAME_CHECKPOINT | FRAME_CALLER_MASK)) != 0) {
		*why = "an unknown flag";
		return FORMAT_FOREIGN;
	}
	if (check_ext(in + FORMAT_FRAME_HEADER, got.ext_len, why) != FORMAT_OK)
		return FORMAT_FOREIGN;
	if (got.control_len > FORMAT_PAYLOAD_MAX || got.bulk_len > FORMAT_PAYLOAD_MAX)
		return FORMAT_BAD;
	if (got.seq == 0 || got.seq >= FORMAT_NUMBER_END || got.rec_seq >= FORMAT_NUMBER_END)
		return FORMAT_BAD;
	if (got.durable >= got.seq || got.floor > got.seq || got.covers > got.seq + 1)
		return FORMAT_BAD;
	*h = got;
	return FORMAT_OK;
}

void format_segment_name(uint64_t first_seq, char out[FORMAT_SEGMENT_NAME])
{
	snprintf(out, FORMAT_SEGMENT_NAME, "%020" PRIu64 ".seg", first_seq);
}

bool format_segment_number(const char *name, uint64_t *first_seq)
{
	char again[FORMAT_SEGMENT_NAME];
	uint64_t v;

	if (strlen(name) != FORMAT_SEGMENT_NAME - 1 || !slice_u64((struct slice){ name, 20 }, &v))
		return false;
	if (v == 0 || v >= FORMAT_NUMBER_END)
		return false;
	format_segment_name(v, again);
	if (strcmp(name, again) != 0)
		return false;
	*first_seq = v;
	return true;
}
