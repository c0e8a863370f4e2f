// Packs weights into panels (panels.hpp), so that a product reads them from the first number to the last.
#pragma once

#include "panels.hpp"

namespace elman::ELMAN_ISA {

// out[k * width + l] = rows[l * columns + k] for the lanes l < valid, and zeros for the other lanes. Whole squares of
// lanes are transposed in registers.
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
            for (int l = 0; l < L; ++l) store(out + (k + l) * width, square[transposed_index<T>(l)]);
        }
    }
    for (; k < columns; ++k)
        for (Index l = 0; l < L; ++l) out[k * width + l] = l < valid ? rows[l * columns + k] : T(0);
}

// Packs a weight (G * H, columns) as [panel][column][vectors * lanes]. A share is a range of panels.
template <class T>
void pack_weights(const LayerSpec& spec, bool recurrent, const T* weight, Index columns, T* packed, Index begin,
                  Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(spec);
    for (Index p = begin; p < end; ++p)
        for (int v = 0; v < panels.vectors(p); ++v) {
            const GateBlock g = panels.gate_block(p, v, recurrent);
            transpose(weight + g.weight_row(spec, L) * columns, columns, g.valid,
                      packed + panels.packed_offset(p, columns) + v * L, panels.vectors(p) * L);
        }
}

// Packs the biases (G * H), which may be null, as [panel][slots * lanes]: their sum, except for the two biases of gru's
// candidate, which have different slots.
template <class T>
void pack_bias(const LayerSpec& spec, const T* b_ih, const T* b_hh, T* packed) {
    const Panels<T> panels(spec);
    std::memset(packed, 0, sizeof(T) * panels.layout.panels * panels.layout.panel_width());
    for (const bool recurrent : {false, true}) {
        const T* bias = recurrent ? b_hh : b_ih;
        if (!bias) continue;
        panels.for_gate_blocks(recurrent, [&](const GateBlock& g) {
            T* out = packed + g.panel * panels.layout.panel_width() + g.slot * kLanes<T>;
            for (Index l = 0; l < g.valid; ++l) out[l] += bias[g.weight_row(spec, kLanes<T>) + l];
        });
    }
}

// Packs a table of input products (rows, G * H) as [panel][row][slots * lanes] and adds b_hh. A share is a range of
// panels.
template <class T>
void pack_table(const LayerSpec& spec, const T* table, Index rows, const T* b_hh, T* packed, Index begin, Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(spec);
    const Index width = panels.layout.panel_width();
    for (Index p = begin; p < end; ++p) {
        T* panel = packed + p * rows * width;
        std::memset(panel, 0, sizeof(T) * rows * width);
        for (const bool recurrent : {false, true}) {
            if (recurrent && !b_hh) continue;
            for (int v = 0; v < panels.vectors(p); ++v) {
                const GateBlock g = panels.gate_block(p, v, recurrent);
                const T* from = (recurrent ? b_hh : table) + g.weight_row(spec, L);
                const Index stride = recurrent ? 0 : spec.gates() * spec.H;
                T* out = panel + g.slot * L;
                for (Index i = 0; i < rows; ++i)
                    for (Index l = 0; l < g.valid; ++l) out[i * width + l] += from[i * stride + l];
            }
        }
    }
}

// Packs a weight (G * H, columns) as [panel of columns][row in the order of the tape][vectors * lanes]. A share is a
// range of panels of columns.
template <class T>
void pack_backward_weights(const LayerSpec& spec, bool recurrent, const T* weight, Index columns, T* packed,
                           Index begin, Index end) {
    constexpr Index L = kLanes<T>;
    const Panels<T> panels(spec);
    const ColumnPanels<T> column_panels{columns};
    const Index rows = spec.gates() * spec.H;
    for (Index q = begin; q < end; ++q) {
        const Index width = column_panels.vectors(q) * L, valid = column_panels.valid_columns(q);
        T* out = packed + column_panels.first_column(q) * rows;
        panels.for_gate_blocks(recurrent, [&](const GateBlock& g) {
            const T* from = weight + g.weight_row(spec, L) * columns + column_panels.first_column(q);
            for (Index i = 0; i < g.valid; ++i, out += width, from += columns) {
                std::memcpy(out, from, sizeof(T) * valid);
                for (Index n = valid; n < width; ++n) out[n] = T(0);
            }
        });
    }
}

}  // namespace elman::ELMAN_ISA
