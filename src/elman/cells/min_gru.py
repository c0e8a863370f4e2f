"""Minimal gated recurrent unit (Feng et al., 2024, "Were RNNs All We Needed?", section 3.1).

    z  = sigmoid(W_z x + b_z)            update: how much of the candidate enters
    n  = W_n x + b_n                     candidate, h~ in the paper
    h' = (1 - z) * h + z * n

Neither z nor n depends on h, so there is no U and no b_hh. Gates are stored z, n. This is the paper's first form; its
log-space form, in which n is g(W_n x + b_n) > 0, and its parallel scan are not here. Note that z lets the candidate in,
where the z of gru.py keeps the state.
"""

from __future__ import annotations

import numpy as np

from .activations import Array, sigmoid
from .cell import State


class MinGRU:
    """One step of the minimal gated recurrent unit. State: h (..., H); gates: z, n; no U."""

    states: tuple[str, ...] = ("h",)
    gates = 2
    gate_names = ("z", "n")
    tape_names = ("z", "n", "h_prev", "u")
    weights = ("W", "b_ih")

    def forward(self, a: Array, u: Array, state: State) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b (..., 2H); u is (..., 0)."""
        (h,) = state
        H = h.shape[-1]
        z = sigmoid(a[..., :H])
        n = a[..., H:]
        h_next = (1.0 - z) * h + z * n
        return (h_next,), (z, n, h, u)

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State]:
        """Return d_a (..., 2H), d_u (..., 0) and d_state along h' = (1 - z) * h + ..."""
        (d_h_next,), (z, n, h, u) = d_state_next, tape
        d_h = d_h_next * (1.0 - z)
        d_n = d_h_next * z
        d_z = d_h_next * (n - h) * z * (1.0 - z)
        d_a = np.concatenate((d_z, d_n), axis=-1)
        return d_a, u, (d_h,)
