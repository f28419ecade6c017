/*
 * protobuf.h - messages in the wire format of Protocol Buffers
 * (protobuf.dev/programming-guides/encoding), as much of it as the sinks need: written field by
 * field, read field by field.
 *
 * Varints are those of buf.h. A group (deprecated, wire types 3 and 4) is refused.
 */
#ifndef BASE_PROTOBUF_H
#define BASE_PROTOBUF_H

#include "base/buf.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

static inline void pb_tag(struct buf *b, unsigned field, enum pb_wire wire)
{
	buf_varint(b, (uint64_t)field << 3 | wire);
}

/* uint64, int64, bool, enum: a negative number is written as its two's complement. */
static inline void pb_uint(struct buf *b, unsigned field, uint64_t v)
{
	pb_tag(b, field, PB_VARINT);
	buf_varint(b, v);
}

/* bytes, string, or a message that is already written. */
void pb_bytes(struct buf *b, unsigned field, struct slice s);

void pb_double(struct buf *b, unsigned field, double v);

/*
 * A message within: what is written between both calls is its content. open returns the place
 * that close wants. The length goes before it at close, so the content is moved by some bytes.
 */
size_t pb_open(struct buf *b, unsigned field);
void pb_close(struct buf *b, size_t at);

/* The same for content of a known length: n bytes are to follow. */
static inline void pb_head(struct buf *b, unsigned field, size_t n)
{
	pb_tag(b, field, PB_BYTES);
	buf_varint(b, n);
}

/* How long a field of n bytes is, if its number is below 16. */
size_t pb_size(size_t n);

struct pb_field {
	unsigned number;
	enum pb_wire wire;
	uint64_t value;	    /* of PB_VARINT, PB_FIXED64, PB_FIXED32 */
	struct slice bytes; /* of PB_BYTES: points into the message */
};

/* The next field of a message; false at its end and where it is damaged (c->bad). */
bool pb_next(struct cut *c, struct pb_field *f);

#endif
