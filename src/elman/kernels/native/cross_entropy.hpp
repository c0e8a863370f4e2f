// A linear readout and its softmax cross-entropy for many tokens. The logits exist only for a chunk of tokens at a
// time.
#pragma once

#include "kernels.hpp"

namespace elman {

// The arrays of a readout of H inputs and O classes.
template <class T>
struct ReadoutArrays {
    Index O = 0, H = 0, num_tokens = 0;
    const T* V = nullptr;                   // (O, H)
    const T* b = nullptr;                   // (O,), or null
    const T* x = nullptr;                   // (num_tokens, H)
    const std::int64_t* targets = nullptr;  // (num_tokens,): below O; negative targets do not count
    double* losses = nullptr;               // (num_tokens,)
    T* d_x = nullptr;                       // the gradients of the sum of the losses. A null gradient is not needed
    T* d_V = nullptr;
    T* d_b = nullptr;
};

// Computes the losses and the gradients.
template <class T>
void cross_entropy(const ReadoutArrays<T>& arrays, Index threads);

}  // namespace elman
