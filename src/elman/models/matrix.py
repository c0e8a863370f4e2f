"""Weight matrices of predictions: float32 arrays, or int8 matrices, which cells/quantized.py explains.

y = product(x, W)       x (..., C) times W (R, C) transposed
W = dense(W)            the float32 matrix, for derivatives
x = look_up(W, ids)     rows of an embedding
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells.quantized import QuantizedMatrix
from elman.checkpoint import Tensors
from elman.checkpoint.serialization import shown
from elman.checkpoint.weight_formats import SCALE, float32_weight
from elman.errors import ModelError

Array = npt.NDArray[Any]


class Int8Matrix(QuantizedMatrix):
    """An int8 matrix (R, C) that is multiplied by the kernels, or by NumPy where they are not installed."""

    dtype = np.dtype(np.float32)  # of its products

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"values": self.values, "scale": self.scale}

    @functools.cached_property
    def _packed(self) -> kernels.QuantizedReadout:
        return kernels.QuantizedReadout(self)

    @functools.cached_property
    def float32(self) -> Array:
        """The matrix (R, C) in float32; it is kept, because derivatives use it again and again."""
        return self.dense()

    def multiply(self, x: Array, bias: Array | None = None) -> npt.NDArray[np.float32]:
        """Return the products (..., R), plus the bias, of vectors x (..., C)."""
        if not kernels.available():
            return super().multiply(x, bias)
        products = self._packed.multiply(x)
        return products if bias is None else products + bias


Matrix = Array | Int8Matrix


def take(tensors: Tensors, name: str, shape: tuple[int, ...]) -> Array:
    """Return a tensor by name in floating point, or say what is wrong with it."""
    _require(tensors, name, shape)
    return float32_weight(tensors, name)


def take_matrix(tensors: Tensors, name: str, shape: tuple[int, int]) -> Matrix:
    """Return a matrix by name, as it is stored: float32 or int8; bfloat16 becomes float32."""
    _require(tensors, name, shape)
    if tensors[name].dtype != np.int8:
        return float32_weight(tensors, name)
    return Int8Matrix(np.ascontiguousarray(tensors[name]), np.ascontiguousarray(tensors[name + SCALE]))


def _require(tensors: Tensors, name: str, shape: tuple[int, ...]) -> None:
    if name not in tensors:
        raise ModelError(f"lacks the weights {name!r}", where="model.safetensors")
    if tensors[name].shape != shape:
        shape_shown = shown(str(tensors[name].shape))
        raise ModelError(f"{name!r} has shape {shape_shown}; expected {shape}", where="model.safetensors")


def product(x: Array, W: Matrix) -> Array:
    """Return x (..., C) times W (R, C) transposed."""
    return W.multiply(x) if isinstance(W, Int8Matrix) else np.asarray(x @ W.T)


def dense(W: Matrix) -> Array:
    """Return the matrix in floating point."""
    return W.float32 if isinstance(W, Int8Matrix) else W


def look_up(W: Matrix, ids: npt.NDArray[Any]) -> Array:
    """Return rows (..., C) of a matrix by their numbers (...)."""
    return W.rows(ids) if isinstance(W, Int8Matrix) else W[ids]


def divided(W: Matrix, divisor: float) -> Matrix:
    """Return W / divisor."""
    if isinstance(W, Int8Matrix):
        return Int8Matrix(W.values, W.scale / np.float32(divisor))
    return W / divisor
