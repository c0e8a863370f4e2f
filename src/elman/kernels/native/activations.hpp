// The activation functions on vectors, as in cells/activations.py. Derivatives are functions of the output.
//
//     e^x - 1 = 2^n q + (2^n - 1)      n = round(x / ln 2),  r = x - n ln 2,  q = e^r - 1 by a polynomial
//     tanh x  = m / (m + 2)            m = e^(2x) - 1
//     sigmoid = 1 / (1 + e^-x)
//
// With e^x - 1, tanh is accurate to a few roundings near zero, too. Outside the bounds of clamp, the results equal the
// limits to the last bit. The float polynomial is a minimax fit (relative error 1.3e-8), the double one the Taylor
// series.
#pragma once

#include "vector.hpp"

namespace elman::ELMAN_ISA {

template <class T>
struct Exponential;

template <>
struct Exponential<float> {
    static constexpr float log2_e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
    static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it moves the nearest integer to the low bits
    static constexpr int mantissa = 23;
    static constexpr std::int32_t one = 0x3f800000;
    static constexpr float tanh_bound = 9.1f, sigmoid_bound = 87.0f;
    static constexpr float polynomial[] = {0.00138824968f, 0.00836664684f, 0.0416672039f, 0.166665427f, 0.499999981f};
};

template <>
struct Exponential<double> {
    static constexpr double log2_e = 1.4426950408889634074, ln2_high = 0.693147180369123816490,
                            ln2_low = 1.90821492927058770002e-10;
    static constexpr double round = 6755399441055744.0;
    static constexpr int mantissa = 52;
    static constexpr std::int64_t one = 0x3ff0000000000000;
    static constexpr double tanh_bound = 19.1, sigmoid_bound = 708.0;
    static constexpr double polynomial[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                            1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                            1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
};

// e^x = scale * (1 + q).
template <class T>
struct ScaledExponential {
    Vector<T> scale, q;
};

template <class T>
ELMAN_INLINE ScaledExponential<T> exponential(Vector<T> x) {
    using E = Exponential<T>;
    using Integers = typename VectorTypes<T>::Integers;
    Vector<T> shifted = fma(x, broadcast(E::log2_e), broadcast(E::round));
    Vector<T> n = shifted - E::round;
    Vector<T> r = fma(n, broadcast(-E::ln2_high), x);
    r = fma(n, broadcast(-E::ln2_low), r);
    Vector<T> p = broadcast(E::polynomial[0]);
#pragma GCC unroll 16
    for (unsigned i = 1; i < sizeof(E::polynomial) / sizeof(T); ++i) p = fma(p, r, broadcast(E::polynomial[i]));
    ScaledExponential<T> e;
    e.q = fma(r * r, p, r);
    e.scale = (Vector<T>)(((Integers)shifted << E::mantissa) + E::one);
    return e;
}

template <class T>
struct Tanh {
    static ELMAN_INLINE Vector<T> value(Vector<T> x) {
        constexpr T bound = Exponential<T>::tanh_bound;
        x = clamp<T>(x, -bound, bound);
        ScaledExponential<T> e = exponential<T>(x + x);
        Vector<T> m = fma(e.scale, e.q, e.scale - T(1));
        return m / (m + T(2));
    }
    static ELMAN_INLINE Vector<T> derivative(Vector<T> y) { return fma(-y, y, broadcast(T(1))); }
};

template <class T>
struct Sigmoid {
    static ELMAN_INLINE Vector<T> value(Vector<T> x) {
        constexpr T bound = Exponential<T>::sigmoid_bound;
        ScaledExponential<T> e = exponential<T>(clamp<T>(-x, -bound, bound));
        return T(1) / (fma(e.scale, e.q, e.scale) + T(1));
    }
    static ELMAN_INLINE Vector<T> derivative(Vector<T> y) { return fma(-y, y, y); }
};

template <class T>
struct Relu {
    static ELMAN_INLINE Vector<T> value(Vector<T> x) { return x < Vector<T>{} ? Vector<T>{} : x; }
    static ELMAN_INLINE Vector<T> derivative(Vector<T> y) { return y > Vector<T>{} ? broadcast(T(1)) : Vector<T>{}; }
};

template <class T>
struct Identity {
    static ELMAN_INLINE Vector<T> value(Vector<T> x) { return x; }
    static ELMAN_INLINE Vector<T> derivative(Vector<T>) { return broadcast(T(1)); }
};

}  // namespace elman::ELMAN_ISA
