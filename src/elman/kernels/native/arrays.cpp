#include "arrays.hpp"

#include <vector>

namespace nb = nanobind;

namespace elman {
namespace {

// DLPack's exchange table, as its version 1.3 lays it out. Of its functions one is used: it fills in a description of an
// array, which the array goes on owning, and returns 0, or -1 with a Python exception.
struct ExchangeTable {
    std::uint32_t major, minor;
    ExchangeTable* previous;
    void* allocate;
    void* give;
    void* take;
    int (*describe)(void* object, nb::dlpack::dltensor* out);
    void* stream;
};

struct Exchanged {
    PyTypeObject* type;
    const ExchangeTable* table;
};

std::vector<Exchanged>& types() {
    static auto* const all = new std::vector<Exchanged>;  // never destroyed: the interpreter may outlive static objects
    return *all;
}

}  // namespace

bool View::contiguous() const {
    if (size() == 0) return true;  // NumPy gives such arrays any strides
    Index step = 1;
    for (int i = axes; i-- > 0;) {
        if (shape[i] > 1 && stride[i] != step) return false;
        step *= shape[i];
    }
    return true;
}

bool read_through_exchange(nb::handle type) {
    if (!PyType_Check(type.ptr()) || !nb::hasattr(type, "__dlpack_c_exchange_api__")) return false;
    const nb::object capsule = type.attr("__dlpack_c_exchange_api__");
    if (!PyCapsule_IsValid(capsule.ptr(), "dlpack_exchange_api")) return false;
    const auto* table = static_cast<const ExchangeTable*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
    while (table && table->major > 1) table = table->previous;
    if (!table || table->major != 1 || !table->describe) return false;
    Py_INCREF(type.ptr());  // for good: another type must not come to lie where this one was
    types().push_back({reinterpret_cast<PyTypeObject*>(type.ptr()), table});
    return true;
}

detail::Found detail::exchanged(nb::handle object, nb::dlpack::dtype dtype, View& view) {
    for (const Exchanged& each : types()) {
        if (Py_TYPE(object.ptr()) != each.type) continue;
        nb::dlpack::dltensor found{};
        if (each.table->describe(object.ptr(), &found)) throw nb::python_error();
        if (found.device.device_type != nb::device::cpu::value || found.ndim > kMostAxes || !(found.dtype == dtype))
            return Found::another;
        view.data = static_cast<char*>(found.data) + found.byte_offset;
        view.axes = found.ndim;
        Index step = 1;
        for (int i = view.axes; i-- > 0;) {
            view.shape[i] = Index(found.shape[i]);
            view.stride[i] = found.strides ? Index(found.strides[i]) : step;
            step *= view.shape[i];
        }
        return Found::view;
    }
    return Found::not_exchanged;
}

}  // namespace elman
