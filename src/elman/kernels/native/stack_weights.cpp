#include "stack_weights.hpp"

#include <algorithm>
#include <utility>

#include "dispatch.hpp"
#include "scheduling.hpp"

namespace elman {

constexpr double kFlopsPerPackedNumber = 20;  // packing a number takes as much time as so many operations

template <class T>
StackWeights<T>::StackWeights(std::vector<LayerSpec> specs, const std::vector<Parameters<T>>& parameters,
                              const StackOptions& options, Index threads)
    : kernels_(&elman::kernels<T>()), specs_(std::move(specs)), options_(options) {
    for (const LayerSpec& spec : specs_)
        max_padded_units_ = std::max(max_padded_units_, kernels_->layout(spec).padded_units());
    Arena sizes;
    assign_arrays(sizes);
    buffer_ = Buffer(std::size_t(sizes.bytes()));
    Arena arena(buffer_.data());
    const std::vector<PackedArrays> arrays = assign_arrays(arena);
    threads = limit_threads(threads, kFlopsPerPackedNumber * double(sizes.bytes()) / double(sizeof(T)));
    for (std::size_t i = 0; i < specs_.size(); ++i) {
        pack(i, parameters[i], arrays[i], threads);
        LayerWeights<T> layer;
        layer.W = arrays[i].W;
        layer.U = arrays[i].U;
        layer.bias = arrays[i].bias;
        layer.table = arrays[i].table;
        layer.table_rows = options_.table_rows;
        if (options_.unpacked) {
            layer.unpacked_U = parameters[i].U;
            if (!has_table(i)) layer.unpacked_W = parameters[i].W;
        }
        layers_.push_back(layer);
    }
}

template <class T>
auto StackWeights<T>::assign_arrays(Arena& arena) const -> std::vector<PackedArrays> {
    std::vector<PackedArrays> arrays(specs_.size());
    for (std::size_t i = 0; i < specs_.size(); ++i) {
        const LayerSpec& spec = specs_[i];
        const Layout layout = kernels_->layout(spec);
        const Index width = layout.panels * layout.panel_width();
        if (!has_table(i) && !options_.unpacked) arrays[i].W = arena.take<T>(kernels_->packed_size(spec, spec.I));
        if (!options_.unpacked) arrays[i].U = arena.take<T>(kernels_->packed_size(spec, spec.H));
        if (!has_table(i)) arrays[i].bias = arena.take<T>(width);
        if (has_table(i)) arrays[i].table = arena.take<T>(width * options_.table_rows);
    }
    return arrays;
}

template <class T>
void StackWeights<T>::pack(std::size_t i, const Parameters<T>& parameters, const PackedArrays& arrays,
                           Index threads) const {
    const LayerSpec& spec = specs_[i];
    if (arrays.bias) kernels_->pack_bias(spec, parameters.b_ih, parameters.b_hh, arrays.bias);
    parallel_shares(threads, kernels_->layout(spec).panels, [&](Index begin, Index end) {
        if (arrays.U) kernels_->pack_weights(spec, true, parameters.U, spec.H, arrays.U, begin, end);
        if (arrays.W) kernels_->pack_weights(spec, false, parameters.W, spec.I, arrays.W, begin, end);
        if (arrays.table)
            kernels_->pack_table(spec, parameters.W, options_.table_rows, parameters.b_hh, arrays.table, begin, end);
    });
}

template <class T>
Index StackWeights<T>::output_size(Index layer) const {
    Index size = 0;
    for (Index d = 0; d < directions(); ++d) size += specs_[std::size_t(layer * directions() + d)].H;
    return size;
}

template class StackWeights<float>;
template class StackWeights<double>;

}  // namespace elman
