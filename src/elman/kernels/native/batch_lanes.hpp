// Layers of one or two units. A block of units would leave most lanes of a register empty, so here a lane is a row of
// the batch, and the weights are broadcast.
//
// The memory layout and the order of the operations on each number are the same as in product.hpp and in the passes
// over units, so the bits of the results are the same, too.
#pragma once

#include "cells.hpp"
#include "entries.hpp"
#include "panels.hpp"

namespace elman::ELMAN_ISA {

constexpr Index kMaxUnits = 2;
constexpr Index kGroups = 4;  // groups of L rows that are multiplied at a time, so that their chains of sums overlap

// Whether lanes are rows of the batch in a layer.
inline bool uses_batch_lanes(const LayerSpec& spec) { return spec.H <= kMaxUnits; }

// Where the number of a unit is in a panel whose registers hold `valid` units each. The gates of all units are counted.
template <class T>
constexpr Index unit_offset(Index unit, Index valid) {
    return unit / valid * kLanes<T> + unit % valid;
}

// A register that begins with these two numbers.
template <class T>
ELMAN_INLINE Vector<T> pair(T first, T second) {
    Vector<T> v{};
    v[0] = first;
    v[1] = second;
    return v;
}

// The weights of a product: `columns` rows of a panel with `vectors` registers of `valid` units each.
template <class T>
struct UnitWeights {
    const T* data;
    int vectors;
    Index valid;

    Index units() const { return vectors * valid; }
};

// sum[u] += the products of `depth` numbers of `count` rows, from a[i][k] on, with the weights from row k on. A lane of
// sum[u] is a row. If `Whole`, depth and count are L.
template <class T, bool Whole>
ELMAN_INLINE void add_square(const T* const* a, Index k, int count, int depth, const UnitWeights<T>& weights,
                             Vector<T>* sum) {
    constexpr int L = kLanes<T>;
    Vector<T> square[L];
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l)
        square[l] = Whole ? load(a[l] + k) : l < count ? load_first(a[l] + k, depth) : Vector<T>{};
    transpose_square<T>(square);
    const T* from = weights.data + k * weights.vectors * L;
    for (Index u = 0; u < weights.units(); ++u) {
        const T* w = from + unit_offset<T>(u, weights.valid);
        Vector<T> s = sum[u];
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
            if (Whole || l < depth) s = fma(square[transposed_index<T>(l)], broadcast(w[l * weights.vectors * L]), s);
        sum[u] = s;
    }
}

// Stores the sums of up to L rows to c[i] + c_offset, with zeros in the lanes after the units.
template <class T>
ELMAN_INLINE void store_sums(const Vector<T>* sum, const UnitWeights<T>& weights, Index count, T* const* c,
                             Index c_offset) {
    constexpr Index L = kLanes<T>;
    for (int v = 0; v < weights.vectors; ++v) {
        alignas(64) T by_unit[kMaxUnits][L]{};
        for (Index u = 0; u < weights.valid; ++u) store(by_unit[u], sum[v * weights.valid + u]);
        for (Index i = 0; i < L && i < count; ++i) store(c[i] + c_offset + v * L, pair(by_unit[0][i], by_unit[1][i]));
    }
}

// c[r] + c_offset = initial + the product of row a[r] (columns,) with the weights.
template <class T>
void batch_lanes_product(Index rows, const T* const* a, Index columns, const UnitWeights<T>& weights, T* const* c,
                         Index c_offset, const T* initial) {
    constexpr Index L = kLanes<T>;
    for (Index begin = 0; begin < rows; begin += kGroups * L) {
        const Index remaining = rows - begin;
        const bool prefetch = remaining >= 2 * kGroups * L;  // reading memory takes most of the time
        Vector<T> sum[kGroups][kMaxVectors * kMaxUnits];
        for (Index g = 0; g < kGroups; ++g)
            for (Index u = 0; u < weights.units(); ++u)
                sum[g][u] = broadcast(initial[unit_offset<T>(u, weights.valid)]);
        for (Index k = 0; k < columns; k += L) {
            const int depth = int(smaller(columns - k, L));
            for (Index g = 0; g < kGroups && g * L < remaining; ++g) {
                const T* const* group = a + begin + g * L;
                const int count = int(smaller(remaining - g * L, L));
                for (Index l = 0; l < L && prefetch; ++l) __builtin_prefetch(group[kGroups * L + l] + k, 0, 2);
                if (count == L && depth == L)
                    add_square<T, true>(group, k, count, depth, weights, sum[g]);
                else
                    add_square<T, false>(group, k, count, depth, weights, sum[g]);
            }
        }
        for (Index g = 0; g < kGroups && g * L < remaining; ++g)
            store_sums(sum[g], weights, remaining - g * L, c + begin + g * L, c_offset);
    }
}

// A step of cell C for all rows, forward and backward. The layer has one panel.
template <class T, class C>
struct BatchLanes {
    static constexpr Index L = kLanes<T>;
    static constexpr Index kSlots = C::max_blocks > 1 ? 1 : kMaxVectors;

    // Row j's vectors of a step, as the forward pass reads and writes them.
    struct Row {
        const T* h;
        T *gates, *c, *cell_tape, *y;
    };

    // Computes u = U h and the cell for `count` rows. row_at(i) returns a Row.
    template <class RowAt>
    static void forward(const LayerForward<T>& layer, const Panels<T>& panels, Index count, RowAt row_at) {
        for (Index i = 0; i < count; i += L)
            forward_lanes(layer, panels, smaller(count - i, L), [&](Index lane) { return row_at(i + lane); });
    }

    template <class RowAt>
    static ELMAN_INLINE void forward_lanes(const LayerForward<T>& layer, const Panels<T>& panels, Index count,
                                           RowAt row_at) {
        const Index H = layer.spec.H;
        alignas(64) T before[kMaxUnits][L]{}, after[kMaxUnits][L], gates[kMaxUnits][kSlots * L]{};
        alignas(64) T c[kMaxUnits][L]{}, cell_tape[kMaxUnits][2 * L];
        Row rows[L];
        for (Index i = 0; i < count; ++i) {
            const Row& row = rows[i] = row_at(i);
            for (Index u = 0; u < H; ++u) {
                before[u][i] = row.h[u];
                for (Index s = 0; s < kSlots; ++s) gates[u][s * L + i] = row.gates[s * L + u];
                if (C::has_c) c[u][i] = row.c[u];
            }
        }
        for (Index u = 0; u < H; ++u) {
            add_recurrent_product(layer.weights.U, panels, H, u, before, gates[u]);
            store(after[u], C::forward(gates[u], load(before[u]), c[u], layer.cell_tape ? cell_tape[u] : nullptr));
        }
        for (Index i = 0; i < count; ++i) {
            const Row& row = rows[i];
            for (Index u = 0; u < H; ++u) {
                row.y[u] = after[u][i];
                if (C::has_c) row.c[u] = c[u][i];
                for (Index s = 0; s < kSlots && layer.gate_tape; ++s) row.gates[s * L + u] = gates[u][s * L + i];
                for (Index m = 0; C::has_c && row.cell_tape && m < 2; ++m)
                    row.cell_tape[m * L + u] = cell_tape[u][m * L + i];
            }
        }
    }

    // Adds row `unit` of every gate of U times h to the gates of that unit.
    static ELMAN_INLINE void add_recurrent_product(const T* U, const Panels<T>& panels, Index H, Index unit,
                                                   const T (*h)[L], T* gates) {
        const int vectors = panels.vectors(0), first = panels.first_slot(true);
        for (int v = 0; v < vectors; ++v) {
            Vector<T> sum = load(gates + (first + v) * L);
            for (Index k = 0; k < H; ++k) sum = fma(load(h[k]), broadcast(U[(k * vectors + v) * L + unit]), sum);
            store(gates + (first + v) * L, sum);
        }
    }

    // Row j's vectors of a step, as the backward pass reads and writes them.
    struct GradientRow {
        const T *h, *d_y, *gates, *cell_tape;
        T *d_h, *d_c, *d_gates;
    };

    // Computes the derivatives with respect to the sums of the products for `count` rows. d_h keeps the path around U.
    // row_at(i) returns a GradientRow.
    template <class RowAt>
    static void backward(Index H, Index count, RowAt row_at) {
        for (Index i = 0; i < count; i += L)
            backward_lanes(H, smaller(count - i, L), [&](Index lane) { return row_at(i + lane); });
    }

    template <class RowAt>
    static ELMAN_INLINE void backward_lanes(Index H, Index count, RowAt row_at) {
        alignas(64) T h[kMaxUnits][L]{}, gates[kMaxUnits][kSlots * L]{}, cell_tape[kMaxUnits][2 * L]{};
        alignas(64) T d_h[kMaxUnits][L]{}, d_y[kMaxUnits][L]{}, d_c[kMaxUnits][L]{}, d_gates[kMaxUnits][kSlots * L]{};
        GradientRow rows[L];
        for (Index i = 0; i < count; ++i) {
            const GradientRow& row = rows[i] = row_at(i);
            for (Index u = 0; u < H; ++u) {
                if (row.h) h[u][i] = row.h[u];
                d_h[u][i] = row.d_h[u];
                d_y[u][i] = row.d_y[u];
                if (C::has_c) d_c[u][i] = row.d_c[u];
                for (Index s = 0; s < kSlots && row.gates; ++s) gates[u][s * L + i] = row.gates[s * L + u];
                for (Index m = 0; m < 2 && C::has_c; ++m) cell_tape[u][m * L + i] = row.cell_tape[m * L + u];
            }
        }
        for (Index u = 0; u < H; ++u) {
            StateGradient<T> d{load(d_h[u]) + load(d_y[u]), load(d_c[u])};
            C::backward(gates[u], cell_tape[u], load(h[u]), d_gates[u], d);
            store(d_h[u], d.d_h);
            store(d_c[u], d.d_c);
        }
        for (Index i = 0; i < count; ++i) {
            const GradientRow& row = rows[i];
            for (Index s = 0; s < kSlots; ++s)
                store(row.d_gates + s * L, pair(d_gates[0][s * L + i], d_gates[1][s * L + i]));
            for (Index u = 0; u < H; ++u) {
                row.d_h[u] = d_h[u][i];
                if (C::has_c) row.d_c[u] = d_c[u][i];
            }
        }
    }
};

}  // namespace elman::ELMAN_ISA
