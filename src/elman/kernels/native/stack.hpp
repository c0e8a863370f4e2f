// Runs a stack of layers over a batch, forward and backward, on several threads.
#pragma once

#include <utility>
#include <vector>

#include "batch.hpp"
#include "stack_weights.hpp"

namespace elman {

// The states (B, H) of one layer in one direction. c is null if the cell has none.
template <class T>
struct State {
    T* h = nullptr;
    T* c = nullptr;
};

// The arrays of a forward pass. States are by layer, then by direction.
template <class T>
struct ForwardArrays {
    StridedArray<const T> x;               // or
    StridedArray<const std::int64_t> ids;  // rows of the table
    StridedArray<T> y;
    std::vector<State<const T>> initial;
    std::vector<State<T>> final_states;
};

// The arrays of a backward pass.
template <class T>
struct BackwardArrays {
    std::vector<Parameters<T>> parameters;  // those of the forward pass
    StridedArray<const T> d_y;
    std::vector<State<const T>> d_final;  // empty for zeros
    StridedArray<T> d_x;                  // data is null if d_x is not needed
    std::vector<State<T>> d_initial;
    std::vector<ParameterGradients<T>> gradients;
};

// What the forward pass stores for the backward pass.
template <class T>
struct Tape {
    explicit Tape(Batch batch_of_tape) : batch(std::move(batch_of_tape)) {}
    Tape(Tape&&) = default;
    Tape(const Tape&) = delete;

    Batch batch;
    const Kernels<T>* kernels = nullptr;
    std::vector<LayerForward<T>> layers;  // by layer, then by direction
    Buffer buffer;                        // of their arrays
    Index directions = 1;
};

// Runs the stack. If `keep_tape` is false, the tape cannot be used afterwards.
template <class T>
void forward(const StackWeights<T>& weights, Tape<T>& tape, bool keep_tape, const ForwardArrays<T>& arrays,
             Index threads);

// Computes the gradients from the tape. If `keep_tape` is false, the derivatives with respect to the gates overwrite
// the gates on the tape, which uses less memory, and the tape cannot be used again.
template <class T>
void backward(Tape<T>& tape, bool keep_tape, const BackwardArrays<T>& arrays, Index threads);

// Runs single steps of B rows on the caller's thread. Everything that forward prepares is kept from one step to the
// next. Not for several threads at once.
template <class T>
class Stepper {
public:
    Stepper(const StackWeights<T>& weights, Index B);

    Index num_rows() const { return tape_.batch.steps().B; }

    // x (B, I), or ids (B,) if the weights have a table; y (B, D * H).
    void step(const T* x, const std::int64_t* ids, T* y, const std::vector<State<const T>>& initial,
              const std::vector<State<T>>& final_states);

private:
    const Kernels<T>* kernels_;
    Tape<T> tape_;
    Index directions_;
    Buffer scratch_;
};

}  // namespace elman
