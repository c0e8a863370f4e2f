// Layers with int8 weights: the structures that the code around the kernels fills in, and the table of functions.
//
// cells/quantized.py defines the arithmetic, and these kernels give its bits: sums of products are exact in 32 bits, and
// every floating-point operation is rounded by itself, in the same order. So all instruction sets, any number of threads
// and any batch give the same results.
//
// A packed matrix is divided into blocks of 16 rows, and its columns into groups of 4: [block][group][16 rows][4
// columns]. One instruction multiplies a group of a vector by the same group of 4, 8 or 16 rows. The rows of a layer are
// ordered [block of units][gate][16 units], so that the gates of a unit are computed together. Missing rows and columns
// are zero.
#pragma once

#include "kernels.hpp"

namespace elman {

constexpr Index kBlockRows = 16, kGroupColumns = 4;
constexpr Index kBlockGroupBytes = kBlockRows * kGroupColumns;

inline Index count_blocks(Index rows) { return (rows + kBlockRows - 1) / kBlockRows; }
inline Index count_groups(Index columns) { return (columns + kGroupColumns - 1) / kGroupColumns; }

struct QuantizedMatrix {
    const std::int8_t* weights = nullptr;   // [block][group][16][4]
    const float* scale = nullptr;           // [block][16]
    const std::int32_t* row_sum = nullptr;  // [block][16] sums of the weights of a row
    Index blocks = 0, columns = 0;

    Index groups() const { return count_groups(columns); }
};

// One layer in one direction. The products of the inputs come from W, from float_W, or from the table.
struct QuantizedLayer {
    LayerSpec spec;
    QuantizedMatrix W, U;
    const float* float_W = nullptr;  // [block][I][16]
    const float* table = nullptr;    // [row of the embedding][block][16], b_ih included
    const float* b_ih = nullptr;     // [block][16]
    const float* b_hh = nullptr;

    Index unit_blocks() const { return count_blocks(spec.H); }
    Index blocks() const { return unit_blocks() * spec.gates(); }
};

// Rows of an embedding: the inputs of a bottom layer are ids.
struct QuantizedEmbedding {
    const std::int8_t* values = nullptr;  // (rows, I)
    const float* scale = nullptr;         // (rows,)
    Index rows = 0;
};

// The arrays of a layer over a batch. That of step t and row b is at data + t * time_stride + b * row_stride.
struct QuantizedSequences {
    Index T = 0;
    const Index* length = nullptr;  // (B,), or null if all rows have T steps
    const float* x = nullptr;       // I numbers; or
    const std::int64_t* ids = nullptr;
    Index x_time = 0, x_row = 0;  // strides
    float* y = nullptr;           // H numbers
    Index y_time = 0, y_row = 0;
    const float* h_initial = nullptr;  // (B, H)
    const float* c_initial = nullptr;
    float* h_final = nullptr;
    float* c_final = nullptr;
};

struct QuantizedKernels {
    const char* name;
    const char* family;  // the instruction set of the other kernels that goes with it
    // Bytes of scratch memory of run and of multiply for any number of rows.
    Index (*scratch_bytes)(const QuantizedLayer& layer);
    Index (*product_scratch_bytes)(const QuantizedMatrix& matrix);
    // Runs rows begin .. end of the batch through the layer.
    void (*run)(const QuantizedLayer& layer, const QuantizedEmbedding& embedding, const QuantizedSequences& sequences,
                Index begin, Index end, void* scratch);
    // out (N, rows) = x (N, columns) W^T + bias, for rows begin .. end of x and some blocks of W. bias is [block][16].
    void (*multiply)(const QuantizedMatrix& matrix, const float* bias, const float* x, Index begin, Index end,
                     Index begin_block, Index end_block, Index rows, float* out, void* scratch);
    // Writes the products of one row of the embedding and b_ih, [block][16].
    void (*input_products)(const QuantizedLayer& layer, const QuantizedEmbedding& embedding, Index row, float* out,
                           void* scratch);
};

}  // namespace elman
