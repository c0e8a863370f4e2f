// The kernels of layers with int8 weights for one instruction set. Like kernels.cpp, this file is compiled once for each
// instruction set, with its compiler flags and with its name in ELMAN_ISA. cells/quantized.py says what it computes.

#include "arena.hpp"
#include "int8_product.hpp"
#include "quantized_activations.hpp"

#ifndef ELMAN_FAMILY
#define ELMAN_FAMILY ELMAN_ISA
#endif

namespace elman::ELMAN_ISA {

constexpr Index kRowsAtOnce = 32;     // of a batch: their input products are computed before the steps that use them
constexpr Index kEntriesAtOnce = 32;  // steps times rows

constexpr int kLanesF = kLanes<float>;

static Index smallest(Index a, Index b) { return a < b ? a : b; }

static Index padded_columns(Index columns) { return count_groups(columns) * kGroupColumns; }

// Writes the integers of a vector, padded to whole groups, and returns its scale.
static float quantize_vector(const float* x, Index columns, std::uint8_t* out) {
    constexpr std::int32_t kMagnitude = 0x7fffffff, kInfinity = 0x7f800000, kSmallest = 0x0d800000;  // 2^-100
    const Ints32 magnitude = Ints32{} + kMagnitude;
    Ints32 largest_lanes{};
    Index k = 0;
    for (; k + kLanesF <= columns; k += kLanesF) {
        const Ints32 bits = (Ints32)load(x + k) & magnitude;
        largest_lanes = bits > largest_lanes ? bits : largest_lanes;
    }
    std::int32_t largest = 0;
    for (int l = 0; l < kLanesF; ++l)
        if (largest_lanes[l] > largest) largest = largest_lanes[l];
    for (; k < columns; ++k) {
        std::int32_t bits;
        std::memcpy(&bits, x + k, sizeof bits);
        if ((bits & kMagnitude) > largest) largest = bits & kMagnitude;
    }
    const Index padded = padded_columns(columns);
    if (largest < kSmallest || largest >= kInfinity) {  // the largest magnitude is too small, or infinite or NaN
        for (k = 0; k < padded; ++k) out[k] = kVectorOffset;
        return largest < kSmallest ? 0.0f : __builtin_nanf("");
    }
    float m;
    std::memcpy(&m, &largest, sizeof m);
    const float inverse = 127.0f / m;
    constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer, halves to even
    constexpr std::int32_t round_bits = 0x4b400000;
    typedef std::int8_t Bytes __attribute__((vector_size(kLanesF)));
    for (k = 0; k + kLanesF <= columns; k += kLanesF) {
        const Ints32 q = (Ints32)(load(x + k) * inverse + round) - round_bits;
        Bytes bytes = __builtin_convertvector(q, Bytes);
        if constexpr (kVectorOffset != 0) bytes = bytes ^ (Bytes{} + std::int8_t(-128));
        std::memcpy(out + k, &bytes, sizeof bytes);
    }
    for (; k < columns; ++k) {
        const float shifted = x[k] * inverse + round;
        std::int32_t bits;
        std::memcpy(&bits, &shifted, sizeof bits);
        out[k] = std::uint8_t(std::uint8_t(bits - round_bits) + kVectorOffset);
    }
    for (; k < padded; ++k) out[k] = kVectorOffset;
    return m / 127.0f;
}

// Copies a row of the embedding, which is quantized already, and returns its scale.
static float copy_row(const QuantizedEmbedding& embedding, Index columns, Index row, std::uint8_t* out) {
    const std::int8_t* values = embedding.values + row * columns;
    Index k = 0;
    for (; k < columns; ++k) out[k] = std::uint8_t(std::uint8_t(values[k]) + kVectorOffset);
    for (; k < padded_columns(columns); ++k) out[k] = kVectorOffset;
    return embedding.scale[row];
}

ELMAN_INLINE Floats scaled(const std::int32_t* sums, const float* scale, float vector_scale) {
    Ints32 s;
    std::memcpy(&s, sums, sizeof s);
    return __builtin_convertvector(s, Floats) * load(scale) * vector_scale;
}

// Quantized vectors of some entries, and their scales.
struct Vectors {
    std::uint8_t* bytes;
    float* scale;
    Index stride;

    Vectors(Arena& arena, Index count, Index columns)
        : bytes(arena.take<std::uint8_t>(count * padded_columns(columns))),
          scale(arena.take<float>(count)),
          stride(padded_columns(columns)) {}

    std::uint8_t* at(Index i) const { return bytes + i * stride; }
};

// Calls function(sums, r) for the sums [kTileSums] of each of `count` vectors and some blocks of a matrix.
template <class F>
ELMAN_INLINE void for_each_tile(const QuantizedMatrix& matrix, Index first_block, Index blocks, const Vectors& vectors,
                                const Index* entries, Index count, F function) {
    std::int32_t sums[kMaxTileRows * kTileSums];
    for (Index first = 0; first < count; first += kMaxTileRows) {
        const std::uint8_t* x[kMaxTileRows];
        const Index rows = smallest(kMaxTileRows, count - first);
        for (Index r = 0; r < rows; ++r) x[r] = vectors.at(entries ? entries[first + r] : first + r);
        int8_panel(matrix, first_block, blocks, rows, x, sums);
        for (Index r = 0; r < rows; ++r) function(sums + r * kTileSums, first + r);
    }
}

struct LayerScratch {
    Vectors x, h;              // quantized
    float *state_h, *state_c;  // [row][unit blocks * 16]
    float* a;                  // [entry][blocks * 16]: the products of the inputs, and b_ih
    const float** a_of;        // by entry
    Index *row, *time, *active;

    LayerScratch(Arena& arena, const QuantizedLayer& layer)
        : x(arena, kEntriesAtOnce, layer.table ? 1 : layer.spec.I), h(arena, kRowsAtOnce, layer.spec.H) {
        const Index units = layer.unit_blocks() * kBlockRows;
        state_h = arena.take<float>(kRowsAtOnce * units);
        state_c = arena.take<float>(layer.spec.states() == 2 ? kRowsAtOnce * units : 0);
        a = arena.take<float>(layer.table ? 0 : kEntriesAtOnce * layer.blocks() * kBlockRows);
        a_of = arena.take<const float*>(kEntriesAtOnce);
        row = arena.take<Index>(kEntriesAtOnce);
        time = arena.take<Index>(kEntriesAtOnce);
        active = arena.take<Index>(kRowsAtOnce);
    }
};

// a = W x + b_ih for quantized inputs: `count` vectors, [entry][blocks * 16].
static void multiply_inputs(const QuantizedLayer& layer, const Vectors& x, Index count, float* a) {
    const Index blocks = layer.blocks();
    for (Index first = 0; first < blocks; first += kMaxTileBlocks) {
        const Index n = smallest(kMaxTileBlocks, blocks - first);
        for_each_tile(layer.W, first, n, x, nullptr, count, [&](const std::int32_t* sums, Index i) {
            float* out = a + (i * blocks + first) * kBlockRows;
            for (Index l = 0; l < n * kBlockRows; l += kLanesF) {
                const Index row = first * kBlockRows + l;
                store(out + l, scaled(sums + l, layer.W.scale + row, x.scale[i]) + load(layer.b_ih + row));
            }
        });
    }
}

// a = W x + b_ih with W in single precision: the products are added in the order of the columns, and b_ih is last.
static void multiply_float_inputs(const QuantizedLayer& layer, const float* x, float* a) {
    const Index I = layer.spec.I;
    for (Index block = 0; block < layer.blocks(); ++block)
        for (Index l = 0; l < kBlockRows; l += kLanesF) {
            const float* W = layer.float_W + block * I * kBlockRows + l;
            Floats sum{};
            for (Index k = 0; k < I; ++k) sum = sum + load(W + k * kBlockRows) * x[k];
            store(a + block * kBlockRows + l, sum + load(layer.b_ih + block * kBlockRows + l));
        }
}

template <class C>
class LayerPass {
public:
    LayerPass(const QuantizedLayer& layer, const QuantizedEmbedding& embedding, const QuantizedSequences& sequences,
              void* memory)
        : layer_(layer),
          embedding_(embedding),
          seq_(sequences),
          arena_(memory),
          scratch_(arena_, layer),
          units_(layer.unit_blocks() * kBlockRows),
          width_(layer.blocks() * kBlockRows) {}

    // Up to kRowsAtOnce rows.
    void run(Index begin, Index end) {
        begin_ = begin;
        rows_ = end - begin;
        load_states();
        Index longest = 0;
        for (Index j = 0; j < rows_; ++j) longest = length(j) > longest ? length(j) : longest;
        const Index steps_at_once = kEntriesAtOnce / rows_;
        for (Index s = 0; s < longest; s += steps_at_once) {
            const Index end_step = smallest(s + steps_at_once, longest);
            read_inputs(s, end_step);
            Index entry = 0;
            for (Index step = s; step < end_step; ++step) entry += run_step(step, entry);
        }
        store_states();
    }

private:
    Index length(Index j) const { return seq_.length ? seq_.length[begin_ + j] : seq_.T; }

    void load_states() {
        for (Index j = 0; j < rows_; ++j) {
            load_state(seq_.h_initial, j, scratch_.state_h);
            if (layer_.spec.states() == 2) load_state(seq_.c_initial, j, scratch_.state_c);
        }
    }

    void load_state(const float* initial, Index j, float* state) {
        const Index H = layer_.spec.H;
        std::memcpy(state + j * units_, initial + (begin_ + j) * H, std::size_t(H) * sizeof(float));
        for (Index u = H; u < units_; ++u) state[j * units_ + u] = 0.0f;
    }

    void store_states() {
        const Index H = layer_.spec.H;
        for (Index j = 0; j < rows_; ++j) {
            std::memcpy(seq_.h_final + (begin_ + j) * H, scratch_.state_h + j * units_, std::size_t(H) * sizeof(float));
            if (layer_.spec.states() == 2)
                std::memcpy(seq_.c_final + (begin_ + j) * H, scratch_.state_c + j * units_,
                            std::size_t(H) * sizeof(float));
        }
    }

    // The time of a step of a row: the backward direction begins at the end of the row.
    Index time_of(Index step, Index j) const { return layer_.spec.reverse ? length(j) - 1 - step : step; }

    // Computes the products of the inputs of some steps. Entries are numbered step by step, active rows only.
    void read_inputs(Index begin_step, Index end_step) {
        Index count = 0;
        for (Index s = begin_step; s < end_step; ++s)
            for (Index j = 0; j < rows_; ++j) {
                if (s >= length(j)) continue;
                const Index t = time_of(s, j), at = t * seq_.x_time + (begin_ + j) * seq_.x_row;
                scratch_.a_of[count] =
                    layer_.table ? layer_.table + Index(seq_.ids[at]) * width_ : scratch_.a + count * width_;
                if (layer_.float_W)
                    multiply_float_inputs(layer_, seq_.x + at, scratch_.a + count * width_);
                else if (!layer_.table)
                    scratch_.x.scale[count] =
                        seq_.ids ? copy_row(embedding_, layer_.spec.I, Index(seq_.ids[at]), scratch_.x.at(count))
                                 : quantize_vector(seq_.x + at, layer_.spec.I, scratch_.x.at(count));
                ++count;
            }
        if (!layer_.table && !layer_.float_W) multiply_inputs(layer_, scratch_.x, count, scratch_.a);
    }

    // Returns the number of active rows.
    Index run_step(Index step, Index first_entry) {
        Index count = 0;
        for (Index j = 0; j < rows_; ++j)
            if (step < length(j)) {
                scratch_.active[count++] = j;
                scratch_.h.scale[j] = quantize_vector(scratch_.state_h + j * units_, layer_.spec.H, scratch_.h.at(j));
            }
        constexpr Index gates = C::gates;
        constexpr Index unit_blocks_at_once = gates == 1 ? kMaxTileBlocks : 1;
        const Index unit_blocks = layer_.unit_blocks();
        for (Index ub = 0; ub < unit_blocks; ub += unit_blocks_at_once) {
            const Index n = smallest(unit_blocks_at_once, unit_blocks - ub), first = ub * gates;
            for_each_tile(layer_.U, first, n * gates, scratch_.h, scratch_.active, count,
                          [&](const std::int32_t* sums, Index i) {
                              const Index j = scratch_.active[i];
                              const float* a = scratch_.a_of[first_entry + i] + first * kBlockRows;
                              for (Index b = 0; b < n; ++b)
                                  update_units(sums + b * gates * kBlockRows, a + b * gates * kBlockRows,
                                               (first + b * gates) * kBlockRows, scratch_.h.scale[j],
                                               j * units_ + (ub + b) * kBlockRows);
                          });
        }
        for (Index i = 0; i < count; ++i) {
            const Index j = scratch_.active[i];
            float* y = seq_.y + time_of(step, j) * seq_.y_time + (begin_ + j) * seq_.y_row;
            std::memcpy(y, scratch_.state_h + j * units_, std::size_t(layer_.spec.H) * sizeof(float));
        }
        return count;
    }

    // The cell for one block of units.
    ELMAN_INLINE void update_units(const std::int32_t* sums, const float* a, Index row, float h_scale, Index state) {
        constexpr int gates = C::gates;
        for (Index l = 0; l < kBlockRows; l += kLanesF) {
            Floats a_gates[gates], u_gates[gates];
#pragma GCC unroll 4
            for (int g = 0; g < gates; ++g) {
                const Index at = g * kBlockRows + l;
                a_gates[g] = load(a + at);
                u_gates[g] = scaled(sums + at, layer_.U.scale + row + at, h_scale) + load(layer_.b_hh + row + at);
            }
            Floats h = load(scratch_.state_h + state + l), c{};
            if constexpr (gates == 4) c = load(scratch_.state_c + state + l);
            C::step(a_gates, u_gates, h, c);
            store(scratch_.state_h + state + l, h);
            if constexpr (gates == 4) store(scratch_.state_c + state + l, c);
        }
    }

    const QuantizedLayer& layer_;
    const QuantizedEmbedding& embedding_;
    const QuantizedSequences& seq_;
    Arena arena_;
    LayerScratch scratch_;
    Index units_, width_;
    Index begin_ = 0, rows_ = 0;
};

template <class C>
static void run_rows(const QuantizedLayer& layer, const QuantizedEmbedding& embedding,
                     const QuantizedSequences& sequences, Index begin, Index end, void* scratch) {
    LayerPass<C> pass(layer, embedding, sequences, scratch);
    for (Index first = begin; first < end; first += kRowsAtOnce) pass.run(first, smallest(first + kRowsAtOnce, end));
}

static void run(const QuantizedLayer& layer, const QuantizedEmbedding& embedding, const QuantizedSequences& sequences,
                Index begin, Index end, void* scratch) {
    switch (layer.spec.cell) {
        case Cell::lstm: return run_rows<QuantizedLstm>(layer, embedding, sequences, begin, end, scratch);
        case Cell::gru: return run_rows<QuantizedGru>(layer, embedding, sequences, begin, end, scratch);
        case Cell::elman: break;
    }
    switch (layer.spec.activation) {
        case Activation::tanh:
            return run_rows<QuantizedElman<ExactTanh>>(layer, embedding, sequences, begin, end, scratch);
        case Activation::relu:
            return run_rows<QuantizedElman<ExactRelu>>(layer, embedding, sequences, begin, end, scratch);
        case Activation::sigmoid:
            return run_rows<QuantizedElman<ExactSigmoid>>(layer, embedding, sequences, begin, end, scratch);
        case Activation::identity:
            return run_rows<QuantizedElman<ExactIdentity>>(layer, embedding, sequences, begin, end, scratch);
    }
}

static Index scratch_bytes(const QuantizedLayer& layer) {
    Arena arena;
    LayerScratch scratch(arena, layer);
    return arena.bytes();
}

static Index product_scratch_bytes(const QuantizedMatrix& matrix) {
    Arena arena;
    Vectors vectors(arena, kRowsAtOnce, matrix.columns);
    return arena.bytes();
}

static void multiply(const QuantizedMatrix& matrix, const float* bias, const float* x, Index begin, Index end,
                     Index begin_block, Index end_block, Index rows, float* out, void* scratch) {
    Arena arena(scratch);
    const Vectors vectors(arena, kRowsAtOnce, matrix.columns);
    for (Index top = begin; top < end; top += kRowsAtOnce) {
        const Index count = smallest(kRowsAtOnce, end - top);
        for (Index i = 0; i < count; ++i)
            vectors.scale[i] = quantize_vector(x + (top + i) * matrix.columns, matrix.columns, vectors.at(i));
        for (Index first = begin_block; first < end_block; first += kMaxTileBlocks) {
            const Index n = smallest(kMaxTileBlocks, end_block - first);
            for_each_tile(matrix, first, n, vectors, nullptr, count, [&](const std::int32_t* sums, Index i) {
                float* row_out = out + (top + i) * rows;
                for (Index l = 0; l < n * kBlockRows; l += kLanesF) {
                    const Index row = first * kBlockRows + l;
                    if (row >= rows) break;
                    const Floats y = scaled(sums + l, matrix.scale + row, vectors.scale[i]) + load(bias + row);
                    store_first(row_out + row, y, int(smallest(kLanesF, rows - row)));
                }
            });
        }
    }
}

static void input_products(const QuantizedLayer& layer, const QuantizedEmbedding& embedding, Index row, float* out,
                           void* scratch) {
    Arena arena(scratch);
    const Vectors vectors(arena, 1, layer.spec.I);
    vectors.scale[0] = copy_row(embedding, layer.spec.I, row, vectors.at(0));
    multiply_inputs(layer, vectors, 1, out);
}

#define ELMAN_STRING_(x) #x
#define ELMAN_STRING(x) ELMAN_STRING_(x)

extern const QuantizedKernels quantized_kernels;
const QuantizedKernels quantized_kernels = {
    ELMAN_STRING(ELMAN_ISA), ELMAN_STRING(ELMAN_FAMILY), scratch_bytes, product_scratch_bytes, run, multiply,
    input_products,
};

}  // namespace elman::ELMAN_ISA
