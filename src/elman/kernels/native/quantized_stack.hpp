// Matrices and stacks of layers with int8 weights: they own the packed weights, and divide the work among threads.
#pragma once

#include <string>
#include <vector>

#include "quantized.hpp"
#include "stack.hpp"

namespace elman {

// The kernels in use, and the names of those that can be used, best first.
const QuantizedKernels& quantized_kernels();
std::vector<std::string> quantized_instruction_sets();

// Uses other kernels from now on. Throws std::invalid_argument if the name is unknown.
void use_quantized_instruction_set(const std::string& name);

// Uses the best kernels of an instruction set of the other kernels, or else those that need less.
void follow_instruction_set(const std::string& family);

// The caller's arrays of a matrix (rows, columns): values between -127 and 127, and the scale of each row.
struct MatrixArrays {
    const std::int8_t* values = nullptr;
    const float* scale = nullptr;
};

// A matrix (rows, columns) whose packed rows are in the order that `row_of` gives: -1 is a row of zeros.
class PackedMatrix {
public:
    PackedMatrix() = default;
    PackedMatrix(const MatrixArrays& arrays, Index columns, const std::vector<Index>& row_of);

    QuantizedMatrix view() const;

private:
    Index columns_ = 0;
    std::vector<std::int8_t> weights_;
    std::vector<float> scale_;
    std::vector<std::int32_t> row_sum_;
};

// A matrix that multiplies vectors: a readout.
class QuantizedReadout {
public:
    QuantizedReadout(const MatrixArrays& arrays, const float* bias, Index rows, Index columns);

    Index rows() const { return rows_; }
    Index columns() const { return columns_; }

    // out (N, rows) = x (N, columns) W^T + bias
    void multiply(const float* x, Index N, float* out, Index threads) const;

private:
    Index rows_, columns_;
    PackedMatrix matrix_;
    std::vector<float> bias_;
    const QuantizedKernels* kernels_;
};

// The caller's arrays of one layer in one direction. W is int8, or in single precision.
struct QuantizedParameters {
    MatrixArrays W, U;
    const float* float_W = nullptr;
    const float* b_ih = nullptr;
    const float* b_hh = nullptr;
};

class QuantizedStack {
public:
    // The embedding has the arrays of the caller, which must exist as long as the stack; its rows are 0 if there is none.
    // With `table`, the products of the inputs of all its rows are computed now.
    QuantizedStack(const std::vector<LayerSpec>& specs, Index directions,
                   const std::vector<QuantizedParameters>& groups, const QuantizedEmbedding& embedding, bool table);

    const std::vector<LayerSpec>& specs() const { return specs_; }
    const QuantizedEmbedding& embedding() const { return embedding_; }
    Index output_size() const { return output_size(Index(specs_.size()) - directions_); }

    // x (B, T, I) or ids (B, T), y (B, T, output size), contiguous; lengths (B,) or null.
    void run(Index B, Index T, const float* x, const std::int64_t* ids, const Index* lengths, float* y,
             const std::vector<State<const float>>& initial, const std::vector<State<float>>& final_states,
             Index threads) const;

private:
    struct Layer {
        PackedMatrix W, U;
        std::vector<float> float_W, table, b_ih, b_hh;
        QuantizedLayer view;
    };

    void pack_layer(Layer& layer, const LayerSpec& spec, const QuantizedParameters& parameters);
    void add_table(Layer& layer);
    Index output_size(Index first) const;

    std::vector<LayerSpec> specs_;
    Index directions_;
    QuantizedEmbedding embedding_;
    std::vector<Layer> layers_;
    const QuantizedKernels* kernels_;
};

}  // namespace elman
