// A linear readout and its softmax cross-entropy in one kernel, forward and backward: cells/readout.py.
//
//     l = V h + b                         the logits of one token; V (O, H)
//     loss = log sum exp l - l[target]    in nats
//     d_l = softmax(l) - onehot(target)
//
// V h + b is the input product of an elman layer with O units, so the panels and products of the layers are used here,
// too. The logits of a chunk of tokens are in panels, [panel][token][slots * lanes], and d_l overwrites them.
#pragma once

#include "layer_backward.hpp"
#include "layer_forward.hpp"

namespace elman::ELMAN_ISA {

// Scratch memory of a readout, for kChunkEntries tokens.
template <class T>
struct ReadoutScratch {
    const T** x;
    T** logits;
    T** d_x;      // addresses of the products
    T* d_x_rows;  // the products
    BackwardProduct<T> to_x;

    ReadoutScratch(Arena& arena, const Panels<T>& panels, Index panel_stride, const LayerWeights<T>& weights)
        : x(arena.take<const T*>(kChunkEntries)),
          logits(arena.take<T*>(kChunkEntries)),
          d_x(arena.take<T*>(kChunkEntries)),
          d_x_rows(arena.take<T>(kChunkEntries * ColumnPanels<T>{panels.spec.I}.padded_columns())),
          to_x(arena, panels, false, panel_stride, weights) {}
};

template <class T>
class ReadoutPass {
public:
    ReadoutPass(const ReadoutChunk<T>& chunk, void* scratch)
        : chunk_(chunk),
          panels_(chunk.spec),
          panel_stride_(chunk.num_tokens * panels_.layout.panel_width()),
          arena_(scratch),
          scratch_(arena_, panels_, panel_stride_, chunk.weights) {}

    // Computes the losses of tokens begin to end and, if derivatives are needed, d_l in place of the logits.
    void run(Index begin, Index end) {
        for (Index first = begin; first < end; first += kChunkEntries) {
            const Index count = smaller(kChunkEntries, end - first);
            for (Index i = 0; i < count; ++i) {
                scratch_.x[i] = chunk_.x + (first + i) * panels_.spec.I;
                scratch_.logits[i] = chunk_.logits + (first - chunk_.first_token + i) * panels_.layout.panel_width();
            }
            multiply_inputs(chunk_.weights, panels_, {0, panels_.layout.panels}, scratch_.x,
                            GateRows<T>{scratch_.logits, count, panel_stride_});
            for (Index i = 0; i < count; ++i)
                chunk_.losses[first + i] = cross_entropy(scratch_.logits[i], chunk_.targets[first + i]);
            if (chunk_.d_x) compute_d_x(first, count);
        }
    }

private:
    static constexpr Index L = kLanes<T>;

    // The logits of one token, block by block. A copy of what it needs stays in registers while the logits are written.
    struct Logits {
        T* data;
        Index panel_stride, blocks, valid_lanes_of_last;

        T* block(Index b) const { return data + b / Layout::kMaxBlocks * panel_stride + b % Layout::kMaxBlocks * L; }

        // Sets the lanes after the last class.
        void set_padding(T value) const {
            for (Index l = valid_lanes_of_last; l < L; ++l) block(blocks - 1)[l] = value;
        }
    };

    // Returns the loss of one token, or 0 if the target is negative. Replaces the logits by d_l if derivatives are needed.
    double cross_entropy(T* data, std::int64_t target) const {
        const Index blocks = panels_.layout.blocks;
        const Logits logits{data, panel_stride_, blocks, panels_.valid_lanes(blocks - 1)};
        if (target < 0) {
            for (Index b = 0; b < blocks; ++b) store(logits.block(b), Vector<T>{});
            return 0.0;
        }
        logits.set_padding(T(-1e30));
        const T maximum = largest(logits);
        const T target_logit = logits.block(target / L)[target % L];
        const T sum = exponentiate(logits, maximum);
        const double loss = __builtin_log(double(sum)) + double(maximum) - double(target_logit);
        if (!chunk_.backward) return loss;
        const T scale = T(1) / sum;
        for (Index b = 0; b < blocks; ++b) store(logits.block(b), load(logits.block(b)) * scale);
        logits.block(target / L)[target % L] -= T(1);
        logits.set_padding(T(0));
        return loss;
    }

    static T largest(const Logits& logits) {
        Vector<T> by_lane = load(logits.block(0));
        for (Index b = 1; b < logits.blocks; ++b) {
            const Vector<T> v = load(logits.block(b));
            by_lane = v > by_lane ? v : by_lane;
        }
        T maximum = by_lane[0];
        for (int l = 1; l < L; ++l) maximum = by_lane[l] > maximum ? by_lane[l] : maximum;
        return maximum;
    }

    // Replaces the logits by exp(logit - maximum), and returns their sum.
    static T exponentiate(const Logits& logits, T maximum) {
        constexpr T bound = Exponential<T>::sigmoid_bound;
        Vector<T> by_lane{};
        for (Index b = 0; b < logits.blocks; ++b) {
            const Vector<T> x = clamp<T>(load(logits.block(b)) - maximum, -bound, bound);
            const ScaledExponential<T> e = exponential<T>(x);
            const Vector<T> value = fma(e.scale, e.q, e.scale);
            store(logits.block(b), value);
            by_lane += value;
        }
        T sum = 0;
        for (int l = 0; l < L; ++l) sum += by_lane[l];
        return sum;
    }

    void compute_d_x(Index first, Index count) {
        const Index I = panels_.spec.I, padded = scratch_.to_x.columns().padded_columns();
        for (Index i = 0; i < count; ++i) scratch_.d_x[i] = scratch_.d_x_rows + i * padded;
        scratch_.to_x.run(scratch_.to_x.all_panels(), count, scratch_.logits, scratch_.d_x, true);
        for (Index i = 0; i < count; ++i) std::memcpy(chunk_.d_x + (first + i) * I, scratch_.d_x[i], sizeof(T) * I);
    }

    const ReadoutChunk<T>& chunk_;
    const Panels<T> panels_;
    const Index panel_stride_;
    Arena arena_;
    const ReadoutScratch<T> scratch_;
};

}  // namespace elman::ELMAN_ISA
