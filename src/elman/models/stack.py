"""Weights by name to the stack that kernels/ or cells/unroll.py runs; its state as a flat dict, to be sent and stored.

Names are those of torch.nn's modules, one module a layer: `layers.0.weight_ih_l0`, `layers.0.bias_hh_l0`,
`layers.1.weight_ih_l0_reverse`; a cell's own parameters have names of the same form, `layers.0.gain_c_l0`. State
entries are named `layers.0.h`, `layers.0.c`, each (B, H): batch axis first;
those of the backward direction `layers.0.h_reverse`. A model of several stacks puts the name of each before them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import Cell, LayerParameters, unroll
from elman.cells import quantized as int8
from elman.cells.cell import initial_parameters, stored_name, weight_shapes
from elman.checkpoint import Tensors

from .matrix import Int8Matrix, Matrix, dense, look_up, take, take_matrix
from .recorder import record_run

STEPPED_ROWS = 8  # a step of more rows is better shared among threads
_ENDINGS = ("", "_reverse")  # of the names of the two directions

State = dict[str, npt.NDArray[Any]]


class Stack:
    """Recurrent layers, one after another, in one direction or both.

    By the kernels, or by NumPy where they are not installed or lack the cell. If the weights are int8 and the cell is
    elman, gru or lstm, `quantized` has the layers as they are stored, and cells/quantized.py says what is computed.
    For other cells, int8 weights become float32 when the stack is built.
    """

    def __init__(
        self,
        cell: Cell,
        tensors: Tensors,
        input_size: int,
        hidden_sizes: Sequence[int],
        embedding: Matrix | None = None,
        *,
        prefix: str = "",
        bidirectional: bool = False,
        first: int = 0,
    ) -> None:
        """Take weights by name, layers from number `first` on; with an embedding (V, I), inputs may be its rows."""
        self.cell = cell
        self._first, self._tensors = first, tensors
        self._prefix, self.endings = prefix, _ENDINGS if bidirectional else _ENDINGS[:1]
        self._dense: kernels.Stack | None = None
        self._gathered: kernels.Stack | None = None
        self._packed_int8: kernels.QuantizedStack | None = None
        self._gathered_int8: kernels.QuantizedStack | None = None
        self._sizes: list[tuple[int, int]] = []  # of inputs and of hidden units, of each layer
        for H in hidden_sizes:
            self._sizes.append((input_size, H))
            input_size = H * len(self.endings)
        self._state_names = [  # [layer][direction]
            [[f"{self.layer_name(index)}.{name}{ending}" for name in cell.states] for ending in self.endings]
            for index in range(len(self._sizes))
        ]
        self.quantized = self._quantized_layers()
        if self.quantized is None:
            embedding = None if embedding is None else dense(embedding)
            _ = self.parameters  # a missing weight is an error now
        self.embedding = embedding

    @functools.cached_property
    def parameters(self) -> list[list[LayerParameters]]:
        """The parameters [layer][direction] in floating point."""
        return [
            [self._layer(self._tensors, f"{self.layer_name(index)}.", end, *sizes) for end in self.endings]
            for index, sizes in enumerate(self._sizes)
        ]

    def _quantized_layers(self) -> list[list[int8.QuantizedLayer]] | None:
        """Return the layers with int8 weights; None if the weights are others, or if the cell cannot have them."""
        first = f"{self.layer_name(0)}.{stored_name('U')}"
        if not int8.supports(self.cell) or first not in self._tensors or self._tensors[first].dtype != np.int8:
            return None
        layers = []
        for index, sizes in enumerate(self._sizes):
            directions = [self._quantized_layer(f"{self.layer_name(index)}.", end, *sizes) for end in self.endings]
            layers.append([one for one in directions if one is not None])
        complete = all(len(directions) == len(self.endings) for directions in layers)
        return layers if complete else None

    def _quantized_layer(self, name: str, ending: str, input_size: int, hidden_size: int) -> int8.QuantizedLayer | None:
        """Return a layer with int8 weights, or None if U is not int8."""
        rows_of_gates = self.cell.gates * hidden_size
        names = {p: name + stored_name(p, reverse=bool(ending)) for p in ("W", "U", "b_ih", "b_hh")}
        W = take_matrix(self._tensors, names["W"], (rows_of_gates, input_size))
        U = take_matrix(self._tensors, names["U"], (rows_of_gates, hidden_size))
        b_ih, b_hh = (np.ascontiguousarray(take(self._tensors, names[p], (rows_of_gates,))) for p in ("b_ih", "b_hh"))
        return int8.QuantizedLayer(W, U, b_ih, b_hh) if isinstance(U, Int8Matrix) else None

    def _layer(self, tensors: Tensors, name: str, ending: str, input_size: int, hidden_size: int) -> LayerParameters:
        def stored(parameter: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
            return take(tensors, name + stored_name(parameter, reverse=bool(ending)), shape)

        weights = weight_shapes(self.cell, input_size, hidden_size)
        arrays = {parameter: stored(parameter, shape) for parameter, shape in weights.items()}
        # A hostile hidden size has raised its error by now: the cell's own parameters may be large.
        own = initial_parameters(self.cell, hidden_size)
        arrays |= {parameter: stored(parameter, value.shape) for parameter, value in own.items()}
        return LayerParameters.from_arrays(arrays, hidden_size)

    def __getstate__(self) -> dict[str, Any]:
        packed = dict.fromkeys(("_dense", "_gathered", "_packed_int8", "_gathered_int8"))
        state = {**self.__dict__, **packed}  # they are packed again when they are used
        if self.quantized is not None:
            state.pop("parameters", None)  # unpacked for derivatives
        return state

    def initial_state(self, batch_size: int) -> State:
        """Return the state of zeros."""
        if self.quantized is None:
            return self._flat(unroll.zero_state(self.cell, self.parameters, batch_size))
        zeros = tuple(
            tuple(tuple(np.zeros((batch_size, H), np.float32) for _ in self.cell.states) for _ in self.endings)
            for _, H in self._sizes
        )
        return self._flat(zeros)

    def run(
        self, x: npt.NDArray[Any], state: State, lengths: npt.NDArray[Any] | None = None
    ) -> tuple[npt.NDArray[Any], State]:
        """Return the outputs (B, T, D*H) of inputs (B, T, I) or of rows (B, T) of the embedding, and the last state."""
        given, nested = x, self.nested(state)
        x = self.layer_inputs(x)
        if self.quantized is not None:
            outputs, final = self._run_int8(x, nested, lengths)
        elif self.compiled:
            packed = self._packed_table() if x.dtype.kind in "iu" else self._packed()
            if lengths is None and x.shape[1] == 1 and len(x) <= STEPPED_ROWS:
                output, final = packed.step(x[:, 0], nested)
                outputs = output[:, None]
            else:
                outputs, final = packed.run(x, nested, lengths)
        else:
            outputs, final = unroll.run(self.cell, self.parameters, x, nested, lengths)
        final_state = self._flat(final)
        record_run(self, given, state, lengths, outputs, final_state)
        return outputs, final_state

    @property
    def compiled(self) -> bool:
        """Whether the kernels run the stack; else NumPy does."""
        if self.quantized is not None:
            return kernels.available()
        return kernels.supports(self.cell, self.parameters[0][0].U.dtype)

    def layer_inputs(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return x as the bottom layer gets it: rows of the table of input products as they are, others looked up."""
        if self.embedding is None or x.dtype.kind not in "iu":
            return x
        if self.quantized is not None:
            return x if self.int8_embedding is not None else look_up(self.embedding, x)
        return x if self.compiled and len(self.embedding) <= kernels.MAX_TABLE_ROWS else look_up(self.embedding, x)

    @functools.cached_property
    def int8_embedding(self) -> Int8Matrix | None:
        """The embedding, if its rows are multiplied as they are stored: it is int8, and so is the bottom W."""
        bottom = self.quantized[0] if self.quantized is not None else []
        is_int8 = bool(bottom) and all(isinstance(layer.W, Int8Matrix) for layer in bottom)
        return self.embedding if is_int8 and isinstance(self.embedding, Int8Matrix) else None

    def _run_int8(
        self, x: npt.NDArray[Any], state: unroll.StackState, lengths: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], unroll.StackState]:
        """Run x (B, T, I), or rows (B, T) of the int8 embedding."""
        assert self.quantized is not None
        is_ids = x.dtype.kind in "iu"
        embedding = self.int8_embedding if is_ids else None
        if not kernels.available():
            return int8.run(self.cell, self.quantized, x if is_ids else x.astype(np.float32), state, lengths, embedding)
        if is_ids:
            if self._gathered_int8 is None:
                self._gathered_int8 = kernels.QuantizedStack(self.cell, self.quantized, embedding)
            return self._gathered_int8.run(x, state, lengths)
        if self._packed_int8 is None:
            self._packed_int8 = kernels.QuantizedStack(self.cell, self.quantized)
        return self._packed_int8.run(x, state, lengths)

    def nested(self, state: State) -> unroll.StackState:
        """Return the state of the layers [layer][direction] in a flat state, which may have other entries."""
        return tuple(
            [tuple([tuple([state[name] for name in names]) for names in layer]) for layer in self._state_names]
        )

    def layer_name(self, index: int) -> str:
        """Return the name of a layer, before those of its states and weights: `encoder.layers.0`."""
        return f"{self._prefix}layers.{self._first + index}"

    def _packed(self) -> kernels.Stack:
        if self._dense is None:
            self._dense = kernels.Stack(self.cell, self.parameters)
        return self._dense

    def _packed_table(self) -> kernels.Stack:
        """Pack the weights with the product of every row of the embedding in the place of the bottom W."""
        if self._gathered is None:
            assert isinstance(self.embedding, np.ndarray)
            bottom, *above = self.parameters
            tables = [input_products(direction, self.embedding) for direction in bottom]
            self._gathered = kernels.Stack(self.cell, [tables, *above], table=True)
        return self._gathered

    def _flat(self, state: unroll.StackState) -> State:
        return {
            name: array
            for names_of_layer, layer in zip(self._state_names, state, strict=True)
            for names, arrays in zip(names_of_layer, layer, strict=True)
            for name, array in zip(names, arrays, strict=True)
        }


def input_products(bottom: LayerParameters, embedding: npt.NDArray[Any]) -> LayerParameters:
    """Return the bottom layer with the product W x + b_ih of every row x of an embedding in the place of W."""
    products = embedding @ bottom.W.T
    if bottom.b_ih is not None:
        products += bottom.b_ih
    return LayerParameters(products, bottom.U, None, bottom.b_hh)
