// What a training step needs around the stack: a linear layer, tanh, losses, clipping, SGD and Adam; and memory.
//
// Where the kernels do not define the order of a sum, it runs over the indices, one number after another, so that NumPy
// can do the same to the last bit (tests/web).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "cross_entropy.hpp"
#include "dispatch.hpp"
#include "interface.hpp"

namespace elman {
namespace {

// matrix (rows, columns), transposed
std::vector<Number> transposed(const Number* matrix, Index rows, Index columns) {
    std::vector<Number> result(std::size_t(rows * columns));
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) result[std::size_t(j * rows + i)] = matrix[i * columns + j];
    return result;
}

}  // namespace

// Returns null if there is not enough memory.
ELMAN_EXPORT void* allocate(Int bytes) {
    constexpr std::size_t kCacheLine = 64;
    return std::aligned_alloc(kCacheLine, (std::size_t(bytes) / kCacheLine + 1) * kCacheLine);
}

ELMAN_EXPORT void release(void* memory) { std::free(memory); }

// y (N, O) = x (N, I) W^T + b, W (O, I), b (O,) or null
ELMAN_EXPORT void linear(Int N, Int I, Int O, const Number* x, const Number* W, const Number* b, Number* y) {
    const std::vector<Number> columns = transposed(W, O, I);
    for (Index n = 0; n < N; ++n) {
        for (Index o = 0; o < O; ++o) y[n * O + o] = b ? b[o] : Number(0);
        for (Index i = 0; i < I; ++i) add_multiple(y + n * O, x[n * I + i], columns.data() + i * O, O);
    }
}

// The gradients of `linear`; null if not needed.
ELMAN_EXPORT void linear_gradients(Int N, Int I, Int O, const Number* d_y, const Number* x, const Number* W,
                                   Number* d_x, Number* d_W, Number* d_b) {
    if (d_x) std::fill_n(d_x, N * I, Number(0));
    if (d_W) std::fill_n(d_W, O * I, Number(0));
    if (d_b) std::fill_n(d_b, O, Number(0));
    for (Index n = 0; n < N; ++n)
        for (Index o = 0; o < O; ++o) {
            const Number d = d_y[n * O + o];
            if (d_x) add_multiple(d_x + n * I, d, W + o * I, I);
            if (d_W) add_multiple(d_W + o * I, d, x + n * I, I);
            if (d_b) d_b[o] += d;
        }
}

// numbers = tanh(numbers)
ELMAN_EXPORT void apply_tanh(Int count, Number* numbers) {
    for (Int i = 0; i < count; ++i) numbers[i] = std::tanh(numbers[i]);
}

// The gradient with respect to x, in the place of d_y, for y = tanh(x).
ELMAN_EXPORT void tanh_gradient(Int count, const Number* y, Number* d_y) {
    for (Int i = 0; i < count; ++i) d_y[i] *= Number(1) - y[i] * y[i];
}

// The readout V (O, I), b (O,) of x (N, I) and its softmax cross-entropy: losses (N,) in nats, and the gradients of
// their sum. Negative targets do not count.
ELMAN_EXPORT void softmax_cross_entropy(Int N, Int I, Int O, const Number* x, const Number* V, const Number* b,
                                        const Int* targets, double* losses, Number* d_x, Number* d_V, Number* d_b) {
    const std::vector<std::int64_t> wide_targets(targets, targets + N);
    ReadoutArrays<Number> arrays;
    arrays.O = O;
    arrays.H = I;
    arrays.num_tokens = N;
    arrays.V = V;
    arrays.b = b;
    arrays.x = x;
    arrays.targets = wide_targets.data();
    arrays.losses = losses;
    arrays.d_x = d_x;
    arrays.d_V = d_V;
    arrays.d_b = d_b;
    cross_entropy(arrays, 1);
}

// The sum of the squares of all numbers, in double precision.
ELMAN_EXPORT double sum_of_squares(Int count, const Number* numbers) {
    double sum = 0;
    for (Index i = 0; i < count; ++i) sum += double(numbers[i]) * double(numbers[i]);
    return sum;
}

// numbers *= factor
ELMAN_EXPORT void scale(Int count, Number* numbers, double factor) {
    for (Index i = 0; i < count; ++i) numbers[i] *= Number(factor);
}

// parameters -= rate * gradient
ELMAN_EXPORT void update_by_sgd(Int count, Number* parameters, const Number* gradient, double rate) {
    for (Index i = 0; i < count; ++i) parameters[i] -= Number(rate) * gradient[i];
}

// The update of cells/adam.py for t = 1, 2, ... The powers are computed here: those of JavaScript have other bits.
ELMAN_EXPORT void update_by_adam(Int count, Number* parameters, const Number* gradient, Number* m, Number* v, Int t,
                                 double rate, double beta1, double beta2, double epsilon) {
    AdamUpdate<Number> update;
    update.parameters = parameters;
    update.gradient = gradient;
    update.m = m;
    update.v = v;
    update.count = count;
    update.mean_share = Number(1.0 - beta1);
    update.square_share = Number(1.0 - beta2);
    update.rate = Number(rate / (1.0 - std::pow(beta1, t)));
    update.square_correction = Number(1.0 - std::pow(beta2, t));
    update.epsilon = Number(epsilon);
    kernels<Number>().update_by_adam(update);
}

}  // namespace elman
