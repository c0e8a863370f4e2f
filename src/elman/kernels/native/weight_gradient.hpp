// The gradients of the weights of a layer: sums of outer products over all entries, after the backward pass.
//
//     d_W = sum over entries of d_a x^T          d_b_ih = sum of d_a
//     d_U = sum over entries of d_u h_prev^T     d_b_hh = sum of d_u
//
// A share of the work is a range of gate blocks, that is of rows of W and U.
#pragma once

#include "arena.hpp"
#include "entries.hpp"
#include "panels.hpp"
#include "product.hpp"

namespace elman::ELMAN_ISA {

constexpr Index kFewEntries = 8;  // so few that writing the gradient takes more time than the outer products

// Scratch memory: kDepth rows of x or h.
template <class T>
T* take_packed_inputs(Arena& arena, const LayerSpec& spec) {
    return arena.take<T>(kDepth *
                         larger(ColumnPanels<T>{spec.I}.padded_columns(), ColumnPanels<T>{spec.H}.padded_columns()));
}

// sum += `depth` rows of d, `stride` apart, in a fixed order
template <class T>
void add_row_sum(const T* d, Index stride, Index depth, T* sum, int valid) {
    constexpr Index kChains = 4;
    Vector<T> sums[kChains]{};
    Index i = 0;
    for (; i + kChains <= depth; i += kChains)
        for (Index c = 0; c < kChains; ++c) sums[c] += load(d + (i + c) * stride);
    for (; i < depth; ++i) sums[0] += load(d + i * stride);
    store_first(sum, load_first(sum, valid) + ((sums[0] + sums[1]) + (sums[2] + sums[3])), valid);
}

// The gradient of W or, if `recurrent`, U, and of the bias that belongs to it.
template <class T>
class WeightGradient {
public:
    WeightGradient(const LayerBackward<T>& layer, const Steps& steps, bool recurrent, Range gate_blocks,
                   T* packed_inputs)
        : layer_(layer),
          steps_(steps),
          recurrent_(recurrent),
          gate_blocks_(gate_blocks),
          packed_inputs_(packed_inputs),
          panels_(layer.forward.spec),
          columns_{recurrent ? layer.forward.spec.H : layer.forward.spec.I},
          weight_(recurrent ? layer.d_U : layer.d_W),
          bias_(recurrent ? layer.d_b_hh : layer.d_b_ih) {}

    void run() {
        const Index entries = steps_.num_entries();
        initialize();
        if (!weight_ && !bias_) return;
        for (Index k = 0; k < entries; k += kDepth) {
            const Index depth = smaller(kDepth, entries - k);
            if (bias_)
                for_gate_blocks([&](const GateBlock& g) {
                    add_row_sum(d_gates(g, k), width(), depth, bias_ + row(g), int(g.valid));
                });
            if (weight_) add_outer_products(k, depth);
        }
    }

private:
    static constexpr Index L = kLanes<T>;

    Index width() const { return panels_.layout.panel_width(); }
    Index row(const GateBlock& g) const { return g.weight_row(panels_.spec, L); }
    const T* d_gates(const GateBlock& g, Index entry) const {
        return layer_.d_gates + (g.panel * steps_.num_entries() + entry) * width() + g.slot * L;
    }

    // Calls function(gate_block) for the share of this thread.
    template <class F>
    void for_gate_blocks(F function) const {
        Index i = 0;
        panels_.for_gate_blocks(recurrent_, [&](const GateBlock& g) {
            if (i >= gate_blocks_.begin && i < gate_blocks_.end) function(g);
            ++i;
        });
    }

    void initialize() {
        const bool overwrite = !layer_.accumulate_weights, no_entries = steps_.num_entries() == 0;
        for_gate_blocks([&](const GateBlock& g) {
            if (bias_ && overwrite) std::memset(bias_ + row(g), 0, sizeof(T) * g.valid);
            if (!recurrent_ && layer_.d_table) sum_by_table_row(g);
            if (weight_ && overwrite && no_entries)
                std::memset(weight_ + row(g) * columns_.columns, 0, sizeof(T) * g.valid * columns_.columns);
        });
    }

    // The gradient of a table: the sums of d_gates of the entries that have gathered the same row.
    void sum_by_table_row(const GateBlock& g) const {
        const LayerForward<T>& forward = layer_.forward;
        const Index columns = forward.spec.gates() * forward.spec.H;
        T* gradient = layer_.d_table + row(g);
        for (Index i = 0; i < forward.weights.table_rows; ++i)
            std::memset(gradient + i * columns, 0, sizeof(T) * g.valid);
        const T* d = d_gates(g, 0);
        const int valid = int(g.valid);
        for (Index t = 0; t < steps_.T; ++t)
            for (Index j = 0; j < steps_.active[t]; ++j, d += width()) {
                T* out = gradient + *forward.ids.at(t, j) * columns;
                store_first(out, load_first(out, valid) + load(d), valid);
            }
    }

    // Adds the outer products of `depth` entries from k on, or writes them for the first entries.
    void add_outer_products(Index k, Index depth) {
        const T* inputs = packed_inputs(k, depth);
        const bool overwrite = k == 0 && !layer_.accumulate_weights;
        const auto add = [&](const GateBlock& g, Index q) {
            add_panel(q, d_gates(g, k), depth, inputs + columns_.first_column(q) * depth, g.valid,
                      weight_ + row(g) * columns_.columns, overwrite);
        };
        if (depth <= kFewEntries) {  // write the gradient from its first number to its last
            for_gate_blocks([&](const GateBlock& g) {
                for (Index q = 0; q < columns_.panels(); ++q) add(g, q);
            });
            return;
        }
        for (Index q = 0; q < columns_.panels(); ++q) for_gate_blocks([&](const GateBlock& g) { add(g, q); });
    }

    // Returns x, or the h before the step, of `depth` entries from k on, as [panel of columns][entry][vectors * lanes].
    // They are copied unless they already have this layout.
    const T* packed_inputs(Index k, Index depth) {
        const T* first = nullptr;
        bool is_packed = columns_.panels() == 1 && columns_.columns == columns_.padded_columns();  // so far
        for (Index i = 0; i < depth; ++i) {
            while (k + i >= steps_.offset[t_ + 1]) ++t_;
            const Index j = k + i - steps_.offset[t_];
            const T* input = recurrent_ ? previous_h(layer_.forward, steps_, t_, j) : layer_.forward.x.at(t_, j);
            if (i == 0) first = input;
            if (is_packed && input == first + i * columns_.columns) continue;
            if (is_packed) copy(first, packed_inputs_, i * columns_.columns);
            is_packed = false;
            pack_input(input, i, depth);
        }
        return is_packed ? first : packed_inputs_;
    }

    ELMAN_INLINE void pack_input(const T* input, Index i, Index depth) {
        for (Index q = 0; q < columns_.panels(); ++q) {
            const Index panel_width = columns_.vectors(q) * L, valid = columns_.valid_columns(q);
            T* out = packed_inputs_ + columns_.first_column(q) * depth + i * panel_width;
            const T* from = input + columns_.first_column(q);
            Index n = 0;
            for (; n + L <= valid; n += L) store(out + n, load(from + n));
            if (n < panel_width) store(out + n, load_first(from + n, int(valid - n)));
        }
    }

    // gradient (rows, columns), panel q of its columns, += the products of d (depth, rows) and inputs (depth, vectors *
    // L)
    void add_panel(Index q, const T* d, Index depth, const T* inputs, Index rows, T* gradient, bool overwrite) const {
        const int vectors = columns_.vectors(q);
        const Index panel_width = vectors * L, valid = columns_.valid_columns(q), columns = columns_.columns;
        split_evenly(rows, max_rows(vectors), [&](Index r, Index size) {
            T* out = gradient + r * columns + columns_.first_column(q);
            const auto tile = Tiles<T>::columns[size - 1][vectors - 1];
            if (valid == panel_width) return tile(d + r, width(), depth, inputs, out, columns, overwrite);
            alignas(64) T padded[kMaxRows * kMaxVectors * L];
            for (Index i = 0; i < size && !overwrite; ++i) {
                std::memset(padded + i * panel_width, 0, sizeof(T) * panel_width);
                std::memcpy(padded + i * panel_width, out + i * columns, sizeof(T) * valid);
            }
            tile(d + r, width(), depth, inputs, padded, panel_width, overwrite);
            for (Index i = 0; i < size; ++i)
                std::memcpy(out + i * columns, padded + i * panel_width, sizeof(T) * valid);
        });
    }

    const LayerBackward<T>& layer_;
    const Steps& steps_;
    const bool recurrent_;
    const Range gate_blocks_;
    T* const packed_inputs_;
    const Panels<T> panels_;
    const ColumnPanels<T> columns_;
    T* const weight_;
    T* const bias_;
    Index t_ = 0;  // the step of the last entry that was packed
};

}  // namespace elman::ELMAN_ISA
