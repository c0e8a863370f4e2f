// A vector register of the instruction set that this file is compiled for, and the operations on it.
//
// +, -, *, / and comparisons are vector extensions of GCC and clang. A multiplication and an addition are fused only by
// a call of fma, never by the compiler (-ffp-contract=off). So every row gets the same bits in every tile.
//
// Only kernels.cpp and quantized_kernels.cpp include this file, and they are compiled once for each instruction set.
// Everything is in a namespace with its name. Do not include headers of the standard library here: their inline functions
// would be compiled for one instruction set and used by the code of all of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#if defined(__AVX512F__) || defined(__AVX2__)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC warns about its own header
#endif
#include <immintrin.h>
#endif

#define ELMAN_INLINE inline __attribute__((always_inline))

namespace elman::ELMAN_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kRegisters = 32;
#elif defined(__wasm__)
constexpr int kVectorBytes = 16, kRegisters = 14;  // of 16, V8 keeps one, and a product needs one before it is added
#else
constexpr int kVectorBytes = 16, kRegisters = 16;
#endif

typedef float Floats __attribute__((vector_size(kVectorBytes)));
typedef double Doubles __attribute__((vector_size(kVectorBytes)));
typedef std::int32_t Ints32 __attribute__((vector_size(kVectorBytes)));
typedef std::int64_t Ints64 __attribute__((vector_size(kVectorBytes)));

template <class T>
struct VectorTypes;
template <>
struct VectorTypes<float> {
    using Vector = Floats;
    using Integers = Ints32;
    using Integer = std::int32_t;
};
template <>
struct VectorTypes<double> {
    using Vector = Doubles;
    using Integers = Ints64;
    using Integer = std::int64_t;
};
template <class T>
using Vector = typename VectorTypes<T>::Vector;
template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));

// The largest tile of a product; see max_rows in product.hpp.
constexpr int kMaxRows = 8, kMaxVectors = 4;

template <class T>
ELMAN_INLINE Vector<T> load(const T* p) {
    Vector<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

template <class T>
ELMAN_INLINE void store(T* p, Vector<T> v) {
    std::memcpy(p, &v, sizeof v);
}

template <class T>
ELMAN_INLINE Vector<T> broadcast(T x) {
    return x - Vector<T>{};
}

// Loads the first n lanes and sets the other lanes to zero. Memory after the n lanes is not read.
template <class T>
ELMAN_INLINE Vector<T> load_first(const T* p, int n) {
    if (n >= kLanes<T>) return load(p);
#if defined(__AVX512F__)
    const unsigned mask = (1u << n) - 1;
    if constexpr (sizeof(T) == 4) return (Vector<T>)_mm512_maskz_loadu_ps(__mmask16(mask), p);
    if constexpr (sizeof(T) == 8) return (Vector<T>)_mm512_maskz_loadu_pd(__mmask8(mask), p);
#else
    Vector<T> v{};
    std::memcpy(&v, p, sizeof(T) * unsigned(n));
    return v;
#endif
}

// Stores the first n lanes.
template <class T>
ELMAN_INLINE void store_first(T* p, Vector<T> v, int n) {
    if (n >= kLanes<T>) return store(p, v);
#if defined(__AVX512F__)
    const unsigned mask = (1u << n) - 1;
    if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, __mmask16(mask), (__m512)v);
    if constexpr (sizeof(T) == 8) _mm512_mask_storeu_pd(p, __mmask8(mask), (__m512d)v);
#else
    std::memcpy(p, &v, sizeof(T) * unsigned(n));
#endif
}

// Lane l of the result is lane lanes[l] of a, or lane lanes[l] - L of b.
template <class T>
ELMAN_INLINE Vector<T> shuffle(Vector<T> a, Vector<T> b, typename VectorTypes<T>::Integers lanes) {
#if defined(__clang__)
    Vector<T> r;
    for (int l = 0; l < kLanes<T>; ++l) r[l] = lanes[l] < kLanes<T> ? a[lanes[l]] : b[lanes[l] - kLanes<T>];
    return r;
#else
    return __builtin_shuffle(a, b, lanes);
#endif
}

// Transposes a square of L rows of L lanes in registers. Afterwards, column k is in square[transposed_index<T>(k)].
//
// Each round exchanges one bit of the row index with one bit of the lane index. It uses only shuffles that cost one
// instruction: first of neighbours within 16 bytes, then of whole groups of 16 bytes. As a result, the first two bits
// of the row index are exchanged for four-byte lanes; transposed_index accounts for that.
template <class T, int Round = 0>
ELMAN_INLINE void transpose_square(Vector<T>* square) {
    constexpr int L = kLanes<T>, group = 16 / int(sizeof(T)), rounds_in_group = group / 2, row = 1 << Round;
    if constexpr (row < L) {
        typename VectorTypes<T>::Integers low{}, high{};
        for (int l = 0; l < L; ++l) {
            if (Round < rounds_in_group) {  // alternate runs of `row` lanes of a and of b
                const int in_group = l % group, from = l - in_group + in_group / (2 * row) * row + in_group % row;
                low[l] = in_group & row ? L + from : from;
                high[l] = low[l] + group / 2;
            } else {  // every other group, first of a, then of b
                const int from = l % (L / 2) / group * 2 * group + l % group;
                low[l] = l < L / 2 ? from : L + from;
                high[l] = low[l] + group;
            }
        }
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l) {
            if (l & row) continue;
            const Vector<T> a = square[l], b = square[l + row];
            square[l] = shuffle<T>(a, b, low);
            square[l + row] = shuffle<T>(a, b, high);
        }
        transpose_square<T, Round + 1>(square);
    }
}

template <class T>
constexpr int transposed_index(int k) {
    return sizeof(T) == 4 ? (k & ~3) | (k & 1) << 1 | (k & 2) >> 1 : k;
}

// a * b + c, rounded once if the processor has such an instruction.
ELMAN_INLINE Floats fma(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    Floats r;
    for (int i = 0; i < kLanes<float>; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return r;
#elif defined(__wasm_relaxed_simd__)
    return (Floats)__builtin_wasm_relaxed_madd_f32x4(a, b, c);  // the browser decides whether it is rounded once
#else
    return a * b + c;
#endif
}

ELMAN_INLINE Doubles fma(Doubles a, Doubles b, Doubles c) {
#if defined(__AVX512F__)
    return (Doubles)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
    return (Doubles)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
    Doubles r;
    for (int i = 0; i < kLanes<double>; ++i) r[i] = __builtin_fma(a[i], b[i], c[i]);
    return r;
#elif defined(__wasm_relaxed_simd__)
    return (Doubles)__builtin_wasm_relaxed_madd_f64x2(a, b, c);
#else
    return a * b + c;
#endif
}

ELMAN_INLINE Floats square_root(Floats x) {
#if defined(__AVX512F__)
    return (Floats)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (Floats)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

ELMAN_INLINE Doubles square_root(Doubles x) {
#if defined(__AVX512F__)
    return (Doubles)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (Doubles)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
    return x;
#endif
}

// Limits x to [low, high]. NaN stays NaN, so that divergence of a network is detected.
template <class T>
ELMAN_INLINE Vector<T> clamp(Vector<T> x, T low, T high) {
    const Vector<T> least = broadcast(low), most = broadcast(high);
#if defined(__AVX512F__)  // min and max return their second operand if either is NaN
    if constexpr (sizeof(T) == 4)
        return (Vector<T>)_mm512_min_ps((__m512)most, _mm512_max_ps((__m512)least, (__m512)x));
    else
        return (Vector<T>)_mm512_min_pd((__m512d)most, _mm512_max_pd((__m512d)least, (__m512d)x));
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4)
        return (Vector<T>)_mm256_min_ps((__m256)most, _mm256_max_ps((__m256)least, (__m256)x));
    else
        return (Vector<T>)_mm256_min_pd((__m256d)most, _mm256_max_pd((__m256d)least, (__m256d)x));
#else
    x = x < least ? least : x;
    return x > most ? most : x;
#endif
}

}  // namespace elman::ELMAN_ISA
