// The pointwise steps of the cells on one block of units: cells/elman.py, gru.py and lstm.py, line by line.
//
// A tape row holds the registers of a panel (panels.hpp). `step` finds the summed products there and leaves what `back`
// needs; `back` finds that, and leaves the derivatives by the products in a row of the same shape. `back` of elman needs
// no more than the outputs, so no tape is kept for it.
#pragma once

#include "functions.hpp"

namespace elman::ELMAN_ISA {

// What `back` takes besides the tape, and gives besides the derivatives by the products.
template <class T>
struct Derivative {
    Vector<T> d_h;      // by the state after the step; `back` leaves the path that does not go through U
    Vector<T> d_c;      // of an lstm, in and out
};

// Which state of a step its cell reads besides: that before it, on both ways; or that after it, backwards.
enum class StateRead { none, before, after };

template <class T, template <class> class F>
struct ElmanCell {
    static constexpr bool many_blocks = true, has_c = false;
    static constexpr StateRead state = StateRead::after;

    static ELMAN_INLINE Vector<T> step(T* slot, Vector<T>, T*, T*) { return F<T>::value(load(slot)); }

    static ELMAN_INLINE void back(const T*, const T*, Vector<T> y, T* d_slot, Derivative<T>& d) {
        store(d_slot, d.d_h * F<T>::derivative(y));
        d.d_h = Vector<T>{};
    }
};

template <class T>
struct GruCell {
    static constexpr bool many_blocks = false, has_c = false;
    static constexpr StateRead state = StateRead::before;
    static constexpr int L = kLanes<T>;

    static ELMAN_INLINE Vector<T> step(T* slots, Vector<T> h, T*, T*) {
        Vector<T> r = Sigmoid<T>::value(load(slots + L));
        Vector<T> z = Sigmoid<T>::value(load(slots + 2 * L));
        Vector<T> u = load(slots + 3 * L);
        Vector<T> n = Tanh<T>::value(fma(r, u, load(slots)));
        store(slots, n);
        store(slots + L, r);
        store(slots + 2 * L, z);
        return fma(z, h - n, n);
    }

    static ELMAN_INLINE void back(const T* slots, const T*, Vector<T> h, T* d_slots, Derivative<T>& d) {
        Vector<T> n = load(slots), r = load(slots + L), z = load(slots + 2 * L), u = load(slots + 3 * L);
        Vector<T> d_z = d.d_h * (h - n) * Sigmoid<T>::derivative(z);
        Vector<T> d_n = d.d_h * (T(1) - z) * Tanh<T>::derivative(n);
        Vector<T> d_r = d_n * u * Sigmoid<T>::derivative(r);
        store(d_slots, d_n);
        store(d_slots + L, d_r);
        store(d_slots + 2 * L, d_z);
        store(d_slots + 3 * L, d_n * r);
        d.d_h = d.d_h * z;
    }
};

template <class T>
struct LstmCell {
    static constexpr bool many_blocks = false, has_c = true;
    static constexpr StateRead state = StateRead::none;
    static constexpr int L = kLanes<T>;

    // c is updated in place; memory, where there is a tape, keeps c before the step and tanh of c after it.
    static ELMAN_INLINE Vector<T> step(T* slots, Vector<T>, T* c, T* memory) {
        Vector<T> i = Sigmoid<T>::value(load(slots));
        Vector<T> f = Sigmoid<T>::value(load(slots + L));
        Vector<T> g = Tanh<T>::value(load(slots + 2 * L));
        Vector<T> o = Sigmoid<T>::value(load(slots + 3 * L));
        Vector<T> c_prev = load(c);
        Vector<T> c_next = fma(f, c_prev, i * g);
        Vector<T> tanh_c = Tanh<T>::value(c_next);
        store(c, c_next);
        if (memory) {
            store(slots, i);
            store(slots + L, f);
            store(slots + 2 * L, g);
            store(slots + 3 * L, o);
            store(memory, c_prev);
            store(memory + L, tanh_c);
        }
        return o * tanh_c;
    }

    static ELMAN_INLINE void back(const T* slots, const T* memory, Vector<T>, T* d_slots, Derivative<T>& d) {
        Vector<T> i = load(slots), f = load(slots + L), g = load(slots + 2 * L), o = load(slots + 3 * L);
        Vector<T> c = load(memory), tanh_c = load(memory + L);
        Vector<T> d_o = d.d_h * tanh_c * Sigmoid<T>::derivative(o);
        Vector<T> d_c = fma(d.d_h * o, Tanh<T>::derivative(tanh_c), d.d_c);
        Vector<T> d_g = d_c * i * Tanh<T>::derivative(g);
        Vector<T> d_f = d_c * c * Sigmoid<T>::derivative(f);
        Vector<T> d_i = d_c * g * Sigmoid<T>::derivative(i);
        store(d_slots, d_i);
        store(d_slots + L, d_f);
        store(d_slots + 2 * L, d_g);
        store(d_slots + 3 * L, d_o);
        d.d_h = Vector<T>{};
        d.d_c = d_c * f;
    }
};

}  // namespace elman::ELMAN_ISA
