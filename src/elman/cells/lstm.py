"""Long short-term memory with a forget gate (Hochreiter and Schmidhuber, 1997; Gers et al., 2000), as torch.nn.LSTM.

    i  = sigmoid(W_i x + b_i + U_i h + c_i)          input gate: how much of the candidate enters
    f  = sigmoid(W_f x + b_f + U_f h + c_f)          forget gate: how much of the memory stays
    g  = tanh(W_g x + b_g + U_g h + c_g)             candidate
    o  = sigmoid(W_o x + b_o + U_o h + c_o)          output gate: how much of the memory is shown
    c' = f * c + i * g
    h' = o * tanh(c')

unroll computes the products; this file holds the gates and their derivatives. Gates are stored i, f, g, o.
No peepholes, no coupled gates, no projection: docs/en/conventions.md.
"""

from __future__ import annotations

import numpy as np

from .activations import Array, sigmoid


class LSTM:
    """One step of the long short-term memory. State: h and c (..., H); gates: i, f, g, o."""

    states: tuple[str, ...] = ("h", "c")
    gates = 4
    gate_names = ("i", "f", "g", "o")
    tape_names = ("i", "f", "g", "o", "c_prev", "tanh_c")

    def forward(self, a: Array, u: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b and u = U h + c, both (..., 4H)."""
        h, c = state
        H = h.shape[-1]
        s = a + u
        if_ = sigmoid(s[..., : 2 * H])
        i, f = if_[..., :H], if_[..., H:]
        g = np.tanh(s[..., 2 * H : 3 * H])
        o = sigmoid(s[..., 3 * H :])
        c_next = f * c + i * g
        tanh_c = np.tanh(c_next)
        h_next = o * tanh_c
        return (h_next, c_next), (i, f, g, o, c, tanh_c)

    def backward(
        self, d_state_next: tuple[Array, ...], tape: tuple[Array, ...]
    ) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return d_a and d_u (..., 4H, equal) and d_state: h reaches h' through u alone, c through the forget gate."""
        (d_h_next, d_c_next), (i, f, g, o, c, tanh_c) = d_state_next, tape
        d_o = d_h_next * tanh_c * o * (1.0 - o)
        d_c_next = d_c_next + d_h_next * o * (1.0 - tanh_c * tanh_c)
        d_c = d_c_next * f
        d_g = d_c_next * i * (1.0 - g * g)
        d_f = d_c_next * c * f * (1.0 - f)
        d_i = d_c_next * g * i * (1.0 - i)
        d_a = np.concatenate((d_i, d_f, d_g, d_o), axis=-1)
        return d_a, d_a, (np.zeros_like(d_h_next), d_c)
