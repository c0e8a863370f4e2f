// The Python classes QuantizedStack and QuantizedReadout.
#pragma once

#include <nanobind/nanobind.h>

namespace elman {

void bind_quantized(nanobind::module_& module);

}  // namespace elman
