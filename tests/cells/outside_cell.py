"""A cell of somebody else's package: it is registered, and has a parameter of its own."""

from __future__ import annotations

from typing import Any

import numpy as np


class Decay:
    """h' = r h + (1 - r) tanh(W x + b), where r, of the cell's own, is the share that a unit keeps."""

    states = ("h",)
    gates = 1
    weights = ("W", "b_ih")

    def parameters(self, hidden_size: int) -> Any:
        return {"r": ((hidden_size,), 0.5)}

    def forward(self, a: Any, u: Any, state: Any, parameters: Any) -> Any:
        (h,), r, y = state, parameters["r"], np.tanh(a)
        return (r * h + (1 - r) * y,), (h, r, y, u)

    def backward(self, d_state_next: Any, tape: Any) -> Any:
        (d_h,), (h, r, y, u) = d_state_next, tape
        return d_h * (1 - r) * (1 - y * y), u, (d_h * r,), {"r": (d_h * (h - y)).sum(axis=0)}
