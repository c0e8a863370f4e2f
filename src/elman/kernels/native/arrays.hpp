// Arrays of Python callers: NumPy's, and tensors of torch. Tensors are read through DLPack's table of C functions,
// which takes a tenth of the time of creating a NumPy array from them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <type_traits>

#include "kernels.hpp"

namespace elman {

constexpr int kMaxAxes = 8;

// The shape of an array. Strides count elements.
struct Shape {
    int axes = 0;
    Index size[kMaxAxes] = {};
    Index stride[kMaxAxes] = {};

    Index num_elements() const {
        Index count = 1;
        for (int i = 0; i < axes; ++i) count *= size[i];
        return count;
    }
    bool is_contiguous() const;  // in C order
};

// An array in the memory of the CPU, which another object owns.
template <class T>
struct ArrayView : Shape {
    T* data = nullptr;
};

// Reads arrays of exactly this Python type through its __dlpack_c_exchange_api__ from now on. Returns false if it has
// none, or none of a version that we know.
bool register_array_type(nanobind::handle type);

namespace detail {

enum class Exchange { success, unsuitable, unregistered_type };

// Fills in the shape and the address of an array whose type is registered. The array is unsuitable if it is not on the
// CPU or if its dtype is another one.
Exchange read_by_exchange(nanobind::handle object, nanobind::dlpack::dtype dtype, Shape& shape, void*& data);

}  // namespace detail

// Returns whether the object is a CPU array of T, writable unless T is const, and fills in the view.
template <class T>
bool read_array(nanobind::handle object, ArrayView<T>& view) {
    void* data = nullptr;
    switch (detail::read_by_exchange(object, nanobind::dtype<std::remove_const_t<T>>(), view, data)) {
        case detail::Exchange::success: view.data = static_cast<T*>(data); return true;
        case detail::Exchange::unsuitable: return false;
        case detail::Exchange::unregistered_type: break;
    }
    nanobind::ndarray<T, nanobind::device::cpu> array;
    if (!nanobind::try_cast<nanobind::ndarray<T, nanobind::device::cpu>>(object, array, false)) return false;
    if (array.ndim() > std::size_t(kMaxAxes)) return false;
    view.data = array.data();
    view.axes = int(array.ndim());
    for (int i = 0; i < view.axes; ++i) {
        view.size[i] = Index(array.shape(std::size_t(i)));
        view.stride[i] = Index(array.stride(std::size_t(i)));
    }
    return true;
}

}  // namespace elman
