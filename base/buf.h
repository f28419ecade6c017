/*
 * buf.h - bytes that grow: the one owner of output under construction.
 *
 * A write that would pass `max` (or that the host's memory refuses) sets `full`
 * and is dropped, and so is everything after it; the writer checks once, at the
 * end. A zeroed struct with `max` set is an empty buffer.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *p;
	size_t n;   /* bytes written */
	size_t cap; /* bytes owned at p */
	size_t max; /* bytes this buffer may grow to; 0: 64 MiB */
	bool full;  /* sticky: something did not fit */
};

void buf_free(struct buf *b);

/* Forget the bytes and the sticky flag, keep the memory. */
static inline void buf_reset(struct buf *b)
{
	b->n = 0;
	b->full = false;
}

/* buf_room() when there is none yet. */
char *buf_grow(struct buf *b, size_t n);

/* Make room for n more bytes and return where to write them; NULL: full. */
static inline char *buf_room(struct buf *b, size_t n)
{
	return b->p != NULL && n <= b->cap - b->n && !b->full ? b->p + b->n : buf_grow(b, n);
}

/* Append n bytes, or set full. p may be NULL when n is 0. */
void buf_put(struct buf *b, const void *p, size_t n);

static inline void buf_slice(struct buf *b, struct slice s)
{
	buf_put(b, s.p, s.n);
}

static inline void buf_char(struct buf *b, char c)
{
	if (b->n < b->cap)
		b->p[b->n++] = c;
	else
		buf_put(b, &c, 1);
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Of any size; buf_varint() takes the short way for the small ones. */
void buf_varint_long(struct buf *b, uint64_t v);

/* Little-endian base-128 number, 1 to 10 bytes. */
static inline void buf_varint(struct buf *b, uint64_t v)
{
	char *to;

	if (v < 0x80) {
		buf_char(b, (char)v);
	} else if (v < 0x4000 && (to = buf_room(b, 2)) != NULL) {
		to[0] = (char)(v | 0x80);
		to[1] = (char)(v >> 7);
		b->n += 2;
	} else {
		buf_varint_long(b, v);
	}
}

/* Length, then the bytes. */
static inline void buf_bytes(struct buf *b, struct slice s)
{
	buf_varint(b, s.n);
	buf_slice(b, s);
}

static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline struct slice buf_as_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

/*
 * Reading what the functions above wrote. `bad` is sticky: a reader that ran
 * past the end returns zeros from then on, and the caller checks once.
 */
struct cut {
	struct slice s; /* what is left */
	bool bad;
};

/* What cut_raw() points to when there is too little: who copies before he asks finds zeros. */
extern const char cut_zeros[16];

/* Of any size; cut_varint() takes the short way for the small ones. */
uint64_t cut_varint_long(struct cut *c);

static inline uint64_t cut_varint(struct cut *c)
{
	if (c->s.n > 0 && (uint8_t)c->s.p[0] < 0x80) {
		uint64_t v = (uint8_t)c->s.p[0];

		c->s = slice_from(c->s, 1);
		return v;
	}
	return cut_varint_long(c);
}

static inline struct slice cut_raw(struct cut *c, uint64_t n)
{
	struct slice out;

	if (n > c->s.n) {
		c->bad = true;
		c->s = (struct slice){ 0 };
		return (struct slice){ cut_zeros, 0 };
	}
	out = slice_head(c->s, (size_t)n);
	c->s = slice_from(c->s, (size_t)n);
	return out;
}

/* Length, then the bytes: points into the input. */
static inline struct slice cut_bytes(struct cut *c)
{
	return cut_raw(c, cut_varint(c));
}

#endif
