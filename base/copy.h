/*
 * copy.h - short copies without a call: most texts are shorter than memcpy() is worth.
 */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>
#include <string.h>

/* n bytes that do not overlap; neither more is read nor written. */
static inline void copy_short(char *to, const char *from, size_t n)
{
	enum { WIDE = 16, FAR = 128 };

	if (n > FAR) {
		memcpy(to, from, n);
	} else if (n >= WIDE) {
		for (size_t i = 0; i + WIDE < n; i += WIDE)
			memcpy(to + i, from + i, WIDE);
		memcpy(to + n - WIDE, from + n - WIDE, WIDE);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
}

#endif
