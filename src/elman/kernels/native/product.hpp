// The matrix products of recurrent layers: a few rows times packed weights, and long sums of outer products.
//
//     c[r][n] += sum over k of a(r, k) b[k][n]          for a tile of R rows r and N vectors n, which stays in
//     registers
//
// Every element of c is one chain of fused multiply-adds in the order of k. A chain may be interrupted, which stores
// and loads the sum. So the bits of an element depend neither on the tile nor on the other rows.
//
// Offsets inside a tile are unsigned: then clang makes them a part of the load instruction of WebAssembly.
#pragma once

#include "kernels.hpp"
#include "vector.hpp"

namespace elman::ELMAN_ISA {

// Consecutive k: `length` numbers of each row of a, from `a_offset` on, and as many rows of b, from `b_row` on.
struct DepthRange {
    Index a_offset, length, b_row;
};

// How many rows a tile of N vectors may have. Its sums, one row of b and one broadcast number have to fit into
// registers.
constexpr int max_rows(int vectors) {
    int rows = (kRegisters - vectors - 1) / vectors;
    return rows > kMaxRows ? kMaxRows : rows < 1 ? 1 : rows;
}

// The tile at c[r] + c_offset, with a(r, k) = a[r][a_offset + k] for all ranges of k in turn. Rows of b are `stride`
// apart. The sums start with `initial` or, if that is null, with the numbers in c.
template <class T, int R, int N>
void rows_tile(const T* const* a, const DepthRange* ranges, Index num_ranges, const T* b, Index stride, T* const* c,
               Index c_offset, const T* initial) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        const T* start = initial ? initial : c[r] + c_offset;
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n] = load(start + unsigned(n * L));
    }
    for (Index i = 0; i < num_ranges; ++i) {
        const T* rows[R];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) rows[r] = a[r] + ranges[i].a_offset;
        const T* row = b + ranges[i].b_row * stride;
        const Index length = ranges[i].length;
        for (Index k = 0; k < length; ++k) {
            Vector<T> w[N];
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) w[n] = load(row + unsigned(n * L));
            row += stride;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                Vector<T> x = broadcast(rows[r][k]);
#pragma GCC unroll 4
                for (int n = 0; n < N; ++n) sum[r][n] = fma(x, w[n], sum[r][n]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) store(c[r] + c_offset + unsigned(n * L), sum[r][n]);
}

// The tile at c + r * c_stride, with a(r, k) = a[k * stride + r]: the outer products of a weight gradient. The sums
// start with zeros if `overwrite`, otherwise with the numbers in c.
template <class T, int R, int N>
void columns_tile(const T* a, Index stride, Index length, const T* b, T* c, Index c_stride, bool overwrite) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n] = overwrite ? Vector<T>{} : load(c + r * c_stride + n * L);
    for (Index k = 0; k < length; ++k) {
        Vector<T> w[N];
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) w[n] = load(b + unsigned(n * L));
        b += N * L;
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            Vector<T> x = broadcast(a[unsigned(r)]);
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) sum[r][n] = fma(x, w[n], sum[r][n]);
        }
        a += stride;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) store(c + r * c_stride + unsigned(n * L), sum[r][n]);
}

// The tiles by size: rows[R - 1][N - 1] and columns[R - 1][N - 1], null for the sizes that do not fit into registers.
template <class T>
struct Tiles {
    using Rows = void (*)(const T* const*, const DepthRange*, Index, const T*, Index, T* const*, Index, const T*);
    using Columns = void (*)(const T*, Index, Index, const T*, T*, Index, bool);

    template <int R, int N>
    static constexpr Rows rows_of() {
        if constexpr (R <= max_rows(N)) return rows_tile<T, R, N>;
        return nullptr;
    }
    template <int R, int N>
    static constexpr Columns columns_of() {
        if constexpr (R <= max_rows(N)) return columns_tile<T, R, N>;
        return nullptr;
    }
#define ELMAN_ROW(of, R) {of<R, 1>(), of<R, 2>(), of<R, 3>(), of<R, 4>()}
#define ELMAN_TABLE(of)                                                      \
    {ELMAN_ROW(of, 1), ELMAN_ROW(of, 2), ELMAN_ROW(of, 3), ELMAN_ROW(of, 4), \
     ELMAN_ROW(of, 5), ELMAN_ROW(of, 6), ELMAN_ROW(of, 7), ELMAN_ROW(of, 8)}
    static constexpr Rows rows[kMaxRows][kMaxVectors] = ELMAN_TABLE(rows_of);
    static constexpr Columns columns[kMaxRows][kMaxVectors] = ELMAN_TABLE(columns_of);
#undef ELMAN_TABLE
#undef ELMAN_ROW
};

// Divides `count` items into as few parts of at most `max_size` as possible, of about equal size. Calls part(begin,
// size).
template <class F>
ELMAN_INLINE void split_evenly(Index count, Index max_size, F part) {
    const Index parts = (count + max_size - 1) / max_size;
    for (Index i = 0, begin = 0; i < parts; ++i) {
        const Index size = (count - begin) / (parts - i);
        part(begin, size);
        begin += size;
    }
}

// The product of any number of rows with b, which is `vectors` registers wide: see rows_tile.
template <class T>
void rows_product(Index rows, const T* const* a, const DepthRange* ranges, Index num_ranges, const T* b, Index stride,
                  int vectors, T* const* c, Index c_offset, const T* initial) {
    split_evenly(rows, max_rows(vectors), [&](Index r, Index size) {
        Tiles<T>::rows[size - 1][vectors - 1](a + r, ranges, num_ranges, b, stride, c + r, c_offset, initial);
    });
}

}  // namespace elman::ELMAN_ISA
