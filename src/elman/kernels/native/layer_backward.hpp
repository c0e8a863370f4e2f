// The backward pass of one layer in one direction over a whole sequence, for the rows of a thread or of a team.
//
//     d_gates          from d_y + d_h: the cell, step by step in the opposite order of the forward pass
//     d_h += d_gates U for the step before
//     d_x = d_gates W  for a chunk of steps at a time
//
// The gradients of the weights are computed afterwards, from the d_gates of all entries: weight_gradient.hpp.
#pragma once

#include "arena.hpp"
#include "batch_lanes.hpp"
#include "cells.hpp"
#include "entries.hpp"
#include "panels.hpp"
#include "unpacked_product.hpp"

namespace elman::ELMAN_ISA {

// The product of d_gates with a weight (G * H, columns): with U to get d_h, with W to get d_x.
template <class T>
class BackwardProduct {
public:
    // `panel_stride` is the distance of two panels of d_gates.
    BackwardProduct(Arena& arena, const Panels<T>& panels, bool recurrent, Index panel_stride,
                    const LayerWeights<T>& weights)
        : columns_{recurrent ? panels.spec.H : panels.spec.I},
          weight_rows_(panels.spec.gates() * panels.spec.H),
          packed_(recurrent ? weights.U_backward : weights.W_backward),
          unpacked_(recurrent ? weights.unpacked_U : weights.unpacked_W),
          ranges_(arena.take<DepthRange>(panels.spec.gates() * panels.layout.blocks)) {
        if (ranges_) collect_ranges(panels, recurrent, panel_stride);
    }

    const ColumnPanels<T>& columns() const { return columns_; }
    Range all_panels() const { return {0, columns_.panels()}; }
    Range panels_of(const ThreadTeam& team) const {
        return {team.share_begin(columns_.panels()), team.share_end(columns_.panels())};
    }

    // out[i] += the product of d_gates[i], or = if `overwrite`, in the given panels of columns.
    void run(Range panels, Index count, const T* const* d_gates, T* const* out, bool overwrite) const {
        if (unpacked_) {
            for (Index i = 0; i < count && overwrite; ++i)
                std::memset(out[i], 0, sizeof(T) * columns_.padded_columns());
            unpacked_backward_product(count, d_gates, ranges_, num_ranges_, unpacked_, columns_.columns, out);
            return;
        }
        alignas(64) static constexpr T zeros[kMaxVectors * kLanes<T>]{};
        for (Index i = 0; i < num_ranges_;) {
            const Index end = end_of_part(i);
            for (Index q = panels.begin; q < panels.end; ++q) {
                const int vectors = columns_.vectors(q);
                const Index first = columns_.first_column(q);
                rows_product(count, d_gates, ranges_ + i, end - i, packed_ + first * weight_rows_, vectors * kLanes<T>,
                             vectors, out, first, overwrite && i == 0 ? zeros : nullptr);
            }
            i = end;
        }
    }

private:
    // The units of d_gates are in ranges: between blocks there may be padding, and panels are apart. Joins neighbours.
    void collect_ranges(const Panels<T>& panels, bool recurrent, Index panel_stride) {
        Index packed_row = 0;
        panels.for_gate_blocks(recurrent, [&](const GateBlock& g) {
            const Index weight_row = unpacked_ ? g.weight_row(panels.spec, kLanes<T>) : packed_row;
            const DepthRange range{g.panel * panel_stride + g.slot * kLanes<T>, g.valid, weight_row};
            packed_row += g.valid;
            DepthRange* last = ranges_ + num_ranges_ - 1;
            if (num_ranges_ && last->a_offset + last->length == range.a_offset &&
                last->b_row + last->length == range.b_row)
                last->length += range.length;
            else
                ranges_[num_ranges_++] = range;
        });
    }

    // The ranges from `begin` on that are multiplied before the next panel of columns: about kDepth numbers.
    Index end_of_part(Index begin) const {
        Index depth = 0, end = begin;
        while (end < num_ranges_ && (end == begin || depth + ranges_[end].length <= kDepth + kDepth / 4))
            depth += ranges_[end++].length;
        return end;
    }

    ColumnPanels<T> columns_;
    Index weight_rows_;
    const T* packed_;
    const T* unpacked_;
    DepthRange* ranges_;
    Index num_ranges_ = 0;
};

// Scratch memory of a backward pass, by entry of a chunk or by row.
template <class T>
struct BackwardScratch {
    const T** d_gates;  // addresses
    T** d_h;            // addresses, by row
    BackwardProduct<T> to_h, to_x;
    T** d_x;      // addresses of the products of a chunk
    T* d_x_rows;  // the products, if they cannot be written directly to d_x

    BackwardScratch(Arena& arena, const Panels<T>& panels, Index entries, Index rows, Index panel_stride,
                    const LayerWeights<T>& weights)
        : d_gates(arena.take<const T*>(entries)),
          d_h(arena.take<T*>(rows)),
          to_h(arena, panels, true, panel_stride, weights),
          to_x(arena, panels, false, panel_stride, weights),
          d_x(arena.take<T*>(entries)),
          d_x_rows(arena.take<T>(entries * to_x.columns().padded_columns())) {}
};

template <class T, class C>
class BackwardPass {
public:
    BackwardPass(const LayerBackward<T>& layer, const Steps& steps, Range rows, const ThreadTeam& team, void* scratch)
        : layer_(layer),
          forward_(layer.forward),
          steps_(steps),
          rows_(rows),
          team_(team),
          panels_(layer.forward.spec),
          panel_range_{team.share_begin(panels_.layout.panels), team.share_end(panels_.layout.panels)},
          arena_(scratch),
          scratch_(arena_, panels_, chunk_entries(steps, rows.size()), rows.size(),
                   steps.num_entries() * panels_.layout.panel_width(), layer.forward.weights),
          h_panels_(scratch_.to_h.panels_of(team)),
          x_panels_(scratch_.to_x.panels_of(team)) {
        for (Index i = 0; i < rows.size(); ++i)
            scratch_.d_h[i] = layer.d_h + (rows.begin + i) * panels_.layout.padded_units();
    }

    void run() {
        if (team_.thread == 0) load_final_gradients();
        team_.wait_for_all();
        const Index chunk = steps_per_chunk(rows_.size());
        for (Index begin = 0; begin < steps_.T; begin += chunk) {
            const Range chunk_steps{begin, smaller(begin + chunk, steps_.T)};
            Index count = 0;
            for (Index s = chunk_steps.begin; s < chunk_steps.end; ++s) count += step(s, count);
            if (layer_.d_x.data) compute_d_x(chunk_steps, count);
        }
        team_.wait_for_all();
        if (team_.thread == 0) save_initial_gradients();
    }

private:
    static constexpr Index L = kLanes<T>;

    Index step_at(Index s) const { return forward_.spec.reverse ? s : steps_.T - 1 - s; }  // the s-th step of this pass

    void load_final_gradients() {
        const Index padded = panels_.layout.padded_units(), H = forward_.spec.H;
        load_states(layer_.d_h, padded, layer_.d_h_final, H, steps_, rows_);
        if (C::has_c) load_states(layer_.d_c, padded, layer_.d_c_final, H, steps_, rows_);
        for (Index j = rows_.begin; j < rows_.end; ++j)
            if (final_state_is_zero(forward_.spec, steps_, j)) clear_state_gradients(j, {0, padded});
    }

    void save_initial_gradients() {
        const Index padded = panels_.layout.padded_units(), H = forward_.spec.H;
        if (layer_.d_h_initial) save_states(layer_.d_h, padded, layer_.d_h_initial, H, steps_, rows_);
        if (C::has_c && layer_.d_c_initial) save_states(layer_.d_c, padded, layer_.d_c_initial, H, steps_, rows_);
    }

    void clear_state_gradients(Index j, Range units) {
        const Index first = j * panels_.layout.padded_units() + units.begin;
        std::memset(layer_.d_h + first, 0, sizeof(T) * units.size());
        if (C::has_c) std::memset(layer_.d_c + first, 0, sizeof(T) * units.size());
    }

    // The s-th step, whose first entry in the chunk is `entry`. Returns the number of its entries.
    Index step(Index s, Index entry) {
        const Index t = step_at(s), count = num_active(steps_, t, rows_), width = panels_.layout.panel_width();
        const T** d_gates = scratch_.d_gates + entry;
        for (Index i = 0; i < count; ++i) d_gates[i] = layer_.d_gates + (steps_.offset[t] + rows_.begin + i) * width;
        compute_d_gates(t, count);
        team_.wait_for_all();
        if (s + 1 < steps_.T || layer_.d_h_initial) scratch_.to_h.run(h_panels_, count, d_gates, scratch_.d_h, false);
        team_.wait_for_all();
        if (steps_.reset) clear_where_documents_start(t, count);
        return count;
    }

    void clear_where_documents_start(Index t, Index count) {
        const Index padded = panels_.layout.padded_units(), panel_units = C::max_blocks * L;
        const Range units{smaller(panel_range_.begin * panel_units, padded),
                          smaller(panel_range_.end * panel_units, padded)};
        for (Index j = rows_.begin; j < rows_.begin + count; ++j)
            if (starts_document(forward_.spec, steps_, t, j)) clear_state_gradients(j, units);
    }

    // Calls function(i, d_x of entry i) for the entries of a chunk.
    template <class F>
    void for_d_x(Range chunk_steps, F function) {
        Index entry = 0;
        for (Index s = chunk_steps.begin; s < chunk_steps.end; ++s) {
            const Index t = step_at(s), count = num_active(steps_, t, rows_);
            for (Index j = rows_.begin; j < rows_.begin + count; ++j) function(entry++, layer_.d_x.at(t, j));
        }
    }

    void compute_d_x(Range chunk_steps, Index count) {
        const ColumnPanels<T>& columns = scratch_.to_x.columns();
        const Index begin = columns.first_column(x_panels_.begin);
        const Index end = smaller(columns.first_column(x_panels_.end), columns.columns);
        if (begin >= end) return;
        const Index padded = columns.padded_columns();
        const bool in_place = !layer_.accumulate_d_x && columns.columns == padded;
        for_d_x(chunk_steps,
                [&](Index i, T* d_x) { scratch_.d_x[i] = in_place ? d_x : scratch_.d_x_rows + i * padded; });
        scratch_.to_x.run(x_panels_, count, scratch_.d_gates, scratch_.d_x, true);
        if (in_place) return;
        for_d_x(chunk_steps, [&](Index i, T* d_x) { copy_or_add(scratch_.d_x[i] + begin, d_x + begin, end - begin); });
    }

    void copy_or_add(const T* from, T* to, Index count) const {
        if (!layer_.accumulate_d_x) return copy(from, to, count);
        for (Index i = 0; i < count; ++i) to[i] += from[i];
    }

    // The hidden state that the cell reads at (t, j); null if it reads none.
    const T* state_input(Index t, Index j) const {
        if (C::state_input == StateInput::none) return nullptr;
        return C::state_input == StateInput::next ? forward_.y.at(t, j) : previous_h(forward_, steps_, t, j);
    }

    // The derivatives with respect to the sums of the products at step t. d_h keeps the path around U.
    void compute_d_gates(Index t, Index count) {
        if (uses_batch_lanes(forward_.spec)) {
            if (panel_range_.size() > 0) compute_d_gates_in_batch_lanes(t, count);
            return;
        }
        for (Index p = panel_range_.begin; p < panel_range_.end; ++p)
            for (Index j = rows_.begin; j < rows_.begin + count; ++j) {
                if (p + 1 < panels_.layout.panels) prefetch_gates(p + 1, t, j);
                apply_cell(t, p, j);
            }
    }

    Index tape_entry(Index p, Index t, Index j) const { return p * steps_.num_entries() + steps_.offset[t] + j; }

    // The same entry of the next panel is far away in memory.
    ELMAN_INLINE void prefetch_gates(Index p, Index t, Index j) const {
        constexpr Index kLineNumbers = 64 / Index(sizeof(T));
        const Index width = panels_.layout.panel_width();
        if (!forward_.gate_tape) return;
        for (Index n = 0; n < width; n += kLineNumbers)
            __builtin_prefetch(forward_.gate_tape + tape_entry(p, t, j) * width + n, 0, 2);
    }

    // The derivative of the cell for panel p of (t, j).
    ELMAN_INLINE void apply_cell(Index t, Index p, Index j) {
        const Index width = panels_.layout.panel_width(), padded = panels_.layout.padded_units();
        const Index entry = tape_entry(p, t, j), blocks = C::max_blocks > 1 ? panels_.vectors(p) : 1;
        const T* d_y = layer_.d_y.at(t, j);
        const T* state = state_input(t, j);
        const T* gates = forward_.gate_tape ? forward_.gate_tape + entry * width : nullptr;
        const T* cell_tape = C::has_c ? forward_.cell_tape + entry * 2 * L : nullptr;
        T* d_gates = layer_.d_gates + entry * width;
        for (Index v = 0; v < blocks; ++v) {
            const Index block = p * C::max_blocks + v;
            const int valid = int(panels_.valid_lanes(block));
            T* d_h = layer_.d_h + j * padded + block * L;
            T* d_c = C::has_c ? layer_.d_c + j * padded + block * L : nullptr;
            StateGradient<T> d;
            d.d_h = load(d_h) + load_first(d_y + block * L, valid);
            if (C::has_c) d.d_c = load(d_c);
            Vector<T> h{};
            if (state) h = load_first(state + block * L, valid);
            C::backward(gates, cell_tape, h, d_gates + v * L, d);
            store(d_h, d.d_h);
            if (C::has_c) store(d_c, d.d_c);
        }
    }

    void compute_d_gates_in_batch_lanes(Index t, Index count) {
        const Index width = panels_.layout.panel_width(), padded = panels_.layout.padded_units();
        BatchLanes<T, C>::backward(forward_.spec.H, count, [&](Index i) {
            const Index j = rows_.begin + i, entry = tape_entry(0, t, j);
            typename BatchLanes<T, C>::GradientRow row;
            row.h = state_input(t, j);
            row.d_y = layer_.d_y.at(t, j);
            row.gates = forward_.gate_tape ? forward_.gate_tape + entry * width : nullptr;
            row.cell_tape = C::has_c ? forward_.cell_tape + entry * 2 * L : nullptr;
            row.d_h = layer_.d_h + j * padded;
            row.d_c = C::has_c ? layer_.d_c + j * padded : nullptr;
            row.d_gates = layer_.d_gates + entry * width;
            return row;
        });
    }

    const LayerBackward<T>& layer_;
    const LayerForward<T>& forward_;
    const Steps& steps_;
    const Range rows_;
    const ThreadTeam& team_;
    const Panels<T> panels_;
    const Range panel_range_;  // the thread's share of the units
    Arena arena_;
    const BackwardScratch<T> scratch_;
    const Range h_panels_, x_panels_;  // and of the columns of U and W
};

}  // namespace elman::ELMAN_ISA
