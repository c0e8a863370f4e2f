"""A linear layer in NumPy, whose sums have the order of web/kernels/training_interface.cpp."""

from __future__ import annotations

import numpy as np

from elman.cells.activations import Array


def linear(x: Array, W: Array, b: Array) -> Array:
    """Return x W^T + b, summed in the order of the indices."""
    y = np.tile(b, (len(x), 1))
    for i in range(x.shape[1]):
        y += x[:, i : i + 1] * W[:, i]
    return y


def linear_gradients(d_y: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """Return d_x, d_W and d_b, summed in the order of the indices."""
    d_x, d_W, d_b = np.zeros_like(x), np.zeros_like(W), np.zeros_like(d_y[0])
    for n in range(len(x)):
        d_W += d_y[n][:, None] * x[n]
        d_b += d_y[n]
    for o in range(len(W)):
        d_x += d_y[:, o : o + 1] * W[o]
    return d_x, d_W, d_b
