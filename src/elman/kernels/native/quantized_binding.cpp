#include "quantized_binding.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "arguments.hpp"
#include "quantized_stack.hpp"
#include "stack_binding.hpp"

namespace nb = nanobind;

namespace elman {
namespace {

constexpr Index kMaxColumns = 1 << 17;  // 127 * 127 times so many is less than 2^31
constexpr double kReleaseFlops = 1e6;   // shorter calls keep the interpreter

// Reads values (rows, columns), which must be between -127 and 127, and the scales (rows,).
MatrixArrays read_matrix(const char* name, nb::handle values, nb::handle scale, Index rows, Index columns) {
    if (columns > kMaxColumns)
        fail(name, "given " + std::to_string(columns) + " columns; expected at most " + std::to_string(kMaxColumns));
    MatrixArrays arrays;
    arrays.values = require_array<const std::int8_t>(name, values, {rows, columns});
    arrays.scale = require_array<const float>(name, scale, {rows});
    for (Index i = 0; i < rows * columns; ++i)
        if (arrays.values[i] == -128) fail(name, "given -128; expected -127 to 127");
    return arrays;
}

Shape require_int8_matrix(const char* name, nb::handle values) {
    const Shape shape = require_view<const std::int8_t>(name, values);
    if (shape.axes != 2 || shape.size[0] < 1 || shape.size[1] < 1)
        fail(name, "expected two axes, with at least one row and one column");
    return shape;
}

struct StackWithArrays {
    std::unique_ptr<QuantizedStack> stack;
    nb::object arrays;  // of the embedding
};

// A layer is (W, scale of W or None, U, scale of U, b_ih, b_hh); W is int8, or float32 without a scale.
std::unique_ptr<StackWithArrays> pack_stack(const std::string& cell, const std::string& activation, Index directions,
                                            const nb::list& layers, const nb::object& embedding, bool table) {
    if (directions < 1 || directions > 2 || layers.size() == 0 || Index(layers.size()) % directions)
        fail("layers", "given " + std::to_string(layers.size()) + "; expected a multiple of 1 or 2 directions");
    QuantizedEmbedding rows;
    Index input_size = 0;
    if (!embedding.is_none()) {
        const nb::tuple pair = nb::cast<nb::tuple>(embedding);
        if (pair.size() != 2) fail("embedding", "expected values and scales");
        const Shape shape = require_int8_matrix("embedding", pair[0]);
        const MatrixArrays arrays = read_matrix("embedding", pair[0], pair[1], shape.size[0], shape.size[1]);
        rows.values = arrays.values;
        rows.scale = arrays.scale;
        rows.rows = shape.size[0];
        input_size = shape.size[1];
    }
    std::vector<LayerSpec> specs;
    std::vector<QuantizedParameters> groups;
    for (std::size_t first = 0; first < layers.size(); first += std::size_t(directions)) {
        Index output_size = 0;
        for (std::size_t i = first; i < first + std::size_t(directions); ++i) {
            const nb::tuple arrays = tuple_at(layers, i);
            if (arrays.size() != 6) fail("layers", "expected W, its scale, U, its scale, b_ih, b_hh");
            const Shape U = require_int8_matrix("U", arrays[2]);
            LayerSpec spec{};
            spec.cell = cell_from_name(cell);
            spec.activation = activation_from_name(activation);
            spec.H = U.size[1];
            spec.reverse = directions == 2 && i % 2 == 1;
            const Index gate_rows = spec.gates() * spec.H;
            const bool is_float = arrays[1].is_none();
            const Shape W = is_float ? Shape(require_view<const float>("W", arrays[0]))
                                     : Shape(require_view<const std::int8_t>("W", arrays[0]));
            if (W.axes != 2) fail("W", "given " + std::to_string(W.axes) + " axes; expected two");
            spec.I = W.size[1];
            if (input_size && spec.I != input_size)
                fail("W", "given " + std::to_string(spec.I) + " columns; expected " + std::to_string(input_size));
            if (is_float && rows.rows) fail("W", "given float32 with an embedding; expected int8");
            if (i == 0) input_size = spec.I;
            QuantizedParameters group;
            if (is_float)
                group.float_W = require_array<const float>("W", arrays[0], {gate_rows, spec.I});
            else
                group.W = read_matrix("W", arrays[0], arrays[1], gate_rows, spec.I);
            group.U = read_matrix("U", arrays[2], arrays[3], gate_rows, spec.H);
            group.b_ih = optional_array<const float>("b_ih", arrays[4], {gate_rows});
            group.b_hh = optional_array<const float>("b_hh", arrays[5], {gate_rows});
            specs.push_back(spec);
            groups.push_back(group);
            output_size += spec.H;
        }
        input_size = output_size;
    }
    std::unique_ptr<QuantizedStack> stack;
    {
        nb::gil_scoped_release release;
        stack = std::make_unique<QuantizedStack>(specs, directions, groups, rows, table);
    }
    return std::unique_ptr<StackWithArrays>(new StackWithArrays{std::move(stack), embedding});
}

void run_stack(const StackWithArrays& handle, const nb::object& inputs, const nb::object& outputs,
               const nb::list& initial, const nb::list& final_states, std::optional<Lengths> lengths, Index threads) {
    const QuantizedStack& stack = *handle.stack;
    const Index rows = stack.embedding().rows;
    const Shape shape =
        rows ? Shape(require_view<const std::int64_t>("ids", inputs)) : Shape(require_view<const float>("x", inputs));
    const BatchShape batch = read_batch_shape(shape, rows > 0, lengths, false);
    if (batch.packed) fail("inputs", "given packed inputs; expected padded inputs");
    const float* x = nullptr;
    const std::int64_t* ids = nullptr;
    if (rows) {
        ids = require_array<const std::int64_t>("ids", inputs, {batch.B, batch.T});
        check_ids({ids, 1, batch.T}, batch, rows);
    } else {
        x = require_array<const float>("x", inputs, {batch.B, batch.T, stack.specs()[0].I});
    }
    float* y = require_array<float>("outputs", outputs, {batch.B, batch.T, stack.output_size()});
    const auto from = StateReader<const float>("state", stack.specs(), batch.B, false).read(initial);
    const auto to = StateReader<float>("final state", stack.specs(), batch.B, false).read(final_states);
    const Index* length = lengths ? lengths->data() : nullptr;
    if (double(batch.B) * double(batch.T) * double(stack.specs()[0].H) * double(stack.specs()[0].H) < kReleaseFlops)
        return stack.run(batch.B, batch.T, x, ids, length, y, from, to, threads);
    nb::gil_scoped_release release;
    stack.run(batch.B, batch.T, x, ids, length, y, from, to, threads);
}

std::unique_ptr<QuantizedReadout> pack_readout(const nb::object& values, const nb::object& scale,
                                               const nb::object& bias) {
    const Shape shape = require_int8_matrix("V", values);
    const MatrixArrays arrays = read_matrix("V", values, scale, shape.size[0], shape.size[1]);
    const float* b = optional_array<const float>("b", bias, {shape.size[0]});
    return std::make_unique<QuantizedReadout>(arrays, b, shape.size[0], shape.size[1]);
}

void multiply(const QuantizedReadout& readout, const nb::object& x, const nb::object& out, Index threads) {
    const Shape shape = require_view<const float>("x", x);
    if (shape.axes != 2) fail("x", "given " + std::to_string(shape.axes) + " axes; expected two");
    const float* vectors = require_array<const float>("x", x, {shape.size[0], readout.columns()});
    float* products = require_array<float>("out", out, {shape.size[0], readout.rows()});
    if (double(shape.size[0]) * double(readout.rows()) * double(readout.columns()) < kReleaseFlops)
        return readout.multiply(vectors, shape.size[0], products, threads);
    nb::gil_scoped_release release;
    readout.multiply(vectors, shape.size[0], products, threads);
}

}  // namespace

void bind_quantized(nb::module_& module) {
    nb::class_<StackWithArrays>(module, "QuantizedStack")
        .def_static("pack", &pack_stack, nb::arg("cell"), nb::arg("activation"), nb::arg("directions"),
                    nb::arg("layers"), nb::arg("embedding").none(), nb::arg("table"))
        .def("run", &run_stack, nb::arg("inputs"), nb::arg("outputs"), nb::arg("state"), nb::arg("final"),
             nb::arg("lengths").none(), nb::arg("threads"));
    nb::class_<QuantizedReadout>(module, "QuantizedReadout")
        .def_static("pack", &pack_readout, nb::arg("values"), nb::arg("scale"), nb::arg("bias").none())
        .def("multiply", &multiply, nb::arg("x"), nb::arg("out"), nb::arg("threads"));
    module.def("quantized_instruction_sets", &quantized_instruction_sets);
    module.def("use_quantized_instruction_set", &use_quantized_instruction_set, nb::arg("name"));
}

}  // namespace elman
