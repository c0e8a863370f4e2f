// The forward pass of one layer in one direction over a whole sequence, for the rows of a thread or of a team.
//
//     a = W x + b     for a chunk of steps at a time
//     u = U h         step by step, and the cell after it
//
// The sums of both products are in the gate tape or, if no tape is kept, in scratch memory for one chunk.
#pragma once

#include "arena.hpp"
#include "batch_lanes.hpp"
#include "cells.hpp"
#include "entries.hpp"
#include "panels.hpp"
#include "unpacked_product.hpp"

namespace elman::ELMAN_ISA {

// The rows of gates that a product writes: panel p of entry i is at entry[i] + p * panel_stride.
template <class T>
struct GateRows {
    T* const* entry;
    Index count, panel_stride;
};

// Multiplies count rows of a by panel p of W or, if `recurrent`, U. Adds the products to the gates at `offset` or, if
// `initial` is not null, writes initial + the products.
template <class T>
void multiply_panel(const LayerWeights<T>& weights, const Panels<T>& panels, bool recurrent, Index p, const T* const* a,
                    const GateRows<T>& gates, Index offset, const T* initial) {
    constexpr Index L = kLanes<T>;
    const int vectors = panels.vectors(p);
    const Index columns = recurrent ? panels.spec.H : panels.spec.I;
    if (const T* unpacked = recurrent ? weights.unpacked_U : weights.unpacked_W) {
        for (int v = 0; v < vectors; ++v) {
            const GateBlock g = panels.gate_block(p, v, recurrent);
            unpacked_rows_product(gates.count, a, unpacked + g.weight_row(panels.spec, L) * columns, columns, g.valid,
                                  gates.entry, offset + v * L, initial ? initial + v * L : nullptr);
        }
        return;
    }
    const T* packed = (recurrent ? weights.U : weights.W) + panels.packed_offset(p, columns);
    for (Index k = 0; k < columns || initial; k += kDepth, initial = nullptr) {
        const DepthRange range{k, smaller(kDepth, columns - k), k};
        rows_product(gates.count, a, &range, 1, packed, vectors * L, vectors, gates.entry, offset, initial);
    }
}

// gates = W x + b for the panels of a thread.
template <class T>
void multiply_inputs(const LayerWeights<T>& weights, const Panels<T>& panels, Range panel_range, const T* const* x,
                     const GateRows<T>& gates) {
    constexpr Index L = kLanes<T>;
    const LayerSpec& spec = panels.spec;
    for (Index p = panel_range.begin; p < panel_range.end; ++p) {
        const T* bias = weights.bias + p * panels.layout.panel_width();
        const Index offset = p * gates.panel_stride;
        if (weights.W && uses_batch_lanes(spec))
            batch_lanes_product(gates.count, x, spec.I, UnitWeights<T>{weights.W, panels.vectors(p), spec.H},
                                gates.entry, offset, bias);
        else
            multiply_panel(weights, panels, false, p, x, gates, offset, bias);
        if (spec.cell == Cell::gru)  // c_n, to which U_n h is added
            for (Index i = 0; i < gates.count; ++i) store(gates.entry[i] + offset + 3 * L, load(bias + 3 * L));
    }
}

// The same if x is a row of the table, which holds the products.
template <class T>
void gather_inputs(const LayerWeights<T>& weights, const Panels<T>& panels, Range panel_range, const Index* ids,
                   const GateRows<T>& gates) {
    constexpr Index L = kLanes<T>;
    const Index width = panels.layout.panel_width();
    for (Index p = panel_range.begin; p < panel_range.end; ++p) {
        const T* table = weights.table + p * weights.table_rows * width;
        for (Index i = 0; i < gates.count; ++i)
            for (int v = 0; v < panels.layout.slots; ++v)
                store(gates.entry[i] + p * gates.panel_stride + v * L, load(table + ids[i] * width + v * L));
    }
}

// Scratch memory of a forward pass, by entry of a chunk or by row.
template <class T>
struct ForwardScratch {
    const T** x;     // addresses of the inputs
    Index* ids;      // the inputs, if there is a table
    T** gates;       // addresses of the gates
    const T** h;     // addresses of the previous states, by row
    T* chunk_gates;  // [panel][entry][slots * lanes], if there is no tape

    ForwardScratch(Arena& arena, const Panels<T>& panels, Index entries, Index rows, bool has_tape)
        : x(arena.take<const T*>(entries)),
          ids(arena.take<Index>(entries)),
          gates(arena.take<T*>(entries)),
          h(arena.take<const T*>(rows)),
          chunk_gates(has_tape ? nullptr
                               : arena.take<T>(entries * panels.layout.panels * panels.layout.panel_width())) {}
};

template <class T, class C>
class ForwardPass {
public:
    ForwardPass(const LayerForward<T>& layer, const Steps& steps, Range rows, const ThreadTeam& team, void* scratch)
        : layer_(layer),
          steps_(steps),
          rows_(rows),
          team_(team),
          panels_(layer.spec),
          panel_range_{team.share_begin(panels_.layout.panels), team.share_end(panels_.layout.panels)},
          arena_(scratch),
          chunk_entries_(chunk_entries(steps, rows.size())),
          scratch_(arena_, panels_, chunk_entries_, rows.size(), layer.gate_tape != nullptr) {}

    void run() {
        const Index padded = panels_.layout.padded_units();
        if (C::has_c) {
            if (team_.thread == 0) load_states(layer_.c, padded, layer_.c_initial, layer_.spec.H, steps_, rows_);
            team_.wait_for_all();
        }
        const Index chunk = steps_per_chunk(rows_.size());
        for (Index begin = 0; begin < steps_.T; begin += chunk) {
            const Range chunk_steps{begin, smaller(begin + chunk, steps_.T)};
            compute_input_products(collect_entries(chunk_steps));
            Index entry = 0;
            for (Index s = chunk_steps.begin; s < chunk_steps.end; ++s) {
                const Index t = step_at(s), count = num_active(steps_, t, rows_);
                prepare_states(t, count);
                step(t, GateRows<T>{scratch_.gates + entry, count, panel_stride()});
                entry += count;
                team_.wait_for_all();
            }
        }
        if (team_.thread == 0) write_final_states(padded);
    }

private:
    static constexpr Index L = kLanes<T>;

    Index step_at(Index s) const { return layer_.spec.reverse ? steps_.T - 1 - s : s; }  // the s-th step that is read

    Index panel_stride() const {
        return (layer_.gate_tape ? steps_.num_entries() : chunk_entries_) * panels_.layout.panel_width();
    }

    // Collects the addresses of the inputs and the gates of a chunk. Returns the number of its entries.
    Index collect_entries(Range chunk_steps) {
        const Index width = panels_.layout.panel_width();
        Index entry = 0;
        for (Index s = chunk_steps.begin; s < chunk_steps.end; ++s) {
            const Index t = step_at(s), count = num_active(steps_, t, rows_);
            for (Index j = rows_.begin; j < rows_.begin + count; ++j, ++entry) {
                if (layer_.weights.table)
                    scratch_.ids[entry] = *layer_.ids.at(t, j);
                else
                    scratch_.x[entry] = layer_.x.at(t, j);
                scratch_.gates[entry] = layer_.gate_tape ? layer_.gate_tape + (steps_.offset[t] + j) * width
                                                         : scratch_.chunk_gates + entry * width;
            }
        }
        return entry;
    }

    void compute_input_products(Index count) {
        const GateRows<T> gates{scratch_.gates, count, panel_stride()};
        if (layer_.weights.table)
            gather_inputs(layer_.weights, panels_, panel_range_, scratch_.ids, gates);
        else
            multiply_inputs(layer_.weights, panels_, panel_range_, scratch_.x, gates);
    }

    // Collects the addresses of the states before step t, and sets those of a new document to zero.
    void prepare_states(Index t, Index count) {
        const Index padded = panels_.layout.padded_units();
        for (Index i = 0; i < count; ++i) {
            const Index j = rows_.begin + i;
            scratch_.h[i] = previous_h(layer_, steps_, t, j);
            if (C::has_c && starts_document(layer_.spec, steps_, t, j))
                std::memset(layer_.c + j * padded + panel_range_.begin * L, 0, sizeof(T) * panel_range_.size() * L);
        }
    }

    // u = U h, and the cell, at step t
    void step(Index t, const GateRows<T>& gates) {
        if (layer_.weights.U && uses_batch_lanes(layer_.spec)) {
            if (panel_range_.size() > 0) step_batch_lanes(t, gates);
            return;
        }
        const Index slot = panels_.first_slot(true) * L;
        const T* const* h = scratch_.h;
        for (Index p = panel_range_.begin; p < panel_range_.end; ++p) {
            const Index offset = p * gates.panel_stride;
            multiply_panel(layer_.weights, panels_, true, p, h, gates, offset + slot, static_cast<const T*>(nullptr));
            for (Index i = 0; i < gates.count; ++i) apply_cell(t, p, rows_.begin + i, h[i], gates.entry[i] + offset);
        }
    }

    // The cell for panel p of (t, j).
    ELMAN_INLINE void apply_cell(Index t, Index p, Index j, const T* h, T* gates) {
        const Index blocks = C::max_blocks > 1 ? panels_.vectors(p) : 1;
        T* y = layer_.y.at(t, j);
        T* cell_tape = cell_tape_at(p, t, j);
        for (Index v = 0; v < blocks; ++v) {
            const Index block = p * C::max_blocks + v;
            const int valid = int(panels_.valid_lanes(block));
            Vector<T> h_prev{};
            if (C::state_input == StateInput::previous) h_prev = load_first(h + block * L, valid);
            T* c = C::has_c ? layer_.c + j * panels_.layout.padded_units() + block * L : nullptr;
            store_first(y + block * L, C::forward(gates + v * L, h_prev, c, cell_tape), valid);
        }
    }

    void step_batch_lanes(Index t, const GateRows<T>& gates) {
        const Index padded = panels_.layout.padded_units();
        BatchLanes<T, C>::forward(layer_, panels_, gates.count, [&](Index i) {
            const Index j = rows_.begin + i;
            return typename BatchLanes<T, C>::Row{scratch_.h[i], gates.entry[i],
                                                  C::has_c ? layer_.c + j * padded : nullptr, cell_tape_at(0, t, j),
                                                  layer_.y.at(t, j)};
        });
    }

    T* cell_tape_at(Index p, Index t, Index j) const {
        if (!layer_.cell_tape) return nullptr;
        return layer_.cell_tape + (p * steps_.num_entries() + steps_.offset[t] + j) * 2 * L;
    }

    void write_final_states(Index padded) {
        const Index H = layer_.spec.H;
        for (Index j = rows_.begin; j < rows_.end; ++j) {
            const Index row = steps_.row[j], length = steps_.length[j];
            const T* h =
                length == 0 ? initial_h(layer_, steps_, j) : layer_.y.at(layer_.spec.reverse ? 0 : length - 1, j);
            const T* c = C::has_c ? layer_.c + j * padded : nullptr;
            if (final_state_is_zero(layer_.spec, steps_, j)) h = c = layer_.zeros;
            copy(h, layer_.h_final + row * H, H);
            if (C::has_c) copy(c, layer_.c_final + row * H, H);
        }
    }

    const LayerForward<T>& layer_;
    const Steps& steps_;
    const Range rows_;
    const ThreadTeam& team_;
    const Panels<T> panels_;
    const Range panel_range_;  // the thread's share of the units
    Arena arena_;
    const Index chunk_entries_;
    const ForwardScratch<T> scratch_;
};

}  // namespace elman::ELMAN_ISA
