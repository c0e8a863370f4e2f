#include <algorithm>

#include "scheduling.hpp"
#include "stack.hpp"

namespace elman {
namespace {

constexpr Index kMinEntriesForThreads = 4;  // reading the weights takes as much time as the products of so many entries

// Assigns the arrays of the tape and the scratch memory of its layers. Returns the array that has to be filled with
// zeros.
template <class T>
T* assign_arrays(Arena& arena, const StackWeights<T>& weights, bool keep_tape, Tape<T>& tape) {
    const Index entries = tape.batch.num_entries(), B = tape.batch.steps().B;
    T* zeros = arena.take<T>(weights.max_padded_units());
    for (Index layer = 0; layer < weights.num_layers(); ++layer) {
        const bool is_top = layer + 1 == weights.num_layers();  // its outputs are the caller's
        T* outputs = is_top ? nullptr : arena.take<T>(entries * weights.output_size(layer));
        for (Index d = 0; d < weights.directions(); ++d) {
            const std::size_t i = std::size_t(layer * weights.directions() + d);
            const LayerSpec& spec = weights.specs()[i];
            const Layout layout = weights.kernels().layout(spec);
            LayerForward<T>& f = tape.layers[i];
            if (keep_tape && spec.has_gate_tape())
                f.gate_tape = arena.take<T>(entries * layout.panels * layout.panel_width());
            if (keep_tape && spec.cell == Cell::lstm)
                f.cell_tape = arena.take<T>(entries * layout.panels * 2 * layout.lanes);
            f.c = arena.take<T>(B * layout.padded_units());
            f.zeros = zeros;
            f.y.data = outputs;
        }
    }
    return zeros;
}

// Sets the inputs and the outputs of every layer.
template <class T>
void connect_layers(const StackWeights<T>& weights, const AddressTable<const T>& x,
                    const AddressTable<const std::int64_t>& ids, const AddressTable<T>& y, Tape<T>& tape) {
    AddressTable<const T> inputs = x;
    for (Index layer = 0; layer < weights.num_layers(); ++layer) {
        const bool is_top = layer + 1 == weights.num_layers();
        const std::size_t first = std::size_t(layer * weights.directions());
        const AddressTable<T> outputs =
            is_top ? y : tape.batch.table_by_entry(tape.layers[first].y.data, weights.output_size(layer));
        Index offset = 0;
        for (std::size_t i = first; i < first + std::size_t(weights.directions()); ++i) {
            LayerForward<T>& f = tape.layers[i];
            f.x = inputs;
            f.ids = ids;
            f.y = outputs;
            f.y.data += offset;
            offset += f.spec.H;
        }
        inputs = {outputs.data, outputs.time_offset, outputs.row_offset};
    }
}

// Prepares tape.layers, except for the states. Returns how many bytes of scratch memory a thread needs.
template <class T>
Index prepare_layers(const StackWeights<T>& weights, bool keep_tape, const AddressTable<const T>& x,
                     const AddressTable<const std::int64_t>& ids, const AddressTable<T>& y, Tape<T>& tape) {
    tape.kernels = &weights.kernels();
    tape.directions = weights.directions();
    tape.layers.resize(weights.specs().size());
    Index scratch_bytes = 0;
    for (std::size_t i = 0; i < tape.layers.size(); ++i) {
        tape.layers[i].spec = weights.specs()[i];
        tape.layers[i].weights = weights.layer(i);
        scratch_bytes = std::max(scratch_bytes, tape.kernels->scratch_bytes(tape.layers[i].spec, tape.batch.steps()));
    }
    Arena sizes;
    assign_arrays(sizes, weights, keep_tape, tape);
    tape.buffer = Buffer(std::size_t(sizes.bytes()));
    Arena arena(tape.buffer.data());
    T* zeros = assign_arrays(arena, weights, keep_tape, tape);
    std::fill(zeros, zeros + weights.max_padded_units(), T(0));
    connect_layers(weights, x, ids, y, tape);
    return scratch_bytes;
}

template <class T>
void set_states(Tape<T>& tape, const std::vector<State<const T>>& initial, const std::vector<State<T>>& final_states) {
    for (std::size_t i = 0; i < tape.layers.size(); ++i) {
        LayerForward<T>& f = tape.layers[i];
        f.h_initial = initial[i].h;
        f.c_initial = initial[i].c;
        f.h_final = final_states[i].h;
        f.c_final = final_states[i].c;
    }
}

}  // namespace

template <class T>
void forward(const StackWeights<T>& weights, Tape<T>& tape, bool keep_tape, const ForwardArrays<T>& arrays,
             Index threads) {
    const Kernels<T>& kernels = weights.kernels();
    Batch& batch = tape.batch;
    const Steps& steps = batch.steps();
    const Index scratch_bytes =
        prepare_layers(weights, keep_tape, batch.table(arrays.x), batch.table(arrays.ids), batch.table(arrays.y), tape);
    set_states(tape, arrays.initial, arrays.final_states);
    const Index entries = std::max(batch.num_entries(), kMinEntriesForThreads);
    threads = limit_threads(threads, product_flops(weights.specs(), entries));
    if (should_share_units(weights.specs(), threads, steps)) {
        const ThreadScratch scratch(scratch_bytes, threads);
        parallel_team(threads, [&](const ThreadTeam& team) {
            for (const LayerForward<T>& f : tape.layers)
                kernels.forward(f, steps, 0, steps.B, team, scratch.of(team.thread));
        });
        return;
    }
    threads = std::min(threads, std::max(Index(1), steps.B));
    const ThreadScratch scratch(scratch_bytes, threads);
    const std::vector<Index> cuts = batch.divide_rows(threads);
    parallel_for(threads, [&](Index i) {
        const Index begin = cuts[std::size_t(i)], end = cuts[std::size_t(i) + 1];
        for (const LayerForward<T>& f : tape.layers) kernels.forward(f, steps, begin, end, ThreadTeam(), scratch.of(i));
    });
}

template <class T>
Stepper<T>::Stepper(const StackWeights<T>& weights, Index B)
    : kernels_(&weights.kernels()), tape_(Batch(1, B, nullptr, nullptr, false)), directions_(weights.directions()) {
    // The tables of a single step are those of its entries. step sets the addresses of the data.
    Batch& batch = tape_.batch;
    const auto x = batch.template table_by_entry<const T>(nullptr, weights.specs()[0].I);
    const auto ids = batch.template table_by_entry<const std::int64_t>(nullptr, 1);
    const auto y = batch.template table_by_entry<T>(nullptr, weights.output_size(weights.num_layers() - 1));
    scratch_ = Buffer(std::size_t(prepare_layers(weights, false, x, ids, y, tape_)));
}

template <class T>
void Stepper<T>::step(const T* x, const std::int64_t* ids, T* y, const std::vector<State<const T>>& initial,
                      const std::vector<State<T>>& final_states) {
    const Steps& steps = tape_.batch.steps();
    set_states(tape_, initial, final_states);
    const Index count = Index(tape_.layers.size());
    Index offset = 0;
    for (Index i = 0; i < count; ++i) {
        LayerForward<T>& f = tape_.layers[std::size_t(i)];
        if (i < directions_) {
            f.x.data = x;
            f.ids.data = ids;
        }
        if (i >= count - directions_) {
            f.y.data = y + offset;
            offset += f.spec.H;
        }
        kernels_->forward(f, steps, 0, steps.B, ThreadTeam(), scratch_.data());
    }
}

template class Stepper<float>;
template class Stepper<double>;
template void forward(const StackWeights<float>&, Tape<float>&, bool, const ForwardArrays<float>&, Index);
template void forward(const StackWeights<double>&, Tape<double>&, bool, const ForwardArrays<double>&, Index);

}  // namespace elman
