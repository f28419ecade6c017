/* canon_bytes.h - single bytes, for canon.c and canon_base64.c. */
#ifndef DETECT_CANON_BYTES_H
#define DETECT_CANON_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/* The value of a hexadecimal digit by its byte, plus one; 0 is no digit. */
extern const uint8_t canon_hex_digits[256];

static inline int hex(char c)
{
	return canon_hex_digits[(uint8_t)c] - 1;
}

/* Of two digits, or -1. */
static inline int hex2(const char *p)
{
	int a = hex(p[0]);
	int b = hex(p[1]);

	return a < 0 || b < 0 ? -1 : a * 16 + b;
}

/* LF never leaves the canonical forms. */
static inline char no_lf(int c)
{
	return c == '\n' ? '\r' : (char)c;
}

static inline bool is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

#endif
