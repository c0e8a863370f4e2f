"""Gated recurrent unit, reset-after form: what torch.nn.GRU and cuDNN compute.

    r  = sigmoid(W_r x + b_r + U_r h + c_r)          reset: how much of the past the candidate sees
    z  = sigmoid(W_z x + b_z + U_z h + c_z)          update: how much of the past is kept
    n  = tanh(W_n x + b_n + r * (U_n h + c_n))       candidate
    h' = (1 - z) * n + z * h

unroll computes the products; this file holds the gates and their derivatives. Gates are stored r, z, n.
Cho et al. (2014, eq. 8) apply r before U_n, and some texts swap z and 1 - z: docs/en/conventions.md.
"""

from __future__ import annotations

import numpy as np

from .activations import Array, sigmoid


class GRU:
    """One step of the gated recurrent unit. State: h (..., H); gates: r, z, n."""

    states: tuple[str, ...] = ("h",)
    gates = 3
    gate_names = ("r", "z", "n")
    tape_names = ("r", "z", "n", "u_n", "h_prev")

    def forward(self, a: Array, u: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b and u = U h + c, both (..., 3H)."""
        (h,) = state
        H = h.shape[-1]
        rz = sigmoid(a[..., : 2 * H] + u[..., : 2 * H])
        r, z = rz[..., :H], rz[..., H:]
        u_n = u[..., 2 * H :]
        n = np.tanh(a[..., 2 * H :] + r * u_n)
        h_next = (1.0 - z) * n + z * h
        return (h_next,), (r, z, n, u_n, h)

    def backward(
        self, d_state_next: tuple[Array, ...], tape: tuple[Array, ...]
    ) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return d_a and d_u (..., 3H), and d_state along h' = ... + z * h; the way through u is unroll's."""
        (d_h_next,), (r, z, n, u_n, h) = d_state_next, tape
        d_h = d_h_next * z
        d_z = d_h_next * (h - n) * z * (1.0 - z)
        d_n = d_h_next * (1.0 - z) * (1.0 - n * n)
        d_r = d_n * u_n * r * (1.0 - r)
        d_a = np.concatenate((d_r, d_z, d_n), axis=-1)
        d_u = np.concatenate((d_r, d_z, d_n * r), axis=-1)
        return d_a, d_u, (d_h,)
