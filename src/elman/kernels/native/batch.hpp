// The steps of a batch whose rows may have different lengths.
#pragma once

#include <vector>

#include "kernels.hpp"

namespace elman {

// An array of vectors: that of step t and row b is at data + t * time_stride + b * row_stride. If the batch is packed,
// that of an entry is at data + entry * row_stride.
template <class T>
struct StridedArray {
    T* data = nullptr;
    Index time_stride = 0, row_stride = 0;
};

// Owns the arrays of Steps (kernels.hpp) and the address tables of the vectors of a batch.
class Batch {
public:
    // lengths (B,), or null if all rows have T steps; reset (B, T), or null. The lengths of a packed batch must not
    // increase.
    Batch(Index T, Index B, const Index* lengths, const std::uint8_t* reset, bool packed);
    Batch(Batch&&) = default;
    Batch(const Batch&) = delete;

    const Steps& steps() const { return steps_; }
    Index num_entries() const { return steps_.num_entries(); }

    // The address table of the caller's array, or of an array of our own with `width` numbers for each entry.
    template <class T>
    AddressTable<T> table(const StridedArray<T>& array);
    template <class T>
    AddressTable<T> table_by_entry(T* data, Index width);

    // Tables exist until the batch is destroyed, or until all but the first `count` are removed.
    std::size_t num_tables() const { return offsets_.size(); }
    void keep_tables(std::size_t count) { offsets_.resize(count); }

    // Divides the rows j into parts with about the same number of entries. Returns the first row of each part, and B.
    std::vector<Index> divide_rows(Index parts) const;

private:
    template <class T>
    AddressTable<T> add_table(T* data, std::vector<Index> time_offset, std::vector<Index> row_offset);

    bool packed_;
    Steps steps_;
    std::vector<Index> active_, offset_, length_, row_;
    std::vector<std::uint8_t> reset_;
    std::vector<std::vector<Index>> offsets_;  // of the tables: time and row in turn
};

}  // namespace elman
