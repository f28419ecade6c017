/*
 * crc32c.h - CRC32C (Castagnoli, RFC 3720 appendix B.4).
 *
 * Uses the CPU's instruction where it has one, a table where it has not;
 * both give the same numbers. Thread safe, no state.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The CRC of what crc covers followed by n bytes at p; start with crc = 0.
 * crc32c(crc32c(0, a), b) equals crc32c(0, ab). p may be NULL when n is 0.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The same by table alone, for tests and for CPUs without the instruction. */
uint32_t crc32c_table(uint32_t crc, const void *p, size_t n);

#endif
