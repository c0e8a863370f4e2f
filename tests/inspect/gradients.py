"""The oracle of a trace's derivatives: finite differences of the loss that a model in float64 reports.

The derivatives of the steps give those of the layer's weights: dL/dW is the sum over t of d_a x^T, dL/dU that of d_u
times the h before, and dL/db the sums of d_a and of d_u. Each is compared along a random direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.models.trace import LayerTrace, Trace

Array = npt.NDArray[Any]
STEP = 1e-6


def in_float64(tensors: Tensors) -> Tensors:
    """Return the weights in the precision in which finite differences mean something."""
    return {name: array.astype(np.float64) for name, array in tensors.items()}


def weight_gradients(layer: LayerTrace) -> dict[str, Array]:
    """Return the gradients of the layer's weights, by the names of a model folder."""
    reverse = layer.direction == "backward"
    h = layer["h"]
    before = [h[1:], layer["h_initial"][None]] if reverse else [layer["h_initial"][None], h[:-1]]
    ending = "_l0_reverse" if reverse else "_l0"
    return {
        f"{layer.name}.weight_ih{ending}": layer["d_a"].T @ layer["x"],
        f"{layer.name}.weight_hh{ending}": layer["d_u"].T @ np.concatenate(before),
        f"{layer.name}.bias_ih{ending}": layer["d_a"].sum(0),
        f"{layer.name}.bias_hh{ending}": layer["d_u"].sum(0),
    }


def assert_derivatives_are_those_of_finite_differences(
    trace: Trace, tensors: Tensors, loss: Callable[[Tensors], float]
) -> None:
    """Compare the gradients of the weights of every layer with differences of `loss`, a function of all weights."""
    rng = np.random.default_rng(3)
    compared = 0
    for layer in trace.layers:
        for name, gradient in weight_gradients(layer).items():
            if name not in tensors:  # a cell without these weights
                continue
            direction = rng.standard_normal(gradient.shape)
            moved = [{**tensors, name: tensors[name] + sign * STEP * direction} for sign in (1.0, -1.0)]
            difference = (loss(moved[0]) - loss(moved[1])) / (2.0 * STEP)
            np.testing.assert_allclose(
                float((gradient * direction).sum()), difference, rtol=1e-5, atol=1e-8, err_msg=name
            )
            compared += 1
    assert compared >= 2 * len(trace.layers) > 0
