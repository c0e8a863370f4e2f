"""Pooling at prediction: the outputs of all tokens as one vector.

    last        each direction's output where it has read everything
    mean, max   over the tokens, element by element
    attention   sum over t of a_t h_t     a = softmax over t of v . tanh(W h_t + b)     Yang et al. (2016), section 2.2

What is padded has no share, and nothing of nothing is zero. nn/pooling.py is the same for torch, with derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors

from .stack import take

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


class Pooling:
    """One kind of pooling, its weights named `pooling.*`."""

    def __init__(self, kind: str, tensors: Tensors, size: int) -> None:
        """Take the weights that the kind has, for outputs of a size."""
        self._pool = _POOLINGS[kind]
        self._tensors = {}
        if kind == "attention":
            shapes = {"key.weight": (size, size), "key.bias": (size,), "score": (size,)}
            self._tensors = {name: take(tensors, f"pooling.{name}", shape) for name, shape in shapes.items()}

    def __call__(self, outputs: Array, last: Array, lengths: Ids) -> Array:
        """Return (B, N) of outputs (B, T, N), the first lengths (B,) of them, and of the last ones (B, N)."""
        inside = (np.arange(outputs.shape[1]) < lengths[:, None])[:, :, None]
        return self._pool(outputs, last, inside, self._tensors)


def _last(outputs: Array, last: Array, inside: Array, tensors: Tensors) -> Array:
    return last


def _mean(outputs: Array, last: Array, inside: Array, tensors: Tensors) -> Array:
    counts = np.maximum(inside.sum(1), 1).astype(outputs.dtype)
    mean: Array = np.where(inside, outputs, 0).sum(1) / counts
    return mean


def _max(outputs: Array, last: Array, inside: Array, tensors: Tensors) -> Array:
    highest = np.where(inside, outputs, -np.inf).max(1, initial=-np.inf)
    return np.where(inside.any(1), highest, 0).astype(outputs.dtype)


def _attention(outputs: Array, last: Array, inside: Array, tensors: Tensors) -> Array:
    keys = np.tanh(outputs.reshape(-1, outputs.shape[-1]) @ tensors["key.weight"].T + tensors["key.bias"])
    e = np.where(inside, (keys @ tensors["score"]).reshape(*outputs.shape[:2], 1), -np.inf)
    highest = e.max(1, keepdims=True, initial=-np.inf)
    a = np.exp(e - np.where(np.isfinite(highest), highest, 0))
    pooled: Array = (a * outputs).sum(1) / np.maximum(a.sum(1), np.finfo(outputs.dtype).tiny)
    return pooled


_POOLINGS: dict[str, Callable[[Array, Array, Array, Tensors], Array]] = {
    "last": _last,
    "mean": _mean,
    "max": _max,
    "attention": _attention,
}
