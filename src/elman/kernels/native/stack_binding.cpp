#include "stack_binding.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "arguments.hpp"

namespace nb = nanobind;

namespace elman {
namespace {

struct NamedCell {
    const char* name;
    Cell cell;
};

constexpr NamedCell kCells[] = {{"elman", Cell::elman}, {"gru", Cell::gru}, {"lstm", Cell::lstm}};

// The weights of a stack, and what single steps need.
template <class T>
struct StackHandle {
    StackWeights<T> weights;
    nb::object arrays;  // those that unpacked weights point to
    std::unique_ptr<Stepper<T>> stepper;
};

// A tape, and the arrays that it points to.
template <class T>
struct TapeHandle {
    Tape<T> tape;
    BatchShape batch;
    std::vector<LayerSpec> specs;
    Index table_rows;
    nb::object arrays;
    std::mutex mutex;  // allows one backward pass at a time
    bool overwritten = false;
};

// Reads the specs of all layers and directions from the shapes of W and U.
template <class T>
class SpecReader {
public:
    SpecReader(Cell cell, Activation activation, const nb::list& parameters, Index directions, bool table)
        : cell_(cell), activation_(activation), parameters_(parameters), directions_(directions), table_(table) {
        if (directions < 1 || directions > 2 || parameters.size() == 0 || Index(parameters.size()) % directions)
            fail("parameters", "given " + std::to_string(parameters.size()) + " layers and directions; expected " +
                                   "a multiple of 1 or 2 directions");
    }

    std::vector<LayerSpec> read() {
        std::vector<LayerSpec> specs;
        Index input_size = 0;  // of a layer above the bottom
        for (std::size_t first = 0; first < parameters_.size(); first += std::size_t(directions_)) {
            for (std::size_t i = first; i < first + std::size_t(directions_); ++i) {
                specs.push_back(read_spec(i));
                if (first > 0 && specs.back().I != input_size)
                    fail("W", "given " + std::to_string(specs.back().I) +
                                  " columns; expected the output size of the layer below, " +
                                  std::to_string(input_size));
            }
            input_size = 0;
            for (std::size_t i = first; i < specs.size(); ++i) input_size += specs[i].H;
        }
        for (Index d = 0; d < directions_; ++d)
            if (specs[std::size_t(d)].I != specs[0].I)
                fail("W", "given different numbers of columns for the two directions; expected the same number");
        if (table_ && table_rows_ < 1) fail("table", "given no rows; expected at least one row");
        return specs;
    }

    Index table_rows() const { return table_rows_; }

private:
    LayerSpec read_spec(std::size_t i) {
        const nb::tuple arrays = tuple_at(parameters_, i);
        ArrayView<const T> W, U;
        if (arrays.size() != 4 || !read_array(arrays[0], W) || !read_array(arrays[1], U) || W.axes != 2 || U.axes != 2)
            fail("parameters",
                 std::string("expected W, U, b_ih, b_hh of ") + dtype_name<T>() + ", W and U with two axes");
        const bool has_table = table_ && Index(i) < directions_;
        if (has_table) table_rows_ = W.size[0];
        if (U.size[1] < 1) fail("U", "given no columns; expected at least one column");
        LayerSpec spec{};
        spec.cell = cell_;
        spec.activation = activation_;
        spec.I = has_table ? 1 : W.size[1];
        spec.H = U.size[1];
        spec.reverse = directions_ == 2 && i % 2 == 1;
        return spec;
    }

    Cell cell_;
    Activation activation_;
    const nb::list& parameters_;
    Index directions_;
    bool table_;
    Index table_rows_ = 0;
};

template <class T>
std::unique_ptr<StackHandle<T>> pack(const std::string& cell, const std::string& activation, Index directions,
                                     const nb::list& parameters, bool table, bool unpacked, Index threads) {
    SpecReader<T> reader(cell_from_name(cell), activation_from_name(activation), parameters, directions, table);
    const std::vector<LayerSpec> specs = reader.read();
    StackOptions options;
    options.directions = directions;
    options.table_rows = reader.table_rows();
    options.unpacked = unpacked;
    const auto groups =
        read_weight_groups<const T, Parameters<T>>("parameters", parameters, specs, directions, options.table_rows);
    std::optional<StackWeights<T>> weights;
    {
        nb::gil_scoped_release release;
        weights.emplace(specs, groups, options, threads);
    }
    const nb::object arrays = unpacked ? nb::object(parameters) : nb::none();
    return std::unique_ptr<StackHandle<T>>(new StackHandle<T>{std::move(*weights), arrays, nullptr});
}

template <class T>
std::unique_ptr<TapeHandle<T>> run(const StackHandle<T>& stack, const nb::object& inputs, const nb::object& outputs,
                                   const nb::object& initial, const nb::object& final_states,
                                   std::optional<Lengths> lengths, std::optional<Resets> reset, bool time_first,
                                   bool keep_tape, Index threads) {
    const StackWeights<T>& weights = stack.weights;
    const Index table_rows = weights.table_rows();
    const Shape input_shape =
        table_rows ? Shape(require_view<const std::int64_t>("ids", inputs)) : Shape(require_view<const T>("x", inputs));
    const BatchShape batch = read_batch_shape(input_shape, table_rows > 0, lengths, time_first);
    if (reset) {
        if (batch.packed) fail("reset", "given with packed inputs; expected padded inputs (B, T, I)");
        const Index shape[] = {Index(reset->shape(0)), Index(reset->shape(1))}, expected[] = {batch.B, batch.T};
        expect_shape("reset", shape, 2, expected, 2);
    }
    ForwardArrays<T> arrays;
    if (table_rows) {
        arrays.ids = read_sequences<const std::int64_t>("ids", inputs, batch, 0);
        check_ids(arrays.ids, batch, table_rows);
    } else {
        arrays.x = read_sequences<const T>("x", inputs, batch, weights.specs()[0].I);
    }
    arrays.y = read_sequences<T>("outputs", outputs, batch, weights.output_size(weights.num_layers() - 1));
    arrays.initial.resize(weights.specs().size());
    if (!initial.is_none())
        arrays.initial = StateReader<const T>("state", weights.specs(), batch.B, false).read(initial);
    arrays.final_states = StateReader<T>("final state", weights.specs(), batch.B, false).read(final_states);
    const auto* resets = reset ? reinterpret_cast<const std::uint8_t*>(reset->data()) : nullptr;
    Tape<T> tape(Batch(batch.T, batch.B, lengths ? lengths->data() : nullptr, resets, batch.packed));
    {
        nb::gil_scoped_release release;
        forward(weights, tape, keep_tape, arrays, threads);
    }
    if (!keep_tape) return nullptr;
    return std::unique_ptr<TapeHandle<T>>(new TapeHandle<T>{
        std::move(tape), batch, weights.specs(), table_rows, nb::make_tuple(inputs, outputs, initial), {}, false});
}

// Does not release the interpreter: a step takes microseconds, and the stepper is not for several threads at once.
template <class T>
void step(StackHandle<T>& stack, const nb::object& inputs, const nb::object& outputs, const nb::list& initial,
          const nb::list& final_states) {
    const StackWeights<T>& weights = stack.weights;
    const Index table_rows = weights.table_rows();
    const Shape output_shape = require_view<T>("outputs", outputs);
    if (output_shape.axes != 2)
        fail("outputs", "given " + std::to_string(output_shape.axes) + " axes; expected (B, D * H)");
    const Index B = output_shape.size[0];
    const T* x = table_rows ? nullptr : require_array<const T>("x", inputs, {B, weights.specs()[0].I});
    const std::int64_t* ids = table_rows ? require_array<const std::int64_t>("ids", inputs, {B}) : nullptr;
    if (ids) check_ids({ids, 0, 1}, BatchShape{B, 1, B, true, false}, table_rows);
    T* y = require_array<T>("outputs", outputs, {B, weights.output_size(weights.num_layers() - 1)});
    const auto from = StateReader<const T>("state", weights.specs(), B, false).read(initial);
    const auto to = StateReader<T>("final state", weights.specs(), B, false).read(final_states);
    if (!stack.stepper || stack.stepper->num_rows() != B) stack.stepper = std::make_unique<Stepper<T>>(weights, B);
    stack.stepper->step(x, ids, y, from, to);
}

template <class T>
void run_backward(TapeHandle<T>& handle, const nb::list& parameters, const nb::object& d_outputs,
                  const nb::object& d_final, const nb::object& d_x, const nb::object& d_initial,
                  const nb::list& gradients, bool keep_tape, Index threads) {
    const std::vector<LayerSpec>& specs = handle.specs;
    const Index D = handle.tape.directions, B = handle.batch.B;
    Index output_size = 0;
    for (std::size_t i = specs.size() - std::size_t(D); i < specs.size(); ++i) output_size += specs[i].H;
    BackwardArrays<T> arrays;
    arrays.parameters =
        read_weight_groups<const T, Parameters<T>>("parameters", parameters, specs, D, handle.table_rows);
    arrays.gradients =
        read_weight_groups<T, ParameterGradients<T>>("gradients", gradients, specs, D, handle.table_rows);
    arrays.d_y = read_sequences<const T>("d_outputs", d_outputs, handle.batch, output_size);
    if (!arrays.d_y.data && handle.tape.batch.num_entries()) fail("d_outputs", "given None; expected an array");
    arrays.d_x = read_sequences<T>("d_x", d_x, handle.batch, specs[0].I);
    if (handle.table_rows && arrays.d_x.data)
        fail("d_x", "given an array; expected None: rows of a table have no derivative");
    if (!d_final.is_none()) arrays.d_final = StateReader<const T>("d_final", specs, B, true).read(d_final);
    arrays.d_initial.resize(specs.size());
    if (!d_initial.is_none()) arrays.d_initial = StateReader<T>("d_state", specs, B, true).read(d_initial);
    nb::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(handle.mutex);
    if (handle.overwritten)
        throw std::invalid_argument("tape: an earlier backward pass has overwritten it; call that one with keep=True");
    handle.overwritten = !keep_tape;
    backward(handle.tape, keep_tape, arrays, threads);
}

}  // namespace

Cell cell_from_name(const std::string& name) {
    for (const NamedCell& entry : kCells)
        if (name == entry.name) return entry.cell;
    fail("cell", "given '" + name + "'; expected elman, gru or lstm");
}

Activation activation_from_name(const std::string& name) {
    if (name == "tanh") return Activation::tanh;
    if (name == "relu") return Activation::relu;
    if (name == "sigmoid") return Activation::sigmoid;
    if (name == "identity") return Activation::identity;
    fail("activation", "given '" + name + "'; expected tanh, relu, sigmoid or identity");
}

nb::dict compiled_cells() {
    nb::dict gates;
    for (const NamedCell& entry : kCells) {
        LayerSpec spec{};
        spec.cell = entry.cell;
        gates[entry.name] = spec.gates();
    }
    return gates;
}

template <class T>
void bind_stack(nb::module_& module, const char* weights_name, const char* tape_name) {
    nb::class_<StackHandle<T>>(module, weights_name)
        .def_static("pack", &pack<T>, nb::arg("cell"), nb::arg("activation"), nb::arg("directions"),
                    nb::arg("parameters"), nb::arg("table"), nb::arg("unpacked"), nb::arg("threads"))
        .def("step", &step<T>, nb::arg("inputs"), nb::arg("outputs"), nb::arg("state"), nb::arg("final"))
        .def("run", &run<T>, nb::arg("inputs"), nb::arg("outputs"), nb::arg("state").none(), nb::arg("final"),
             nb::arg("lengths").none(), nb::arg("reset").none(), nb::arg("time_first"), nb::arg("keep_tape"),
             nb::arg("threads"));
    nb::class_<TapeHandle<T>>(module, tape_name)
        .def("backward", &run_backward<T>, nb::arg("parameters"), nb::arg("d_outputs"), nb::arg("d_final").none(),
             nb::arg("d_x").none(), nb::arg("d_state").none(), nb::arg("gradients"), nb::arg("keep_tape"),
             nb::arg("threads"));
}

template void bind_stack<float>(nb::module_&, const char*, const char*);
template void bind_stack<double>(nb::module_&, const char*, const char*);

}  // namespace elman
