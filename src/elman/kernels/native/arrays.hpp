// Arrays that Python hands over: NumPy's, and torch's tensors, which are read through a table of C functions (DLPack's
// exchange table) in a tenth of the time that a NumPy view of them takes to make.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "shape.hpp"

namespace elman {

constexpr int kMostAxes = 8;

// An array of a known dtype in memory of the CPU; strides count elements. It lives as long as the object it was read from.
struct View {
    void* data;
    int axes;
    Index shape[kMostAxes], stride[kMostAxes];

    Index size() const {
        Index count = 1;
        for (int i = 0; i < axes; ++i) count *= shape[i];
        return count;
    }
    bool contiguous() const;  // in C's order
};

// Reads arrays of this Python type, and exactly this one, through its __dlpack_c_exchange_api__ from now on. Returns
// whether it has one that we understand.
bool read_through_exchange(nanobind::handle type);

namespace detail {

enum class Found { view, another, not_exchanged };
Found exchanged(nanobind::handle object, nanobind::dlpack::dtype dtype, View& view);

}  // namespace detail

// Returns whether the object is an array of T on the CPU, writable unless T is const.
template <class T>
bool read(nanobind::handle object, View& view) {
    const detail::Found found = detail::exchanged(object, nanobind::dtype<std::remove_const_t<T>>(), view);
    if (found != detail::Found::not_exchanged) return found == detail::Found::view;
    nanobind::ndarray<T, nanobind::device::cpu> array;
    if (!nanobind::try_cast<nanobind::ndarray<T, nanobind::device::cpu>>(object, array, false)) return false;
    if (array.ndim() > std::size_t(kMostAxes)) return false;
    view.data = const_cast<std::remove_const_t<T>*>(array.data());
    view.axes = int(array.ndim());
    for (int i = 0; i < view.axes; ++i) {
        view.shape[i] = Index(array.shape(std::size_t(i)));
        view.stride[i] = Index(array.stride(std::size_t(i)));
    }
    return true;
}

}  // namespace elman
