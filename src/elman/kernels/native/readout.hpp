// A linear readout and its softmax cross-entropy in one, forwards and backwards: cells/readout.py.
//
//     l = V h + b                         the logits of one token; V (O, H)
//     loss = log sum exp l - l[target]    in nats
//     d_l = softmax(l) - onehot(target)
//
// V h + b is what an elman layer of O units makes of its inputs, so the panels and products of layer.hpp serve here too.
// The logits of a stretch of tokens lie in panels, [panel][token][slots * lanes], and give way to d_l in place.
#pragma once

#include "layer.hpp"

namespace elman::ELMAN_ISA {

template <class T>
using ReadoutCell = ElmanCell<T, Identity>;

template <class T>
struct ReadoutOf {
    using Layer = LayerOf<T, ReadoutCell>;
    static constexpr Index L = kLanes<T>;

    static Index scratch_bytes(const Kind& kind) {
        const Panels<T> panels(kind);
        const Index widest = larger(Columns<T>{kind.I}.width(), panels.layout.width());
        const Index numbers = kChunk * Columns<T>{kind.I}.width() + kDepth * widest;
        return numbers * Index(sizeof(T)) + panels.layout.blocks * Index(sizeof(Run)) +
               3 * kChunk * Index(sizeof(void*)) + 4096;
    }

    // Tokens begin to end of a stretch: losses; and where derivatives are asked for, d_l in the place of the logits.
    static void tokens(const Readout<T>& r, Index begin, Index end, void* memory) {
        const Panels<T> panels(r.kind);
        const Index row = panels.layout.row(), stride = r.stretch * row;
        Scratch scratch{static_cast<char*>(memory)};
        const T** x = scratch.take<const T*>(kChunk);
        T** logits = scratch.take<T*>(kChunk);
        T** d_x = scratch.take<T*>(kChunk);
        T* d_x_rows = scratch.take<T>(kChunk * Columns<T>{r.kind.I}.width());
        const typename Layer::Products back(panels, false, stride, r.kind.I, r.packed.W_back, nullptr, scratch);
        Forward<T> f{};
        f.kind = r.kind;
        f.packed = r.packed;
        for (Index first = begin; first < end; first += kChunk) {
            const Index count = smaller(kChunk, end - first);
            for (Index i = 0; i < count; ++i) {
                x[i] = r.x + (first + i) * r.x_stride;
                logits[i] = r.logits + (first - r.first + i) * row;
            }
            Layer::input_products(f, panels, {0, panels.layout.panels}, x, logits, count, stride);
            for (Index i = 0; i < count; ++i)
                r.losses[first + i] = softmax(panels, logits[i], stride, r.targets[first + i], r.backward);
            if (!r.d_x) continue;
            const Index width = Columns<T>{r.kind.I}.width();
            for (Index i = 0; i < count; ++i) d_x[i] = d_x_rows + i * width;
            back.add(back.all(), count, logits, d_x, true);
            for (Index i = 0; i < count; ++i)
                std::memcpy(r.d_x + (first + i) * r.kind.I, d_x[i], sizeof(T) * r.kind.I);
        }
    }

    // Returns the loss of one token, 0 where the target is negative; logits become d_l if asked for.
    static double softmax(const Panels<T>& panels, T* logits, Index stride, std::int64_t target, bool backward) {
        const Index blocks = panels.layout.blocks;
        const auto at = [&](Index block) {
            return logits + block / Layout::kBlocks * stride + block % Layout::kBlocks * L;
        };
        if (target < 0) {
            for (Index block = 0; block < blocks; ++block) store(at(block), Vector<T>{});
            return 0.0;
        }
        const Index tail = panels.valid(blocks - 1);
        for (Index l = tail; l < L; ++l) at(blocks - 1)[l] = T(-1e30);  // no classes
        Vector<T> most = load(at(0));
        for (Index block = 1; block < blocks; ++block) {
            const Vector<T> v = load(at(block));
            most = v > most ? v : most;
        }
        T maximum = most[0];
        for (int l = 1; l < L; ++l) maximum = most[l] > maximum ? most[l] : maximum;
        const T picked = at(target / L)[target % L];
        Vector<T> sums{};
        for (Index block = 0; block < blocks; ++block) {
            constexpr T bound = Exponential<T>::sigmoid_bound;
            const Split<T> split = exponential<T>(clamp<T>(load(at(block)) - maximum, -bound, bound));
            const Vector<T> e = fma(split.scale, split.q, split.scale);
            store(at(block), e);
            sums += e;
        }
        T sum = 0;
        for (int l = 0; l < L; ++l) sum += sums[l];
        const double loss = __builtin_log(double(sum)) + double(maximum) - double(picked);
        if (!backward) return loss;
        const T share = T(1) / sum;
        for (Index block = 0; block < blocks; ++block) store(at(block), load(at(block)) * share);
        at(target / L)[target % L] -= T(1);
        for (Index l = tail; l < L; ++l) at(blocks - 1)[l] = T(0);
        return loss;
    }
};

}  // namespace elman::ELMAN_ISA
