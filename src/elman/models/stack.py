"""Weights by name to the stack that kernels/ or cells/unroll.py runs; its state as a flat dict, to be sent and stored.

Names are those of torch.nn's modules, one module a layer: `layers.0.weight_ih_l0`, `layers.0.bias_hh_l0`,
`layers.1.weight_ih_l0_reverse`; a cell's own parameters have names of the same form, `layers.0.gain_c_l0`. State
entries are named `layers.0.h`, `layers.0.c`, each (B, H): batch axis first;
those of the backward direction `layers.0.h_reverse`. A model of several stacks puts the name of each before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from elman import kernels
from elman.cells import Cell, LayerParameters, unroll
from elman.cells.cell import initial_parameters, stored_name, weight_shapes
from elman.checkpoint import Tensors
from elman.errors import ModelError

from .recorder import record_run

STEPPED_ROWS = 8  # a step of more rows is better shared among threads
_ENDINGS = ("", "_reverse")  # of the names of the two directions

State = dict[str, npt.NDArray[Any]]


def take(tensors: Tensors, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return a tensor by name, or say what is wrong with it."""
    if name not in tensors:
        raise ModelError(f"lacks the weights {name!r}", where="model.safetensors")
    if tensors[name].shape != shape:
        raise ModelError(f"{name!r} has shape {tensors[name].shape}; expected {shape}", where="model.safetensors")
    return tensors[name]


class Stack:
    """Recurrent layers, one after another, in one direction or both.

    By the kernels, or by NumPy where they are not installed or lack the cell.
    """

    def __init__(
        self,
        cell: Cell,
        tensors: Tensors,
        input_size: int,
        hidden_sizes: Sequence[int],
        embedding: npt.NDArray[Any] | None = None,
        *,
        prefix: str = "",
        bidirectional: bool = False,
        first: int = 0,
    ) -> None:
        """Take weights by name, layers from number `first` on; with an embedding (V, I), inputs may be its rows."""
        self.cell = cell
        self.parameters: list[list[LayerParameters]] = []
        self._first = first
        self._prefix, self.endings = prefix, _ENDINGS if bidirectional else _ENDINGS[:1]
        self.embedding = embedding
        self._dense: kernels.Stack | None = None
        self._gathered: kernels.Stack | None = None
        for index, H in enumerate(hidden_sizes):
            self.parameters.append(
                [self._layer(tensors, f"{prefix}layers.{first + index}.", end, input_size, H) for end in self.endings]
            )
            input_size = H * len(self.endings)

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
        return {**self.__dict__, "_dense": None, "_gathered": None}  # they are packed again when they are used

    def initial_state(self, batch_size: int) -> State:
        """Return the state of zeros."""
        return self._flat(unroll.zero_state(self.cell, self.parameters, batch_size))

    def run(
        self, x: npt.NDArray[Any], state: State, lengths: npt.NDArray[Any] | None = None
    ) -> tuple[npt.NDArray[Any], State]:
        """Return the outputs (B, T, D*H) of inputs (B, T, I) or of rows (B, T) of the embedding, and the last state."""
        given, nested = x, self.nested(state)
        x = self.layer_inputs(x)
        if self.compiled:
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
        return kernels.supports(self.cell, self.parameters[0][0].U.dtype)

    def layer_inputs(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return x as the bottom layer gets it: rows of the table of input products as they are, others looked up."""
        if self.embedding is None or x.dtype.kind not in "iu":
            return x
        return x if self.compiled and len(self.embedding) <= kernels.MAX_TABLE_ROWS else self.embedding[x]

    def nested(self, state: State) -> unroll.StackState:
        """Return the state of the layers [layer][direction] in a flat state, which may have other entries."""
        return tuple(
            tuple(tuple(state[name] for name in self._names(index, ending)) for ending in self.endings)
            for index in range(len(self.parameters))
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
            assert self.embedding is not None
            bottom, *above = self.parameters
            tables = [input_products(direction, self.embedding) for direction in bottom]
            self._gathered = kernels.Stack(self.cell, [tables, *above], table=True)
        return self._gathered

    def _names(self, index: int, ending: str) -> list[str]:
        """The names of a layer's states in one direction."""
        return [f"{self.layer_name(index)}.{name}{ending}" for name in self.cell.states]

    def _flat(self, state: unroll.StackState) -> State:
        return {
            name: array
            for index, layer in enumerate(state)
            for ending, arrays in zip(self.endings, layer, strict=True)
            for name, array in zip(self._names(index, ending), arrays, strict=True)
        }


def input_products(bottom: LayerParameters, embedding: npt.NDArray[Any]) -> LayerParameters:
    """Return the bottom layer with the product W x + b_ih of every row x of an embedding in the place of W."""
    products = embedding @ bottom.W.T
    if bottom.b_ih is not None:
        products += bottom.b_ih
    return LayerParameters(products, bottom.U, None, bottom.b_hh)
