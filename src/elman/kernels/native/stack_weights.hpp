// The weights of a stack of layers.
//
// Nothing in this file and in stack.hpp knows Python. Pointers are the caller's, and must be valid as long as the
// objects that were created from them.
#pragma once

#include <vector>

#include "arena.hpp"
#include "kernels.hpp"
#include "memory.hpp"

namespace elman {

// The weights of one layer in one direction, in the caller's layout. b_ih and b_hh may be null.
template <class T>
struct Parameters {
    const T* W = nullptr;  // (G * H, I), or (table_rows, G * H) if the layer has a table
    const T* U = nullptr;
    const T* b_ih = nullptr;
    const T* b_hh = nullptr;
};

// Their gradients. A gradient that is not needed is null.
template <class T>
struct ParameterGradients {
    T* W = nullptr;
    T* U = nullptr;
    T* b_ih = nullptr;
    T* b_hh = nullptr;
};

// How the weights of a stack are stored.
struct StackOptions {
    Index directions = 1;
    // If not 0, W of the bottom layer is a table of input products (table_rows, G * H) that include b_ih, and inputs
    // are rows of the table.
    Index table_rows = 0;
    // Do not pack the weights: read the caller's arrays, which must exist as long as this object. For a few steps,
    // packing costs more time than it saves.
    bool unpacked = false;
};

// The weights of a stack, packed for the forward pass (a copy) or unpacked.
template <class T>
class StackWeights {
public:
    // specs and parameters: by layer, then by direction
    StackWeights(std::vector<LayerSpec> specs, const std::vector<Parameters<T>>& parameters,
                 const StackOptions& options, Index threads);

    const Kernels<T>& kernels() const { return *kernels_; }
    const std::vector<LayerSpec>& specs() const { return specs_; }
    const LayerWeights<T>& layer(std::size_t i) const { return layers_[i]; }
    Index directions() const { return options_.directions; }
    Index num_layers() const { return Index(specs_.size()) / options_.directions; }
    Index table_rows() const { return options_.table_rows; }
    Index output_size(Index layer) const;  // of all directions
    Index max_padded_units() const { return max_padded_units_; }

private:
    struct PackedArrays {
        T *W = nullptr, *U = nullptr, *bias = nullptr, *table = nullptr;
    };

    bool has_table(std::size_t i) const { return options_.table_rows > 0 && Index(i) < options_.directions; }
    std::vector<PackedArrays> assign_arrays(Arena& arena) const;
    void pack(std::size_t i, const Parameters<T>& parameters, const PackedArrays& arrays, Index threads) const;

    const Kernels<T>* kernels_;  // of the instruction set that the weights are packed for
    std::vector<LayerSpec> specs_;
    StackOptions options_;
    Index max_padded_units_ = 0;
    std::vector<LayerWeights<T>> layers_;
    Buffer buffer_;
};

}  // namespace elman
