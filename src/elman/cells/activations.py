"""The activation functions of the cells, each with its derivative written in terms of its own output.

    tanh'     = 1 - y^2
    sigmoid'  = y (1 - y)
    relu'     = 1 where y > 0, else 0
    identity' = 1

Because the derivative is a function of the output y, the tape of a cell needs only its outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Activation(NamedTuple):
    """A function of the pre-activation, and its derivative as a function of the output."""

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x), written through tanh so that no x overflows."""
    y: Array = np.tanh(x * 0.5)
    y += 1.0
    y *= 0.5
    return y


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(np.tanh, lambda y: 1.0 - y * y),
    "relu": Activation(lambda x: np.maximum(x, 0.0), lambda y: (y > 0.0).astype(y.dtype)),
    "sigmoid": Activation(sigmoid, lambda y: y * (1.0 - y)),
    "identity": Activation(lambda x: x, np.ones_like),
}
