// The kernels of one instruction set. This file is compiled once for each instruction set, with its compiler flags and
// with its name in ELMAN_ISA.

#include "kernels.hpp"

#include "layer_backward.hpp"
#include "layer_forward.hpp"
#include "optimizer.hpp"
#include "packing.hpp"
#include "readout.hpp"
#include "weight_gradient.hpp"

namespace elman::ELMAN_ISA {

template <class T>
using TanhCell = ElmanCell<T, Tanh>;
template <class T>
using ReluCell = ElmanCell<T, Relu>;
template <class T>
using SigmoidCell = ElmanCell<T, Sigmoid>;
template <class T>
using IdentityCell = ElmanCell<T, Identity>;

// Calls function(cell) with an object of the cell's type.
template <class T, class F>
static void with_cell(const LayerSpec& spec, F function) {
    switch (spec.cell) {
        case Cell::lstm: return function(LstmCell<T>());
        case Cell::gru: return function(GruCell<T>());
        case Cell::elman: break;
    }
    switch (spec.activation) {
        case Activation::tanh: return function(TanhCell<T>());
        case Activation::relu: return function(ReluCell<T>());
        case Activation::sigmoid: return function(SigmoidCell<T>());
        case Activation::identity: return function(IdentityCell<T>());
    }
}

template <class T>
static Layout layout(const LayerSpec& spec) {
    return Panels<T>(spec).layout;
}

template <class T>
static Index scratch_bytes(const LayerSpec& spec, const Steps& steps) {
    const Panels<T> panels(spec);
    const Index entries = max_chunk_entries(steps);
    Arena forward, backward, weights;
    ForwardScratch<T>(forward, panels, entries, steps.B, false);
    BackwardScratch<T>(backward, panels, entries, steps.B, 0, LayerWeights<T>{});
    take_packed_inputs<T>(weights, spec);
    return larger(forward.bytes(), larger(backward.bytes(), weights.bytes()));
}

template <class T>
static Index packed_size(const LayerSpec& spec, Index columns) {
    return Panels<T>(spec).packed_size(columns);
}

template <class T>
static Index packed_backward_size(const LayerSpec& spec, Index columns) {
    return spec.gates() * spec.H * ColumnPanels<T>{columns}.padded_columns();
}

template <class T>
static Index num_backward_panels(Index columns) {
    return ColumnPanels<T>{columns}.panels();
}

template <class T>
static Index num_gate_blocks(const LayerSpec& spec) {
    return spec.gates() * Panels<T>(spec).layout.blocks;
}

template <class T>
static void forward(const LayerForward<T>& layer, const Steps& steps, Index begin, Index end, const ThreadTeam& team,
                    void* scratch) {
    with_cell<T>(layer.spec,
                 [&](auto cell) { ForwardPass<T, decltype(cell)>(layer, steps, {begin, end}, team, scratch).run(); });
}

template <class T>
static void backward(const LayerBackward<T>& layer, const Steps& steps, Index begin, Index end, const ThreadTeam& team,
                     void* scratch) {
    with_cell<T>(layer.forward.spec,
                 [&](auto cell) { BackwardPass<T, decltype(cell)>(layer, steps, {begin, end}, team, scratch).run(); });
}

template <class T>
static void weight_gradients(const LayerBackward<T>& layer, const Steps& steps, Index begin, Index end, void* scratch) {
    Arena arena(scratch);
    T* packed_inputs = take_packed_inputs<T>(arena, layer.forward.spec);
    for (const bool recurrent : {false, true})
        WeightGradient<T>(layer, steps, recurrent, {begin, end}, packed_inputs).run();
}

template <class T>
static Index readout_scratch_bytes(const LayerSpec& spec) {
    Arena readout, weights;
    ReadoutScratch<T>(readout, Panels<T>(spec), 0, LayerWeights<T>{});
    take_packed_inputs<T>(weights, spec);  // for the gradients of V and b
    return larger(readout.bytes(), weights.bytes());
}

template <class T>
static void readout(const ReadoutChunk<T>& chunk, Index begin, Index end, void* scratch) {
    ReadoutPass<T>(chunk, scratch).run(begin, end);
}

template <class T>
static T sum(const T* data, Index count) {
    constexpr Index L = kLanes<T>, kChains = 8;
    Vector<T> sums[kChains]{};
    Index i = 0;
    for (; i + kChains * L <= count; i += kChains * L)
        for (Index c = 0; c < kChains; ++c) sums[c] += load(data + i + c * L);
    T total = 0;
    for (; i < count; ++i) total += data[i];
    for (Index c = 0; c < kChains; ++c)
        for (Index l = 0; l < L; ++l) total += sums[c][l];
    return total;
}

#define ELMAN_STRING_(x) #x
#define ELMAN_STRING(x) ELMAN_STRING_(x)

template <class T>
static constexpr Kernels<T> make_kernels() {
    Kernels<T> k;
    k.name = ELMAN_STRING(ELMAN_ISA);
    k.layout = layout<T>;
    k.scratch_bytes = scratch_bytes<T>;
    k.packed_size = packed_size<T>;
    k.pack_weights = pack_weights<T>;
    k.pack_bias = pack_bias<T>;
    k.pack_table = pack_table<T>;
    k.packed_backward_size = packed_backward_size<T>;
    k.num_backward_panels = num_backward_panels<T>;
    k.pack_backward_weights = pack_backward_weights<T>;
    k.forward = forward<T>;
    k.backward = backward<T>;
    k.num_gate_blocks = num_gate_blocks<T>;
    k.weight_gradients = weight_gradients<T>;
    k.readout_scratch_bytes = readout_scratch_bytes<T>;
    k.readout = readout<T>;
    k.update_by_adam = update_by_adam<T>;
    k.sum = sum<T>;
    return k;
}

extern const Kernels<float> float_kernels;
extern const Kernels<double> double_kernels;
constexpr Kernels<float> float_kernels = make_kernels<float>();
constexpr Kernels<double> double_kernels = make_kernels<double>();

}  // namespace elman::ELMAN_ISA
