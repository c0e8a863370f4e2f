// How the units of a layer and the columns of a matrix are divided into panels.
//
// Hidden units are divided into blocks as wide as a register. A panel is what one tile computes at a time:
//
//     cell    registers of a panel of weights                     registers of a panel on the tape
//     elman   up to four blocks of units                          none: there is no tape
//     lstm    the gates of one block: i f g o                     i  f  g  o
//     gru     the gates of one block, W: n r z, U: r z n          n  r  z  u      u is the product U_n h + c_n
//
// The orders of gru make the gates of W and those of U neighbours on the tape. Lanes after the last unit are zeros, in
// the weights and in everything that is computed from them.
#pragma once

#include "kernels.hpp"
#include "vector.hpp"

namespace elman::ELMAN_ISA {

static_assert(Layout::kMaxBlocks <= kMaxVectors, "a panel has to fit into a tile");

// One gate of one block of units: a register of a panel. `valid` of its lanes are units.
struct GateBlock {
    Index panel, slot, gate, block, valid;

    // The first of its rows in W and U.
    Index weight_row(const LayerSpec& spec, Index lanes) const { return gate * spec.H + block * lanes; }
};

template <class T>
struct Panels {
    static constexpr Index L = kLanes<T>;
    LayerSpec spec;
    Layout layout;

    explicit Panels(const LayerSpec& layer) : spec(layer) {
        layout.lanes = L;
        layout.blocks = (spec.H + L - 1) / L;
        layout.panels = (layout.blocks + max_blocks() - 1) / max_blocks();
        layout.slots = spec.cell == Cell::elman ? vectors(0) : kMaxVectors;
    }

    Index max_blocks() const { return spec.cell == Cell::elman ? Layout::kMaxBlocks : 1; }

    // How many registers panel p has in W or U.
    int vectors(Index p) const {
        if (spec.cell != Cell::elman) return int(spec.gates());
        const Index remaining = layout.blocks - p * Layout::kMaxBlocks;
        return int(remaining < Layout::kMaxBlocks ? remaining : Layout::kMaxBlocks);
    }

    // The slot where the product with U (recurrent) or W begins.
    int first_slot(bool recurrent) const { return spec.cell == Cell::gru && recurrent ? 1 : 0; }

    Index valid_lanes(Index block) const {
        const Index remaining = spec.H - block * L;
        return remaining < L ? remaining : L;
    }

    // Register v of panel p in U (recurrent) or W.
    GateBlock gate_block(Index p, int v, bool recurrent) const {
        GateBlock g;
        g.panel = p;
        g.slot = first_slot(recurrent) + v;
        g.block = spec.cell == Cell::elman ? p * Layout::kMaxBlocks + v : p;
        g.gate = gate(v, recurrent);
        g.valid = valid_lanes(g.block);
        return g;
    }

    Index gate(int v, bool recurrent) const {
        switch (spec.cell) {
            case Cell::lstm: return v;
            case Cell::gru: return recurrent ? v : (v + 2) % 3;
            case Cell::elman: break;
        }
        return 0;
    }

    // Calls function(gate_block) for every register of every panel, in order.
    template <class F>
    void for_gate_blocks(bool recurrent, F function) const {
        for (Index p = 0; p < layout.panels; ++p)
            for (int v = 0; v < vectors(p); ++v) function(gate_block(p, v, recurrent));
    }

    // Where panel p begins in packed weights of so many columns.
    Index packed_offset(Index p, Index columns) const { return p * vectors(0) * L * columns; }
    Index packed_size(Index columns) const { return spec.gates() * layout.padded_units() * columns; }
};

// The columns of a matrix in panels of up to four registers, for the products of the backward pass.
template <class T>
struct ColumnPanels {
    static constexpr Index L = kLanes<T>;
    Index columns;

    Index blocks() const { return (columns + L - 1) / L; }
    Index padded_columns() const { return blocks() * L; }
    Index panels() const { return (blocks() + kMaxVectors - 1) / kMaxVectors; }
    int vectors(Index q) const {
        const Index remaining = blocks() - q * kMaxVectors;
        return int(remaining < kMaxVectors ? remaining : kMaxVectors);
    }
    Index first_column(Index q) const { return q * kMaxVectors * L; }
    Index valid_columns(Index q) const {
        const Index remaining = columns - first_column(q);
        return remaining < vectors(q) * L ? remaining : vectors(q) * L;
    }
};

}  // namespace elman::ELMAN_ISA
