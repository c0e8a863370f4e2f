// What the files of the C interface share: how a function is exported, numbers as JavaScript has them, and a sum.
//
// A module has one precision: ELMAN_NUMBER is float or double. Sizes, lengths, ids and targets are 32-bit integers;
// pointers are addresses in the memory of the module; a pointer to something that is not needed is null. The caller
// (stack.ts, training.ts, attention.ts) checks shapes; nothing here does. Symbols are those of cells/unroll.py: B batch
// size, T time steps, S source steps, I input size, H hidden size, D directions, O outputs, N rows.
#pragma once

#include <cstdint>

#define ELMAN_EXPORT extern "C" __attribute__((visibility("default")))

namespace elman {

using Number = ELMAN_NUMBER;
using Int = std::int32_t;

// target += factor * source
inline void add_multiple(Number* __restrict target, Number factor, const Number* __restrict source, Int count) {
    for (Int i = 0; i < count; ++i) target[i] += factor * source[i];
}

}  // namespace elman
