// The interface of the kernels: the structures that the code around them fills in, and the table of their functions.
//
// The symbols are those of cells/unroll.py: B batch size, T time steps, I input size, H hidden size, G gates. Nothing
// here owns memory.
//
// Rows of a batch may have different lengths. They are sorted by length, longest first, so that the rows that are still
// active at step t are the first active[t] rows. Row j of the sorted batch is row `row[j]` of the caller's batch. A
// pair (t, j) is called an entry. Entries are numbered without gaps, step by step: (t, j) is entry `offset[t] + j`.
#pragma once

#include <cstdint>
#include <type_traits>

namespace elman {

// As wide as an address: 32 bits in WebAssembly.
using Index = std::conditional_t<sizeof(void*) == 8, std::int64_t, std::int32_t>;

enum class Cell { elman, gru, lstm };
enum class Activation { tanh, relu, sigmoid, identity };

// One layer in one direction: its cell and its sizes.
struct LayerSpec {
    Cell cell;
    Activation activation;  // of the elman cell
    Index I, H;
    bool reverse;

    Index gates() const { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
    Index states() const { return cell == Cell::lstm ? 2 : 1; }
    bool has_gate_tape() const { return cell != Cell::elman; }  // backward of the elman cell needs only the outputs
};

// The steps of a batch.
struct Steps {
    Index T, B;
    const Index* active;        // (T,) number of active rows
    const Index* offset;        // (T + 1,) entry of (t, 0); offset[T] is the number of entries
    const Index* length;        // (B,) by j, longest first
    const Index* row;           // (B,) the caller's row of j
    const std::uint8_t* reset;  // by entry: a document begins here; or null

    Index num_entries() const { return offset[T]; }
};

// The address of one vector for every (t, j): data + time_offset[t] + row_offset[j].
template <class T>
struct AddressTable {
    T* data = nullptr;
    const Index* time_offset = nullptr;
    const Index* row_offset = nullptr;

    T* at(Index t, Index j) const { return data + time_offset[t] + row_offset[j]; }
};

// How hidden units are divided. A block is as many units as a vector register has lanes. A panel is what one tile of a
// product computes at a time: the gates of one block, or up to kMaxBlocks blocks if the cell has one gate. On the tape,
// a panel takes `slots` registers per entry.
struct Layout {
    static constexpr Index kMaxBlocks = 4;
    Index lanes, blocks, panels, slots;

    Index panel_width() const { return slots * lanes; }
    Index padded_units() const { return blocks * lanes; }  // H rounded up to whole registers
};

// The weights of one layer in one direction, as the kernels read them. The packed layouts are explained in packing.hpp.
template <class T>
struct LayerWeights {
    const T* W = nullptr;     // forward: [panel][I][vectors * lanes]; null if a table replaces it
    const T* U = nullptr;     // forward: [panel][H][vectors * lanes]
    const T* bias = nullptr;  // forward: [panel][slots * lanes], b_ih + b_hh (kept apart for the candidate of gru)
    const T* W_backward = nullptr;  // backward: [panel of I][G * H][vectors * lanes]
    const T* U_backward = nullptr;  // backward: [panel of H][G * H][vectors * lanes]
    const T* table = nullptr;  // forward: [panel][table row][slots * lanes], biases included; null for dense inputs
    Index table_rows = 0;
    const T* unpacked_W = nullptr;  // the caller's arrays. If they are set, the packed ones are null
    const T* unpacked_U = nullptr;
};

// The forward pass of one layer in one direction.
template <class T>
struct LayerForward {
    LayerSpec spec;
    LayerWeights<T> weights;
    AddressTable<const T> x;               // I numbers
    AddressTable<const std::int64_t> ids;  // rows of the table, if there is one
    AddressTable<T> y;                     // H numbers
    const T* h_initial = nullptr;          // (B, H) by the caller's row; null for zeros
    const T* c_initial = nullptr;
    T* h_final = nullptr;  // (B, H) by the caller's row
    T* c_final = nullptr;
    T* gate_tape = nullptr;    // [panel][entry][slots * lanes]; null if no tape is kept
    T* cell_tape = nullptr;    // lstm: [panel][entry][2 * lanes], c before the step and tanh of c after it
    T* c = nullptr;            // scratch (B, padded_units) by j
    const T* zeros = nullptr;  // at least padded_units of them
};

// The backward pass of the same layer. d_ is the derivative of the loss with respect to what follows.
template <class T>
struct LayerBackward {
    LayerForward<T> forward;
    AddressTable<const T> d_y;
    AddressTable<T> d_x;              // data is null if d_x is not needed
    bool accumulate_d_x = false;      // add to d_x, which the other direction has already written
    bool accumulate_weights = false;  // add to the gradients of the weights, which earlier entries have already written
    const T* d_h_final = nullptr;
    const T* d_c_final = nullptr;
    T* d_h_initial = nullptr;
    T* d_c_initial = nullptr;
    T* d_gates = nullptr;  // [panel][entry][slots * lanes]; may be forward.gate_tape, which is then overwritten
    T* d_h = nullptr;      // scratch (B, padded_units) by j
    T* d_c = nullptr;
    T* d_W = nullptr;  // in the caller's layout; null if not needed
    T* d_U = nullptr;
    T* d_b_ih = nullptr;
    T* d_b_hh = nullptr;
    T* d_table = nullptr;
};

// A readout and its cross-entropy for a chunk of tokens: see readout.hpp.
template <class T>
struct ReadoutChunk {
    LayerSpec spec;                         // elman, identity: I numbers in, H logits out
    LayerWeights<T> weights;                // W, bias, and W_backward for derivatives
    const T* x = nullptr;                   // (tokens, I)
    const std::int64_t* targets = nullptr;  // (tokens,); negative targets do not count
    double* losses = nullptr;               // (tokens,)
    T* logits = nullptr;                    // scratch: [panel][token of the chunk][slots * lanes]
    Index first_token = 0, num_tokens = 0;  // of the chunk
    bool backward = false;
    T* d_x = nullptr;  // (tokens, I), or null
};

// An update of Adam for t = 1, 2, ...: cells/adam.py. The arrays have `count` numbers.
template <class T>
struct AdamUpdate {
    T* parameters = nullptr;
    const T* gradient = nullptr;
    T *m = nullptr, *v = nullptr;
    Index count = 0;
    T mean_share = 0, square_share = 0;  // 1 - beta1, 1 - beta2
    T rate = 0;                          // rate / (1 - beta1^t)
    T square_correction = 0;             // 1 - beta2^t
    T epsilon = 0;
};

// Threads that take the same rows through a sequence together. Each computes its share of the units, and all of them
// wait at a barrier in every step. A default ThreadTeam is a single thread.
struct ThreadTeam {
    Index thread = 0, size = 1;
    void (*wait)(void* barrier) = nullptr;
    void* barrier = nullptr;

    Index share_begin(Index count) const { return count * thread / size; }
    Index share_end(Index count) const { return count * (thread + 1) / size; }
    void wait_for_all() const {
        if (size > 1) wait(barrier);
    }
};

// The kernels of one instruction set in one precision. A function with `begin` and `end` does a share of the work.
template <class T>
struct Kernels {
    const char* name = nullptr;
    Layout (*layout)(const LayerSpec&) = nullptr;
    // bytes of scratch memory that a thread needs for any of forward, backward and weight_gradients
    Index (*scratch_bytes)(const LayerSpec&, const Steps&) = nullptr;

    Index (*packed_size)(const LayerSpec&, Index columns) = nullptr;
    void (*pack_weights)(const LayerSpec&, bool recurrent, const T* weight, Index columns, T* packed, Index begin,
                         Index end) = nullptr;  // shares: panels
    void (*pack_bias)(const LayerSpec&, const T* b_ih, const T* b_hh, T* packed) = nullptr;
    void (*pack_table)(const LayerSpec&, const T* table, Index rows, const T* b_hh, T* packed, Index begin,
                       Index end) = nullptr;  // shares: panels
    Index (*packed_backward_size)(const LayerSpec&, Index columns) = nullptr;
    Index (*num_backward_panels)(Index columns) = nullptr;
    // shares: backward panels
    void (*pack_backward_weights)(const LayerSpec&, bool recurrent, const T* weight, Index columns, T* packed,
                                  Index begin, Index end) = nullptr;

    // shares: rows j. The members of a team have the same rows and divide the units among them
    void (*forward)(const LayerForward<T>&, const Steps&, Index begin, Index end, const ThreadTeam&,
                    void* scratch) = nullptr;
    void (*backward)(const LayerBackward<T>&, const Steps&, Index begin, Index end, const ThreadTeam&,
                     void* scratch) = nullptr;
    Index (*num_gate_blocks)(const LayerSpec&) = nullptr;
    void (*weight_gradients)(const LayerBackward<T>&, const Steps&, Index begin, Index end,
                             void* scratch) = nullptr;  // shares: gate blocks

    Index (*readout_scratch_bytes)(const LayerSpec&) = nullptr;
    void (*readout)(const ReadoutChunk<T>&, Index begin, Index end, void* scratch) = nullptr;  // shares: tokens

    void (*update_by_adam)(const AdamUpdate<T>&) = nullptr;

    T (*sum)(const T* data, Index count) = nullptr;  // measures how fast memory can be read
};

}  // namespace elman
