"""Layers and matrices with int8 weights by the compiled kernels: the same bits as cells/quantized.py, faster."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS, Cell, Elman
from elman.cells.quantized import QuantizedLayers, QuantizedMatrix
from elman.cells.unroll import StackState

from . import backend

Array = npt.NDArray[Any]
MAX_TABLE_ROWS = 1024  # as in sequence.py; the results are the same with a table and without
_FLOAT32 = np.dtype(np.float32)
_NAMES = {CELLS[name]: name for name in backend.cells()}


class QuantizedStack:
    """The weights of a stack, packed. Inputs are vectors, or rows of an embedding if there is one."""

    def __init__(self, cell: Cell, layers: QuantizedLayers, embedding: QuantizedMatrix | None = None) -> None:
        """Pack the weights of [layer][direction]; the embedding is not copied."""
        if backend.native is None or type(cell) not in _NAMES:
            raise ValueError(f"no kernels for {type(cell).__name__}: {backend.unavailable_reason() or 'not compiled'}")
        self._num_directions = len(layers[0])
        self._output_size = sum(layer.hidden_size for layer in layers[-1])
        self._input_type = np.dtype(np.float32 if embedding is None else np.int64)
        groups = []
        for layer in (one for directions in layers for one in directions):
            W: Array = layer.W.values if isinstance(layer.W, QuantizedMatrix) else layer.W
            scale = layer.W.scale if isinstance(layer.W, QuantizedMatrix) else None
            W = np.ascontiguousarray(W, np.float32 if scale is None else np.int8)
            groups.append((W, scale, layer.U.values, layer.U.scale, layer.b_ih, layer.b_hh))
        self._stack = backend.native.QuantizedStack.pack(
            _NAMES[type(cell)],
            cell.activation if isinstance(cell, Elman) else "tanh",
            self._num_directions,
            groups,
            None if embedding is None else (embedding.values, embedding.scale),
            embedding is not None and len(embedding.values) <= MAX_TABLE_ROWS,
        )

    def run(
        self, x: Array, state: StackState, lengths: npt.ArrayLike | None = None, *, threads: int | None = None
    ) -> tuple[Array, StackState]:
        """Return the outputs (B, T, D*H) and the final state of x (B, T, I), or of rows (B, T) of the embedding."""
        x = _contiguous(x, self._input_type)
        outputs = (np.empty if lengths is None else np.zeros)((*x.shape[:2], self._output_size), np.float32)
        initial = [tuple([_contiguous(s, _FLOAT32) for s in states]) for layer in state for states in layer]
        final = [tuple([np.empty_like(s) for s in states]) for states in initial]
        if lengths is not None:
            lengths = np.ascontiguousarray(lengths, np.int64)
        self._stack.run(x, outputs, initial, final, lengths, backend.get_num_threads() if threads is None else threads)
        D = self._num_directions
        return outputs, tuple(tuple(final[i : i + D]) for i in range(0, len(final), D))


class QuantizedReadout:
    """A matrix (R, C) that multiplies vectors, and a bias (R,), packed."""

    def __init__(self, matrix: QuantizedMatrix, bias: Array | None = None) -> None:
        if backend.native is None:
            raise ValueError(f"no kernels: {backend.unavailable_reason()}")
        self._size = matrix.shape[0]
        self._readout = backend.native.QuantizedReadout.pack(matrix.values, matrix.scale, bias)

    def multiply(self, x: Array, *, threads: int | None = None) -> Array:
        """Return the products (..., R) of vectors (..., C)."""
        rows = _contiguous(x.reshape(-1, x.shape[-1]), _FLOAT32)
        out = np.empty((len(rows), self._size), np.float32)
        self._readout.multiply(rows, out, backend.get_num_threads() if threads is None else threads)
        return out if x.ndim == 2 else out.reshape(*x.shape[:-1], self._size)


def _contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous array. The test first: np.ascontiguousarray takes longer."""
    return array if array.dtype == dtype and array.flags.c_contiguous else np.ascontiguousarray(array, dtype)
