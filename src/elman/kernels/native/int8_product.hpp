// Products of int8 weights and int8 vectors, summed exactly in 32 bits.
//
// A vector is stored as its instruction set needs it: signed, or, for vpdpbusd, which multiplies unsigned by signed
// numbers, with 128 added; the sum then starts at -128 times the sum of the weights. Weights and vectors are between
// -127 and 127. No instruction here saturates with such numbers: vpmaddubsw adds two products of at most 127 * 127.
#pragma once

#include "quantized.hpp"
#include "vector.hpp"
#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace elman::ELMAN_ISA {

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
constexpr std::uint8_t kVectorOffset = 128;
#else
constexpr std::uint8_t kVectorOffset = 0;
#endif

constexpr int kPieces = int(kBlockRows) / kLanes<float>;  // registers of a block

#if defined(__AVX512VNNI__)
constexpr int kMaxTileRows = 4;
constexpr bool kTileOfAllBlocks = true;  // a tile of several vectors has all blocks of a panel, else one block

struct Sums {
    __m512i sum[1];
};
using GroupVector = __m512i;

ELMAN_INLINE GroupVector broadcast_group(std::int32_t group) { return _mm512_set1_epi32(group); }
ELMAN_INLINE void add_group(Sums& s, const std::int8_t* weights, GroupVector x) {
    s.sum[0] = _mm512_dpbusd_epi32(s.sum[0], x, _mm512_loadu_si512(weights));
}
ELMAN_INLINE void start_sums(Sums& s, const std::int32_t* initial) { s.sum[0] = _mm512_loadu_si512(initial); }
ELMAN_INLINE void store_sums(const Sums& s, std::int32_t* out) { _mm512_storeu_si512(out, s.sum[0]); }

#elif defined(__AVX2__)
constexpr int kMaxTileRows = 4;
constexpr bool kTileOfAllBlocks = false;

struct Sums {
    __m256i sum[2];
};

ELMAN_INLINE void start_sums(Sums& s, const std::int32_t* initial) {
    for (int p = 0; p < 2; ++p) s.sum[p] = _mm256_loadu_si256((const __m256i*)(initial + 8 * p));
}
ELMAN_INLINE void store_sums(const Sums& s, std::int32_t* out) {
    for (int p = 0; p < 2; ++p) _mm256_storeu_si256((__m256i*)(out + 8 * p), s.sum[p]);
}

#if defined(__AVXVNNI__)
using GroupVector = __m256i;

ELMAN_INLINE GroupVector broadcast_group(std::int32_t group) { return _mm256_set1_epi32(group); }
ELMAN_INLINE void add_group(Sums& s, const std::int8_t* weights, GroupVector x) {
    for (int p = 0; p < 2; ++p)
        s.sum[p] = _mm256_dpbusd_avx_epi32(s.sum[p], x, _mm256_loadu_si256((const __m256i*)(weights + 32 * p)));
}
#else
struct GroupVector {
    __m256i value, magnitude;
};

ELMAN_INLINE GroupVector broadcast_group(std::int32_t group) {
    const __m256i x = _mm256_set1_epi32(group);
    return {x, _mm256_abs_epi8(x)};
}
ELMAN_INLINE void add_group(Sums& s, const std::int8_t* weights, const GroupVector& x) {
    for (int p = 0; p < 2; ++p) {
        const __m256i w = _mm256_loadu_si256((const __m256i*)(weights + 32 * p));
        const __m256i pairs = _mm256_maddubs_epi16(x.magnitude, _mm256_sign_epi8(w, x.value));
        s.sum[p] = _mm256_add_epi32(s.sum[p], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
}
#endif

#elif defined(__ARM_FEATURE_DOTPROD)
constexpr int kMaxTileRows = 4;
constexpr bool kTileOfAllBlocks = false;

struct Sums {
    int32x4_t sum[4];
};
using GroupVector = int8x16_t;

ELMAN_INLINE GroupVector broadcast_group(std::int32_t group) { return vreinterpretq_s8_s32(vdupq_n_s32(group)); }
ELMAN_INLINE void add_group(Sums& s, const std::int8_t* weights, GroupVector x) {
    for (int p = 0; p < 4; ++p) s.sum[p] = vdotq_s32(s.sum[p], vld1q_s8(weights + 16 * p), x);
}
ELMAN_INLINE void start_sums(Sums& s, const std::int32_t* initial) {
    for (int p = 0; p < 4; ++p) s.sum[p] = vld1q_s32(initial + 4 * p);
}
ELMAN_INLINE void store_sums(const Sums& s, std::int32_t* out) {
    for (int p = 0; p < 4; ++p) vst1q_s32(out + 4 * p, s.sum[p]);
}

#else
// Vector extensions alone. Register p has sums of two columns of rows 2 p and 2 p + 1: columns 0 and 1, then 2 and 3.
constexpr int kMaxTileRows = 1;
constexpr bool kTileOfAllBlocks = false;

typedef std::int8_t Bytes8 __attribute__((vector_size(8)));
typedef std::int16_t Shorts8 __attribute__((vector_size(16)));
typedef std::int32_t Ints4 __attribute__((vector_size(16)));

struct Sums {
    Ints4 sum[8];
    const std::int32_t* initial;
};
using GroupVector = Shorts8;

ELMAN_INLINE GroupVector broadcast_group(std::int32_t group) {
    std::int8_t x[4];
    std::memcpy(x, &group, sizeof x);
    return Shorts8{x[0], x[1], x[2], x[3], x[0], x[1], x[2], x[3]};
}
ELMAN_INLINE void add_group(Sums& s, const std::int8_t* weights, GroupVector x) {
    for (int p = 0; p < 8; ++p) {
        Bytes8 w;
        std::memcpy(&w, weights + 8 * p, sizeof w);
        const Ints4 pairs = (Ints4)(__builtin_convertvector(w, Shorts8) * x);
        s.sum[p] += ((pairs << 16) >> 16) + (pairs >> 16);
    }
}
ELMAN_INLINE void start_sums(Sums& s, const std::int32_t* initial) {
    for (int p = 0; p < 8; ++p) s.sum[p] = Ints4{};
    s.initial = initial;
}
ELMAN_INLINE void store_sums(const Sums& s, std::int32_t* out) {
    for (int p = 0; p < 8; ++p)
        for (int i = 0; i < 2; ++i) out[2 * p + i] = s.initial[2 * p + i] + (s.sum[p][2 * i] + s.sum[p][2 * i + 1]);
}
#endif

// Sums of N blocks for R vectors: out[r][block][16]. The vectors have `groups` groups of four bytes.
template <int N, int R>
void int8_tile(const std::int8_t* weights, Index groups, const std::uint8_t* const* x, const std::int32_t* initial,
               std::int32_t* out, Index out_stride) {
    Sums sums[R][N];
    const Index block_bytes = groups * kBlockGroupBytes;
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) start_sums(sums[r][n], initial + n * kBlockRows);
    for (Index g = 0; g < groups; ++g) {
        GroupVector v[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
            std::int32_t group;
            std::memcpy(&group, x[r] + g * kGroupColumns, sizeof group);
            v[r] = broadcast_group(group);
        }
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) add_group(sums[r][n], weights + n * block_bytes + g * kBlockGroupBytes, v[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) store_sums(sums[r][n], out + r * out_stride + n * kBlockRows);
}

constexpr int kMaxTileBlocks = 4;  // of a panel
constexpr Index kTileSums = kMaxTileBlocks * kBlockRows;

template <int R>
void int8_panel_of(Index blocks, const std::int8_t* weights, Index groups, const std::uint8_t* const* x,
                   const std::int32_t* initial, std::int32_t* out) {
    if constexpr (R == 1 || kTileOfAllBlocks) {
        switch (blocks) {
            case 4: return int8_tile<4, R>(weights, groups, x, initial, out, kTileSums);
            case 3: return int8_tile<3, R>(weights, groups, x, initial, out, kTileSums);
            case 2: return int8_tile<2, R>(weights, groups, x, initial, out, kTileSums);
            default: return int8_tile<1, R>(weights, groups, x, initial, out, kTileSums);
        }
    }
    for (Index n = 0; n < blocks; ++n)
        int8_tile<1, R>(weights + n * groups * kBlockGroupBytes, groups, x, initial + n * kBlockRows,
                        out + n * kBlockRows, kTileSums);
}

// The sums of up to kMaxTileBlocks blocks of a matrix for up to kMaxTileRows vectors: out[r * kTileSums + row].
inline void int8_panel(const QuantizedMatrix& matrix, Index first_block, Index blocks, Index rows,
                       const std::uint8_t* const* x, std::int32_t* out) {
    const Index groups = matrix.groups();
    const std::int8_t* weights = matrix.weights + first_block * groups * kBlockGroupBytes;
    std::int32_t initial[kTileSums];
    for (Index i = 0; i < blocks * kBlockRows; ++i)
        initial[i] = -std::int32_t(kVectorOffset) * matrix.row_sum[first_block * kBlockRows + i];
    if constexpr (kMaxTileRows > 1) {
        if (rows == 4) return int8_panel_of<4>(blocks, weights, groups, x, initial, out);
        if (rows == 3) return int8_panel_of<3>(blocks, weights, groups, x, initial, out);
        if (rows == 2) return int8_panel_of<2>(blocks, weights, groups, x, initial, out);
    }
    int8_panel_of<1>(blocks, weights, groups, x, initial, out);
}

}  // namespace elman::ELMAN_ISA
