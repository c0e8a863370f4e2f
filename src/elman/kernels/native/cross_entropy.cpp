#include "cross_entropy.hpp"

#include <algorithm>
#include <utility>

#include "dispatch.hpp"
#include "memory.hpp"
#include "stack.hpp"
#include "threads.hpp"

namespace elman {
namespace {

constexpr Index kLogits = Index{2} << 20;  // of a stretch: what the last cache holds
constexpr Index kFewestTokens = 256;
constexpr double kFlopsWorthAThread = 2e6;

}  // namespace

template <class T>
void cross_entropy(const T* V, const T* b, Index O, Index H, const T* x, Index x_stride, const std::int64_t* targets,
                   Index count, double* losses, T* d_x, T* d_V, T* d_b, Index threads) {
    const Kernels<T>& k = kernels<T>();
    const Kind kind{Cell::elman, Activation::identity, H, O, false};
    const Layout layout = k.layout(kind);
    const bool backward = d_x || d_V || d_b;
    if (count == 0) {  // a sum over nothing
        if (d_V) std::fill(d_V, d_V + O * H, T(0));
        if (d_b) std::fill(d_b, d_b + O, T(0));
        return;
    }
    threads = std::max(Index(1), std::min(threads, Index(2.0 * double(O) * double(H) * double(count) / kFlopsWorthAThread)));
    const Index stretch = std::max(Index(1), std::min(count, std::max(kFewestTokens, kLogits / layout.width())));

    Memory packed(sizeof(T) * std::size_t(k.packed_size(kind, H))), bias(sizeof(T) * std::size_t(layout.panels * layout.row()));
    Memory back(d_x ? sizeof(T) * std::size_t(k.packed_back_size(kind, H)) : 1);
    in_parallel(threads, [&](Index i) {
        const auto share = [&](Index all) { return std::pair<Index, Index>(all * i / threads, all * (i + 1) / threads); };
        const auto [begin, end] = share(layout.panels);
        k.pack_forward(kind, false, V, H, packed.as<T>(), begin, end);
        const auto [back_begin, back_end] = share(k.back_panels(H));
        if (d_x) k.pack_backward(kind, false, V, H, back.as<T>(), back_begin, back_end);
    });
    k.pack_bias(kind, b, nullptr, bias.as<T>());

    Memory logits(sizeof(T) * std::size_t(layout.panels * layout.row() * stretch));
    const Index scratch = k.readout_scratch_bytes(kind);
    Memory scratches(std::size_t(scratch * threads));
    Readout<T> r{kind, {}, x, x_stride, targets, losses, logits.as<T>(), 0, 0, backward, d_x};
    r.packed.W = packed.as<T>();
    r.packed.bias = bias.as<T>();
    r.packed.W_back = back.as<T>();
    for (Index first = 0; first < count; first += stretch) {
        const Index size = std::min(stretch, count - first);
        r.first = first;
        r.stretch = size;
        in_parallel(threads, [&](Index i) {
            k.readout(r, first + size * i / threads, first + size * (i + 1) / threads, scratches.as<char>() + scratch * i);
        });
        if (!d_V && !d_b) continue;
        Batch batch(1, size, nullptr, nullptr, false);  // to sum over: one step of so many rows
        Backward<T> w{};
        w.forward.kind = kind;
        w.forward.x = batch.template vectors<const T>({x + first * x_stride, 0, x_stride});
        w.d_gates = logits.as<T>();
        w.d_W = d_V;
        w.d_b_ih = d_b;
        w.add_weights = first > 0;
        in_parallel(threads, [&](Index i) {
            const Index all = k.segments(kind);
            k.weights(w, batch.steps(), all * i / threads, all * (i + 1) / threads, scratches.as<char>() + scratch * i);
        });
    }
}

template void cross_entropy<float>(const float*, const float*, Index, Index, const float*, Index, const std::int64_t*,
                                   Index, double*, float*, float*, float*, Index);
template void cross_entropy<double>(const double*, const double*, Index, Index, const double*, Index,
                                    const std::int64_t*, Index, double*, double*, double*, double*, Index);

}  // namespace elman
