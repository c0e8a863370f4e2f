// The kernels of one instruction set: this file is compiled once for each, with its flags and ELMAN_ISA its name.

#include "readout.hpp"

namespace elman::ELMAN_ISA {

template <class T>
using TanhCell = ElmanCell<T, Tanh>;
template <class T>
using ReluCell = ElmanCell<T, Relu>;
template <class T>
using SigmoidCell = ElmanCell<T, Sigmoid>;

// Calls run(layer of the right cell).
template <class T, class F>
static void for_cell(const Kind& kind, F run) {
    switch (kind.cell) {
        case Cell::lstm: return run(LayerOf<T, LstmCell>());
        case Cell::gru: return run(LayerOf<T, GruCell>());
        case Cell::elman: break;
    }
    switch (kind.activation) {
        case Activation::tanh: return run(LayerOf<T, TanhCell>());
        case Activation::relu: return run(LayerOf<T, ReluCell>());
        case Activation::sigmoid: return run(LayerOf<T, SigmoidCell>());
        case Activation::identity: return run(LayerOf<T, ReadoutCell>());
    }
}

template <class T>
static Layout layout(const Kind& kind) {
    return Panels<T>(kind).layout;
}

template <class T>
static Index packed_size(const Kind& kind, Index columns) {
    return Panels<T>(kind).forward_size(columns);
}

template <class T>
static Index packed_back_size(const Kind& kind, Index columns) {
    return kind.gates() * kind.H * Columns<T>{columns}.width();
}

template <class T>
static Index back_panels(Index columns) {
    return Columns<T>{columns}.panels();
}

template <class T>
static Index segments(const Kind& kind) {
    return kind.gates() * Panels<T>(kind).layout.blocks;
}

template <class T>
static void forward(const Forward<T>& f, const Steps& steps, Index begin, Index end, const Team& team, void* scratch) {
    for_cell<T>(f.kind, [&](auto layer) { layer.forward(f, steps, begin, end, team, scratch); });
}

template <class T>
static void backward(const Backward<T>& b, const Steps& steps, Index begin, Index end, const Team& team, void* scratch) {
    for_cell<T>(b.forward.kind, [&](auto layer) { layer.backward(b, steps, begin, end, team, scratch); });
}

template <class T>
static void weights(const Backward<T>& b, const Steps& steps, Index begin, Index end, void* scratch) {
    for_cell<T>(b.forward.kind, [&](auto layer) { layer.weights(b, steps, begin, end, scratch); });
}

template <class T>
static T read(const T* data, Index count) {
    constexpr Index L = kLanes<T>, kChains = 8;
    Vector<T> sums[kChains]{};
    Index i = 0;
    for (; i + kChains * L <= count; i += kChains * L)
        for (Index c = 0; c < kChains; ++c) sums[c] += load(data + i + c * L);
    T sum = 0;
    for (; i < count; ++i) sum += data[i];
    for (Index c = 0; c < kChains; ++c)
        for (Index l = 0; l < L; ++l) sum += sums[c][l];
    return sum;
}

#define ELMAN_STRING_(x) #x
#define ELMAN_STRING(x) ELMAN_STRING_(x)

template <class T>
static constexpr Kernels<T> all{
    ELMAN_STRING(ELMAN_ISA), layout<T>,           scratch_bytes<T>, packed_size<T>, pack_forward<T>, pack_bias<T>,
    pack_table<T>,           packed_back_size<T>, back_panels<T>,   pack_backward<T>, forward<T>,    backward<T>,
    segments<T>,             weights<T>,          ReadoutOf<T>::scratch_bytes, ReadoutOf<T>::tokens, read<T>,
};

extern const Kernels<float> floats;
extern const Kernels<double> doubles;
const Kernels<float> floats = all<float>;
const Kernels<double> doubles = all<double>;

}  // namespace elman::ELMAN_ISA
