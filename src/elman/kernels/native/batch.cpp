#include "batch.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace elman {

Batch::Batch(Index T, Index B, const Index* lengths, const std::uint8_t* reset, bool packed)
    : packed_(packed),
      active_(std::size_t(T)),
      offset_(std::size_t(T) + 1),
      length_(std::size_t(B), T),
      row_(std::size_t(B)) {
    std::iota(row_.begin(), row_.end(), Index(0));
    if (lengths) {
        std::stable_sort(row_.begin(), row_.end(), [&](Index a, Index b) { return lengths[a] > lengths[b]; });
        for (std::size_t j = 0; j < row_.size(); ++j) length_[j] = lengths[row_[j]];
    }
    Index active = B, offset = 0;
    for (Index t = 0; t < T; ++t) {
        while (active > 0 && length_[std::size_t(active - 1)] <= t) --active;
        active_[std::size_t(t)] = active;
        offset_[std::size_t(t)] = offset;
        offset += active;
    }
    offset_[std::size_t(T)] = offset;
    if (reset) {
        reset_.resize(std::size_t(offset));
        for (Index t = 0; t < T; ++t)
            for (Index j = 0; j < active_[std::size_t(t)]; ++j)
                reset_[std::size_t(offset_[std::size_t(t)] + j)] = reset[row_[std::size_t(j)] * T + t];
    }
    steps_.T = T;
    steps_.B = B;
    steps_.active = active_.data();
    steps_.offset = offset_.data();
    steps_.length = length_.data();
    steps_.row = row_.data();
    steps_.reset = reset ? reset_.data() : nullptr;
}

template <class T>
AddressTable<T> Batch::table(const StridedArray<T>& array) {
    if (!array.data) return {};
    if (packed_) return table_by_entry(array.data, array.row_stride);
    std::vector<Index> time_offset(active_.size()), row_offset(row_.size());
    for (std::size_t t = 0; t < time_offset.size(); ++t) time_offset[t] = Index(t) * array.time_stride;
    for (std::size_t j = 0; j < row_offset.size(); ++j) row_offset[j] = row_[j] * array.row_stride;
    return add_table(array.data, std::move(time_offset), std::move(row_offset));
}

template <class T>
AddressTable<T> Batch::table_by_entry(T* data, Index width) {
    std::vector<Index> time_offset(offset_), row_offset(row_.size());
    for (Index& offset : time_offset) offset *= width;
    for (std::size_t j = 0; j < row_offset.size(); ++j) row_offset[j] = Index(j) * width;
    return add_table(data, std::move(time_offset), std::move(row_offset));
}

template <class T>
AddressTable<T> Batch::add_table(T* data, std::vector<Index> time_offset, std::vector<Index> row_offset) {
    offsets_.push_back(std::move(time_offset));
    offsets_.push_back(std::move(row_offset));
    AddressTable<T> table;
    table.data = data;
    table.time_offset = offsets_[offsets_.size() - 2].data();
    table.row_offset = offsets_.back().data();
    return table;
}

std::vector<Index> Batch::divide_rows(Index parts) const {
    std::vector<Index> cuts{0};
    const double total = double(offset_.back());
    double entries = 0;
    for (Index j = 0; j < steps_.B; ++j) {
        const double half = 0.5 * double(length_[std::size_t(j)]);
        entries += half;
        while (Index(cuts.size()) < parts && entries > total * double(cuts.size()) / double(parts)) cuts.push_back(j);
        entries += half;
    }
    while (Index(cuts.size()) <= parts) cuts.push_back(steps_.B);
    return cuts;
}

#define ELMAN_INSTANTIATE(T)                                       \
    template AddressTable<T> Batch::table(const StridedArray<T>&); \
    template AddressTable<T> Batch::table_by_entry(T*, Index);
ELMAN_INSTANTIATE(float)
ELMAN_INSTANTIATE(double)
ELMAN_INSTANTIATE(const float)
ELMAN_INSTANTIATE(const double)
ELMAN_INSTANTIATE(const std::int64_t)
#undef ELMAN_INSTANTIATE

}  // namespace elman
