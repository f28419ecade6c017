#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

/* One byte by half-bytes: 16 entries are quick to check by eye and enough for a fallback. */
static const uint32_t half_byte[16] = {
	0x00000000,
	0x105ec76f,
	0x20bd8ede,
	0x30e349b1,
	0x417b1dbc,
	0x5125dad3,
	0x61c69362,
	0x7198540d,
	0x82f63b78,
	0x92a8fc17,
	0xa24bb5a6,
	0xb21572c9,
	0xc38d26c4,
	0xd3d3e1ab,
	0xe330a81a,
	0xf36e6f75,
};

uint32_t crc32c_table(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *s = p;

	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= s[i];
		crc = (crc >> 4) ^ half_byte[crc & 15];
		crc = (crc >> 4) ^ half_byte[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)

#include <immintrin.h>

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint64_t step8(uint64_t crc, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return _mm_crc32_u64(crc, v);
}

__attribute__((target("sse4.2"))) static uint32_t step1(uint32_t crc, uint8_t b)
{
	return _mm_crc32_u8(crc, b);
}

#define HAVE_INSTRUCTION 1
#define INSTRUCTION_FN	 __attribute__((target("sse4.2")))

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

static bool has_instruction(void)
{
	return true;
}

static uint64_t step8(uint64_t crc, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __crc32cd((uint32_t)crc, v);
}

static uint32_t step1(uint32_t crc, uint8_t b)
{
	return __crc32cb(crc, b);
}

#define HAVE_INSTRUCTION 1
#define INSTRUCTION_FN

#else
#define HAVE_INSTRUCTION 0
#endif

#if HAVE_INSTRUCTION

#define POLY 0x82f63b78u

/* Bytes of one lane of the three; the instruction takes 3 cycles but one can start each cycle. */
#define LANE 1024u

/* a * b modulo the polynomial, bits reversed as everywhere in this CRC. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t r = 0;

	for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
		if (a & bit)
			r ^= b;
		b = (b >> 1) ^ ((b & 1) != 0 ? POLY : 0);
	}
	return r;
}

/* x to the power 8 * LANE: multiplying by it is what LANE zero bytes do to a CRC. */
static uint32_t lane_power(void)
{
	uint32_t r = 0x80000000u; /* 1 */
	uint32_t x = 0x40000000u; /* x */

	for (uint32_t n = 8 * LANE; n != 0; n >>= 1) {
		if (n & 1)
			r = multiply(r, x);
		x = multiply(x, x);
	}
	return r;
}

INSTRUCTION_FN static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *s, size_t n)
{
	uint64_t c = ~crc;

	if (n >= 64 * (size_t)LANE) { /* below, lane_power() would cost more than it saves */
		uint32_t shift = lane_power();

		for (; n >= 3 * (size_t)LANE; s += 3 * (size_t)LANE, n -= 3 * (size_t)LANE) {
			uint64_t c1 = 0;
			uint64_t c2 = 0;

			for (size_t i = 0; i < LANE; i += 8) {
				c = step8(c, s + i);
				c1 = step8(c1, s + LANE + i);
				c2 = step8(c2, s + 2 * (size_t)LANE + i);
			}
			c1 ^= multiply(shift, (uint32_t)c);
			c = c2 ^ multiply(shift, (uint32_t)c1);
		}
	}
	for (; n >= 8; s += 8, n -= 8)
		c = step8(c, s);
	for (; n > 0; s++, n--)
		c = step1((uint32_t)c, *s);
	return ~(uint32_t)c;
}

#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
#if HAVE_INSTRUCTION
	if (has_instruction())
		return crc32c_instruction(crc, p, n);
#endif
	return crc32c_table(crc, p, n);
}
