// Matrix products, as recurrent layers need them: a few rows times packed weights, and long sums of outer products.
//
//     c[r][n] += sum over k of a(r, k) b[k][n]          for a tile of R rows r and N vectors n, held in registers
//
// Every c is one chain of fused multiply-adds in the order of k, cut only by storing and loading it: its bits depend on
// nothing else, neither on the tile nor on the other rows.
#pragma once

#include "shape.hpp"
#include "vector.hpp"

namespace elman::ELMAN_ISA {

// A run of k: `length` numbers at `offset` from the row's pointer, times so many rows of b from row `first` on.
struct Run {
    Index offset, length, first;
};

// How many rows a tile of N vectors may have: accumulators, one row of b and a broadcast have to fit the registers.
constexpr int most_rows(int vectors) {
    int rows = (kRegisters - vectors - 1) / vectors;
    return rows > kMaxRows ? kMaxRows : rows < 1 ? 1 : rows;
}

// Rows a(r, k) = a[r][run.offset + k], runs one after another; rows of b `stride` apart; c[r] + c_at, started from `first`
// if given.
template <class T, int R, int N>
void rows_tile(const T* const* a, const Run* runs, Index num_runs, const T* b, Index stride, T* const* c, Index c_at,
               const T* first) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        const T* start = first ? first : c[r] + c_at;
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n] = load(start + n * L);
    }
    for (Index i = 0; i < num_runs; ++i) {
        const T* rows[R];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) rows[r] = a[r] + runs[i].offset;
        const T* row = b + runs[i].first * stride;
        const Index length = runs[i].length;
        for (Index k = 0; k < length; ++k) {
            Vector<T> w[N];
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) w[n] = load(row + n * L);
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
        for (int n = 0; n < N; ++n) store(c[r] + c_at + n * L, sum[r][n]);
}

// a(r, k) = a[k * stride + r]: the outer products of the weights' gradient. c[r * c_stride], started from zero if `fresh`.
template <class T, int R, int N>
void columns_tile(const T* a, Index stride, Index length, const T* b, T* c, Index c_stride, bool fresh) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n] = fresh ? Vector<T>{} : load(c + r * c_stride + n * L);
    for (Index k = 0; k < length; ++k) {
        Vector<T> w[N];
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) w[n] = load(b + n * L);
        b += N * L;
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            Vector<T> x = broadcast(a[r]);
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) sum[r][n] = fma(x, w[n], sum[r][n]);
        }
        a += stride;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) store(c + r * c_stride + n * L, sum[r][n]);
}

// The tiles by their sizes: table[R - 1][N - 1]. A size that most_rows forbids is never asked for.
template <class T>
struct Tiles {
    using Rows = void (*)(const T* const*, const Run*, Index, const T*, Index, T* const*, Index, const T*);
    using Columns = void (*)(const T*, Index, Index, const T*, T*, Index, bool);

    template <int R, int N>
    static constexpr Rows rows_of() {
        if constexpr (R <= most_rows(N)) return rows_tile<T, R, N>;
        return nullptr;
    }
    template <int R, int N>
    static constexpr Columns columns_of() {
        if constexpr (R <= most_rows(N)) return columns_tile<T, R, N>;
        return nullptr;
    }
#define ELMAN_ROW(of, R) {of<R, 1>(), of<R, 2>(), of<R, 3>(), of<R, 4>()}
#define ELMAN_TABLE(of)                                                                                    \
    {ELMAN_ROW(of, 1), ELMAN_ROW(of, 2), ELMAN_ROW(of, 3), ELMAN_ROW(of, 4), ELMAN_ROW(of, 5), ELMAN_ROW(of, 6), \
     ELMAN_ROW(of, 7), ELMAN_ROW(of, 8)}
    static constexpr Rows rows[kMaxRows][kMaxVectors] = ELMAN_TABLE(rows_of);
    static constexpr Columns columns[kMaxRows][kMaxVectors] = ELMAN_TABLE(columns_of);
#undef ELMAN_TABLE
#undef ELMAN_ROW
};

// `count` things cut into the fewest parts of at most `most`, as even as can be: calls part(begin, size).
template <class F>
ELMAN_INLINE void evenly(Index count, Index most, F part) {
    const Index parts = (count + most - 1) / most;
    for (Index i = 0, begin = 0; i < parts; ++i) {
        const Index size = (count - begin) / (parts - i);
        part(begin, size);
        begin += size;
    }
}

// c[r] + c_at, so many vectors wide, += the rows' product with b, for any number of rows.
template <class T>
void rows_product(Index rows, const T* const* a, const Run* runs, Index num_runs, const T* b, Index stride, int vectors,
                  T* const* c, Index c_at, const T* first) {
    evenly(rows, most_rows(vectors), [&](Index r, Index size) {
        Tiles<T>::rows[size - 1][vectors - 1](a + r, runs, num_runs, b, stride, c + r, c_at, first);
    });
}

}  // namespace elman::ELMAN_ISA
