#include "base/buf.h"

#include "base/copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_DEFAULT_MAX = 64 << 20, BUF_FIRST = 4096 };

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

char *buf_grow(struct buf *b, size_t n)
{
	size_t max = b->max != 0 ? b->max : BUF_DEFAULT_MAX;

	if (b->full || n > max - b->n) {
		b->full = true;
		return NULL;
	}
	if (n > b->cap - b->n) {
		size_t cap = b->cap != 0 ? b->cap : BUF_FIRST;

		while (cap - b->n < n)
			cap *= 2;
		if (cap > max)
			cap = max;

		char *p = realloc(b->p, cap);

		if (p == NULL) {
			b->full = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (to == NULL || n == 0)
		return;
	copy_short(to, p, n);
	b->n += n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[512];
	va_list ap;

	va_start(ap, fmt);

	int n = vsnprintf(small, sizeof(small), fmt, ap);

	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < sizeof(small)) {
		buf_put(b, small, (size_t)n);
		return;
	}

	char *to = buf_room(b, (size_t)n + 1);

	if (to == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_varint_long(struct buf *b, uint64_t v)
{
	char *to = buf_room(b, 10);
	size_t n = 0;

	if (to == NULL)
		return;
	while (v >= 0x80) {
		to[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	to[n++] = (char)v;
	b->n += n;
}

const char cut_zeros[16];

uint64_t cut_varint_long(struct cut *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && c->s.n > 0; shift += 7) {
		uint8_t byte = (uint8_t)c->s.p[0];

		c->s = slice_from(c->s, 1);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	c->bad = true;
	c->s = (struct slice){ 0 };
	return 0;
}
