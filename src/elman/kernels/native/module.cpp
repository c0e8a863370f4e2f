// The Python module: checks what it is given against the shapes it says, releases the interpreter, and calls stack.hpp.
//
// Arrays (arrays.hpp) are of one dtype, float32 or float64, and are never copied or converted: src/elman/kernels/ is the
// face that does such things. A wrong shape is a ValueError, so no call from Python reads or writes past an array.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "arrays.hpp"
#include "cross_entropy.hpp"
#include "dispatch.hpp"
#include "memory.hpp"
#include "stack.hpp"
#include "threads.hpp"

namespace nb = nanobind;

namespace elman {
namespace {

using Lengths = nb::ndarray<const Index, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Resets = nb::ndarray<const bool, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& what) { throw nb::value_error(what.c_str()); }

std::string shape_text(const Index* begin, const Index* end) {
    std::string text = "(";
    for (const Index* size = begin; size != end; ++size) text += (size == begin ? "" : ", ") + std::to_string(*size);
    return text + ")";
}

void expect_shape(const char* name, const Index* given, int axes, const Index* expected, int expected_axes) {
    if (!std::equal(given, given + axes, expected, expected + expected_axes))
        refuse(std::string(name) + ": given shape " + shape_text(given, given + axes) + ", expected " +
               shape_text(expected, expected + expected_axes));
}

template <class T>
View view(const char* name, nb::handle object) {
    View array{};
    if (!read<T>(object, array)) refuse(std::string(name) + ": expected an array of the weights' dtype");
    return array;
}

// A C-contiguous array of this dtype and shape; null for None.
template <class T>
T* pointer(const char* name, nb::handle object, std::initializer_list<Index> shape) {
    if (object.is_none()) return nullptr;
    const View array = view<T>(name, object);
    expect_shape(name, array.shape, array.axes, shape.begin(), int(shape.size()));
    if (!array.contiguous()) refuse(std::string(name) + ": expected a contiguous array");
    return static_cast<T*>(array.data);
}

template <class T>
T* required(const char* name, nb::handle object, std::initializer_list<Index> shape) {
    T* data = pointer<T>(name, object, shape);
    if (object.is_none()) refuse(std::string(name) + ": given None");
    return data;
}

// The steps of a call: (B, T), or (T, B) where time comes first, with the numbers of x in a third axis; or packed, by
// places.
struct Sizes {
    Index B, T, places;
    bool packed, time_first;
};

// Vectors of `width` numbers for all steps; only the last axis has to be contiguous. Ids have no last axis: width 0.
template <class T>
Sequences<T> sequences(const char* name, nb::handle object, const Sizes& sizes, Index width) {
    if (object.is_none()) return {nullptr, 0, 0};
    const View array = view<T>(name, object);
    const Index outer = sizes.time_first ? sizes.T : sizes.B, inner = sizes.time_first ? sizes.B : sizes.T;
    const Index steps[] = {outer, inner, width}, places[] = {sizes.places, width};
    if (sizes.packed)
        expect_shape(name, array.shape, array.axes, places, width ? 2 : 1);
    else
        expect_shape(name, array.shape, array.axes, steps, width ? 3 : 2);
    if (width > 1 && array.size() && array.stride[array.axes - 1] != 1)
        refuse(std::string(name) + ": expected a contiguous last axis");
    T* data = static_cast<T*>(array.data);
    if (sizes.packed) return {data, 0, array.stride[0]};
    return {data, array.stride[sizes.time_first ? 0 : 1], array.stride[sizes.time_first ? 1 : 0]};
}

Cell cell_named(const std::string& name) {
    if (name == "elman") return Cell::elman;
    if (name == "gru") return Cell::gru;
    if (name == "lstm") return Cell::lstm;
    refuse("unknown cell '" + name + "': choose elman, gru or lstm");
}

// The compiled cells by name, with their numbers of gates.
nb::dict cells() {
    nb::dict gates;
    for (const char* name : {"elman", "gru", "lstm"})
        gates[name] = Kind{cell_named(name), Activation::tanh, 1, 1, false}.gates();
    return gates;
}

Activation activation_named(const std::string& name) {
    if (name == "tanh") return Activation::tanh;
    if (name == "relu") return Activation::relu;
    if (name == "sigmoid") return Activation::sigmoid;
    if (name == "identity") return Activation::identity;
    refuse("unknown activation '" + name + "': choose tanh, relu, sigmoid or identity");
}

nb::handle item(nb::handle sequence, std::size_t i) { return nb::handle(PyList_GetItem(sequence.ptr(), Py_ssize_t(i))); }

void expect_length(const char* name, const nb::list& list, std::size_t length) {
    if (list.size() != length)
        refuse(std::string(name) + ": given " + std::to_string(list.size()) + ", expected " + std::to_string(length));
}

// W, U, b_ih, b_hh of every layer and direction; `T` const for weights, not for their gradients.
template <class T, class Four>
std::vector<Four> four(const char* name, const nb::list& list, const std::vector<Kind>& kinds, Index directions,
                       Index table_rows) {
    expect_length(name, list, kinds.size());
    std::vector<Four> all;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const nb::tuple of = nb::cast<nb::tuple>(item(list, i));
        if (of.size() != 4) refuse(std::string(name) + ": expected W, U, b_ih, b_hh");
        const Kind& k = kinds[i];
        const Index rows = k.gates() * k.H;
        const bool gathered = table_rows > 0 && Index(i) < directions;
        all.push_back({gathered ? pointer<T>("table", of[0], {table_rows, rows}) : pointer<T>("W", of[0], {rows, k.I}),
                       pointer<T>("U", of[1], {rows, k.H}), pointer<T>("b_ih", of[2], {rows}),
                       pointer<T>("b_hh", of[3], {rows})});
    }
    return all;
}

// The states of every layer and direction: a list of tuples of (B, H), or a tuple of (layers * directions, B, H).
template <class T>
std::vector<State<T>> states(const char* name, nb::handle object, const std::vector<Kind>& kinds, Index B,
                             bool may_be_none) {
    const auto one = [&](nb::handle array, std::initializer_list<Index> shape) {
        return may_be_none ? pointer<T>(name, array, shape) : required<T>(name, array, shape);
    };
    const auto expect_states = [&](std::size_t given, const Kind& kind) {
        if (Index(given) != kind.states()) refuse(std::string(name) + ": a state more or less than the cell has");
    };
    std::vector<State<T>> all;
    if (PyTuple_Check(object.ptr())) {
        const nb::tuple of = nb::borrow<nb::tuple>(object);
        const Index count = Index(kinds.size()), H = kinds[0].H;
        for (const Kind& kind : kinds)
            if (kind.H != H) refuse(std::string(name) + ": expected a list, for layers of several sizes");
        expect_states(of.size(), kinds[0]);
        T* h = one(of[0], {count, B, H});
        T* c = of.size() == 2 ? one(of[1], {count, B, H}) : nullptr;
        for (Index i = 0; i < count; ++i) all.push_back({h ? h + i * B * H : nullptr, c ? c + i * B * H : nullptr});
        return all;
    }
    if (!PyList_Check(object.ptr())) refuse(std::string(name) + ": expected a list or a tuple");
    const nb::list list = nb::borrow<nb::list>(object);
    expect_length(name, list, kinds.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const nb::tuple of = nb::cast<nb::tuple>(item(list, i));
        expect_states(of.size(), kinds[i]);
        T* h = one(of[0], {B, kinds[i].H});
        all.push_back({h, of.size() == 2 ? one(of[1], {B, kinds[i].H}) : nullptr});
    }
    return all;
}

// Packed weights, and what a step by them needs.
template <class T>
struct Stack {
    Weights<T> weights;
    std::unique_ptr<Stepper<T>> stepper;
    nb::object loose;  // the arrays that the weights are read from, where they are not packed
};

template <class T>
std::unique_ptr<Stack<T>> pack(const std::string& cell, const std::string& activation, Index directions,
                                 nb::list parameters, bool table, bool loose, Index threads) {
    if (directions < 1 || directions > 2 || parameters.size() == 0 || Index(parameters.size()) % directions)
        refuse("parameters: expected layers times directions");
    std::vector<Kind> kinds;
    Index table_rows = 0, below = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const nb::tuple of = nb::cast<nb::tuple>(parameters[i]);
        View W{}, U{};
        if (of.size() != 4 || !read<const T>(of[0], W) || !read<const T>(of[1], U) || W.axes != 2 || U.axes != 2)
            refuse("parameters: expected W, U, b_ih, b_hh, of one dtype");
        Kind kind{cell_named(cell), activation_named(activation), W.shape[1], U.shape[1], directions == 2 && i % 2 == 1};
        if (kind.H < 1) refuse("U: expected at least one column");
        if (Index(i) < directions && table) {
            table_rows = W.shape[0];
            kind.I = 1;
        } else if (Index(i) >= directions && kind.I != below) {
            refuse("W: given " + std::to_string(kind.I) + " columns, expected the size of the outputs below, " +
                   std::to_string(below));
        }
        kinds.push_back(kind);
        if ((Index(i) + 1) % directions == 0) {
            below = 0;
            for (Index d = 0; d < directions; ++d) below += kinds[i - std::size_t(d)].H;
        }
    }
    for (Index d = 0; d < directions; ++d)
        if (kinds[std::size_t(d)].I != kinds[0].I) refuse("W: both directions read the same inputs");
    if (table && table_rows < 1) refuse("table: expected at least one row");
    const auto all = four<const T, Parameters<T>>("parameters", parameters, kinds, directions, table_rows);
    for (const Parameters<T>& p : all)
        if (!p.W || !p.U) refuse("parameters: W and U are needed");
    std::unique_ptr<Weights<T>> weights;
    {
        nb::gil_scoped_release release;
        weights = std::make_unique<Weights<T>>(kinds, directions, all, table_rows, loose, threads);
    }
    return std::unique_ptr<Stack<T>>(new Stack<T>{std::move(*weights), nullptr, loose ? nb::object(parameters) : nb::none()});
}

// A tape, and the arrays that it points to.
template <class T>
struct Kept {
    Tape<T> tape;
    Sizes sizes;
    std::vector<Kind> kinds;
    Index table_rows;
    nb::object arrays;
    std::mutex mutex;  // one backward at a time
    bool used_up = false;
};

Sizes sizes_of(const View& inputs, bool table, const std::optional<Lengths>& lengths, bool time_first) {
    const int axes = table ? 2 : 3;
    const auto length = [&](Index b) { return (*lengths)(std::size_t(b)); };
    if (inputs.axes == axes) {
        const Sizes sizes{inputs.shape[time_first ? 1 : 0], inputs.shape[time_first ? 0 : 1], 0, false, time_first};
        if (lengths) {
            const Index given = Index(lengths->shape(0));
            expect_shape("lengths", &given, 1, &sizes.B, 1);
            for (Index b = 0; b < sizes.B; ++b)
                if (length(b) < 0 || length(b) > sizes.T) refuse("lengths: expected 0 to " + std::to_string(sizes.T));
        }
        return sizes;
    }
    if (inputs.axes != axes - 1 || !lengths) refuse("inputs: expected (B, T) vectors, or packed ones with their lengths");
    const Sizes sizes{Index(lengths->shape(0)), lengths->shape(0) ? length(0) : 0, inputs.shape[0], true, time_first};
    Index sum = 0;
    for (Index b = 0; b < sizes.B; ++b) {
        if (length(b) < 0 || (b && length(b) > length(b - 1))) refuse("lengths: packed rows have to get shorter");
        sum += length(b);
    }
    if (sum != sizes.places) refuse("lengths: their sum is not the number of packed steps");
    return sizes;
}

template <class T>
void check_ids(const Sequences<const std::int64_t>& ids, const Sizes& sizes, Index rows) {
    const Index outer = sizes.packed ? sizes.places : sizes.B, inner = sizes.packed ? 1 : sizes.T;
    for (Index i = 0; i < outer; ++i)
        for (Index t = 0; t < inner; ++t) {
            const std::int64_t id = ids.data[i * ids.row + t * ids.time];
            if (id < 0 || id >= rows)
                refuse("ids: given " + std::to_string(id) + ", expected 0 to " + std::to_string(rows - 1));
        }
}

template <class T>
std::unique_ptr<Kept<T>> run(const Stack<T>& stack, nb::object inputs, nb::object outputs, nb::object first,
                             nb::object last, std::optional<Lengths> lengths, std::optional<Resets> reset,
                             bool time_first, bool keep, Index threads) {
    const Weights<T>& weights = stack.weights;
    const Index table_rows = weights.packed(0).table ? weights.packed(0).table_rows : 0;
    const View given = table_rows ? view<const std::int64_t>("ids", inputs) : view<const T>("x", inputs);
    const Sizes sizes = sizes_of(given, table_rows > 0, lengths, time_first);
    if (reset) {
        if (sizes.packed) refuse("reset: not with packed inputs");
        const Index shape[] = {Index(reset->shape(0)), Index(reset->shape(1))}, expected[] = {sizes.B, sizes.T};
        expect_shape("reset", shape, 2, expected, 2);
    }
    Sequences<const T> x{nullptr, 0, 0};
    Sequences<const std::int64_t> ids{nullptr, 0, 0};
    if (table_rows) {
        ids = sequences<const std::int64_t>("ids", inputs, sizes, 0);
        check_ids<T>(ids, sizes, table_rows);
    } else {
        x = sequences<const T>("x", inputs, sizes, weights.kinds()[0].I);
    }
    const Sequences<T> y = sequences<T>("outputs", outputs, sizes, weights.output_size(weights.layers() - 1));
    std::vector<State<const T>> from(weights.kinds().size(), State<const T>{nullptr, nullptr});
    if (!first.is_none()) from = states<const T>("state", first, weights.kinds(), sizes.B, false);
    const auto to = states<T>("final state", last, weights.kinds(), sizes.B, false);
    auto kept = std::unique_ptr<Kept<T>>(new Kept<T>{
        Tape<T>(Batch(sizes.T, sizes.B, lengths ? lengths->data() : nullptr,
                      reset ? reinterpret_cast<const std::uint8_t*>(reset->data()) : nullptr, sizes.packed)),
        sizes, weights.kinds(), table_rows, nb::make_tuple(inputs, outputs, first), {}, false});
    {
        nb::gil_scoped_release release;
        forward(weights, kept->tape, keep, x, ids, y, from, to, threads);
    }
    if (!keep) kept.reset();
    return kept;
}

// The interpreter is not released: a step takes microseconds, and the stepper is not for two threads at once.
template <class T>
void step(Stack<T>& stack, nb::object inputs, nb::object outputs, const nb::list& first, const nb::list& last) {
    const Weights<T>& weights = stack.weights;
    const bool gathered = weights.packed(0).table != nullptr;
    const View shape = view<T>("outputs", outputs);
    if (shape.axes != 2) refuse("outputs: expected (B, D * H)");
    const Index B = shape.shape[0];
    const T* x = gathered ? nullptr : required<const T>("x", inputs, {B, weights.kinds()[0].I});
    const std::int64_t* ids = gathered ? required<const std::int64_t>("ids", inputs, {B}) : nullptr;
    if (gathered) check_ids<T>({ids, 0, 1}, {B, 1, B, true, false}, weights.packed(0).table_rows);
    T* y = required<T>("outputs", outputs, {B, weights.output_size(weights.layers() - 1)});
    const auto from = states<const T>("state", first, weights.kinds(), B, false);
    const auto to = states<T>("final state", last, weights.kinds(), B, false);
    if (!stack.stepper || stack.stepper->rows() != B) stack.stepper = std::make_unique<Stepper<T>>(weights, B);
    stack.stepper->step(x, ids, y, from, to);
}

template <class T>
void run_back(Kept<T>& kept, const nb::list& parameters, nb::object d_outputs, nb::object d_last, nb::object d_x,
              nb::object d_first, const nb::list& gradients, bool keep, Index threads) {
    const Sizes& sizes = kept.sizes;
    const auto& kinds = kept.kinds;
    const Index D = kept.tape.directions;
    Index width = 0;
    for (Index d = 0; d < D; ++d) width += kinds[kinds.size() - 1 - std::size_t(d)].H;
    const auto p = four<const T, Parameters<T>>("parameters", parameters, kinds, D, kept.table_rows);
    const auto g = four<T, ParameterGradients<T>>("gradients", gradients, kinds, D, kept.table_rows);
    const auto d_y = sequences<const T>("d_outputs", d_outputs, sizes, width);
    if (!d_y.data && kept.tape.batch.places()) refuse("d_outputs: given None");
    const auto x = sequences<T>("d_x", d_x, sizes, kinds[0].I);
    if (kept.table_rows && x.data) refuse("d_x: rows of a table have no derivative of their own");
    std::vector<State<const T>> last;
    if (!d_last.is_none()) last = states<const T>("d_final", d_last, kinds, sizes.B, true);
    std::vector<State<T>> first(kinds.size(), State<T>{nullptr, nullptr});
    if (!d_first.is_none()) first = states<T>("d_state", d_first, kinds, sizes.B, true);
    nb::gil_scoped_release release;
    const std::lock_guard<std::mutex> alone(kept.mutex);
    if (kept.used_up) throw std::invalid_argument("tape: used up by a backward that did not keep it");
    kept.used_up = !keep;
    backward(kept.tape, keep, p, d_y, last, x, first, g, threads);
}

// The losses of tokens, and what derivatives of their sum are asked for.
template <class T>
void losses_of(const View& V, nb::object b, nb::object x, nb::object targets, nb::object losses, nb::object d_x,
               nb::object d_V, nb::object d_b, Index threads) {
    const Index O = V.shape[0], H = V.shape[1];
    if (V.axes != 2 || O < 1 || H < 1) refuse("V: expected at least one row and one column");
    if (!V.contiguous()) refuse("V: expected a contiguous array");
    const View counted = view<const std::int64_t>("targets", targets);
    if (counted.axes != 1) refuse("targets: expected a vector");
    const Index count = counted.shape[0];
    const T* bias = pointer<const T>("b", b, {O});
    const T* inputs = required<const T>("x", x, {count, H});
    const std::int64_t* classes = required<const std::int64_t>("targets", targets, {count});
    double* sums = required<double>("losses", losses, {count});
    T* to_x = pointer<T>("d_x", d_x, {count, H});
    T* to_V = pointer<T>("d_V", d_V, {O, H});
    T* to_b = pointer<T>("d_b", d_b, {O});
    for (Index i = 0; i < count; ++i)
        if (classes[i] >= O)
            refuse("targets: given class " + std::to_string(classes[i]) + ", expected 0 to " + std::to_string(O - 1));
    nb::gil_scoped_release release;
    cross_entropy(static_cast<const T*>(V.data), bias, O, H, inputs, H, classes, count, sums, to_x, to_V, to_b, threads);
}

void losses(nb::object V, nb::object b, nb::object x, nb::object targets, nb::object losses, nb::object d_x,
            nb::object d_V, nb::object d_b, Index threads) {
    View array{};
    if (read<const float>(V, array)) return losses_of<float>(array, b, x, targets, losses, d_x, d_V, d_b, threads);
    if (read<const double>(V, array)) return losses_of<double>(array, b, x, targets, losses, d_x, d_V, d_b, threads);
    refuse("V: expected an array of float32 or float64");
}

template <class T>
void bind(nb::module_& m, const char* weights, const char* tape) {
    nb::class_<Stack<T>>(m, weights)
        .def_static("pack", &pack<T>, nb::arg("cell"), nb::arg("activation"), nb::arg("directions"),
                    nb::arg("parameters"), nb::arg("table"), nb::arg("loose"), nb::arg("threads"))
        .def("step", &step<T>, nb::arg("inputs"), nb::arg("outputs"), nb::arg("state"), nb::arg("final"))
        .def("run", &run<T>, nb::arg("inputs"), nb::arg("outputs"), nb::arg("state").none(), nb::arg("final"),
             nb::arg("lengths").none(), nb::arg("reset").none(), nb::arg("time_first"), nb::arg("keep"),
             nb::arg("threads"));
    nb::class_<Kept<T>>(m, tape).def("run_back", &run_back<T>, nb::arg("parameters"), nb::arg("d_outputs"),
                                     nb::arg("d_final").none(), nb::arg("d_x").none(), nb::arg("d_state").none(),
                                     nb::arg("gradients"), nb::arg("keep"), nb::arg("threads"));
}

}  // namespace
}  // namespace elman

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // a graph of torch's that is alive at exit may hold a tape
    m.doc() = "The compiled kernels. elman.kernels is their face.";
    elman::bind<float>(m, "Weights32", "Tape32");
    elman::bind<double>(m, "Weights64", "Tape64");
    m.def("cells", &elman::cells);
    m.def("cross_entropy", &elman::losses, nb::arg("V"), nb::arg("b").none(), nb::arg("x"), nb::arg("targets"),
          nb::arg("losses"), nb::arg("d_x").none(), nb::arg("d_V").none(), nb::arg("d_b").none(), nb::arg("threads"));
    m.def("read", [](nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu> data) {
        return elman::kernels<float>().read(data.data(), elman::Index(data.size()));
    }, nb::arg("data"));
    m.def("instruction_sets", &elman::instruction_sets);
    m.def("use_instruction_set", &elman::use_instruction_set, nb::arg("name"));
    m.def("read_through_exchange", [](nb::handle type) { return elman::read_through_exchange(type); }, nb::arg("type"));
    m.def("borrow_threads", [](const std::string& library) { return elman::borrow_threads(library.c_str()); },
          nb::arg("library"));
    m.def("release_idle_memory", &elman::release_idle_memory);
    m.def("keep_freed_memory", &elman::keep_freed_memory);
}
