/* What a text holds that a form would change, sixteen bytes at a time; and what parts a query. */
#include "detect/canon.h"

enum { WIDE = 16 };

/* Plain C with vectors of the compiler: SSE2 and NEON are what it makes of them. */
typedef uint8_t wide __attribute__((vector_size(WIDE)));

struct seen {
	wide escape, percent, plus, squash, path, entity, semicolon;
};

static wide load(const char *p)
{
	wide v;

	memcpy(&v, p, WIDE);
	return v;
}

static bool any(wide v)
{
	uint64_t half[2];

	memcpy(half, &v, WIDE);
	return (half[0] | half[1]) != 0;
}

/* a: bytes of the text; b: the bytes behind each of them, NUL behind the last. */
static inline void look(struct seen *s, wide a, wide b)
{
	const wide slash = (wide)(a == '/');
	const wide letter = (wide)(((b | 0x20) - 'a') < 26);

	s->escape |= (wide)(a == '\\');
	s->percent |= (wide)(a == '%');
	s->plus |= (wide)(a == '+');
	s->semicolon |= (wide)(a == ';');
	s->squash |= (wide)(a < 0x20) | (wide)(a >= 0x80) | (slash & (wide)(b == '*')) |
		     ((wide)(a == ' ') & (wide)(b == ' ')) | ((wide)(a == '&') & (wide)(b == '#'));
	s->path |= slash & ((wide)(b == '/') | (wide)(b == '.'));
	s->entity |= (wide)(a == '&') & letter;
}

unsigned canon_look(struct slice text)
{
	struct seen s;
	char last[2 * WIDE + 1];
	size_t i = 0;
	unsigned bits = 0;

	memset(&s, 0, sizeof(s));

	for (; text.n - i > WIDE; i += WIDE)
		look(&s, load(text.p + i), load(text.p + i + 1));
	if (i < text.n) {
		memset(last, '0', sizeof(last)); /* a byte that says nothing */
		memcpy(last, text.p + i, text.n - i);
		look(&s, load(last), load(last + 1));
	}
	bits |= any(s.escape) ? CANON_ESCAPE : 0u;
	bits |= any(s.percent) ? CANON_PERCENT : 0u;
	bits |= any(s.plus) ? CANON_PLUS : 0u;
	bits |= any(s.path) ? CANON_PATH : 0u;
	if (any(s.squash) || (any(s.entity) && any(s.semicolon)))
		bits |= CANON_SQUASH;
	return bits;
}

bool canon_hides_mark(struct slice query)
{
	const char *end = query.p + query.n;

	for (const char *p = query.p; p < end && (p = memchr(p, '%', (size_t)(end - p))) != NULL;
	     p++)
		if (end - p >= 3 && ((p[1] == '2' && (p[2] == '5' || p[2] == '6')) ||
					(p[1] == '3' && (p[2] | 0x20) == 'd')))
			return true;
	return false;
}

unsigned canon_pairs(struct slice query)
{
	const char *end = query.p + query.n;
	unsigned n = 1;

	for (const char *p = query.p; p < end && (p = memchr(p, '&', (size_t)(end - p))) != NULL;
	     p++)
		n++;
	return n;
}
