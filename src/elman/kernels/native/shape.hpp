// What a kernel is given: plain structures, shared by the code of every instruction set and by the code around it.
//
// Symbols are those of cells/unroll.py: B batch, T time, I input, H hidden, G gates. Nothing here owns memory.
//
// The batch is ragged and sorted: rows j = 0, 1, ... by falling length, so that the rows alive at step t are the first
// active[t]. All steps of all rows are numbered without gaps, step by step: (t, j) is `offset[t] + j`, its place.
#pragma once

#include <cstdint>

namespace elman {

using Index = std::int64_t;

enum class Cell { elman, gru, lstm };
enum class Activation { tanh, relu, sigmoid, identity };

// Which cell a layer has, and its sizes.
struct Kind {
    Cell cell;
    Activation activation;  // of the elman cell
    Index I, H;
    bool reverse;

    Index gates() const { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
    Index states() const { return cell == Cell::lstm ? 2 : 1; }
    bool keeps_gates() const { return cell != Cell::elman; }  // whose outputs are all that the way back needs
};

// The steps of a batch.
struct Steps {
    Index T, B;
    const Index* active;         // (T,) how many rows are alive at step t
    const Index* offset;         // (T + 1,) the place of (t, 0); offset[T] is the number of places
    const Index* length;         // (B,) by j, falling
    const Index* row;            // (B,) the caller's row of j
    const std::uint8_t* reset;   // by place: a document begins here; or null
};

// One vector of numbers for every (t, j), wherever it lies: at data + time[t] + row[j].
template <class T>
struct Vectors {
    T* data;
    const Index* time;
    const Index* row;

    T* at(Index t, Index j) const { return data + time[t] + row[j]; }
};

// The layout of packed weights and of the tape. Hidden units are cut into blocks of `lanes`, as many as a vector
// register holds; a panel has `vectors` registers a row: the gates of one block, or up to kBlocks blocks where there is
// one gate. `slots` is the width that a panel has on the tape, in registers.
struct Layout {
    static constexpr Index kBlocks = 4;
    Index lanes, blocks, panels, slots;
    Index row() const { return slots * lanes; }
    Index width() const { return blocks * lanes; }  // H rounded up
};

// The weights of one layer in one direction, as the kernels read them: see panels.hpp.
template <class T>
struct Packed {
    const T* W;       // forward: [panel][I][vectors * lanes]; null where inputs are gathered from a table
    const T* U;       // forward: [panel][H][vectors * lanes]
    const T* bias;    // forward: [panel][slots * lanes], b_ih + b_hh (of gru's candidate, apart)
    const T* W_back;  // backward: [panel of I][G * H][vectors * lanes]
    const T* U_back;  // backward: [panel of H][G * H][vectors * lanes]
    const T* table;   // forward: [panel][rows of the table][slots * lanes], biases added; null where inputs are dense
    Index table_rows;
    const T *loose_W, *loose_U;  // as the caller has them, for a handful of steps: then W, U and the rest are null
};

// One layer in one direction, read forwards.
template <class T>
struct Forward {
    Kind kind;
    Packed<T> packed;
    Vectors<const T> x;              // I numbers each
    Vectors<const std::int64_t> ids; // rows of the table, where there is one
    Vectors<T> y;                    // H numbers each
    const T *h_first, *c_first;      // (B, H) by the caller's row; null for zeros
    T *h_last, *c_last;              // (B, H) by the caller's row
    T* gates;                        // tape, unless there is none to keep: [panel][place][slots * lanes]
    T* memory;                       // tape of an lstm: [panel][place][2 * lanes]: c before the step, tanh of c after it
    T* c;                            // scratch (B, width) by j
    const T* zeros;                  // at least `width` of them
};

// The same layer, read backwards. d_ is the derivative of the loss.
template <class T>
struct Backward {
    Forward<T> forward;
    Vectors<const T> d_y;
    Vectors<T> d_x;              // data null where nobody asks for it
    bool add_d_x;                // the other direction has been here
    bool add_weights;            // other places have been here: the weights' gradients are added to
    const T *d_h_last, *d_c_last;
    T *d_h_first, *d_c_first;
    T* d_gates;                  // [panel][place][slots * lanes]; forward.gates where there are some, of no more use
    T *d_h, *d_c;                // scratch (B, width) by j
    T *d_W, *d_U, *d_b_ih, *d_b_hh, *d_table;  // as the caller has them; null where nobody asks
};

// A readout and its cross-entropy, a stretch of tokens at a time: see readout.hpp.
template <class T>
struct Readout {
    Kind kind;                    // elman, identity: I numbers in, H logits out
    Packed<T> packed;             // W, bias, and W_back for derivatives
    const T* x;                   // (tokens, I)
    Index x_stride;
    const std::int64_t* targets;  // (tokens,); negative ones do not count
    double* losses;               // (tokens,)
    T* logits;                    // scratch: [panel][token of the stretch][slots * lanes]
    Index first, stretch;         // the token that the stretch begins with, and how many it has
    bool backward;
    T* d_x;                       // (tokens, I), or null
};

// Threads that take the same rows through a sequence together, each computing its share of the units; they meet after
// every step. Or one thread alone.
struct Team {
    Index member = 0, size = 1;
    void (*wait)(void* place) = nullptr;
    void* place = nullptr;

    Index begin(Index count) const { return count * member / size; }
    Index end(Index count) const { return count * (member + 1) / size; }
    void meet() const {
        if (size > 1) wait(place);
    }
};

// The kernels of one instruction set in one precision. Those with `begin` and `end` do a share of the work.
template <class T>
struct Kernels {
    const char* name;
    Layout (*layout)(const Kind&);
    Index (*scratch_bytes)(const Kind&, const Steps&);  // what a thread needs for any of forward, backward, weights

    Index (*packed_size)(const Kind&, Index columns);  // of pack_forward
    void (*pack_forward)(const Kind&, bool state, const T* weight, Index columns, T* packed, Index begin, Index end);
    void (*pack_bias)(const Kind&, const T* b_ih, const T* b_hh, T* packed);
    void (*pack_table)(const Kind&, const T* table, Index rows, const T* b_hh, T* packed, Index begin, Index end);
    Index (*packed_back_size)(const Kind&, Index columns);
    Index (*back_panels)(Index columns);  // the shares of pack_backward
    void (*pack_backward)(const Kind&, bool state, const T* weight, Index columns, T* packed, Index begin, Index end);

    // shares: rows j, and the units of a team's members
    void (*forward)(const Forward<T>&, const Steps&, Index begin, Index end, const Team&, void* scratch);
    void (*backward)(const Backward<T>&, const Steps&, Index begin, Index end, const Team&, void* scratch);
    Index (*segments)(const Kind&);  // the shares of weights
    void (*weights)(const Backward<T>&, const Steps&, Index begin, Index end, void* scratch);

    Index (*readout_scratch_bytes)(const Kind&);
    void (*readout)(const Readout<T>&, Index begin, Index end, void* scratch);  // shares: tokens of a stretch

    T (*read)(const T* data, Index count);  // their sum: how fast can memory be read?
};

}  // namespace elman
