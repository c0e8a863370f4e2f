"""Smaller weights for a trained model: int8, with a scale for each row, or bfloat16.

Matrices are quantized: embeddings, the recurrent layers, attention, projections and the readout. Biases, other vectors,
the transitions of a conditional random field, and the matrices that a predictor names in `float32_inputs`, stay
float32: they are small. So do the parameters of a cell's own. What int8 weights compute is in cells/quantized.py;
bfloat16 weights become float32 again when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from elman.cells.quantized import quantize_matrix
from elman.checkpoint import Tensors
from elman.checkpoint.weight_formats import MAX_INT8_COLUMNS, SCALE, to_bfloat16, weights_type
from elman.errors import ConfigError

WEIGHT_TYPES = ("int8", "bfloat16")
_MATRIX_NAMES = ("weight", "weight_ih", "weight_hh")  # the last part of the name, without _l0 and _reverse


def quantize_tensors(tensors: Mapping[str, npt.NDArray[Any]], weights: str, *, keep: Sequence[str] = ()) -> Tensors:
    """Return the weights with matrices as int8 or bfloat16, except those in `keep`.

    Weights that are not float32, and another type, are a ConfigError.
    """
    if weights not in WEIGHT_TYPES:
        raise ConfigError(f"weights: given {weights!r}; expected {' or '.join(WEIGHT_TYPES)}")
    present = weights_type(tensors)
    if present != "float32":
        problem = f"the weights of the model are {present}; expected float32"
        raise ConfigError(problem, hint="Quantize the model that was trained")
    quantized: Tensors = {}
    for name, array in tensors.items():
        if name in keep or not is_matrix(name, array):
            quantized[name] = array
        elif weights == "bfloat16":
            quantized[name] = to_bfloat16(array)
        else:
            matrix = quantize_matrix(array)
            quantized[name], quantized[name + SCALE] = matrix.values, matrix.scale
    return quantized


def is_matrix(name: str, array: npt.NDArray[Any]) -> bool:
    """Return whether a tensor is a weight matrix that can be quantized."""
    last = name.rsplit(".", 1)[-1].removesuffix("_reverse").removesuffix("_l0")
    return last in _MATRIX_NAMES and array.ndim == 2 and array.size > 0 and array.shape[1] <= MAX_INT8_COLUMNS
