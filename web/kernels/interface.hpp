// What the files of the C interface share: how a function is exported, and numbers as JavaScript has them.
//
// A module has one precision: ELMAN_NUMBER is float or double. Sizes, lengths, ids and targets are 32-bit integers;
// pointers are addresses in the memory of the module; a pointer to something that is not needed is null. The caller
// (stack.ts, training.ts) checks shapes; nothing here does. Symbols are those of cells/unroll.py: B batch size, T time steps, I
// input size, H hidden size, D directions, O outputs, N rows.
#pragma once

#include <cstdint>

#define ELMAN_EXPORT extern "C" __attribute__((visibility("default")))

namespace elman {

using Number = ELMAN_NUMBER;
using Int = std::int32_t;

}  // namespace elman
