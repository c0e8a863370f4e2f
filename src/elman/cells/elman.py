"""The simple recurrent network (Elman, 1990), as torch.nn.RNN computes it.

    h' = f(W x + b + U h + c)          f: tanh, relu, sigmoid or identity

unroll computes the products a = W x + b and u = U h + c; this file holds f and its derivative. There is one gate, the
new state itself. Elman's own network has a sigmoid and one bias; torch.nn.RNN has tanh or relu and two.
"""

from __future__ import annotations

import numpy as np

from .activations import ACTIVATIONS, Array


class Elman:
    """One step of the simple recurrent network. State: h (..., H); gates: 1."""

    states: tuple[str, ...] = ("h",)
    gates = 1
    gate_names = ("h",)
    tape_names = ("h",)

    def __init__(self, activation: str = "tanh") -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: choose {', '.join(ACTIVATIONS)}")
        self.activation = activation
        self._f, self._derivative = ACTIVATIONS[activation]

    def __reduce__(self) -> tuple[type[Elman], tuple[str]]:
        return type(self), (self.activation,)  # the functions themselves cannot be pickled

    def forward(self, a: Array, u: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b and u = U h + c, both (..., H)."""
        h_next = self._f(a + u)
        return (h_next,), (h_next,)

    def backward(
        self, d_state_next: tuple[Array, ...], tape: tuple[Array, ...]
    ) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return d_a, d_u and d_state; h reaches h' through u alone, so its own part of d_state is zero."""
        (d_h_next,), (h_next,) = d_state_next, tape
        d_a = d_h_next * self._derivative(h_next)
        return d_a, d_a, (np.zeros_like(d_h_next),)
