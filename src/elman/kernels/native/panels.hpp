// How weights are laid out for the kernels, and packed so.
//
// Hidden units are cut into blocks of one register. A panel is what one tile computes at a time:
//
//     elman   up to four blocks of units                          on the tape: nothing
//     lstm    the gates of one block: i f g o                                  i  f  g  o
//     gru     W: n r z, U: r z n, so that both are neighbours in               n  r  z  u      (u: the product U_n h + c_n)
//
// Lanes past H are zeros, in the weights and so in everything that follows from them.
#pragma once

#include "shape.hpp"
#include "vector.hpp"

namespace elman::ELMAN_ISA {

// One register of a panel: which gate, which block of units, and how many of its lanes are units.
struct Segment {
    Index panel, slot, gate, block, valid;

    Index row(const Kind& kind, Index lanes) const { return gate * kind.H + block * lanes; }
};

static_assert(Layout::kBlocks <= kMaxVectors, "a panel has to fit a tile");

template <class T>
struct Panels {
    static constexpr Index L = kLanes<T>;
    Kind kind;
    Layout layout;

    explicit Panels(const Kind& k) : kind(k) {
        layout.lanes = L;
        layout.blocks = (k.H + L - 1) / L;
        layout.panels = (layout.blocks + blocks_per_panel() - 1) / blocks_per_panel();
        layout.slots = k.cell == Cell::elman ? vectors(0) : kMaxVectors;
    }

    Index blocks_per_panel() const { return kind.cell == Cell::elman ? Layout::kBlocks : 1; }

    // How many registers panel p has in W or U.
    int vectors(Index p) const {
        if (kind.cell != Cell::elman) return int(kind.gates());
        const Index left = layout.blocks - p * Layout::kBlocks;
        return int(left < Layout::kBlocks ? left : Layout::kBlocks);
    }

    int first_slot(bool state) const { return kind.cell == Cell::gru && state ? 1 : 0; }

    Index valid(Index block) const {
        const Index left = kind.H - block * L;
        return left < L ? left : L;
    }

    Segment segment(Index p, int v, bool state) const {
        Segment s;
        s.panel = p;
        s.slot = first_slot(state) + v;
        s.block = kind.cell == Cell::elman ? p * Layout::kBlocks + v : p;
        s.gate = kind.cell == Cell::elman ? 0 : kind.cell == Cell::lstm ? v : state ? v : (v + 2) % 3;
        s.valid = valid(s.block);
        return s;
    }

    // Every register of every panel, in order: calls each(segment).
    template <class F>
    void segments(bool state, F each) const {
        for (Index p = 0; p < layout.panels; ++p)
            for (int v = 0; v < vectors(p); ++v) each(segment(p, v, state));
    }

    // Where panel p begins in forward weights of so many columns.
    Index forward_offset(Index p, Index columns) const { return p * vectors(0) * L * columns; }
    Index forward_size(Index columns) const { return kind.gates() * layout.width() * columns; }
};

// A matrix of `columns` cut into panels of up to four registers: what backward products and outer products write.
template <class T>
struct Columns {
    static constexpr Index L = kLanes<T>;
    Index columns;

    Index blocks() const { return (columns + L - 1) / L; }
    Index width() const { return blocks() * L; }
    Index panels() const { return (blocks() + kMaxVectors - 1) / kMaxVectors; }
    int vectors(Index q) const {
        const Index left = blocks() - q * kMaxVectors;
        return int(left < kMaxVectors ? left : kMaxVectors);
    }
    Index first(Index q) const { return q * kMaxVectors * L; }
    Index valid(Index q) const {
        const Index left = columns - first(q);
        return left < vectors(q) * L ? left : vectors(q) * L;
    }
};

// out[k * width + l] = rows[l * columns + k] for the lanes l < valid, zeros for the rest. Whole squares of lanes go through
// registers.
template <class T>
void transpose(const T* rows, Index columns, Index valid, T* out, Index width) {
    constexpr int L = kLanes<T>;
    Index k = 0;
    if (valid == L) {
        for (; k + L <= columns; k += L) {
            Vector<T> square[L];
#pragma GCC unroll 16
            for (int l = 0; l < L; ++l) square[l] = load(rows + l * columns + k);
            transpose_square<T>(square);
#pragma GCC unroll 16
            for (int l = 0; l < L; ++l) store(out + (k + l) * width, square[transposed_place<T>(l)]);
        }
    }
    for (; k < columns; ++k)
        for (Index l = 0; l < L; ++l) out[k * width + l] = l < valid ? rows[l * columns + k] : T(0);
}

// weight (G * H, columns) -> [panel][column][vectors * lanes]; a share is a range of panels
template <class T>
void pack_forward(const Kind& kind, bool state, const T* weight, Index columns, T* packed, Index begin, Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(kind);
    for (Index p = begin; p < end; ++p)
        for (int v = 0; v < panels.vectors(p); ++v) {
            const Segment s = panels.segment(p, v, state);
            transpose(weight + s.row(kind, L) * columns, columns, s.valid,
                      packed + panels.forward_offset(p, columns) + v * L, panels.vectors(p) * L);
        }
}

// b_ih, b_hh (G * H), either may be null -> [panel][slots * lanes]; gru's two biases of n stay apart
template <class T>
void pack_bias(const Kind& kind, const T* b_ih, const T* b_hh, T* packed) {
    const Panels<T> panels(kind);
    std::memset(packed, 0, sizeof(T) * panels.layout.panels * panels.layout.row());
    for (const bool state : {false, true}) {
        const T* bias = state ? b_hh : b_ih;
        if (!bias) continue;
        panels.segments(state, [&](const Segment& s) {
            T* out = packed + s.panel * panels.layout.row() + s.slot * kLanes<T>;
            for (Index l = 0; l < s.valid; ++l) out[l] += bias[s.row(kind, kLanes<T>) + l];
        });
    }
}

// table (rows, G * H) -> [panel][row][slots * lanes], b_hh added; a share is a range of panels
template <class T>
void pack_table(const Kind& kind, const T* table, Index rows, const T* b_hh, T* packed, Index begin, Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(kind);
    const Index width = panels.layout.row();
    for (Index p = begin; p < end; ++p) {
        T* panel = packed + p * rows * width;
        std::memset(panel, 0, sizeof(T) * rows * width);
        for (const bool state : {false, true}) {
            if (state && !b_hh) continue;
            for (int v = 0; v < panels.vectors(p); ++v) {
                const Segment s = panels.segment(p, v, state);
                const T* from = state ? b_hh + s.row(kind, L) : table + s.row(kind, L);
                const Index stride = state ? 0 : kind.gates() * kind.H;
                T* out = panel + s.slot * L;
                for (Index i = 0; i < rows; ++i)
                    for (Index l = 0; l < s.valid; ++l) out[i * width + l] += from[i * stride + l];
            }
        }
    }
}

// weight (G * H, columns) -> [panel of columns][row in the tape's order][vectors * lanes]; a share is a range of panels
template <class T>
void pack_backward(const Kind& kind, bool state, const T* weight, Index columns, T* packed, Index begin, Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(kind);
    const Columns<T> across{columns};
    const Index rows = kind.gates() * kind.H;
    for (Index q = begin; q < end; ++q) {
        const Index width = across.vectors(q) * L, valid = across.valid(q);
        T* out = packed + across.first(q) * rows;
        panels.segments(state, [&](const Segment& s) {
            const T* from = weight + s.row(kind, L) * columns + across.first(q);
            for (Index i = 0; i < s.valid; ++i, out += width, from += columns) {
                std::memcpy(out, from, sizeof(T) * valid);
                for (Index n = valid; n < width; ++n) out[n] = T(0);
            }
        });
    }
}

}  // namespace elman::ELMAN_ISA
