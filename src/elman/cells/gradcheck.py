"""Finite differences: the oracle that needs no other library.

    dL/dp_i = (L(p + e_i epsilon) - L(p - e_i epsilon)) / (2 epsilon) + O(epsilon^2)

In float64 with epsilon 1e-5 both errors, of the series and of rounding, stay below 1e-9 of a loss of order one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .activations import Array


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


def relative_error(given: Array, expected: Array) -> float:
    """Return |given - expected| / (|given| + |expected|) in the Euclidean norm; 0 where both are zero."""
    if given.shape != expected.shape:
        raise ValueError(f"gradient: given shape {given.shape}, expected {expected.shape}")
    scale = float(np.linalg.norm(given) + np.linalg.norm(expected))
    return float(np.linalg.norm(given - expected)) / scale if scale else 0.0


def gradient_error(loss: Callable[[], float], array: Array, gradient: Array, epsilon: float = 1e-5) -> float:
    """Return the relative error of a hand-derived gradient against finite differences."""
    return relative_error(gradient, numerical_gradient(loss, array, epsilon))
