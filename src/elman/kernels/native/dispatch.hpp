// Which instruction set: the best of those compiled in that this machine has.
#pragma once

#include <string>
#include <vector>

#include "shape.hpp"

namespace elman {

// The kernels in use.
template <class T>
const Kernels<T>& kernels();

// Names of the sets that are compiled in and run here, best first.
std::vector<std::string> instruction_sets();

// Uses another of them from now on; std::invalid_argument for an unknown one.
void use_instruction_set(const std::string& name);

}  // namespace elman
