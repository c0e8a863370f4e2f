// How many threads a computation is worth, and what they share.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels.hpp"
#include "parallel.hpp"

namespace elman {

constexpr double kMinFlopsPerThread = 2e6;  // about twenty microseconds

// Limits the number of threads so that each has enough work.
inline Index limit_threads(Index threads, double flops) {
    return std::max(Index(1), std::min(threads, Index(flops / kMinFlopsPerThread)));
}

// The floating-point operations of the matrix products of a forward pass.
inline double product_flops(const std::vector<LayerSpec>& specs, Index entries) {
    double per_entry = 0;
    for (const LayerSpec& spec : specs) per_entry += 2.0 * double(spec.gates() * spec.H) * double(spec.H + spec.I);
    return per_entry * double(entries);
}

// Returns whether the threads should share the units of every step instead of the rows: if there are fewer rows than
// threads, or if there are few rows and the weights are too large for the cache of each thread. A step must have enough
// work to pay for the barrier.
inline bool should_share_units(const std::vector<LayerSpec>& specs, Index threads, const Steps& steps) {
    constexpr double kMinWorkPerBarrier = 1e5;  // numbers of U times rows: some microseconds
    constexpr double kMaxWeightsInCache = 1e6;  // numbers of U: 4 MB
    constexpr Index kFewRowsPerThread = 8;
    if (threads < 2) return false;
    double largest = 0;
    for (const LayerSpec& spec : specs) largest = std::max(largest, double(spec.gates() * spec.H * spec.H));
    if (steps.B < threads) return largest * double(steps.B) > kMinWorkPerBarrier;
    return steps.B < kFewRowsPerThread * threads && largest > kMaxWeightsInCache;
}

// Divides 0 .. count into one share for each thread, and calls work(begin, end) for each.
inline void parallel_shares(Index threads, Index count, const std::function<void(Index, Index)>& work) {
    const Index shares = std::max(Index(1), std::min(threads, count));
    parallel_for(shares, [&](Index i) { work(count * i / shares, count * (i + 1) / shares); });
}

}  // namespace elman
