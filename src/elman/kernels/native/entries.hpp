// Helpers of the forward and the backward pass: the entries of a batch, chunks of steps, and the states between steps.
// The rules for lengths and resets are those of cells/unroll.py.
#pragma once

#include "kernels.hpp"
#include "vector.hpp"

namespace elman::ELMAN_ISA {

constexpr Index kChunkEntries = 128;  // entries whose input products are computed at a time
constexpr Index kDepth =
    256;  // k of a product that are computed at a time, so that a panel of them stays in the L2 cache

inline Index smaller(Index a, Index b) { return a < b ? a : b; }
inline Index larger(Index a, Index b) { return a > b ? a : b; }

// Rows of the batch, panels or columns.
struct Range {
    Index begin, end;
    Index size() const { return end - begin; }
};

// Copies numbers. For a few of them, it is faster than a call of memcpy.
template <class T>
ELMAN_INLINE void copy(const T* from, T* to, Index count) {
    for (Index n = 0; n < count; n += kLanes<T>)
        store_first(to + n, load_first(from + n, int(count - n)), int(count - n));
}

// How many steps of `rows` rows are computed at a time: at least one.
inline Index steps_per_chunk(Index rows) { return rows >= kChunkEntries ? 1 : kChunkEntries / larger(rows, 1); }

// How many entries a chunk of these steps has at most.
inline Index chunk_entries(const Steps& steps, Index rows) {
    return larger(1, smaller(steps_per_chunk(rows), steps.T) * rows);
}

// The same for any share of the rows.
inline Index max_chunk_entries(const Steps& steps) {
    return larger(1, larger(steps.B, smaller(kChunkEntries, steps.T * steps.B)));
}

// How many of these rows are active at step t.
inline Index num_active(const Steps& steps, Index t, Range rows) {
    return larger(0, smaller(steps.active[t], rows.end) - rows.begin);
}

// Whether a document begins with step t of row j, in the order in which the layer reads the steps. Then the state
// before the step is zero. A layer that reads in reverse begins a document after the step that is marked in `reset`.
inline bool starts_document(const LayerSpec& spec, const Steps& steps, Index t, Index j) {
    if (!steps.reset) return false;
    if (spec.reverse) ++t;
    return t < steps.length[j] && steps.reset[steps.offset[t] + j];
}

// Whether the final state of row j is zero: a reverse layer reads the marked step 0 last.
inline bool final_state_is_zero(const LayerSpec& spec, const Steps& steps, Index j) {
    return spec.reverse && steps.reset && steps.length[j] > 0 && steps.reset[steps.offset[0] + j];
}

template <class T>
ELMAN_INLINE const T* initial_h(const LayerForward<T>& layer, const Steps& steps, Index j) {
    return layer.h_initial ? layer.h_initial + steps.row[j] * layer.spec.H : layer.zeros;
}

// The h that U is multiplied by at (t, j).
template <class T>
ELMAN_INLINE const T* previous_h(const LayerForward<T>& layer, const Steps& steps, Index t, Index j) {
    if (starts_document(layer.spec, steps, t, j)) return layer.zeros;
    const bool reads_initial = layer.spec.reverse ? t + 1 == steps.length[j] : t == 0;
    if (reads_initial) return initial_h(layer, steps, j);
    return layer.y.at(layer.spec.reverse ? t + 1 : t - 1, j);
}

// Copies states (B, H) by the caller's row to (B, padded) by j. Sets the padding to zero, and everything if `from` is
// null.
template <class T>
void load_states(T* states, Index padded, const T* from, Index H, const Steps& steps, Range rows) {
    std::memset(states + rows.begin * padded, 0, sizeof(T) * rows.size() * padded);
    for (Index j = rows.begin; j < rows.end && from; ++j) copy(from + steps.row[j] * H, states + j * padded, H);
}

// Copies states back to the caller's rows.
template <class T>
void save_states(const T* states, Index padded, T* to, Index H, const Steps& steps, Range rows) {
    for (Index j = rows.begin; j < rows.end; ++j) copy(states + j * padded, to + steps.row[j] * H, H);
}

}  // namespace elman::ELMAN_ISA
