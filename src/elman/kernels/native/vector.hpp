// A vector register of the instruction set that this is compiled for, and the few things that the kernels do with it.
//
// +, -, *, / and comparisons are the compiler's own (GCC and clang vector extensions). Multiplications and additions are
// joined only where fma says so, never by the compiler (-ffp-contract=off): so every row gets the same bits, whatever
// tile it is computed in.
//
// Included by kernels.cpp alone, once an instruction set; everything lives in a namespace of that set's name. No standard
// library in here: its inline functions would be compiled for one set and linked for all.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#if defined(__AVX512F__) || defined(__AVX2__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's own header warns of itself
#include <immintrin.h>
#endif

#define ELMAN_INLINE inline __attribute__((always_inline))

namespace elman::ELMAN_ISA {

#if defined(__AVX512F__)
constexpr int kBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kBytes = 16, kRegisters = 32;
#else
constexpr int kBytes = 16, kRegisters = 16;
#endif

typedef float Floats __attribute__((vector_size(kBytes)));
typedef double Doubles __attribute__((vector_size(kBytes)));
typedef std::int32_t Ints32 __attribute__((vector_size(kBytes)));
typedef std::int64_t Ints64 __attribute__((vector_size(kBytes)));

template <class T>
struct Of;
template <>
struct Of<float> {
    using Vector = Floats;
    using Integers = Ints32;
    using Integer = std::int32_t;
};
template <>
struct Of<double> {
    using Vector = Doubles;
    using Integers = Ints64;
    using Integer = std::int64_t;
};
template <class T>
using Vector = typename Of<T>::Vector;
template <class T>
constexpr int kLanes = kBytes / int(sizeof(T));

// A tile of a product is at most so large; see most_rows in product.hpp.
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

// The first n lanes from memory, zeros in the rest; nothing past them is read.
template <class T>
ELMAN_INLINE Vector<T> load_first(const T* p, int n) {
    if (n >= kLanes<T>) return load(p);
    Vector<T> v{};
    std::memcpy(&v, p, sizeof(T) * unsigned(n));
    return v;
}

template <class T>
ELMAN_INLINE void store_first(T* p, Vector<T> v, int n) {
    if (n >= kLanes<T>) return store(p, v);
    std::memcpy(p, &v, sizeof(T) * unsigned(n));
}

// Lanes of a and b by their numbers, b's after a's.
template <class T>
ELMAN_INLINE Vector<T> shuffle(Vector<T> a, Vector<T> b, typename Of<T>::Integers lanes) {
#if defined(__clang__)
    Vector<T> r;
    for (int l = 0; l < kLanes<T>; ++l) r[l] = lanes[l] < kLanes<T> ? a[lanes[l]] : b[lanes[l] - kLanes<T>];
    return r;
#else
    return __builtin_shuffle(a, b, lanes);
#endif
}

// One round of a transposition: in every square of 2 * D rows and lanes, the upper right and the lower left quarter change
// places; then the same within the quarters.
template <class T, int D>
ELMAN_INLINE void swap_halves(Vector<T>* square) {
    if constexpr (D > 0) {
        constexpr int L = kLanes<T>;
        using Integers = typename Of<T>::Integers;
        Integers left{}, right{};
        for (int l = 0; l < L; ++l) {
            const bool second = l & D;
            left[l] = second ? L + l - D : l;
            right[l] = second ? L + l : l + D;
        }
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l) {
            if (l & D) continue;
            const Vector<T> a = square[l], b = square[l + D];
            square[l] = shuffle<T>(a, b, left);
            square[l + D] = shuffle<T>(a, b, right);
        }
        swap_halves<T, D / 2>(square);
    }
}

// a * b + c in one rounding, where the machine can.
ELMAN_INLINE Floats fma(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    Floats r;
    for (int i = 0; i < kLanes<float>; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return r;
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
#else
    return a * b + c;
#endif
}

// x between low and high; nan stays nan, so that a diverging network is seen to diverge.
template <class T>
ELMAN_INLINE Vector<T> clamp(Vector<T> x, T low, T high) {
    const Vector<T> least = broadcast(low), most = broadcast(high);
#if defined(__AVX512F__)  // one instruction each, which gives its second operand where either is nan
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
