"""Gated recurrent unit, reset-before form: that of Cho et al. (2014), and of Keras with reset_after=False.

    r  = sigmoid(W_r x + b_r + U_r h)                reset: how much of each unit of h the candidate sees
    z  = sigmoid(W_z x + b_z + U_z h)                update: how much of the past is kept
    n  = tanh(W_n x + b_n + U_n (r * h))             candidate
    h' = (1 - z) * n + z * h

Here r is applied to h before the product with U_n, and in gru.py to the product: two functions with weights of the same
shapes. ONNX calls the two forms linear_before_reset 0 and 1.

U_n multiplies r * h, which no product outside of the cell can provide. So the recurrent matrices are the cell's own
parameters: U_rz (2H, H), which is U_r above U_z, and U_n (H, H). A second bias would add nothing to b: there is one.
Gates of W and b are stored r, z, n. U_rz starts as zeros and U_n as the identity.
"""

from __future__ import annotations

import numpy as np

from .activations import Array, sigmoid
from .cell import CellParameters, Initial, State


class ResetBeforeGRU:
    """One step of the reset-before gated recurrent unit. State: h (..., H); gates: r, z, n."""

    states: tuple[str, ...] = ("h",)
    gates = 3
    gate_names = ("r", "z", "n")
    tape_names = ("r", "z", "n", "h_prev", "u", "U_rz", "U_n")
    weights = ("W", "b_ih")

    def parameters(self, hidden_size: int) -> Initial:
        """Return the recurrent matrices, with their initial values."""
        H = hidden_size
        return {"U_rz": ((2 * H, H), 0.0), "U_n": ((H, H), np.eye(H))}

    def forward(self, a: Array, u: Array, state: State, parameters: CellParameters) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b (..., 3H); u is (..., 0)."""
        p, (h,) = parameters, state
        H = h.shape[-1]
        rz = sigmoid(a[..., : 2 * H] + h @ p["U_rz"].T)
        r, z = rz[..., :H], rz[..., H:]
        n = np.tanh(a[..., 2 * H :] + (r * h) @ p["U_n"].T)
        h_next = (1.0 - z) * n + z * h
        return (h_next,), (r, z, n, h, u, p["U_rz"], p["U_n"])

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State, CellParameters]:
        """Return d_a (..., 3H), d_u (..., 0), d_state along all three products, and the gradients of U_rz and U_n."""
        r, z, n, h, u, U_rz, U_n = tape
        (d_h_next,) = d_state_next
        d_h = d_h_next * z
        d_z = d_h_next * (h - n) * z * (1.0 - z)
        d_n = d_h_next * (1.0 - z) * (1.0 - n * n)
        d_rh = d_n @ U_n
        d_h = d_h + d_rh * r
        d_r = d_rh * h * r * (1.0 - r)
        d_rz = np.concatenate((d_r, d_z), axis=-1)
        d_h = d_h + d_rz @ U_rz
        d_a = np.concatenate((d_rz, d_n), axis=-1)
        d_parameters = {"U_rz": _sum_of_products(d_rz, h), "U_n": _sum_of_products(d_n, r * h)}
        return d_a, u, (d_h,), d_parameters


def _sum_of_products(d: Array, x: Array) -> Array:
    """Return the sum over all rows of the outer products d x^T: (..., M), (..., N) -> (M, N)."""
    return np.asarray(d.reshape(-1, d.shape[-1]).T @ x.reshape(-1, x.shape[-1]))
