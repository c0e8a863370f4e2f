// An update of Adam: cells/adam.py, operation by operation and without fma, so that the bits are those of NumPy.
#pragma once

#include "vector.hpp"

namespace elman::ELMAN_ISA {

template <class T>
void update_by_adam(const AdamUpdate<T>& update) {
    constexpr Index L = kLanes<T>;
    const Vector<T> mean_share = broadcast(update.mean_share), square_share = broadcast(update.square_share);
    const Vector<T> rate = broadcast(update.rate), correction = broadcast(update.square_correction);
    const Vector<T> epsilon = broadcast(update.epsilon);
    for (Index i = 0; i < update.count; i += L) {
        const int n = int(update.count - i < L ? update.count - i : L);
        const Vector<T> g = load_first(update.gradient + i, n);
        Vector<T> m = load_first(update.m + i, n), v = load_first(update.v + i, n);
        m = m + mean_share * (g - m);
        v = v + square_share * (g * g - v);
        const Vector<T> w = load_first(update.parameters + i, n);
        store_first(update.m + i, m, n);
        store_first(update.v + i, v, n);
        store_first(update.parameters + i, w - rate * m / (square_root(v / correction) + epsilon), n);
    }
}

}  // namespace elman::ELMAN_ISA
