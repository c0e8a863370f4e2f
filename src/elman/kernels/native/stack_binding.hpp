// The Python classes Weights32 and Weights64, and Tape32 and Tape64.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "kernels.hpp"

namespace elman {

template <class T>
void bind_stack(nanobind::module_& module, const char* weights_name, const char* tape_name);

// Raise a ValueError if the name is unknown.
Cell cell_from_name(const std::string& name);
Activation activation_from_name(const std::string& name);

// The names of the compiled cells, with their numbers of gates.
nanobind::dict compiled_cells();

}  // namespace elman
