// A stack of layers over a batch: packs the weights, shares the rows among threads, and keeps what backward needs.
//
// Nothing here knows Python; pointers are the caller's, and stay valid while the objects that were given them live.
#pragma once

#include <vector>

#include "memory.hpp"
#include "shape.hpp"

namespace elman {

// The weights of one layer in one direction, as the caller has them. b_ih and b_hh may be null.
template <class T>
struct Parameters {
    const T *W, *U, *b_ih, *b_hh;
};

// Their gradients. Any may be null: not asked for.
template <class T>
struct ParameterGradients {
    T *W, *U, *b_ih, *b_hh;
};

// The weights of a stack, packed for reading forwards: a copy. Or `loose`, where only a handful of steps is to come, for
// which packing costs more than it saves: then the caller's arrays are read, and have to stay.
template <class T>
class Weights {
public:
    // kinds and parameters by layer, then direction. With table_rows, the bottom layer's W holds no weights but the
    // products of a table, (table_rows, G * H), b_ih added, and its inputs are rows of it.
    Weights(std::vector<Kind> kinds, Index directions, const std::vector<Parameters<T>>& parameters, Index table_rows,
            bool loose, Index threads);

    const Kernels<T>& kernels() const { return *kernels_; }
    const std::vector<Kind>& kinds() const { return kinds_; }
    const Packed<T>& packed(std::size_t i) const { return packed_[i]; }
    Index directions() const { return directions_; }
    Index layers() const { return Index(kinds_.size()) / directions_; }
    Index output_size(Index layer) const;  // of a layer, all directions
    Index widest() const { return widest_; }

private:
    const Kernels<T>* kernels_;  // of the instruction set that the layout is for
    std::vector<Kind> kinds_;
    Index directions_, widest_ = 0;
    std::vector<Packed<T>> packed_;
    Memory memory_;
};

// Where the vectors of a batch lie: at data + t * time + b * row, or, packed, at data + place * row.
template <class T>
struct Sequences {
    T* data;
    Index time, row;
};

// The steps of a batch: see shape.hpp. Owns what Steps points to.
class Batch {
public:
    // lengths (B,) or null for T each; reset (B, T) or null. Where the data is packed, lengths have to fall.
    Batch(Index T, Index B, const Index* lengths, const std::uint8_t* reset, bool packed);
    Batch(Batch&&) = default;
    Batch(const Batch&) = delete;

    const Steps& steps() const { return steps_; }
    Index places() const { return steps_.offset[steps_.T]; }

    // The address table of sequences that a caller gave, or of our own, by place. Tables stay until they are forgotten:
    // all but the first so many.
    template <class T>
    Vectors<T> vectors(const Sequences<T>& sequences);
    template <class T>
    Vectors<T> by_place(T* data, Index width);
    std::size_t tables() const { return addresses_.size(); }
    void forget(std::size_t but) { addresses_.resize(but); }

    // Rows j cut into `parts` of about equal work.
    std::vector<Index> cut_rows(Index parts) const;

private:
    bool packed_;
    Steps steps_;
    std::vector<Index> active_, offset_, length_, row_;
    std::vector<std::uint8_t> reset_;
    std::vector<std::vector<Index>> addresses_;
};

// The states of a stack, (B, H) each, by layer, then direction; c null where the cell has none.
template <class T>
struct State {
    T *h, *c;
};

// What forward leaves for backward.
template <class T>
struct Tape {
    explicit Tape(Batch b) : batch(std::move(b)) {}
    Tape(Tape&&) = default;
    Tape(const Tape&) = delete;

    Batch batch;
    const Kernels<T>* kernels = nullptr;
    std::vector<Forward<T>> layers;  // by layer, then direction
    std::vector<Memory> memory;
    Index directions = 1;
};

// Runs the stack. `tape` keeps what backward needs; forwards only if keep is false (tape is then of no use).
template <class T>
void forward(const Weights<T>& weights, Tape<T>& tape, bool keep, const Sequences<const T>& x,
             const Sequences<const std::int64_t>& ids, const Sequences<T>& y, const std::vector<State<const T>>& first,
             const std::vector<State<T>>& last, Index threads);

// One step of a few rows at a time, with everything that forward prepares kept from one step to the next. Not for two
// threads at once.
template <class T>
class Stepper {
public:
    Stepper(const Weights<T>& weights, Index B);

    Index rows() const { return tape_.batch.steps().B; }

    // x (B, I), or ids (B,) where the weights have a table; y (B, D * H).
    void step(const T* x, const std::int64_t* ids, T* y, const std::vector<State<const T>>& first,
              const std::vector<State<T>>& last);

private:
    const Kernels<T>* kernels_;
    Tape<T> tape_;
    Index directions_;
    Memory scratch_;
};

// Runs it backwards. parameters are those of forward; `d_last` may be empty (zeros); d_x.data may be null. Unless the tape
// is kept, the derivatives by the products take the place of the gates in it, and it is of no more use: less memory to go
// through.
template <class T>
void backward(Tape<T>& tape, bool keep, const std::vector<Parameters<T>>& parameters, const Sequences<const T>& d_y,
              const std::vector<State<const T>>& d_last, const Sequences<T>& d_x,
              const std::vector<State<T>>& d_first, const std::vector<ParameterGradients<T>>& gradients, Index threads);

}  // namespace elman
