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

    // Returns the loss of one token, or 0 if the target is negative. Replaces the logits by d_l if derivatives are
    // needed.
    double cross_entropy(T* logits, std::int64_t target) const {
        const Index blocks = panels_.layout.blocks;
        if (target < 0) {
            for (Index block = 0; block < blocks; ++block) store(block_of(logits, block), Vector<T>{});
            return 0.0;
        }
        set_padding(logits, T(-1e30));
        const T maximum = largest(logits);
        T& target_logit = block_of(logits, target / L)[target % L];
        const T value = target_logit;
        const T sum = exponentiate(logits, maximum);
        const double loss = __builtin_log(double(sum)) + double(maximum) - double(value);
        if (!chunk_.backward) return loss;
        const T scale = T(1) / sum;
        for (Index block = 0; block < blocks; ++block)
            store(block_of(logits, block), load(block_of(logits, block)) * scale);
        target_logit -= T(1);
        set_padding(logits, T(0));
        return loss;
    }

    T* block_of(T* logits, Index block) const {
        return logits + block / Layout::kMaxBlocks * panel_stride_ + block % Layout::kMaxBlocks * L;
    }

    // Sets the lanes after the last class.
    void set_padding(T* logits, T value) const {
        const Index last = panels_.layout.blocks - 1;
        for (Index l = panels_.valid_lanes(last); l < L; ++l) block_of(logits, last)[l] = value;
    }

    T largest(T* logits) const {
        Vector<T> by_lane = load(block_of(logits, 0));
        for (Index block = 1; block < panels_.layout.blocks; ++block) {
            const Vector<T> v = load(block_of(logits, block));
            by_lane = v > by_lane ? v : by_lane;
        }
        T maximum = by_lane[0];
        for (int l = 1; l < L; ++l) maximum = by_lane[l] > maximum ? by_lane[l] : maximum;
        return maximum;
    }

    // Replaces the logits by exp(logit - maximum), and returns their sum.
    T exponentiate(T* logits, T maximum) const {
        Vector<T> by_lane{};
        for (Index block = 0; block < panels_.layout.blocks; ++block) {
            constexpr T bound = Exponential<T>::sigmoid_bound;
            const Vector<T> x = clamp<T>(load(block_of(logits, block)) - maximum, -bound, bound);
            const ScaledExponential<T> e = exponential<T>(x);
            const Vector<T> value = fma(e.scale, e.q, e.scale);
            store(block_of(logits, block), value);
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
