#include "arrays.hpp"

#include <vector>

#include "third_party/dlpack/dlpack.h"

namespace nb = nanobind;

namespace elman {
namespace {

constexpr const char* kCapsuleName = "dlpack_exchange_api";

struct RegisteredType {
    PyTypeObject* type;
    const DLPackExchangeAPI* api;
};

std::vector<RegisteredType>& registered_types() {
    static auto* const types = new std::vector<RegisteredType>;  // never destroyed: the interpreter may exist longer
    return *types;
}

// Returns the table of the version that we know, or null. A table may lead to those of older versions.
const DLPackExchangeAPI* find_version(const DLPackExchangeAPIHeader* header) {
    while (header && header->version.major > DLPACK_MAJOR_VERSION) header = header->prev_api;
    if (!header || header->version.major != DLPACK_MAJOR_VERSION) return nullptr;
    const auto* api = reinterpret_cast<const DLPackExchangeAPI*>(header);  // the header is its first member
    return api->dltensor_from_py_object_no_sync ? api : nullptr;
}

bool has_dtype(const DLTensor& tensor, nb::dlpack::dtype dtype) {
    return tensor.dtype.code == dtype.code && tensor.dtype.bits == dtype.bits && tensor.dtype.lanes == dtype.lanes;
}

}  // namespace

bool Shape::is_contiguous() const {
    if (num_elements() == 0) return true;  // NumPy's empty arrays may have any strides
    Index step = 1;
    for (int i = axes; i-- > 0;) {
        if (size[i] > 1 && stride[i] != step) return false;
        step *= size[i];
    }
    return true;
}

bool register_array_type(nb::handle type) {
    if (!PyType_Check(type.ptr()) || !nb::hasattr(type, "__dlpack_c_exchange_api__")) return false;
    const nb::object capsule = type.attr("__dlpack_c_exchange_api__");
    if (!PyCapsule_IsValid(capsule.ptr(), kCapsuleName)) return false;
    void* header = PyCapsule_GetPointer(capsule.ptr(), kCapsuleName);
    const DLPackExchangeAPI* api = find_version(static_cast<const DLPackExchangeAPIHeader*>(header));
    if (!api) return false;
    Py_INCREF(type.ptr());  // never released, so that no other type gets the same address
    registered_types().push_back({reinterpret_cast<PyTypeObject*>(type.ptr()), api});
    return true;
}

detail::Exchange detail::read_by_exchange(nb::handle object, nb::dlpack::dtype dtype, Shape& shape, void*& data) {
    for (const RegisteredType& registered : registered_types()) {
        if (Py_TYPE(object.ptr()) != registered.type) continue;
        DLTensor tensor;
        if (registered.api->dltensor_from_py_object_no_sync(object.ptr(), &tensor) != 0) throw nb::python_error();
        if (tensor.device.device_type != kDLCPU || tensor.ndim > kMaxAxes || !has_dtype(tensor, dtype))
            return Exchange::unsuitable;
        data = static_cast<char*>(tensor.data) + tensor.byte_offset;
        shape.axes = tensor.ndim;
        Index step = 1;
        for (int i = shape.axes; i-- > 0;) {
            shape.size[i] = Index(tensor.shape[i]);
            shape.stride[i] = tensor.strides ? Index(tensor.strides[i]) : step;
            step *= shape.size[i];
        }
        return Exchange::success;
    }
    return Exchange::unregistered_type;
}

}  // namespace elman
