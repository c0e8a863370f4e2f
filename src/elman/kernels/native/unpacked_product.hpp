// Products with weights in the caller's layout. For a few rows, packing the weights costs more time than it saves. The
// chains of multiply-adds are those of product.hpp, so the bits of the results are the same.
#pragma once

#include "product.hpp"

namespace elman::ELMAN_ISA {

// Transposes the first `count` columns of `valid` rows, at most L of each. The other numbers of the square are zeros.
template <class T>
void transpose_partial(const T* rows, Index columns, Index valid, Index count, Vector<T>* out) {
    constexpr int L = kLanes<T>;
    Vector<T> square[L];
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) square[l] = l < valid ? load_first(rows + l * columns, int(count)) : Vector<T>{};
    transpose_square<T>(square);
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) out[l] = square[transposed_index<T>(l)];
}

// The register at c[r] + c_offset += the sums over k of a[r][k] weights[l][k], lane l for row l of the weights. There
// are `valid` such rows of `columns` numbers. Squares of them are transposed in registers. The sums start with
// `initial` or, if that is null, with the numbers in c.
template <class T, int R>
void unpacked_tile(const T* const* a, const T* weights, Index columns, Index valid, T* const* c, Index c_offset,
                   const T* initial) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] = load(initial ? initial : c[r] + c_offset);
    Index k = 0;
    for (; k + L <= columns && valid == L; k += L) {
        Vector<T> square[L];
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l) square[l] = load(weights + l * columns + k);
        transpose_square<T>(square);
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sum[r] = fma(broadcast(a[r][k + l]), square[transposed_index<T>(l)], sum[r]);
    }
    for (; k < columns; k += L) {
        Vector<T> rest[L];
        const Index depth = columns - k < L ? columns - k : L;
        transpose_partial(weights + k, columns, valid, depth, rest);
        for (Index i = 0; i < depth; ++i)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sum[r] = fma(broadcast(a[r][k + i]), rest[i], sum[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) store(c[r] + c_offset, sum[r]);
}

template <class T>
void unpacked_rows_product(Index rows, const T* const* a, const T* weights, Index columns, Index valid, T* const* c,
                           Index c_offset, const T* initial) {
    constexpr decltype(&unpacked_tile<T, 1>) tiles[] = {unpacked_tile<T, 1>, unpacked_tile<T, 2>, unpacked_tile<T, 3>,
                                                        unpacked_tile<T, 4>};
    split_evenly(rows, 4, [&](Index r, Index size) {
        tiles[size - 1](a + r, weights, columns, valid, c + r, c_offset, initial);
    });
}

// c[n] += sum over K rows k of a[k] weights[k][n]. c has room for whole registers.
template <class T, int K>
ELMAN_INLINE void add_rows(const T* a, const T* weights, Index columns, T* c) {
    constexpr int L = kLanes<T>;
    Vector<T> x[K];
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) x[k] = broadcast(a[k]);
    Index n = 0;
    for (; n + L <= columns; n += L) {
        Vector<T> sum = load(c + n);
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k) sum = fma(x[k], load(weights + k * columns + n), sum);
        store(c + n, sum);
    }
    if (n == columns) return;
    Vector<T> sum = load(c + n);
    for (int k = 0; k < K; ++k) sum = fma(x[k], load_first(weights + k * columns + n, int(columns - n)), sum);
    store(c + n, sum);
}

// c[r] += sum over k of a(r, k) weights[k], with a(r, k) as in rows_tile. Reads the weights row by row.
template <class T>
void unpacked_backward_product(Index rows, const T* const* a, const DepthRange* ranges, Index num_ranges,
                               const T* weights, Index columns, T* const* c) {
    constexpr Index K = 8;
    for (Index i = 0; i < num_ranges; ++i) {
        Index k = 0;
        for (; k + K <= ranges[i].length; k += K)
            for (Index r = 0; r < rows; ++r)
                add_rows<T, K>(a[r] + ranges[i].a_offset + k, weights + (ranges[i].b_row + k) * columns, columns, c[r]);
        for (; k < ranges[i].length; ++k)
            for (Index r = 0; r < rows; ++r)
                add_rows<T, 1>(a[r] + ranges[i].a_offset + k, weights + (ranges[i].b_row + k) * columns, columns, c[r]);
    }
}

}  // namespace elman::ELMAN_ISA
