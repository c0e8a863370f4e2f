"""Long short-term memory with layer normalization (Ba et al., 2016, supplementary material).

    N(v; g, b) = g * (v - mean(v)) / sqrt(var(v) + 1e-5) + b       over all entries of the vector v

    s  = N(W x; gain_x, bias_x) + N(U h; gain_h, bias_h)           (4H), of the gates i, f, g, o
    i  = sigmoid(s_i)                                 input gate: how much of the candidate enters
    f  = sigmoid(s_f)                                 forget gate: how much of c stays
    g  = tanh(s_g)                                    candidate
    o  = sigmoid(s_o)                                 output gate: how much of c is shown
    c' = f * c + i * g
    h' = o * tanh(N(c'; gain_c, bias_c))

The variant: W x, U h and c' are normalized; W x and U h over the 4H entries of all gates together, as in the paper, and
not gate by gate. The cell has no b_ih and b_hh: bias_x and bias_h replace them, and the paper's b. Gates are stored
i, f, g, o. The cell's own parameters are gain_x, bias_x, gain_h, bias_h (4H) and gain_c, bias_c (H). Gains start as 1
and biases as 0, except bias_x of the forget gate, which starts as 1 (Jozefowicz et al., 2015).
"""

from __future__ import annotations

import numpy as np

from .activations import Array, sigmoid
from .cell import CellParameters, Initial, State

EPSILON = 1e-5


class LayerNormLSTM:
    """One step of the layer-normalized LSTM. State: h and c (..., H); gates: i, f, g, o; no biases in the products."""

    states: tuple[str, ...] = ("h", "c")
    gates = 4
    gate_names = ("i", "f", "g", "o")
    tape_names = (
        *("a_hat", "a_scale", "u_hat", "u_scale", "i", "f", "g", "o", "c_prev", "c_hat", "c_scale", "tanh_c"),
        *("gain_x", "gain_h", "gain_c"),
    )
    weights = ("W", "U")

    def parameters(self, hidden_size: int) -> Initial:
        """Return the gains and biases, with their initial values."""
        H = hidden_size
        forget_gate_open = np.repeat([0.0, 1.0, 0.0, 0.0], H)
        return {
            "gain_x": ((4 * H,), 1.0),
            "bias_x": ((4 * H,), forget_gate_open),
            "gain_h": ((4 * H,), 1.0),
            "bias_h": ((4 * H,), 0.0),
            "gain_c": ((H,), 1.0),
            "bias_c": ((H,), 0.0),
        }

    def forward(self, a: Array, u: Array, state: State, parameters: CellParameters) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x and u = U h, both (..., 4H)."""
        p, (h, c) = parameters, state
        H = h.shape[-1]
        a_hat, a_scale = _normalize(a)
        u_hat, u_scale = _normalize(u)
        s = p["gain_x"] * a_hat + p["bias_x"] + p["gain_h"] * u_hat + p["bias_h"]
        i = sigmoid(s[..., :H])
        f = sigmoid(s[..., H : 2 * H])
        g = np.tanh(s[..., 2 * H : 3 * H])
        o = sigmoid(s[..., 3 * H :])
        c_next = f * c + i * g
        c_hat, c_scale = _normalize(c_next)
        tanh_c = np.tanh(p["gain_c"] * c_hat + p["bias_c"])
        h_next = o * tanh_c
        gains = (p["gain_x"], p["gain_h"], p["gain_c"])
        return (h_next, c_next), (a_hat, a_scale, u_hat, u_scale, i, f, g, o, c, c_hat, c_scale, tanh_c, *gains)

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State, CellParameters]:
        """Return d_a and d_u (..., 4H), d_state and the gradients of gains and biases; c reaches c' through f."""
        a_hat, a_scale, u_hat, u_scale, i, f, g, o, c, c_hat, c_scale, tanh_c, gain_x, gain_h, gain_c = tape
        d_h_next, d_c_next = d_state_next
        d_o = d_h_next * tanh_c * o * (1.0 - o)
        d_n = d_h_next * o * (1.0 - tanh_c * tanh_c)
        d_c_next = d_c_next + _normalize_backward(d_n * gain_c, c_hat, c_scale)
        d_c = d_c_next * f
        d_g = d_c_next * i * (1.0 - g * g)
        d_f = d_c_next * c * f * (1.0 - f)
        d_i = d_c_next * g * i * (1.0 - i)
        d_s = np.concatenate((d_i, d_f, d_g, d_o), axis=-1)
        d_u = _normalize_backward(d_s * gain_h, u_hat, u_scale)
        d_a = _normalize_backward(d_s * gain_x, a_hat, a_scale)
        d_bias = _sum_rows(d_s)
        d_parameters = {
            "gain_x": _sum_rows(d_s * a_hat),
            "bias_x": d_bias,
            "gain_h": _sum_rows(d_s * u_hat),
            "bias_h": d_bias,
            "gain_c": _sum_rows(d_n * c_hat),
            "bias_c": _sum_rows(d_n),
        }
        return d_a, d_u, (np.zeros_like(d_h_next), d_c), d_parameters


def _normalize(v: Array) -> tuple[Array, Array]:
    """Return v with mean 0 and variance 1 over the last axis, and the number by which it was multiplied, (..., 1)."""
    centred = v - v.mean(axis=-1, keepdims=True)
    scale = 1.0 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
    return centred * scale, scale


def _normalize_backward(d_hat: Array, v_hat: Array, scale: Array) -> Array:
    """Return d_v from the derivative with respect to the normalized v."""
    along = (d_hat * v_hat).mean(axis=-1, keepdims=True)
    return np.asarray((d_hat - d_hat.mean(axis=-1, keepdims=True) - v_hat * along) * scale)


def _sum_rows(d: Array) -> Array:
    """Return the sum over all axes but the last."""
    return np.asarray(d.reshape(-1, d.shape[-1]).sum(axis=0))
