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

// Products with weights that lie as the caller has them, for a handful of rows a: for so few, packing costs more than it
// saves. The chains are those of the tiles.

// The first columns of the first rows, as many as fit a square, exchanged; zeros for the rest.
template <class T>
void transpose_part(const T* rows, Index columns, Index valid, Index count, Vector<T>* out) {
    constexpr int L = kLanes<T>;
    Vector<T> square[L];
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) square[l] = l < valid ? load_first(rows + l * columns, int(count)) : Vector<T>{};
    transpose_square<T>(square);
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) out[l] = square[transposed_place<T>(l)];
}

// c[r] + c_at + l, a register of it, += the sums over k of a[r][k] weights[l][k]; rows of weights are `columns` long, and
// there are `valid` of them. Squares of them are transposed on the way.
template <class T, int R>
void loose_tile(const T* const* a, const T* weights, Index columns, Index valid, T* const* c, Index c_at, const T* first) {
    constexpr int L = kLanes<T>;
    Vector<T> sum[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] = load(first ? first : c[r] + c_at);
    Index k = 0;
    for (; k + L <= columns && valid == L; k += L) {
        Vector<T> square[L];
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l) square[l] = load(weights + l * columns + k);
        transpose_square<T>(square);
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sum[r] = fma(broadcast(a[r][k + l]), square[transposed_place<T>(l)], sum[r]);
    }
    for (; k < columns; k += L) {
        Vector<T> rest[L];
        const Index depth = columns - k < L ? columns - k : L;
        transpose_part(weights + k, columns, valid, depth, rest);
        for (Index i = 0; i < depth; ++i)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sum[r] = fma(broadcast(a[r][k + i]), rest[i], sum[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) store(c[r] + c_at, sum[r]);
}

template <class T>
void loose_product(Index rows, const T* const* a, const T* weights, Index columns, Index valid, T* const* c, Index c_at,
                   const T* first) {
    constexpr decltype(&loose_tile<T, 1>) tiles[] = {loose_tile<T, 1>, loose_tile<T, 2>, loose_tile<T, 3>,
                                                     loose_tile<T, 4>};
    evenly(rows, 4, [&](Index r, Index size) { tiles[size - 1](a + r, weights, columns, valid, c + r, c_at, first); });
}

// c[n] += sum over K rows k of a[k] weights[k][n]; c is a whole number of registers.
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

// c[r] += the sums over k of a(r, k) weights[k], as rows_tile has a(r, k): a row of weights after the other.
template <class T>
void loose_rows_product(Index rows, const T* const* a, const Run* runs, Index num_runs, const T* weights, Index columns,
                        T* const* c) {
    constexpr Index K = 8;
    for (Index i = 0; i < num_runs; ++i) {
        Index k = 0;
        for (; k + K <= runs[i].length; k += K)
            for (Index r = 0; r < rows; ++r)
                add_rows<T, K>(a[r] + runs[i].offset + k, weights + (runs[i].first + k) * columns, columns, c[r]);
        for (; k < runs[i].length; ++k)
            for (Index r = 0; r < rows; ++r)
                add_rows<T, 1>(a[r] + runs[i].offset + k, weights + (runs[i].first + k) * columns, columns, c[r]);
    }
}

}  // namespace elman::ELMAN_ISA
