// The Python module _native. src/elman/kernels is its public interface.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arguments.hpp"
#include "cross_entropy.hpp"
#include "dispatch.hpp"
#include "memory.hpp"
#include "openmp.hpp"
#include "quantized_binding.hpp"
#include "quantized_stack.hpp"
#include "stack_binding.hpp"

namespace nb = nanobind;

namespace elman {
namespace {

template <class T>
void compute_losses(const ArrayView<const T>& V, const nb::object& b, const nb::object& x, const nb::object& targets,
                    const nb::object& losses, const nb::object& d_x, const nb::object& d_V, const nb::object& d_b,
                    Index threads) {
    const Shape target_shape = require_view<const std::int64_t>("targets", targets);
    if (V.axes != 2 || V.size[0] < 1 || V.size[1] < 1)
        fail("V", "expected two axes, with at least one row and one column");
    if (!V.is_contiguous()) fail("V", "given a non-contiguous array; expected a contiguous one");
    if (target_shape.axes != 1)
        fail("targets", "given " + std::to_string(target_shape.axes) + " axes; expected one axis");
    const Index O = V.size[0], H = V.size[1], N = target_shape.size[0];
    ReadoutArrays<T> arrays;
    arrays.O = O;
    arrays.H = H;
    arrays.num_tokens = N;
    arrays.V = V.data;
    arrays.b = optional_array<const T>("b", b, {O});
    arrays.x = require_array<const T>("x", x, {N, H});
    arrays.targets = require_array<const std::int64_t>("targets", targets, {N});
    arrays.losses = require_array<double>("losses", losses, {N});
    arrays.d_x = optional_array<T>("d_x", d_x, {N, H});
    arrays.d_V = optional_array<T>("d_V", d_V, {O, H});
    arrays.d_b = optional_array<T>("d_b", d_b, {O});
    for (Index i = 0; i < N; ++i)
        if (arrays.targets[i] >= O)
            fail("targets",
                 "given class " + std::to_string(arrays.targets[i]) + "; expected 0 to " + std::to_string(O - 1));
    nb::gil_scoped_release release;
    cross_entropy(arrays, threads);
}

void compute_losses_of_any_dtype(const nb::object& V, const nb::object& b, const nb::object& x,
                                 const nb::object& targets, const nb::object& losses, const nb::object& d_x,
                                 const nb::object& d_V, const nb::object& d_b, Index threads) {
    ArrayView<const float> floats;
    ArrayView<const double> doubles;
    if (read_array(V, floats)) return compute_losses(floats, b, x, targets, losses, d_x, d_V, d_b, threads);
    if (read_array(V, doubles)) return compute_losses(doubles, b, x, targets, losses, d_x, d_V, d_b, threads);
    fail("V", "given " + describe_dtype(V) + "; expected a CPU array of float32 or float64");
}

template <class T>
void update_by_adam(const ArrayView<T>& parameters, const nb::object& gradient, const nb::object& m,
                    const nb::object& v, double mean_share, double square_share, double rate, double square_correction,
                    double epsilon) {
    if (!parameters.is_contiguous()) fail("parameters", "given a non-contiguous array; expected a contiguous one");
    AdamUpdate<T> update;
    update.parameters = parameters.data;
    update.count = parameters.num_elements();
    update.gradient = require_array_like<const T>("gradient", gradient, parameters);
    update.m = require_array_like<T>("m", m, parameters);
    update.v = require_array_like<T>("v", v, parameters);
    update.mean_share = T(mean_share);
    update.square_share = T(square_share);
    update.rate = T(rate);
    update.square_correction = T(square_correction);
    update.epsilon = T(epsilon);
    nb::gil_scoped_release release;
    kernels<T>().update_by_adam(update);
}

void update_by_adam_of_any_dtype(const nb::object& parameters, const nb::object& gradient, const nb::object& m,
                                 const nb::object& v, double mean_share, double square_share, double rate,
                                 double square_correction, double epsilon) {
    ArrayView<float> floats;
    ArrayView<double> doubles;
    if (read_array(parameters, floats))
        return update_by_adam(floats, gradient, m, v, mean_share, square_share, rate, square_correction, epsilon);
    if (read_array(parameters, doubles))
        return update_by_adam(doubles, gradient, m, v, mean_share, square_share, rate, square_correction, epsilon);
    fail("parameters", "given " + describe_dtype(parameters) + "; expected a writable CPU array of float32 or float64");
}

float sum(const nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>& data) {
    return kernels<float>().sum(data.data(), Index(data.size()));
}

// Of the kernels in floating point, and of those for int8 weights.
void use_every_instruction_set(const std::string& name) {
    use_instruction_set(name);
    follow_instruction_set(name);
}

}  // namespace
}  // namespace elman

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // a graph of torch that exists at exit may own a tape
    m.doc() = "The compiled kernels. Use elman.kernels.";
    elman::bind_stack<float>(m, "Weights32", "Tape32");
    elman::bind_stack<double>(m, "Weights64", "Tape64");
    elman::bind_quantized(m);
    m.def("cells", &elman::compiled_cells);
    m.def("cross_entropy", &elman::compute_losses_of_any_dtype, nb::arg("V"), nb::arg("b").none(), nb::arg("x"),
          nb::arg("targets"), nb::arg("losses"), nb::arg("d_x").none(), nb::arg("d_V").none(), nb::arg("d_b").none(),
          nb::arg("threads"));
    m.def("update_by_adam", &elman::update_by_adam_of_any_dtype, nb::arg("parameters"), nb::arg("gradient"),
          nb::arg("m"), nb::arg("v"), nb::arg("mean_share"), nb::arg("square_share"), nb::arg("rate"),
          nb::arg("square_correction"), nb::arg("epsilon"));
    m.def("sum", &elman::sum, nb::arg("data"));
    m.def("instruction_sets", &elman::instruction_sets);
    m.def("use_instruction_set", &elman::use_every_instruction_set, nb::arg("name"));
    m.def("register_array_type", &elman::register_array_type, nb::arg("type"));
    m.def(
        "borrow_threads", [](const std::string& library) { return elman::borrow_openmp(library.c_str()); },
        nb::arg("library"));
    m.def("release_idle_memory", &elman::release_idle_memory);
    m.def("keep_freed_memory", &elman::keep_freed_memory);
}
