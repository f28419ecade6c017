#include "match/filter_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { STRIDE = 16 }; /* positions that are unrolled */

/* gcc leaves short loops as they are at -O2; this one is worth twice the speed. */
#ifdef __clang__
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap32(x);
#endif
	return x;
}

/* Bit 0: could gram start here? The others are without meaning. */
static inline __attribute__((always_inline)) uint64_t looked_up(
    const uint64_t *tab, uint32_t gram, unsigned shift)
{
	uint64_t key = gram * FILTER_HASH2;
	uint64_t word = tab[key >> shift];

	return word >> FILTER_BIT(key, 0) & word >> FILTER_BIT(key, 1) & word >> FILTER_BIT(key, 2);
}

/* To be inlined with constants, so that each combination has a loop of its own. */
static inline __attribute__((always_inline)) void stepped(const struct filter *f, const uint8_t *p,
    unsigned blocks, uint64_t *out, const uint32_t mask, const unsigned step)
{
	const uint64_t *tab = f->tab;
	const unsigned shift = f->shift;

	for (unsigned b = 0; b < blocks; b++, p += FILTER_BLOCK) {
		uint64_t m = 0;

		/* No branch: some 3 % of the positions count, which none could foresee. */
		for (unsigned k = FILTER_BLOCK; k > 0; k -= STRIDE) {
			UNROLL
			for (unsigned i = STRIDE; i > 0; i -= step) {
				uint32_t gram =
				    (load32(p + k + i - STRIDE - step) | FILTER_FOLD) & mask;

				m = m << step | (looked_up(tab, gram, shift) & 1);
			}
		}
		out[b] = m;
	}
}

/* name(): grams of so many bytes, by their mask, at every step-th position. */
#define STEPPED(name, mask, step)                                                                  \
	static void name(const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out) \
	{                                                                                          \
		stepped(f, p, blocks, out, mask, step);                                            \
	}

STEPPED(stepped_4_1, UINT32_MAX, 1)
STEPPED(stepped_4_2, UINT32_MAX, 2)
STEPPED(stepped_3_1, 0xffffff, 1)
STEPPED(stepped_3_2, 0xffffff, 2)

#if defined(__x86_64__)

/* The same code; one instruction less for each variable shift is a quarter of the time. */
__attribute__((target("bmi2"))) STEPPED(bmi2_4_1, UINT32_MAX, 1) __attribute__((target("bmi2")))
STEPPED(bmi2_4_2, UINT32_MAX, 2) __attribute__((target("bmi2"))) STEPPED(bmi2_3_1, 0xffffff, 1)
    __attribute__((target("bmi2"))) STEPPED(bmi2_3_2, 0xffffff, 2)

#endif

	filter_masks *filter_masks_stepped(unsigned gram, unsigned step, bool plain)
{
	static filter_masks *const by_plain[2][2] = { { stepped_3_1, stepped_3_2 },
		{ stepped_4_1, stepped_4_2 } };

#if defined(__x86_64__)
	static filter_masks *const by_bmi2[2][2] = { { bmi2_3_1, bmi2_3_2 },
		{ bmi2_4_1, bmi2_4_2 } };

	if (!plain && __builtin_cpu_supports("bmi2"))
		return by_bmi2[gram == 4][step == 2];
#endif
	(void)plain;
	return by_plain[gram == 4][step == 2];
}

void filter_masks_near_plain(
    const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out)
{
	for (unsigned b = 0; b < blocks; b++, p += FILTER_BLOCK) {
		uint64_t m = 0;

		for (unsigned k = 0; k < FILTER_BLOCK; k++) {
			unsigned hit = f->byte[0][p[k]] & f->byte[1][p[k + 1]] &
				       f->byte[2][p[k + 2]] & f->byte[3][p[k + 3]];

			m |= (uint64_t)(hit != 0) << k;
		}
		out[b] = m;
	}
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static inline __m256i table(const uint8_t *t)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)t));
}

/* All bits where a window can begin: by low nibble a row of bits, of which the other one picks. */
__attribute__((target("avx2"))) static inline __m256i can_begin(
    __m256i a, __m256i lo, __m256i hi, __m256i rows, __m256i rows_high)
{
	const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
	__m256i row = _mm256_blendv_epi8(
	    _mm256_shuffle_epi8(rows, lo), _mm256_shuffle_epi8(rows_high, lo), a);
	__m256i want = _mm256_shuffle_epi8(bit, hi);

	return _mm256_cmpeq_epi8(_mm256_and_si256(row, want), want);
}

__attribute__((target("avx2"))) static void near_avx2(
    const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out)
{
	const __m256i low = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
	const __m256i rows = table(f->first[0]), rows_high = table(f->first[1]);
	__m256i t[FILTER_NEAR][2];

	UNROLL
	for (unsigned i = 0; i < FILTER_NEAR; i++) {
		t[i][0] = table(f->nibble[i][0]);
		t[i][1] = table(f->nibble[i][1]);
	}
	for (unsigned k = 0; k < blocks * 2; k++, p += 32) {
		__m256i x = _mm256_set1_epi8(-1);
		uint32_t m;

		UNROLL
		for (unsigned i = 0; i < FILTER_NEAR; i++) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
			__m256i hi = _mm256_and_si256(_mm256_srli_epi16(a, 4), low);
			__m256i lo = _mm256_and_si256(a, low);

			if (i == 0)
				x = can_begin(a, lo, hi, rows, rows_high);
			x = _mm256_and_si256(x, _mm256_and_si256(_mm256_shuffle_epi8(t[i][0], lo),
						    _mm256_shuffle_epi8(t[i][1], hi)));
		}
		m = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, zero));
		if (k % 2 == 0)
			out[k / 2] = m;
		else
			out[k / 2] |= (uint64_t)m << 32;
	}
}

/* The exact tables of ASCII at once: no nibbles, and a first byte that none has is 0 in all
 * buckets. */
__attribute__((target("avx512vbmi,avx512bw"))) static void near_vbmi(
    const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out)
{
	__m512i ascii[FILTER_NEAR][2], high[FILTER_NEAR];

	for (unsigned i = 0; i < FILTER_NEAR; i++) {
		ascii[i][0] = _mm512_loadu_si512(f->byte[i]);
		ascii[i][1] = _mm512_loadu_si512(f->byte[i] + 64);
		high[i] = _mm512_set1_epi8((char)f->high[i]);
	}
	for (unsigned b = 0; b < blocks; b++, p += FILTER_BLOCK) {
		__m512i x = _mm512_set1_epi8(-1);

		for (unsigned i = 0; i < FILTER_NEAR; i++) {
			__m512i a = _mm512_loadu_si512(p + i);
			__m512i of = _mm512_permutex2var_epi8(ascii[i][0], a, ascii[i][1]);

			of = _mm512_mask_mov_epi8(of, _mm512_movepi8_mask(a), high[i]);
			x = _mm512_and_si512(x, of);
		}
		out[b] = _mm512_test_epi8_mask(x, x);
	}
}

filter_masks *filter_masks_near(void)
{
	if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw"))
		return near_vbmi;
	return __builtin_cpu_supports("avx2") ? near_avx2 : filter_masks_near_plain;
}

#elif defined(__aarch64__)

static void near_neon(const struct filter *f, const uint8_t *p, unsigned blocks, uint64_t *out)
{
	const uint8x16_t low = vdupq_n_u8(15);

	for (unsigned k = 0; k < blocks * 4; k++, p += 16) {
		uint8x16_t x = vdupq_n_u8(255);
		uint64_t q, m = 0;

		for (unsigned i = 0; i < FILTER_NEAR; i++) {
			uint8x16_t a = vld1q_u8(p + i);

			x = vandq_u8(x, vqtbl1q_u8(vld1q_u8(f->nibble[i][0]), vandq_u8(a, low)));
			x = vandq_u8(x, vqtbl1q_u8(vld1q_u8(f->nibble[i][1]), vshrq_n_u8(a, 4)));
		}
		/* Four bits a byte; few are set, so that the walk is rare. */
		x = vtstq_u8(x, x);
		q = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(x), 4)), 0);
		for (q &= UINT64_C(0x1111111111111111); q; q &= q - 1)
			m |= UINT64_C(1) << (__builtin_ctzll(q) / 4);
		if (k % 4 == 0)
			out[k / 4] = m;
		else
			out[k / 4] |= m << (16 * (k % 4));
	}
}

filter_masks *filter_masks_near(void)
{
	return near_neon;
}

#else

filter_masks *filter_masks_near(void)
{
	return filter_masks_near_plain;
}

#endif
