// The activation functions of layers with int8 weights: those of activations.hpp in single precision, without fused
// operations, so that every processor gives the same bits. cells/quantized.py is the same in NumPy.
#pragma once

#include "vector.hpp"

namespace elman::ELMAN_ISA {

struct ExactExponential {
    Floats scale, q;  // e^x = scale * (1 + q)
};

ELMAN_INLINE ExactExponential exact_exponential(Floats x) {
    constexpr float log2_e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f, round = 12582912.0f;
    const Floats shifted = x * log2_e + round;
    const Floats n = shifted - round;
    const Floats r = (x - n * ln2_high) - n * ln2_low;
    Floats p = r * 0.00138824968f + 0.00836664684f;
    p = p * r + 0.0416672039f;
    p = p * r + 0.166665427f;
    p = p * r + 0.499999981f;
    return {(Floats)(((Ints32)shifted << 23) + 0x3f800000), r * r * p + r};
}

struct ExactTanh {
    static ELMAN_INLINE Floats value(Floats x) {
        x = clamp<float>(x, -9.1f, 9.1f);
        const ExactExponential e = exact_exponential(x + x);
        const Floats m = e.scale * e.q + (e.scale - 1.0f);
        return m / (m + 2.0f);
    }
};

struct ExactSigmoid {
    static ELMAN_INLINE Floats value(Floats x) {
        const ExactExponential e = exact_exponential(clamp<float>(-x, -87.0f, 87.0f));
        return 1.0f / ((e.scale * e.q + e.scale) + 1.0f);
    }
};

struct ExactRelu {
    static ELMAN_INLINE Floats value(Floats x) { return x < Floats{} ? Floats{} : x; }
};

struct ExactIdentity {
    static ELMAN_INLINE Floats value(Floats x) { return x; }
};

// The pointwise operations of the cells for a register of units, line by line as in cells/. a[g] and u[g] are the
// products of gate g; h and c are the states, which are replaced.
template <class F>
struct QuantizedElman {
    static constexpr int gates = 1;
    static ELMAN_INLINE void step(const Floats* a, const Floats* u, Floats& h, Floats&) { h = F::value(a[0] + u[0]); }
};

struct QuantizedGru {
    static constexpr int gates = 3;
    static ELMAN_INLINE void step(const Floats* a, const Floats* u, Floats& h, Floats&) {
        const Floats r = ExactSigmoid::value(a[0] + u[0]);
        const Floats z = ExactSigmoid::value(a[1] + u[1]);
        const Floats n = ExactTanh::value(a[2] + r * u[2]);
        h = (1.0f - z) * n + z * h;
    }
};

struct QuantizedLstm {
    static constexpr int gates = 4;
    static ELMAN_INLINE void step(const Floats* a, const Floats* u, Floats& h, Floats& c) {
        const Floats i = ExactSigmoid::value(a[0] + u[0]);
        const Floats f = ExactSigmoid::value(a[1] + u[1]);
        const Floats g = ExactTanh::value(a[2] + u[2]);
        const Floats o = ExactSigmoid::value(a[3] + u[3]);
        c = f * c + i * g;
        h = o * ExactTanh::value(c);
    }
};

}  // namespace elman::ELMAN_ISA
