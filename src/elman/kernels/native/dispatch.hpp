// Chooses an instruction set: the best of those that are compiled into the module and that the processor has.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace elman {

// The kernels in use.
template <class T>
const Kernels<T>& kernels();

// The names of the instruction sets that can be used, best first.
std::vector<std::string> instruction_sets();

// Uses another instruction set from now on. Throws std::invalid_argument if the name is unknown.
void use_instruction_set(const std::string& name);

}  // namespace elman
