/*
 * format.h - the bytes of a segment: headers, tagged fields, where blocks lie.
 *
 * Pure functions; DESIGN.md, "The journal" has the tables. Encoders fill what they are
 * given, decoders accept any bytes and say what they found.
 */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FORMAT_SECTOR = 512,			/* frames start on this border */
	FORMAT_BLOCK = 4096,			/* bulk blocks start and end on this border */
	FORMAT_FIRST_FRAME = 2 * FORMAT_SECTOR, /* after the two copies of the segment header */
	FORMAT_FRAME_HEADER = 136,		/* without tagged fields */
	FORMAT_FRAME_EXT_MAX = 512 - 136,	/* tagged fields of a frame */
	FORMAT_SEGMENT_EXT_MAX = 508 - 104,	/* tagged fields of a segment */
	FORMAT_PAYLOAD_MAX = 64 * 1024 * 1024,	/* bytes of one control or bulk block */
	FORMAT_SEGMENT_NAME = 20 + 4 + 1,	/* "N{20}.seg" and NUL */
	FORMAT_TAG_CRITICAL = 0x8000,		/* bit of a tag that may not be skipped */
};

/* Sequences and record numbers are below this, so that adding to them never overflows. */
#define FORMAT_NUMBER_END (UINT64_C(1) << 62)

/* Frame flags. The upper 16 bits belong to the caller of journal_append(). */
#define FRAME_CHECKPOINT  0x00000001u
#define FRAME_CALLER_MASK 0xffff0000u

enum format_result {
	FORMAT_OK,
	FORMAT_BAD,	/* not a whole header: never written, torn or damaged */
	FORMAT_FOREIGN, /* a whole header of a newer version or with an unknown critical field */
};

struct segment_header {
	uint8_t journal_id[16];
	uint64_t salt;
	uint64_t first_seq; /* >= 1 */
	uint64_t first_rec;
	uint64_t created_us;  /* UTC */
	uint64_t base_rec;    /* number of the journal's very first record */
	uint64_t cum_control; /* control records in all earlier frames since the journal began */
	uint64_t cum_bulk;    /* bulk records, likewise */
	uint64_t cum_bytes;   /* input bytes, likewise */
};

struct frame_header {
	uint32_t flags;
	uint32_t n_control;
	uint32_t n_bulk;
	uint32_t control_len;
	uint32_t control_crc;
	uint32_t bulk_len; /* 0 with n_bulk > 0: shed before it was written */
	uint32_t bulk_crc;
	uint32_t ext_len; /* bytes of tagged fields */
	uint64_t seq;	  /* >= 1 */
	uint64_t rec_seq; /* of the first control record; bulk records follow them */
	uint64_t time_us; /* of the commit, UTC */
	uint64_t durable; /* < seq */
	uint64_t offset;  /* of the header in its file */
	uint64_t bytes_in;
	uint64_t covers; /* of a checkpoint: last frame whose effect it contains */
	uint64_t floor;	 /* bulk of frames below it may be gone */
	uint64_t cum_control;
	uint64_t cum_bulk;
	uint64_t cum_bytes;
};

/* Where the parts of a frame lie in its file. */
struct frame_place {
	uint64_t control;   /* offset of the control block */
	uint64_t bulk;	    /* offset of the bulk block; the end of control when there is none */
	uint64_t bulk_room; /* bytes of the blocks that hold the bulk block, 0 when there is none */
	uint64_t end;	    /* first byte that is not of this frame, padding excluded */
	uint64_t next;	    /* offset of the next frame */
};

void format_place(const struct frame_header *h, struct frame_place *p);

/* Records of the frame, both lanes. */
uint64_t format_records(const struct frame_header *h);

/* Encode into one sector; ext is the tagged fields, at most FORMAT_SEGMENT_EXT_MAX bytes. */
void format_segment_encode(
    const struct segment_header *h, struct slice ext, uint8_t out[FORMAT_SECTOR]);

/* *h is filled only for FORMAT_OK. *why is a static text for FORMAT_FOREIGN. */
enum format_result format_segment_decode(
    const uint8_t in[FORMAT_SECTOR], struct segment_header *h, const char **why);

/*
 * Encode a frame header; returns its length, a multiple of 8 up to FORMAT_SECTOR.
 * h->ext_len must equal ext.n and be at most FORMAT_FRAME_EXT_MAX.
 */
size_t format_frame_encode(
    const struct frame_header *h, struct slice ext, uint64_t salt, uint8_t out[FORMAT_SECTOR]);

/*
 * Decode the n <= FORMAT_SECTOR bytes that stand at file offset `offset`. FORMAT_OK
 * promises: CRC under the salt, lengths and numbers within limits, seq >= 1,
 * durable < seq, floor <= seq, covers <= seq + 1.
 */
enum format_result format_frame_decode(const uint8_t *in, size_t n, uint64_t salt, uint64_t offset,
    struct frame_header *h, const char **why);

/* "00000000000000000042.seg" for 42. */
void format_segment_name(uint64_t first_seq, char out[FORMAT_SEGMENT_NAME]);

/* The reverse; false for any other name and for numbers out of range. */
bool format_segment_number(const char *name, uint64_t *first_seq);

/* Little-endian fields at p. */
void format_put16(uint8_t *p, uint16_t v);
void format_put32(uint8_t *p, uint32_t v);
void format_put64(uint8_t *p, uint64_t v);
uint16_t format_get16(const uint8_t *p);
uint32_t format_get32(const uint8_t *p);
uint64_t format_get64(const uint8_t *p);

#endif
