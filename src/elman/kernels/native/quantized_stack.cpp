#include "quantized_stack.hpp"

#include <algorithm>

#include "memory.hpp"
#include "scheduling.hpp"

namespace elman {
namespace {

std::vector<Index> rows_in_order(Index rows) {
    std::vector<Index> order(std::size_t(count_blocks(rows) * kBlockRows), -1);
    for (Index r = 0; r < rows; ++r) order[std::size_t(r)] = r;
    return order;
}

// [block of units][gate][16 units]
std::vector<Index> rows_of_gates(const LayerSpec& spec) {
    std::vector<Index> order;
    for (Index block = 0; block < count_blocks(spec.H); ++block)
        for (Index gate = 0; gate < spec.gates(); ++gate)
            for (Index i = 0; i < kBlockRows; ++i) {
                const Index unit = block * kBlockRows + i;
                order.push_back(unit < spec.H ? gate * spec.H + unit : -1);
            }
    return order;
}

std::vector<float> packed_numbers(const float* numbers, const std::vector<Index>& row_of) {
    std::vector<float> packed(row_of.size(), 0.0f);
    for (std::size_t i = 0; i < row_of.size(); ++i)
        if (numbers && row_of[i] >= 0) packed[i] = numbers[row_of[i]];
    return packed;
}

// Int8 products take about a quarter of the time of others.
constexpr double kInt8Speed = 4.0;

}  // namespace

PackedMatrix::PackedMatrix(const MatrixArrays& arrays, Index columns, const std::vector<Index>& row_of)
    : columns_(columns),
      weights_(row_of.size() * std::size_t(count_groups(columns) * kGroupColumns), 0),
      scale_(packed_numbers(arrays.scale, row_of)),
      row_sum_(row_of.size(), 0) {
    const Index groups = count_groups(columns);
    for (std::size_t i = 0; i < row_of.size(); ++i) {
        if (row_of[i] < 0) continue;
        const std::int8_t* row = arrays.values + row_of[i] * columns;
        const Index block = Index(i) / kBlockRows, lane = Index(i) % kBlockRows;
        std::int8_t* packed = weights_.data() + block * groups * kBlockGroupBytes + lane * kGroupColumns;
        for (Index k = 0; k < columns; ++k) {
            packed[k / kGroupColumns * kBlockGroupBytes + k % kGroupColumns] = row[k];
            row_sum_[i] += row[k];
        }
    }
}

QuantizedMatrix PackedMatrix::view() const {
    QuantizedMatrix matrix;
    matrix.weights = weights_.data();
    matrix.scale = scale_.data();
    matrix.row_sum = row_sum_.data();
    matrix.blocks = Index(scale_.size()) / kBlockRows;
    matrix.columns = columns_;
    return matrix;
}

QuantizedReadout::QuantizedReadout(const MatrixArrays& arrays, const float* bias, Index rows, Index columns)
    : rows_(rows),
      columns_(columns),
      matrix_(arrays, columns, rows_in_order(rows)),
      bias_(packed_numbers(bias, rows_in_order(rows))),
      kernels_(&quantized_kernels()) {}

void QuantizedReadout::multiply(const float* x, Index N, float* out, Index threads) const {
    const QuantizedMatrix matrix = matrix_.view();
    threads = limit_threads(threads, 2.0 / kInt8Speed * double(N) * double(rows_) * double(columns_));
    const bool share_rows = N >= 4 * threads;
    const Index shared = share_rows ? N : matrix.blocks;
    threads = std::max(Index(1), std::min(threads, shared));
    const ThreadScratch scratch(kernels_->product_scratch_bytes(matrix), threads);
    parallel_for(threads, [&](Index i) {
        const Index begin = shared * i / threads, end = shared * (i + 1) / threads;
        kernels_->multiply(matrix, bias_.data(), x, share_rows ? begin : 0, share_rows ? end : N,
                           share_rows ? 0 : begin, share_rows ? matrix.blocks : end, rows_, out, scratch.of(i));
    });
}

QuantizedStack::QuantizedStack(const std::vector<LayerSpec>& specs, Index directions,
                               const std::vector<QuantizedParameters>& groups, const QuantizedEmbedding& embedding,
                               bool table)
    : specs_(specs),
      directions_(directions),
      embedding_(embedding),
      layers_(specs.size()),
      kernels_(&quantized_kernels()) {
    for (std::size_t i = 0; i < specs.size(); ++i) pack_layer(layers_[i], specs[i], groups[i]);
    for (Index d = 0; d < directions && table && embedding.rows; ++d) add_table(layers_[std::size_t(d)]);
}

void QuantizedStack::pack_layer(Layer& layer, const LayerSpec& spec, const QuantizedParameters& parameters) {
    const std::vector<Index> row_of = rows_of_gates(spec);
    layer.U = PackedMatrix(parameters.U, spec.H, row_of);
    layer.b_ih = packed_numbers(parameters.b_ih, row_of);
    layer.b_hh = packed_numbers(parameters.b_hh, row_of);
    layer.view.spec = spec;
    layer.view.U = layer.U.view();
    layer.view.b_ih = layer.b_ih.data();
    layer.view.b_hh = layer.b_hh.data();
    if (!parameters.float_W) {
        layer.W = PackedMatrix(parameters.W, spec.I, row_of);
        layer.view.W = layer.W.view();
        return;
    }
    layer.float_W.assign(row_of.size() * std::size_t(spec.I), 0.0f);
    for (std::size_t i = 0; i < row_of.size(); ++i)
        for (Index k = 0; k < spec.I && row_of[i] >= 0; ++k) {
            const std::size_t block = i / kBlockRows, lane = i % kBlockRows;
            layer.float_W[(block * std::size_t(spec.I) + std::size_t(k)) * kBlockRows + lane] =
                parameters.float_W[row_of[i] * spec.I + k];
        }
    layer.view.float_W = layer.float_W.data();
}

void QuantizedStack::add_table(Layer& layer) {
    const Index width = layer.view.blocks() * kBlockRows;
    layer.table.resize(std::size_t(embedding_.rows * width));
    const Buffer scratch(std::size_t(kernels_->scratch_bytes(layer.view)));
    for (Index row = 0; row < embedding_.rows; ++row)
        kernels_->input_products(layer.view, embedding_, row, layer.table.data() + row * width, scratch.data());
    layer.view.table = layer.table.data();
}

Index QuantizedStack::output_size(Index first) const {
    Index size = 0;
    for (Index i = first; i < first + directions_; ++i) size += specs_[std::size_t(i)].H;
    return size;
}

void QuantizedStack::run(Index B, Index T, const float* x, const std::int64_t* ids, const Index* lengths, float* y,
                         const std::vector<State<const float>>& initial, const std::vector<State<float>>& final_states,
                         Index threads) const {
    const Index layers = Index(specs_.size());
    Index scratch_bytes = 0, hidden_size = 0;
    for (const Layer& layer : layers_) scratch_bytes = std::max(scratch_bytes, kernels_->scratch_bytes(layer.view));
    for (Index first = 0; first + directions_ < layers; first += directions_) hidden_size += output_size(first);
    // Outputs of the layers below the top. Those after the length of a row are neither written nor read.
    const Buffer hidden(std::size_t(B * T * hidden_size) * sizeof(float));
    float* outputs_below = static_cast<float*>(hidden.data());
    const double flops = product_flops(specs_, std::max(B * T, Index(1))) / kInt8Speed;
    threads = std::max(Index(1), std::min(limit_threads(threads, flops), B));
    const ThreadScratch scratch(scratch_bytes, threads);
    parallel_for(threads, [&](Index thread) {
        const Index begin = B * thread / threads, end = B * (thread + 1) / threads;
        const float* inputs = x;
        Index input_size = specs_[0].I, offset = 0;
        for (Index first = 0; first < layers; first += directions_) {
            const Index size = output_size(first);
            float* outputs = first + directions_ == layers ? y : outputs_below + offset;
            Index column = 0;
            for (Index i = first; i < first + directions_; ++i) {
                QuantizedSequences sequences;
                sequences.T = T;
                sequences.length = lengths;
                sequences.x = inputs;
                sequences.ids = first == 0 ? ids : nullptr;
                const Index width = sequences.ids ? 1 : input_size;
                sequences.x_time = width;
                sequences.x_row = T * width;
                sequences.y = outputs + column;
                sequences.y_time = size;
                sequences.y_row = T * size;
                sequences.h_initial = initial[std::size_t(i)].h;
                sequences.c_initial = initial[std::size_t(i)].c;
                sequences.h_final = final_states[std::size_t(i)].h;
                sequences.c_final = final_states[std::size_t(i)].c;
                kernels_->run(layers_[std::size_t(i)].view, embedding_, sequences, begin, end, scratch.of(thread));
                column += specs_[std::size_t(i)].H;
            }
            inputs = outputs;
            input_size = size;
            offset += B * T * size;
        }
    });
}

}  // namespace elman
