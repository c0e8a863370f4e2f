"""How weights are stored: float32, bfloat16, or int8 with a scale for each row.

float32     NAME                   as it is
bfloat16    NAME, type BF16        the upper 16 bits of float32 numbers
int8        NAME, type I8 (R, C)   between -127 and 127
            NAME.scale (R,)        float32: the weight is value * scale

NumPy has no bfloat16. An array of it has the dtype BFLOAT16, a structure with one field of 16 bits, with which nothing
can be computed by mistake. What the int8 numbers mean exactly is in cells/quantized.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Tensors = dict[str, Array]

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
SCALE = ".scale"  # the end of the name of the scales of an int8 matrix
MAX_INT8_COLUMNS = 1 << 17  # the largest number of products of 127 * 127 whose sum is below 2^31
_INFINITE = 0x7F80  # the bits of the exponent of a bfloat16 number that is infinite or NaN


def to_bfloat16(array: npt.NDArray[np.float32]) -> Array:
    """Return finite float32 numbers rounded to bfloat16, to nearest, ties to even; the largest stay finite."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype("<u2")
    cut = (bits >> 16).astype("<u2")
    return np.where((rounded & _INFINITE) == _INFINITE, cut, rounded).view(BFLOAT16)


def from_bfloat16(array: Array) -> npt.NDArray[np.float32]:
    """Return bfloat16 numbers as float32, without rounding."""
    return (array.view("<u2").astype(np.uint32) << 16).view(np.float32)


def weight_names(tensors: Mapping[str, Array]) -> list[str]:
    """Return the names of the weights, without those of scales."""
    return [name for name in tensors if not is_scale(tensors, name)]


def is_scale(tensors: Mapping[str, Array], name: str) -> bool:
    """Return whether a name is that of the scales of an int8 matrix."""
    matrix = name.removesuffix(SCALE)
    return matrix != name and matrix in tensors and tensors[matrix].dtype == np.int8


def float32_weight(tensors: Mapping[str, Array], name: str) -> Array:
    """Return a weight in float32; a floating-point array is returned as it is."""
    array = tensors[name]
    if array.dtype == BFLOAT16:
        return from_bfloat16(array)
    if array.dtype == np.int8:
        return np.asarray(array * tensors[name + SCALE].astype(np.float32, copy=False)[:, None])
    return array


def float32_weights(tensors: Mapping[str, Array]) -> Tensors:
    """Return all weights in float32."""
    return {name: float32_weight(tensors, name) for name in weight_names(tensors)}


def weights_type(tensors: Mapping[str, Array]) -> str:
    """Return `int8`, `bfloat16` or `float32`: the smallest type of a weight."""
    types = {array.dtype for array in tensors.values()}
    return "int8" if np.dtype(np.int8) in types else "bfloat16" if BFLOAT16 in types else "float32"


def problem_of_float32(name: str, array: Array) -> str | None:
    """Return what is wrong with an array that must be finite float32 numbers, or None."""
    is_right = array.dtype == np.float32 and bool(np.isfinite(array).all())
    return None if is_right else f"{name} is not an array of finite float32 numbers"


def problem_of_weight(tensors: Mapping[str, Array], name: str) -> str | None:
    """Return what is wrong with a stored array, or None. Scales are checked with their matrix."""
    array = tensors[name]
    if array.dtype == np.float32:
        if name.endswith(SCALE) and not is_scale(tensors, name):
            return f"{name} is the scale of no int8 matrix"
        return problem_of_float32(name, array)
    if array.dtype == BFLOAT16:
        finite = (array.view("<u2") & _INFINITE) != _INFINITE
        return None if finite.all() else f"{name} is not an array of finite bfloat16 numbers"
    if array.dtype == np.int8:
        return _problem_of_int8(name, array, tensors.get(name + SCALE))
    return f"{name} is not an array of float32, bfloat16 or int8 numbers"


def _problem_of_int8(name: str, array: Array, scale: Array | None) -> str | None:
    if array.ndim != 2 or not array.size or array.shape[1] > MAX_INT8_COLUMNS:
        return f"{name} has shape {array.shape}; expected an int8 matrix of 1 to {MAX_INT8_COLUMNS:,} columns"
    if array.min() < -127:
        return f"{name} has the number -128; expected -127 to 127"
    if scale is None or scale.dtype != np.float32 or scale.shape != array.shape[:1]:
        return f"{name} is an int8 matrix without a float32 scale for each of its {len(array):,} rows"
    limit = np.finfo(np.float32).max / 127.0
    if not (np.isfinite(scale).all() and scale.min() >= 0.0 and scale.max() <= limit):
        return f"{name}{SCALE} is not an array of finite scales of 0 or more"
    return None
