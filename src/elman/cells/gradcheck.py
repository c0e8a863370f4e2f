"""Finite differences: the oracle that needs no other library.

    dL/dp_i = (L(p + e_i epsilon) - L(p - e_i epsilon)) / (2 epsilon) + O(epsilon^2)

In float64 with epsilon 1e-5 both errors, of the series and of rounding, stay below 1e-9 of a loss of order one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .activations import Array
from .cell import Cell, initial_parameters, weight_names


def numerical_gradient(loss: Callable[[], float], array: Array, epsilon: float = 1e-5) -> Array:
    """Return dL/darray by central differences; `array` (float64) is changed in place and put back.

    loss() must read `array` each time it is called.
    """
    if array.dtype != np.float64:
        raise ValueError(f"finite differences need float64, given {array.dtype}")
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        try:
            array[index] = value + epsilon
            above = loss()
            array[index] = value - epsilon
            below = loss()
        finally:
            array[index] = value
        gradient[index] = (above - below) / (2.0 * epsilon)
    return gradient


def relative_error(gradient: Array, expected: Array) -> float:
    """Return |gradient - expected| / (|gradient| + |expected|) in the Euclidean norm; 0 where both are zero."""
    if gradient.shape != expected.shape:
        raise ValueError(f"gradient: given shape {gradient.shape}; expected {expected.shape}")
    scale = float(np.linalg.norm(gradient) + np.linalg.norm(expected))
    return float(np.linalg.norm(gradient - expected)) / scale if scale else 0.0


def gradient_error(loss: Callable[[], float], array: Array, gradient: Array, epsilon: float = 1e-5) -> float:
    """Return the relative error of a hand-derived gradient against finite differences."""
    return relative_error(gradient, numerical_gradient(loss, array, epsilon))


def cell_gradient_errors(cell: Cell, hidden_size: int = 3, rows: int = 2, seed: int = 0) -> dict[str, float]:
    """Return the relative errors of all derivatives of one step of a cell, by name, for random numbers.

    The names are a, u, those of the states, and those of the cell's own parameters.
    """
    rng = np.random.default_rng(seed)
    size = (rows, cell.gates * hidden_size)
    a, u = rng.normal(size=size), rng.normal(size=size if "U" in weight_names(cell) else (rows, 0))
    state = tuple(rng.normal(size=(rows, hidden_size)) for _ in cell.states)
    own = {name: value + rng.normal(size=value.shape) for name, value in initial_parameters(cell, hidden_size).items()}
    weights = [rng.normal(size=s.shape) for s in state]  # of the loss, the weighted sum of the next state
    step: Any = cell

    def forward() -> Any:
        return step.forward(a, u, state, own) if own else step.forward(a, u, state)

    def loss() -> float:
        return float(sum((s * w).sum() for s, w in zip(forward()[0], weights, strict=True)))

    d_a, d_u, d_state, *d_own = step.backward(tuple(weights), forward()[1])
    gradients = {"a": d_a, "u": d_u, **dict(zip(cell.states, d_state, strict=True)), **(d_own[0] if d_own else {})}
    arrays = {"a": a, "u": u, **dict(zip(cell.states, state, strict=True)), **own}
    return {name: gradient_error(loss, array, gradients[name]) for name, array in arrays.items()}
