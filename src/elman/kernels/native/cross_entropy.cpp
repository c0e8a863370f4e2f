#include "cross_entropy.hpp"

#include <algorithm>

#include "arena.hpp"
#include "batch.hpp"
#include "dispatch.hpp"
#include "memory.hpp"
#include "scheduling.hpp"

namespace elman {
namespace {

constexpr Index kLogitsPerChunk = Index{2} << 20;  // as many as the last cache holds
constexpr Index kMinTokensPerChunk = 256;

template <class T>
class CrossEntropy {
public:
    CrossEntropy(const ReadoutArrays<T>& arrays, Index threads)
        : arrays_(arrays), kernels_(kernels<T>()), layout_(kernels_.layout(spec())) {
        const double flops = 2.0 * double(arrays.O) * double(arrays.H) * double(arrays.num_tokens);
        threads_ = limit_threads(threads, flops);
        const Index tokens = std::max(kMinTokensPerChunk, kLogitsPerChunk / layout_.padded_units());
        tokens_per_chunk_ = std::max(Index(1), std::min(arrays.num_tokens, tokens));
        Arena sizes;
        assign_arrays(sizes);
        buffer_ = Buffer(std::size_t(sizes.bytes()));
        Arena arena(buffer_.data());
        assign_arrays(arena);
    }

    void run() {
        if (arrays_.num_tokens == 0) return clear_weight_gradients();
        pack_weights();
        const ThreadScratch scratch(kernels_.readout_scratch_bytes(spec()), threads_);
        for (Index first = 0; first < arrays_.num_tokens; first += tokens_per_chunk_) {
            const Index count = std::min(tokens_per_chunk_, arrays_.num_tokens - first);
            compute_losses(first, count, scratch);
            if (arrays_.d_V || arrays_.d_b) compute_weight_gradients(first, count, scratch);
        }
    }

private:
    LayerSpec spec() const { return {Cell::elman, Activation::identity, arrays_.H, arrays_.O, false}; }

    void assign_arrays(Arena& arena) {
        const Index width = layout_.panels * layout_.panel_width();
        packed_V_ = arena.take<T>(kernels_.packed_size(spec(), arrays_.H));
        bias_ = arena.take<T>(width);
        logits_ = arena.take<T>(width * tokens_per_chunk_);
        if (arrays_.d_x) V_backward_ = arena.take<T>(kernels_.packed_backward_size(spec(), arrays_.H));
    }

    void clear_weight_gradients() const {
        if (arrays_.d_V) std::fill(arrays_.d_V, arrays_.d_V + arrays_.O * arrays_.H, T(0));
        if (arrays_.d_b) std::fill(arrays_.d_b, arrays_.d_b + arrays_.O, T(0));
    }

    void pack_weights() const {
        const Index panels = layout_.panels, backward_panels = kernels_.num_backward_panels(arrays_.H);
        parallel_for(threads_, [&](Index i) {
            const auto share = [&](Index count) { return count * i / threads_; };
            const auto next_share = [&](Index count) { return count * (i + 1) / threads_; };
            kernels_.pack_weights(spec(), false, arrays_.V, arrays_.H, packed_V_, share(panels), next_share(panels));
            if (V_backward_)
                kernels_.pack_backward_weights(spec(), false, arrays_.V, arrays_.H, V_backward_, share(backward_panels),
                                               next_share(backward_panels));
        });
        kernels_.pack_bias(spec(), arrays_.b, nullptr, bias_);
    }

    void compute_losses(Index first, Index count, const ThreadScratch& scratch) const {
        ReadoutChunk<T> chunk;
        chunk.spec = spec();
        chunk.weights.W = packed_V_;
        chunk.weights.bias = bias_;
        chunk.weights.W_backward = V_backward_;
        chunk.x = arrays_.x;
        chunk.targets = arrays_.targets;
        chunk.losses = arrays_.losses;
        chunk.logits = logits_;
        chunk.first_token = first;
        chunk.num_tokens = count;
        chunk.backward = arrays_.d_x || arrays_.d_V || arrays_.d_b;
        chunk.d_x = arrays_.d_x;
        parallel_for(threads_, [&](Index i) {
            kernels_.readout(chunk, first + count * i / threads_, first + count * (i + 1) / threads_, scratch.of(i));
        });
    }

    // The tokens of a chunk are the rows of a batch with one step.
    void compute_weight_gradients(Index first, Index count, const ThreadScratch& scratch) const {
        Batch batch(1, count, nullptr, nullptr, false);
        StridedArray<const T> x;
        x.data = arrays_.x + first * arrays_.H;
        x.row_stride = arrays_.H;
        LayerBackward<T> layer{};
        layer.forward.spec = spec();
        layer.forward.x = batch.table(x);
        layer.d_gates = logits_;
        layer.d_W = arrays_.d_V;
        layer.d_b_ih = arrays_.d_b;
        layer.accumulate_weights = first > 0;
        const Index gate_blocks = kernels_.num_gate_blocks(spec());
        parallel_for(threads_, [&](Index i) {
            kernels_.weight_gradients(layer, batch.steps(), gate_blocks * i / threads_,
                                      gate_blocks * (i + 1) / threads_, scratch.of(i));
        });
    }

    const ReadoutArrays<T>& arrays_;
    const Kernels<T>& kernels_;
    const Layout layout_;
    Index threads_ = 1, tokens_per_chunk_ = 1;
    T *packed_V_ = nullptr, *bias_ = nullptr, *logits_ = nullptr, *V_backward_ = nullptr;
    Buffer buffer_;
};

}  // namespace

template <class T>
void cross_entropy(const ReadoutArrays<T>& arrays, Index threads) {
    CrossEntropy<T>(arrays, threads).run();
}

template void cross_entropy(const ReadoutArrays<float>&, Index);
template void cross_entropy(const ReadoutArrays<double>&, Index);

}  // namespace elman
