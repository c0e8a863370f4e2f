// A stack of layers: create, pack, forward, backward, step, destroy.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "interface.hpp"
#include "stack.hpp"

namespace elman {
namespace {

constexpr Index kThreads = 1;

// The shape of a batch (B, T), or (T, B) if time is first.
struct BatchLayout {
    Index T, B;
    bool time_first;

    template <class U>
    StridedArray<U> array(U* data, Index width) const {
        StridedArray<U> result;
        result.data = data;
        result.time_stride = time_first ? B * width : width;
        result.row_stride = time_first ? width : T * width;
        return result;
    }
};

// Arrays of arrays have one entry for each layer, direction and state, or for each layer, direction and parameter
// (W, U, b_ih, b_hh).
class Stack {
public:
    // The arrays of the parameters must exist as long as the stack.
    Stack(std::vector<LayerSpec> specs, const StackOptions& options, const Number* const* parameters)
        : specs_(std::move(specs)), options_(options) {
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            const Number* const* group = parameters + 4 * i;
            parameters_.push_back({group[0], group[1], group[2], group[3]});
        }
        pack();
    }

    // Reads the parameters again, after they have changed.
    void pack() {
        stepper_.reset();
        tape_.reset();
        weights_.reset();
        weights_.emplace(specs_, parameters_, options_, kThreads);
    }

    // inputs are ids if the stack has a table, otherwise numbers
    void forward(const BatchLayout& batch, const void* inputs, Number* y, const Number* const* initial,
                 Number* const* final_states, const Int* lengths, const std::uint8_t* reset, bool keep_tape) {
        batch_ = batch;
        ForwardArrays<Number> arrays;
        if (has_table()) {
            arrays.ids = batch.array(copy_ids(inputs, batch.T * batch.B), 1);
        } else {
            arrays.x = batch.array(static_cast<const Number*>(inputs), specs_[0].I);
        }
        arrays.y = batch.array(y, output_size());
        arrays.initial = states(initial);
        arrays.final_states = states(final_states);
        tape_.reset();
        tape_.emplace(Batch(batch.T, batch.B, lengths, reset, false));
        elman::forward(*weights_, *tape_, keep_tape, arrays, kThreads);
        if (!keep_tape) tape_.reset();
    }

    // Uses up the tape of the last forward pass; returns false if there is none.
    bool backward(const Number* d_y, const Number* const* d_final, Number* d_x, Number* const* d_initial,
                  Number* const* gradients) {
        if (!tape_) return false;
        BackwardArrays<Number> arrays;
        arrays.parameters = parameters_;
        arrays.d_y = batch_.array(d_y, output_size());
        if (d_final) arrays.d_final = states(d_final);
        arrays.d_x = batch_.array(d_x, specs_[0].I);
        arrays.d_initial = states(d_initial);
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            Number* const* group = gradients + 4 * i;
            arrays.gradients.push_back({group[0], group[1], group[2], group[3]});
        }
        elman::backward(*tape_, false, arrays, kThreads);
        tape_.reset();
        return true;
    }

    void step(Index B, const void* inputs, Number* y, const Number* const* initial, Number* const* final_states) {
        if (!stepper_ || stepper_->num_rows() != B) stepper_ = std::make_unique<Stepper<Number>>(*weights_, B);
        const Number* x = has_table() ? nullptr : static_cast<const Number*>(inputs);
        const std::int64_t* ids = has_table() ? copy_ids(inputs, B) : nullptr;
        stepper_->step(x, ids, y, states(initial), states(final_states));
    }

private:
    bool has_table() const { return options_.table_rows > 0; }

    Index output_size() const {
        Index size = 0;
        for (Index d = 1; d <= options_.directions; ++d) size += specs_[specs_.size() - std::size_t(d)].H;
        return size;
    }

    // A backward pass reads the ids of its forward pass, so the tape cannot be used after this.
    const std::int64_t* copy_ids(const void* inputs, Index count) {
        tape_.reset();
        ids_.assign(static_cast<const Int*>(inputs), static_cast<const Int*>(inputs) + count);
        return ids_.data();
    }

    // The states of every layer and direction. They are null if `arrays` is null.
    template <class U>
    std::vector<State<U>> states(U* const* arrays) const {
        std::vector<State<U>> result(specs_.size());
        if (!arrays) return result;
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            result[i].h = *arrays++;
            if (specs_[i].states() == 2) result[i].c = *arrays++;
        }
        return result;
    }

    std::vector<LayerSpec> specs_;  // by layer, then by direction
    std::vector<Parameters<Number>> parameters_;
    StackOptions options_;
    std::optional<StackWeights<Number>> weights_;
    std::unique_ptr<Stepper<Number>> stepper_;
    std::optional<Tape<Number>> tape_;
    BatchLayout batch_{};  // of the tape
    std::vector<std::int64_t> ids_;
};

}  // namespace

// cell, activation: the numbers of Cell and Activation (kernels.hpp). hidden_sizes: by layer, then by direction.
// table_rows: 0, or the rows of the table that takes the place of W in the bottom layer.
ELMAN_EXPORT Stack* stack_create(Int cell, Int activation, Int num_layers, Int directions, Int input_size,
                                 const Int* hidden_sizes, Int table_rows, const Number* const* parameters) {
    StackOptions options;
    options.directions = directions;
    options.table_rows = table_rows;
    std::vector<LayerSpec> specs;
    Index I = table_rows ? 1 : input_size;
    for (Index layer = 0; layer < num_layers; ++layer) {
        Index output_size = 0;
        for (Index d = 0; d < directions; ++d) {
            const Index H = *hidden_sizes++;
            specs.push_back({Cell(cell), Activation(activation), I, H, d == 1});
            output_size += H;
        }
        I = output_size;
    }
    return new Stack(std::move(specs), options, parameters);
}

ELMAN_EXPORT void stack_destroy(Stack* stack) { delete stack; }

ELMAN_EXPORT void stack_pack(Stack* stack) { stack->pack(); }

ELMAN_EXPORT void stack_forward(Stack* stack, Int T, Int B, Int time_first, const void* inputs, Number* y,
                                const Number* const* initial, Number* const* final_states, const Int* lengths,
                                const std::uint8_t* reset, Int keep_tape) {
    stack->forward({T, B, time_first != 0}, inputs, y, initial, final_states, lengths, reset, keep_tape != 0);
}

ELMAN_EXPORT Int stack_backward(Stack* stack, const Number* d_y, const Number* const* d_final, Number* d_x,
                                Number* const* d_initial, Number* const* gradients) {
    return stack->backward(d_y, d_final, d_x, d_initial, gradients) ? 1 : 0;
}

ELMAN_EXPORT void stack_step(Stack* stack, Int B, const void* inputs, Number* y, const Number* const* initial,
                             Number* const* final_states) {
    stack->step(B, inputs, y, initial, final_states);
}

}  // namespace elman
