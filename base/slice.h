/*
 * slice.h - borrowed bytes.
 *
 * A slice never owns what it points to and is not NUL-terminated; it lives as
 * long as the buffer or arena behind it. Pass it by value (two words).
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p; /* may be NULL only when n == 0 */
	size_t n;      /* bytes */
};

/* A slice of a string literal; a char * does not compile here. */
#define SLICE(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })

/* The same to initialise a static object. */
#define SLICE_INIT(lit)                 \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}

/* Arguments for "%.*s". The cast is safe: no slice exceeds a batch of lines. */
#define SLICE_ARG(s) (int)(s).n, (s).p

static inline struct slice slice_of(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

static inline bool slice_starts(struct slice s, struct slice head)
{
	return s.n >= head.n && (head.n == 0 || memcmp(s.p, head.p, head.n) == 0);
}

static inline bool slice_ends(struct slice s, struct slice tail)
{
	return s.n >= tail.n && (tail.n == 0 || memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0);
}

/* What follows the first n bytes; n must not exceed s.n. */
static inline struct slice slice_from(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.n - n };
}

static inline struct slice slice_head(struct slice s, size_t n)
{
	return (struct slice){ s.p, n };
}

/*
 * Split s at the first sep: *head is what precedes it, *rest what follows.
 * Returns false, with *head = s and *rest empty, when sep is absent.
 */
bool slice_cut(struct slice s, char sep, struct slice *head, struct slice *rest);

/* The same at the first occurrence of a string. */
bool slice_cut_str(struct slice s, struct slice sep, struct slice *head, struct slice *rest);

/* The same at the last sep. */
bool slice_cut_last(struct slice s, char sep, struct slice *head, struct slice *rest);

/* The first occurrence of what in s, or NULL. An empty what is found at s.p. */
const char *slice_find(struct slice s, struct slice what);

/* A-Z as a-z. */
static inline char slice_fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Equal but for the case of A-Z. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Without blanks and tabs (and CR) at both ends. */
struct slice slice_trim(struct slice s);

/*
 * Parse all of s as an unsigned decimal number into *out.
 * Returns false, leaving *out alone, on any other byte, no digits or overflow.
 */
bool slice_u64(struct slice s, uint64_t *out);

/* The same for 1 to 16 lower-case hex digits. */
bool slice_hex(struct slice s, uint64_t *out);

/* As slice_u64() for a signed number: an optional '-' before the digits. */
bool slice_i64(struct slice s, int64_t *out);

#endif
