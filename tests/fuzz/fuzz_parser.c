/*
 * Any bytes through any parser: the first picks the parser and the size of the arena.
 * Every byte of every attribute is read, so that a slice that ends outside of its
 * memory is seen.
 */
#include "base/arena.h"
#include "base/err.h"
#include "parsers/parser.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum(struct slice s)
{
	unsigned v = 0;

	for (size_t i = 0; i < s.n; i++)
		v += (unsigned char)s.p[i];
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	static struct attr attrs[EVENT_MAX_ATTRS];
	static volatile unsigned sink;
	struct stamp_cache cache = { 0 };
	struct parse_ctx c = {
		.arena = &arena, .ref_us = 1795500000000000, .tz_s = 32400, .cache = &cache
	};
	unsigned n = 0;
	struct err e;

	if (size < 1 || size > TEXT_MAX)
		return 0;
	while (parsers[n] != NULL)
		n++;
	if (arena.base == NULL && arena_init(&arena, 4 * TEXT_MAX + 4096, &e) != 0)
		abort();

	const struct parser *p = parsers[(data[0] & 0x7f) % n];
	size_t text_n = size - 1;
	char *text = malloc(text_n > 0 ? text_n : 1); /* of its own: both ends are guarded */
	struct event ev = { .body = { text, text_n }, .attrs = attrs };

	if (text == NULL)
		abort();
	memcpy(text, data + 1, text_n);
	if (data[0] & 0x80) /* an arena that is nearly full */
		arena_alloc(&arena, arena.cap - text_n / 2, 1);

	enum parse_result r = p->parse(&c, &ev);

	if (ev.n_attrs > EVENT_MAX_ATTRS || (r == PARSE_BAD && ev.n_attrs != 0))
		abort();
	for (unsigned i = 0; i < ev.n_attrs; i++) {
		struct slice name = attr_name(&ev.attrs[i]);

		sink += sum(name) + sum((struct slice){ ev.attrs[i].p, ev.attrs[i].n });
	}
	(void)sink; /* it was read: that is all */
	arena_reset(&arena);
	free(text);
	return 0;
}
