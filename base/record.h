/*
 * record.h - what the journal's blocks hold: the coded form of events, alerts,
 * decisions and state, and its decoder.
 *
 * A block is a row of chunks. A chunk is
 *	flags | varint raw length | varint coded length | bytes
 * and stands alone. Flags: 0 as it is, 2 an LZ4 block; 1, which is only read, raw deflate, of
 * journals of before. Its raw form is a row of items, each
 *	varint tag | varint length | payload		tag = kind * 2 + critical
 * A reader skips unknown items whose critical bit is 0 and refuses a block that
 * holds any other. Items that are records are numbered, in order, from the frame's
 * first record number. Offsets and times are coded as differences within a chunk.
 *
 * An attribute whose value is part of the body is stored as a place in it.
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "base/buf.h"
#include "base/event.h"

struct packer;
struct err;

enum record_kind {
	RECORD_EVENT = 1,  /* numbered */
	RECORD_ALERT = 2,  /* numbered */
	RECORD_BLOCK = 3,  /* numbered: a decision to block, or to end a block */
	RECORD_LEDGER = 4, /* numbered: possibly lost, damaged, shed; see docs */
	RECORD_LAST_NUMBERED = RECORD_LEDGER,
	RECORD_CONTEXT = 16,  /* who speaks: struct record_context; first in a chunk */
	RECORD_ORIGIN = 17,   /* numbered within the chunk from 0: struct record_origin */
	RECORD_POSITION = 18, /* state: an input's position, opaque here */
	RECORD_HIT = 19,      /* state: a rule's hit, input of correlation */
	RECORD_STATE = 20,    /* state: other, opaque here */
};

/* The columns every row carries. */
struct record_context {
	struct slice service_name, service_version, environment;
	struct slice host_name, host_image_id, cloud_region, rules_hash;
	int64_t observed_us; /* when the chunk's lines were read */
	uint64_t number;     /* no other one that this process reads has it; 0: it was not read */
};

struct record_origin {
	uint64_t hash;	   /* XXH3 of host id and origin: the upper half of event ids */
	struct slice path; /* file as found, "journald", "-" */
	struct slice parser;
	struct slice service; /* overrides the context's when not empty */
};

struct record {
	enum record_kind kind;
	uint64_t seq;	      /* number in the journal; 0 for state items */
	uint64_t id[2];	      /* upper and lower half */
	uint64_t payload_at;  /* bytes before this item in the chunk, for diagnostics */
	struct slice payload; /* of the item: all there is for state items */
	struct event ev;      /* EVENT: all; ALERT, BLOCK, LEDGER: time and attrs only */
	const struct record_origin *origin; /* EVENT only */
	const struct record_context *context;
};

/* The id of an event, from its origin's hash: offset in 44 bits, CRC in 20. */
static inline void record_event_id(uint64_t origin_hash, const struct event *ev, uint64_t id[2])
{
	id[0] = origin_hash;
	id[1] = (ev->offset & ((1ULL << 44) - 1)) << 20 | (ev->crc20 & 0xfffff);
}

enum { RECORD_ID_TEXT = 32 };

/* 32 lower-case hex digits and a NUL. */
void record_id_text(const uint64_t id[2], char to[static RECORD_ID_TEXT + 1]);
bool record_id_parse(struct slice s, uint64_t id[2]);

/* ---- writing: into `raw`, one chunk at a time ---- */

struct record_writer {
	struct buf raw;	    /* items of the open chunk; its `full` is sticky */
	struct buf scratch; /* of bytes that are not text */
	uint64_t last_offset;
	int64_t last_time;
	unsigned n_origins;
	unsigned n_records; /* numbered ones in the open chunk */
};

void record_writer_free(struct record_writer *w);

/* Begin a chunk: forget the items, write the context. */
void record_begin(struct record_writer *w, const struct record_context *c);

/* Declare an origin; returns its number within the chunk. */
unsigned record_put_origin(struct record_writer *w, const struct record_origin *o);

/* An event of that origin. Body and values are made valid text here. */
void record_put_event(struct record_writer *w, unsigned origin, const struct event *ev);

/* An alert, decision or ledger row: time, id and named attributes. */
void record_put_fields(
    struct record_writer *w, enum record_kind kind, const uint64_t id[2], const struct event *ev);

/* A state item. */
void record_put_state(struct record_writer *w, enum record_kind kind, struct slice payload);

/* Compress the open chunk and append it to block; p NULL: stored as it is. */
void record_end(struct record_writer *w, struct packer *p, struct buf *block);

/* ---- reading ---- */

enum { RECORD_MAX_ORIGINS = 256 };

struct record_reader {
	struct slice block; /* chunks not yet opened */
	struct cut items;   /* items of the open chunk not yet read */
	struct buf raw;	    /* the open chunk; records point into it */
	uint64_t next_seq;
	uint64_t last_offset;
	int64_t last_time;
	struct record_context context;
	struct record_origin origins[RECORD_MAX_ORIGINS];
	unsigned n_origins;
	struct attr attrs[EVENT_MAX_ATTRS];
	struct detection detections[EVENT_MAX_DETECTIONS];
	struct detection_part parts[EVENT_MAX_PARTS];
};

/* Start on a block whose first numbered record is first_seq. Buffers are kept from call to call. */
void record_reader_open(struct record_reader *r, struct slice block, uint64_t first_seq);

/*
 * The next item: 1 and *rec (valid until the next call), 0 at the end, -1 with
 * EINVAL: the block is damaged or of a newer version.
 */
int record_next(struct record_reader *r, struct record *rec, struct err *e);

void record_reader_free(struct record_reader *r);

#endif
