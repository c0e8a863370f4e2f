// Layers of one or two units. A register of units would be all but empty, so registers are filled with rows of the batch:
// a lane is a row, and a number of the weights is broadcast.
//
// Where the numbers lie does not change, nor what is done to each and in what order: the bits are those of product.hpp and
// of the cells' steps on units.
#pragma once

#include "panels.hpp"
#include "product.hpp"

namespace elman::ELMAN_ISA {

constexpr Index kFewUnits = 2;
constexpr Index kGroups = 4;  // of as many rows as lanes, that are multiplied at a time: their chains of sums overlap

inline bool few_units(const Kind& kind) { return kind.H <= kFewUnits; }

// Where a unit's numbers lie among the panel's registers, of which each holds `valid` units.
template <class T>
constexpr Index place_of_unit(Index unit, Index valid) {
    return unit / valid * kLanes<T> + unit % valid;
}

// A register that begins with these two.
template <class T>
ELMAN_INLINE Vector<T> two_first(T first, T second) {
    Vector<T> v{};
    v[0] = first;
    v[1] = second;
    return v;
}

// sum[u], a lane a row, += the products of `depth` numbers of `count` rows from a[i][k] on with w: the first of a whole
// square of both if `Whole`.
template <class T, bool Whole>
ELMAN_INLINE void add_square(const T* const* a, Index k, int count, int depth, const T* w, int vectors, Index valid,
                             Vector<T>* sum) {
    constexpr int L = kLanes<T>;
    Vector<T> square[L];
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) square[l] = Whole ? load(a[l] + k) : l < count ? load_first(a[l] + k, depth) : Vector<T>{};
    transpose_square<T>(square);
    for (Index u = 0; u < vectors * valid; ++u) {
        const T* of_unit = w + place_of_unit<T>(u, valid);
        Vector<T> s = sum[u];
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
            if (Whole || l < depth) s = fma(square[transposed_place<T>(l)], broadcast(of_unit[l * vectors * L]), s);
        sum[u] = s;
    }
}

// rows_product of one run of `columns`, with `valid` units in each of b's registers: c[r] + c_at = first + the products.
// Lanes past the units become zeros.
template <class T>
void crosswise_product(Index rows, const T* const* a, Index columns, const T* b, int vectors, Index valid, T* const* c,
                       Index c_at, const T* first) {
    constexpr Index L = kLanes<T>;
    const Index units = vectors * valid;
    for (Index begin = 0; begin < rows; begin += kGroups * L) {
        const Index left = rows - begin;
        const bool ahead = left >= 2 * kGroups * L;
        Vector<T> sum[kGroups][kMaxVectors * kFewUnits];
        for (Index g = 0; g < kGroups; ++g)
            for (Index u = 0; u < units; ++u) sum[g][u] = broadcast(first[place_of_unit<T>(u, valid)]);
        for (Index k = 0; k < columns; k += L) {
            const int depth = int(columns - k < L ? columns - k : L);
            const T* w = b + k * vectors * L;
            for (Index g = 0; g < kGroups && g * L < left; ++g) {
                const T* const* rows_here = a + begin + g * L;
                const int count = int(left - g * L < L ? left - g * L : L);
                for (Index l = 0; l < L && ahead; ++l)  // memory is what takes the time
                    __builtin_prefetch(rows_here[kGroups * L + l] + k, 0, 2);
                if (count == L && depth == L)
                    add_square<T, true>(rows_here, k, count, depth, w, vectors, valid, sum[g]);
                else
                    add_square<T, false>(rows_here, k, count, depth, w, vectors, valid, sum[g]);
            }
        }
        for (Index g = 0; g < kGroups && g * L < left; ++g)
            for (int v = 0; v < vectors; ++v) {
                alignas(64) T units_of[kFewUnits][L]{};
                for (Index u = 0; u < valid; ++u) store(units_of[u], sum[g][v * valid + u]);
                for (Index i = 0; i < L && g * L + i < left; ++i)
                    store(c[begin + g * L + i] + c_at + v * L, two_first(units_of[0][i], units_of[1][i]));
            }
    }
}

// The cell's steps, forwards and backwards, on the only panel.
template <class T, class C>
struct Crosswise {
    static constexpr Index L = kLanes<T>;
    static constexpr Index kSlots = C::many_blocks ? 1 : kMaxVectors;

    // u = U h, and the cell, at step t of n rows
    static void step(const Forward<T>& f, const Steps& steps, const Panels<T>& panels, Index t, Index begin, Index n,
                     const T* const* h, T* const* gates) {
        const Index H = f.kind.H, width = panels.layout.width();
        const int vectors = panels.vectors(0), first = panels.first_slot(true);
        for (Index j = 0; j < n; j += L) {
            const Index count = n - j < L ? n - j : L;
            alignas(64) T before[kFewUnits][L]{}, after[kFewUnits][L], slots[kFewUnits][kSlots * L]{};
            alignas(64) T c[kFewUnits][L]{}, memory[kFewUnits][2 * L];
            for (Index i = 0; i < count; ++i)
                for (Index u = 0; u < H; ++u) {
                    before[u][i] = h[j + i][u];
                    for (Index s = 0; s < kSlots; ++s) slots[u][s * L + i] = gates[j + i][s * L + u];
                    if (C::has_c) c[u][i] = f.c[(begin + j + i) * width + u];
                }
            for (Index u = 0; u < H; ++u) {
                for (int v = 0; v < vectors; ++v) {
                    Vector<T> sum = load(slots[u] + (first + v) * L);
                    for (Index k = 0; k < H; ++k)
                        sum = fma(load(before[k]), broadcast(f.packed.U[(k * vectors + v) * L + u]), sum);
                    store(slots[u] + (first + v) * L, sum);
                }
                store(after[u], C::step(slots[u], load(before[u]), c[u], f.memory ? memory[u] : nullptr));
            }
            for (Index i = 0; i < count; ++i) {
                T* y = f.y.at(t, begin + j + i);
                T* kept = f.memory ? f.memory + (steps.offset[t] + begin + j + i) * 2 * L : nullptr;
                for (Index u = 0; u < H; ++u) {
                    y[u] = after[u][i];
                    if (C::has_c) f.c[(begin + j + i) * width + u] = c[u][i];
                    for (Index s = 0; s < kSlots && f.gates; ++s) gates[j + i][s * L + u] = slots[u][s * L + i];
                    if (kept) kept[u] = memory[u][i], kept[L + u] = memory[u][L + i];
                }
            }
        }
    }

    // the derivatives by the products a and u at step t of n rows; d_h keeps the path around U. state_of(j) is the state
    // that C::back reads of a row.
    template <class StateOf>
    static void back(const Backward<T>& b, const Steps& steps, const Panels<T>& panels, Index t, Index begin, Index n,
                     StateOf state_of) {
        const Forward<T>& f = b.forward;
        const Index H = f.kind.H, width = panels.layout.width(), row = panels.layout.row();
        for (Index j = 0; j < n; j += L) {
            const Index count = n - j < L ? n - j : L, place = steps.offset[t] + begin + j;
            alignas(64) T state[kFewUnits][L]{}, slots[kFewUnits][kSlots * L]{}, memory[kFewUnits][2 * L]{};
            alignas(64) T d_h[kFewUnits][L]{}, d_y[kFewUnits][L]{}, d_c[kFewUnits][L]{}, d_slots[kFewUnits][kSlots * L]{};
            for (Index i = 0; i < count; ++i) {
                const T* read = C::state == StateRead::none ? nullptr : state_of(begin + j + i);
                const T* d_output = b.d_y.at(t, begin + j + i);
                for (Index u = 0; u < H; ++u) {
                    const Index at = (begin + j + i) * width + u;
                    if (read) state[u][i] = read[u];
                    d_h[u][i] = b.d_h[at];
                    d_y[u][i] = d_output[u];
                    if (C::has_c) d_c[u][i] = b.d_c[at];
                    for (Index s = 0; s < kSlots && f.gates; ++s) slots[u][s * L + i] = f.gates[(place + i) * row + s * L + u];
                    for (Index m = 0; m < 2 && C::has_c; ++m)
                        memory[u][m * L + i] = f.memory[((place + i) * 2 + m) * L + u];
                }
            }
            for (Index u = 0; u < H; ++u) {
                Derivative<T> d{load(d_h[u]) + load(d_y[u]), load(d_c[u])};
                C::back(slots[u], memory[u], load(state[u]), d_slots[u], d);
                store(d_h[u], d.d_h);
                store(d_c[u], d.d_c);
            }
            for (Index i = 0; i < count; ++i) {
                for (Index s = 0; s < kSlots; ++s)
                    store(b.d_gates + (place + i) * row + s * L, two_first(d_slots[0][s * L + i], d_slots[1][s * L + i]));
                for (Index u = 0; u < H; ++u) {
                    const Index at = (begin + j + i) * width + u;
                    b.d_h[at] = d_h[u][i];
                    if (C::has_c) b.d_c[at] = d_c[u][i];
                }
            }
        }
    }
};

}  // namespace elman::ELMAN_ISA
