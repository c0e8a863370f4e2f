// The pointwise operations of the cells for one block of units, line by line as in cells/elman.py, gru.py and lstm.py.
//
// `gates` is an entry of the gate tape: the registers of a panel (panels.hpp). forward reads the sums of the products
// there and replaces them by what backward needs. backward writes the derivatives with respect to the sums to an entry
// of the same shape. The elman cell needs only its outputs in backward, so it has no tape.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"

namespace elman::ELMAN_ISA {

// The derivatives with respect to the state after a step. backward replaces them by those with respect to the state
// before the step, except for the path through U, which is added afterwards.
template <class T>
struct StateGradient {
    Vector<T> d_h;
    Vector<T> d_c;  // of an lstm
};

// Which hidden state a cell reads in backward. A cell that reads the previous one reads it in forward, too.
enum class StateInput { none, previous, next };

template <class T, template <class> class F>
struct ElmanCell {
    static constexpr Index max_blocks = Layout::kMaxBlocks;  // of units in a panel
    static constexpr bool has_c = false;
    static constexpr StateInput state_input = StateInput::next;

    static ELMAN_INLINE Vector<T> forward(T* gates, Vector<T>, T*, T*) { return F<T>::value(load(gates)); }

    static ELMAN_INLINE void backward(const T*, const T*, Vector<T> y, T* d_gates, StateGradient<T>& d) {
        store(d_gates, d.d_h * F<T>::derivative(y));
        d.d_h = Vector<T>{};
    }
};

template <class T>
struct GruCell {
    static constexpr Index max_blocks = 1;
    static constexpr bool has_c = false;
    static constexpr StateInput state_input = StateInput::previous;
    static constexpr int L = kLanes<T>;

    static ELMAN_INLINE Vector<T> forward(T* gates, Vector<T> h, T*, T*) {
        Vector<T> r = Sigmoid<T>::value(load(gates + L));
        Vector<T> z = Sigmoid<T>::value(load(gates + 2 * L));
        Vector<T> u = load(gates + 3 * L);
        Vector<T> n = Tanh<T>::value(fma(r, u, load(gates)));
        store(gates, n);
        store(gates + L, r);
        store(gates + 2 * L, z);
        return fma(z, h - n, n);
    }

    static ELMAN_INLINE void backward(const T* gates, const T*, Vector<T> h, T* d_gates, StateGradient<T>& d) {
        Vector<T> n = load(gates), r = load(gates + L), z = load(gates + 2 * L), u = load(gates + 3 * L);
        Vector<T> d_z = d.d_h * (h - n) * Sigmoid<T>::derivative(z);
        Vector<T> d_n = d.d_h * (T(1) - z) * Tanh<T>::derivative(n);
        Vector<T> d_r = d_n * u * Sigmoid<T>::derivative(r);
        store(d_gates, d_n);
        store(d_gates + L, d_r);
        store(d_gates + 2 * L, d_z);
        store(d_gates + 3 * L, d_n * r);
        d.d_h = d.d_h * z;
    }
};

template <class T>
struct LstmCell {
    static constexpr Index max_blocks = 1;
    static constexpr bool has_c = true;
    static constexpr StateInput state_input = StateInput::none;
    static constexpr int L = kLanes<T>;

    // Updates c in place. If there is a tape, stores c before the step and tanh of c after it.
    static ELMAN_INLINE Vector<T> forward(T* gates, Vector<T>, T* c, T* cell_tape) {
        Vector<T> i = Sigmoid<T>::value(load(gates));
        Vector<T> f = Sigmoid<T>::value(load(gates + L));
        Vector<T> g = Tanh<T>::value(load(gates + 2 * L));
        Vector<T> o = Sigmoid<T>::value(load(gates + 3 * L));
        Vector<T> c_prev = load(c);
        Vector<T> c_next = fma(f, c_prev, i * g);
        Vector<T> tanh_c = Tanh<T>::value(c_next);
        store(c, c_next);
        if (cell_tape) {
            store(gates, i);
            store(gates + L, f);
            store(gates + 2 * L, g);
            store(gates + 3 * L, o);
            store(cell_tape, c_prev);
            store(cell_tape + L, tanh_c);
        }
        return o * tanh_c;
    }

    static ELMAN_INLINE void backward(const T* gates, const T* cell_tape, Vector<T>, T* d_gates, StateGradient<T>& d) {
        Vector<T> i = load(gates), f = load(gates + L), g = load(gates + 2 * L), o = load(gates + 3 * L);
        Vector<T> c_prev = load(cell_tape), tanh_c = load(cell_tape + L);
        Vector<T> d_o = d.d_h * tanh_c * Sigmoid<T>::derivative(o);
        Vector<T> d_c = fma(d.d_h * o, Tanh<T>::derivative(tanh_c), d.d_c);
        Vector<T> d_g = d_c * i * Tanh<T>::derivative(g);
        Vector<T> d_f = d_c * c_prev * Sigmoid<T>::derivative(f);
        Vector<T> d_i = d_c * g * Sigmoid<T>::derivative(i);
        store(d_gates, d_i);
        store(d_gates + L, d_f);
        store(d_gates + 2 * L, d_g);
        store(d_gates + 3 * L, d_o);
        d.d_h = Vector<T>{};
        d.d_c = d_c * f;
    }
};

}  // namespace elman::ELMAN_ISA
