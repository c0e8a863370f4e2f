#include <algorithm>

#include "scheduling.hpp"
#include "stack.hpp"

namespace elman {
namespace {

constexpr double kFlopsPerPackedNumber = 10;  // packing a number takes as much time as so many operations

// The backward pass of a stack.
template <class T>
class StackBackward {
public:
    StackBackward(Tape<T>& tape, bool keep_tape, const BackwardArrays<T>& arrays, Index threads)
        : tape_(tape),
          keep_tape_(keep_tape),
          arrays_(arrays),
          kernels_(*tape.kernels),
          steps_(tape.batch.steps()),
          layers_(tape.layers.size()),
          buffers_(tape.layers.size()) {
        for (const LayerForward<T>& f : tape.layers) specs_.push_back(f.spec);
        threads_ = limit_threads(threads, 2 * product_flops(specs_, tape.batch.num_entries()));
    }

    void run() {
        const std::size_t num_tables = tape_.batch.num_tables();
        prepare_layers();
        Index scratch_bytes = 0;
        for (const LayerSpec& spec : specs_)
            scratch_bytes = std::max(scratch_bytes, kernels_.scratch_bytes(spec, steps_));
        const ThreadScratch scratch(scratch_bytes, threads_);
        run_layers(scratch);
        parallel_for(threads_, [&](Index i) {
            for (const LayerBackward<T>& b : layers_) {
                const Index count = kernels_.num_gate_blocks(b.forward.spec);
                kernels_.weight_gradients(b, steps_, count * i / threads_, count * (i + 1) / threads_, scratch.of(i));
            }
        });
        tape_.batch.keep_tables(num_tables);
    }

private:
    struct Buffers {
        T *W_backward = nullptr, *U_backward = nullptr;
        T* d_x = nullptr;  // of a layer above the bottom, for all directions; at its first direction
    };

    bool is_bottom(std::size_t i) const { return Index(i) < tape_.directions; }
    bool is_unpacked() const { return tape_.layers[0].weights.unpacked_U != nullptr; }

    void prepare_layers() {
        for (std::size_t i = 0; i < layers_.size(); ++i) {
            layers_[i].forward = tape_.layers[i];
            set_callers_arrays(i);
        }
        Arena sizes;
        assign_arrays(sizes);
        buffer_ = Buffer(std::size_t(sizes.bytes()));
        Arena arena(buffer_.data());
        assign_arrays(arena);
        connect_layers();
        for (std::size_t i = 0; i < layers_.size(); ++i) prepare_weights(i);
    }

    // Sets the addresses of states, gradients and unpacked weights.
    void set_callers_arrays(std::size_t i) {
        LayerBackward<T>& b = layers_[i];
        if (!arrays_.d_final.empty()) {
            b.d_h_final = arrays_.d_final[i].h;
            b.d_c_final = arrays_.d_final[i].c;
        }
        b.d_h_initial = arrays_.d_initial[i].h;
        b.d_c_initial = arrays_.d_initial[i].c;
        const ParameterGradients<T>& gradients = arrays_.gradients[i];
        (b.forward.weights.table ? b.d_table : b.d_W) = gradients.W;
        b.d_U = gradients.U;
        b.d_b_ih = gradients.b_ih;
        b.d_b_hh = gradients.b_hh;
        LayerWeights<T>& weights = b.forward.weights;
        if (weights.unpacked_W) weights.unpacked_W = arrays_.parameters[i].W;
        if (weights.unpacked_U) weights.unpacked_U = arrays_.parameters[i].U;
    }

    void assign_arrays(Arena& arena) {
        const Index entries = tape_.batch.num_entries();
        for (std::size_t i = layers_.size(); i-- > 0;) {
            const LayerSpec& spec = specs_[i];
            const Layout layout = kernels_.layout(spec);
            LayerBackward<T>& b = layers_[i];
            const bool overwrite_tape = !keep_tape_ && b.forward.gate_tape;
            b.d_gates =
                overwrite_tape ? b.forward.gate_tape : arena.take<T>(entries * layout.panels * layout.panel_width());
            b.d_h = arena.take<T>(steps_.B * layout.padded_units());
            b.d_c = arena.take<T>(steps_.B * layout.padded_units());
            if (!is_bottom(i) && Index(i) % tape_.directions == 0) buffers_[i].d_x = arena.take<T>(entries * spec.I);
            if (is_unpacked()) continue;
            const bool needs_d_x = !is_bottom(i) || arrays_.d_x.data;
            buffers_[i].U_backward = arena.take<T>(kernels_.packed_backward_size(spec, spec.H));
            if (needs_d_x) buffers_[i].W_backward = arena.take<T>(kernels_.packed_backward_size(spec, spec.I));
        }
    }

    // Sets d_y and d_x of every layer, from the top to the bottom.
    void connect_layers() {
        const std::size_t D = std::size_t(tape_.directions);
        AddressTable<const T> d_outputs = tape_.batch.table(arrays_.d_y);
        for (std::size_t first = layers_.size(); first > 0;) {
            first -= D;
            const AddressTable<T> d_inputs = first > 0
                                                 ? tape_.batch.table_by_entry(buffers_[first].d_x, specs_[first].I)
                                                 : tape_.batch.table(arrays_.d_x);
            Index offset = 0;
            for (std::size_t i = first; i < first + D; ++i) {
                LayerBackward<T>& b = layers_[i];
                b.d_y = d_outputs;
                b.d_y.data += offset;
                b.d_x = d_inputs;
                b.accumulate_d_x = i > first;
                offset += specs_[i].H;
            }
            d_outputs = {d_inputs.data, d_inputs.time_offset, d_inputs.row_offset};
        }
    }

    void prepare_weights(std::size_t i) {
        const Buffers& buffers = buffers_[i];
        const Parameters<T>& parameters = arrays_.parameters[i];
        pack(specs_[i], true, parameters.U, specs_[i].H, buffers.U_backward);
        pack(specs_[i], false, parameters.W, specs_[i].I, buffers.W_backward);
        layers_[i].forward.weights.U_backward = buffers.U_backward;
        layers_[i].forward.weights.W_backward = buffers.W_backward;
    }

    void pack(const LayerSpec& spec, bool recurrent, const T* weight, Index columns, T* packed) const {
        if (!packed) return;
        const double numbers = double(spec.gates() * spec.H * columns);
        parallel_shares(limit_threads(threads_, kFlopsPerPackedNumber * numbers), kernels_.num_backward_panels(columns),
                        [&](Index begin, Index end) {
                            kernels_.pack_backward_weights(spec, recurrent, weight, columns, packed, begin, end);
                        });
    }

    // Computes the derivatives with respect to gates, inputs and states.
    void run_layers(const ThreadScratch& scratch) const {
        if (should_share_units(specs_, threads_, steps_) && !is_unpacked()) {
            parallel_team(threads_,
                          [&](const ThreadTeam& team) { run_rows(0, steps_.B, team, scratch.of(team.thread)); });
            return;
        }
        const Index threads = std::min(threads_, std::max(Index(1), steps_.B));
        const std::vector<Index> cuts = tape_.batch.divide_rows(threads);
        parallel_for(threads, [&](Index i) {
            run_rows(cuts[std::size_t(i)], cuts[std::size_t(i) + 1], ThreadTeam(), scratch.of(i));
        });
    }

    void run_rows(Index begin, Index end, const ThreadTeam& team, void* scratch) const {
        const std::size_t D = std::size_t(tape_.directions);
        for (std::size_t first = layers_.size(); first > 0;) {
            first -= D;
            for (std::size_t i = first; i < first + D; ++i)
                kernels_.backward(layers_[i], steps_, begin, end, team, scratch);
        }
    }

    Tape<T>& tape_;
    const bool keep_tape_;
    const BackwardArrays<T>& arrays_;
    const Kernels<T>& kernels_;
    const Steps& steps_;
    std::vector<LayerSpec> specs_;
    std::vector<LayerBackward<T>> layers_;
    std::vector<Buffers> buffers_;
    Buffer buffer_;  // of all arrays that assign_arrays assigns
    Index threads_ = 1;
};

}  // namespace

template <class T>
void backward(Tape<T>& tape, bool keep_tape, const BackwardArrays<T>& arrays, Index threads) {
    StackBackward<T>(tape, keep_tape, arrays, threads).run();
}

template void backward(Tape<float>&, bool, const BackwardArrays<float>&, Index);
template void backward(Tape<double>&, bool, const BackwardArrays<double>&, Index);

}  // namespace elman
