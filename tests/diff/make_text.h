/*
 * make_text.h - texts that a pattern could match, for tests.
 *
 * By a random walk through the pattern's syntax tree, and mutation of the result.
 * Everything is static, so that a test remains a single file.
 */
#ifndef TESTS_DIFF_MAKE_TEXT_H
#define TESTS_DIFF_MAKE_TEXT_H

#include "match/syntax.h"

enum { MAKE_TEXT_MAX = 400 };

struct make_text {
	char b[MAKE_TEXT_MAX]; /* no LF */
	size_t n;
};

/* Never 0. */
static uint64_t make_text_seed = 1;

static uint32_t make_text_rnd(uint32_t below)
{
	make_text_seed ^= make_text_seed << 13;
	make_text_seed ^= make_text_seed >> 7;
	make_text_seed ^= make_text_seed << 17;
	return (uint32_t)((make_text_seed >> 32) * below >> 32);
}

static void make_text_put(struct make_text *o, unsigned char c)
{
	if (o->n < MAKE_TEXT_MAX)
		o->b[o->n++] = c == '\n' ? '\r' : (char)c;
}

static void make_text_put_member(struct make_text *o, const struct byteset *s)
{
	unsigned c = 0, tries = make_text_rnd(8) ? 400 : 0;

	if (byteset_empty(s))
		return;
	/* Mostly what can be read. */
	for (unsigned i = 0; i < tries; i++) {
		c = i < 30 ? (unsigned)"ab01 z_-/.<"[make_text_rnd(11)] : 32 + make_text_rnd(95);
		if (byteset_has(s, c)) {
			make_text_put(o, (unsigned char)c);
			return;
		}
	}
	do
		c = make_text_rnd(256);
	while (!byteset_has(s, c));
	make_text_put(o, (unsigned char)c);
}

static void make_text_node(const struct syntax *t, uint32_t node, struct make_text *o);

static void make_text_cat(const struct syntax *t, const struct syntax_node *n, struct make_text *o)
{
	uint32_t item[512];
	unsigned count = 0;

	for (uint32_t i = n->child; i && count < 512; i = t->nodes[i].next)
		item[count++] = i;
	while (count)
		make_text_node(t, item[--count], o);
}

static void make_text_alt(const struct syntax *t, const struct syntax_node *n, struct make_text *o)
{
	uint32_t chosen = 0, seen = 0;

	for (uint32_t i = n->child; i; i = t->nodes[i].next)
		if (make_text_rnd(++seen) == 0)
			chosen = i;
	if (chosen)
		make_text_node(t, chosen, o);
}

static void make_text_node(const struct syntax *t, uint32_t node, struct make_text *o)
{
	const struct syntax_node *n = &t->nodes[node];
	uint32_t times;

	switch (n->kind) {
	case SYNTAX_SET:
		make_text_put_member(o, &n->set);
		break;
	case SYNTAX_CAT:
		make_text_cat(t, n, o);
		break;
	case SYNTAX_ALT:
		make_text_alt(t, n, o);
		break;
	case SYNTAX_REPEAT:
		for (times = n->lo; times < n->hi && make_text_rnd(2); times++)
			;
		for (; times && o->n < MAKE_TEXT_MAX; times--)
			make_text_node(t, n->child, o);
		break;
	case SYNTAX_EMPTY: /* a look-around: at times what it looks for */
		if (n->child && make_text_rnd(4) == 0)
			make_text_alt(t, n, o);
		break;
	case SYNTAX_UNKNOWN:
		if (n->child && make_text_rnd(2)) {
			make_text_alt(t, n, o);
		} else if (o->n) { /* a back-reference? */
			size_t from = make_text_rnd((uint32_t)o->n), len = make_text_rnd(6);

			for (; len && from < o->n; len--)
				make_text_put(o, (unsigned char)o->b[from++]);
		}
		break;
	case SYNTAX_START:
	case SYNTAX_END:
	case SYNTAX_WORD_EDGE:
	case SYNTAX_NO_WORD_EDGE:
		break;
	}
}

static void make_text_mutate(struct make_text *o)
{
	size_t at = o->n ? make_text_rnd((uint32_t)o->n) : 0;

	switch (make_text_rnd(6)) {
	case 0:
		for (size_t i = at; i < o->n; i++)
			if ((o->b[i] | 0x20) >= 'a' && (o->b[i] | 0x20) <= 'z' && make_text_rnd(2))
				o->b[i] ^= 0x20;
		break;
	case 1:
		if (o->n) {
			o->b[at] = (char)make_text_rnd(256);
			o->b[at] = o->b[at] == '\n' ? ' ' : o->b[at];
		}
		break;
	case 2:
		if (o->n)
			memmove(o->b + at, o->b + at + 1, --o->n - at);
		break;
	case 3:
		if (o->n < MAKE_TEXT_MAX) {
			memmove(o->b + at + 1, o->b + at, o->n++ - at);
			o->b[at] = " \r\ta_0'/"[make_text_rnd(8)];
		}
		break;
	case 4:
		for (uint32_t i = make_text_rnd(20); i; i--)
			make_text_put(o, (unsigned char)" abc/09_-<"[make_text_rnd(10)]);
		break;
	default:
		for (uint32_t i = make_text_rnd(5); i && o->n < MAKE_TEXT_MAX; i--) {
			memmove(o->b + 1, o->b, o->n++);
			o->b[0] = "x. _/a1="[make_text_rnd(8)];
		}
		break;
	}
}

#endif
