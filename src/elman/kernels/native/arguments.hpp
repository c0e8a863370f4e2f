// Reads and checks the arguments of Python callers.
//
// Arrays have one dtype, float32 or float64, and are neither copied nor converted: elman.kernels does that. A wrong
// shape is a ValueError, so no call from Python reads or writes outside of an array.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "stack.hpp"

namespace elman {

using Lengths = nanobind::ndarray<const Index, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using Resets = nanobind::ndarray<const bool, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;

// Raises ValueError("name: problem").
[[noreturn]] void fail(const std::string& name, const std::string& problem);

void expect_shape(const char* name, const Index* shape, int axes, const Index* expected, int expected_axes);

// "float32", or the type if the object has no dtype
std::string describe_dtype(nanobind::handle object);

template <class T>
const char* dtype_name() {
    if constexpr (std::is_same_v<std::remove_const_t<T>, float>) return "float32";
    if constexpr (std::is_same_v<std::remove_const_t<T>, double>) return "float64";
    if constexpr (std::is_same_v<std::remove_const_t<T>, std::int8_t>) return "int8";
    return "int64";
}

template <class T>
ArrayView<T> require_view(const char* name, nanobind::handle object) {
    ArrayView<T> view;
    if (!read_array<T>(object, view))
        fail(name, "given " + describe_dtype(object) + "; expected a " + (std::is_const_v<T> ? "" : "writable ") +
                       "CPU array of " + dtype_name<T>());
    return view;
}

// Returns the address of a C-contiguous array of this dtype and shape; null for None.
template <class T>
T* optional_array(const char* name, nanobind::handle object, std::initializer_list<Index> shape) {
    if (object.is_none()) return nullptr;
    const ArrayView<T> view = require_view<T>(name, object);
    expect_shape(name, view.size, view.axes, shape.begin(), int(shape.size()));
    if (!view.is_contiguous()) fail(name, "given a non-contiguous array; expected a contiguous one");
    return view.data;
}

template <class T>
T* require_array(const char* name, nanobind::handle object, std::initializer_list<Index> shape) {
    if (object.is_none()) fail(name, "given None; expected an array");
    return optional_array<T>(name, object, shape);
}

// Returns the address of a C-contiguous array of this dtype with the shape of another array.
template <class T>
T* require_array_like(const char* name, nanobind::handle object, const Shape& shape) {
    const ArrayView<T> view = require_view<T>(name, object);
    expect_shape(name, view.size, view.axes, shape.size, shape.axes);
    if (!view.is_contiguous()) fail(name, "given a non-contiguous array; expected a contiguous one");
    return view.data;
}

// The steps of a call: (B, T), or (T, B) if time is the first axis, or packed entries. Vectors have an axis more.
struct BatchShape {
    Index B, T, entries;
    bool packed, time_first;
};

// Reads the shape of the inputs, and checks the lengths.
BatchShape read_batch_shape(const Shape& inputs, bool table, const std::optional<Lengths>& lengths, bool time_first);

// An array of vectors of `width` numbers for all steps. Only the last axis has to be contiguous. Ids have no last axis
// and width 0.
template <class T>
StridedArray<T> read_sequences(const char* name, nanobind::handle object, const BatchShape& batch, Index width) {
    StridedArray<T> array;
    if (object.is_none()) return array;
    const ArrayView<T> view = require_view<T>(name, object);
    const Index padded[] = {batch.time_first ? batch.T : batch.B, batch.time_first ? batch.B : batch.T, width};
    const Index packed[] = {batch.entries, width};
    const int step_axes = batch.packed ? 1 : 2;
    expect_shape(name, view.size, view.axes, batch.packed ? packed : padded, step_axes + (width ? 1 : 0));
    if (width > 1 && view.num_elements() && view.stride[view.axes - 1] != 1)
        fail(name, "given a last axis that is not contiguous; expected a contiguous one");
    const bool time_first = batch.time_first && !batch.packed;
    array.data = view.data;
    array.row_stride = view.stride[time_first ? 1 : 0];
    if (!batch.packed) array.time_stride = view.stride[time_first ? 0 : 1];
    return array;
}

// Checks that ids are rows of a table.
void check_ids(const StridedArray<const std::int64_t>& ids, const BatchShape& batch, Index table_rows);

// Element i of a list or a tuple.
nanobind::tuple tuple_at(const nanobind::list& list, std::size_t i);
void expect_length(const char* name, const nanobind::list& list, std::size_t length);

// Reads groups of W, U, b_ih and b_hh, by layer, then by direction: `Group` is Parameters<T> or ParameterGradients<T>,
// with elements of type T.
template <class T, class Group>
std::vector<Group> read_weight_groups(const char* name, const nanobind::list& list, const std::vector<LayerSpec>& specs,
                                      Index directions, Index table_rows) {
    expect_length(name, list, specs.size());
    std::vector<Group> groups;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        const nanobind::tuple arrays = tuple_at(list, i);
        if (arrays.size() != 4)
            fail(name, "given " + std::to_string(arrays.size()) + " arrays of a layer; expected W, U, b_ih, b_hh");
        const Index rows = specs[i].gates() * specs[i].H;
        const bool has_table = table_rows > 0 && Index(i) < directions;
        Group group;
        group.W = has_table ? optional_array<T>("table", arrays[0], {table_rows, rows})
                            : optional_array<T>("W", arrays[0], {rows, specs[i].I});
        group.U = optional_array<T>("U", arrays[1], {rows, specs[i].H});
        group.b_ih = optional_array<T>("b_ih", arrays[2], {rows});
        group.b_hh = optional_array<T>("b_hh", arrays[3], {rows});
        groups.push_back(group);
    }
    return groups;
}

// Reads the states by layer, then by direction: a list of tuples of (B, H), or a tuple of (layers * directions, B, H).
template <class T>
class StateReader {
public:
    StateReader(const char* name, const std::vector<LayerSpec>& specs, Index B, bool allow_none)
        : name_(name), specs_(specs), B_(B), allow_none_(allow_none) {}

    std::vector<State<T>> read(nanobind::handle states) const {
        if (PyTuple_Check(states.ptr())) return read_joined(nanobind::borrow<nanobind::tuple>(states));
        if (PyList_Check(states.ptr())) return read_by_layer(nanobind::borrow<nanobind::list>(states));
        fail(name_, "given " + describe_dtype(states) + "; expected a list or a tuple");
    }

private:
    std::vector<State<T>> read_joined(const nanobind::tuple& arrays) const {
        const Index count = Index(specs_.size()), H = specs_[0].H;
        for (const LayerSpec& spec : specs_)
            if (spec.H != H) fail(name_, "given a tuple for layers of different sizes; expected a list");
        expect_arrays(arrays, specs_[0]);
        T* h = array(arrays[0], {count, B_, H});
        T* c = arrays.size() == 2 ? array(arrays[1], {count, B_, H}) : nullptr;
        std::vector<State<T>> states(specs_.size());
        for (Index i = 0; i < count; ++i) {
            if (h) states[std::size_t(i)].h = h + i * B_ * H;
            if (c) states[std::size_t(i)].c = c + i * B_ * H;
        }
        return states;
    }

    std::vector<State<T>> read_by_layer(const nanobind::list& list) const {
        expect_length(name_, list, specs_.size());
        std::vector<State<T>> states(specs_.size());
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            const nanobind::tuple arrays = tuple_at(list, i);
            expect_arrays(arrays, specs_[i]);
            states[i].h = array(arrays[0], {B_, specs_[i].H});
            if (arrays.size() == 2) states[i].c = array(arrays[1], {B_, specs_[i].H});
        }
        return states;
    }

    T* array(nanobind::handle object, std::initializer_list<Index> shape) const {
        return allow_none_ ? optional_array<T>(name_, object, shape) : require_array<T>(name_, object, shape);
    }

    void expect_arrays(const nanobind::tuple& arrays, const LayerSpec& spec) const {
        if (Index(arrays.size()) != spec.states())
            fail(name_, "given " + std::to_string(arrays.size()) + " arrays of a layer; expected " +
                            (spec.states() == 2 ? "h and c" : "h alone"));
    }

    const char* name_;
    const std::vector<LayerSpec>& specs_;
    Index B_;
    bool allow_none_;
};

}  // namespace elman
