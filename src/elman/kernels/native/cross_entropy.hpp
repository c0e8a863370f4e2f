// A linear readout with softmax cross-entropy over many tokens, whose logits never exist all at once.
#pragma once

#include "shape.hpp"

namespace elman {

// Writes the loss of each of `count` tokens, and the gradients of their sum. V (O, H), b (O,) or null, x (count, H) with
// its rows `x_stride` apart, targets 0 .. O - 1, or negative for tokens that do not count. d_x, d_V, d_b may be null.
template <class T>
void cross_entropy(const T* V, const T* b, Index O, Index H, const T* x, Index x_stride, const std::int64_t* targets,
                   Index count, double* losses, T* d_x, T* d_V, T* d_b, Index threads);

}  // namespace elman
