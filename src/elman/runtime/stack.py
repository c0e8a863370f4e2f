"""Weights by name to the stack that kernels/ or cells/unroll.py runs; its state as a flat dict, to be sent and stored.

Names are those of torch.nn's modules, one module a layer: `layers.0.weight_ih_l0`, `layers.0.bias_hh_l0`,
`layers.1.weight_ih_l0_reverse`. State entries are named `layers.0.h`, `layers.0.c`, each (B, H): batch axis first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from elman import kernels
from elman.cells import Cell, LayerParameters, unroll
from elman.checkpoint import Tensors
from elman.checkpoint.sealed import parse_tensors, tensor_bytes
from elman.errors import ModelError

STEPPED_ROWS = 8  # a step of more rows is better shared among threads

State = dict[str, npt.NDArray[Any]]


def take(tensors: Tensors, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return a tensor by name, or say what is wrong with it."""
    if name not in tensors:
        raise ModelError(f"lacks the weights {name!r}", where="model.safetensors")
    if tensors[name].shape != shape:
        raise ModelError(f"{name!r} has shape {tensors[name].shape}, expected {shape}", where="model.safetensors")
    return tensors[name]


class Stack:
    """Recurrent layers, one after another, in one direction: the causal stack of a language model.

    By the kernels where they are installed, by NumPy otherwise.
    """

    def __init__(
        self,
        cell: Cell,
        tensors: Tensors,
        input_size: int,
        hidden_sizes: Sequence[int],
        embedding: npt.NDArray[Any] | None = None,
    ) -> None:
        """Take weights by name; with an embedding (V, I), inputs may be its rows' numbers."""
        self.cell = cell
        self.parameters: list[list[LayerParameters]] = []
        self._embedding = embedding
        self._dense: kernels.Stack | None = None
        self._gathered: kernels.Stack | None = None
        for index, H in enumerate(hidden_sizes):
            rows, prefix = cell.gates * H, f"layers.{index}."
            layer = LayerParameters(
                W=take(tensors, f"{prefix}weight_ih_l0", (rows, input_size)),
                U=take(tensors, f"{prefix}weight_hh_l0", (rows, H)),
                b_ih=take(tensors, f"{prefix}bias_ih_l0", (rows,)),
                b_hh=take(tensors, f"{prefix}bias_hh_l0", (rows,)),
            )
            self.parameters.append([layer])
            input_size = H

    def initial_state(self, batch_size: int) -> State:
        """Return the state of zeros."""
        return self._flat(unroll.zero_state(self.cell, self.parameters, batch_size))

    def run(
        self, x: npt.NDArray[Any], state: State, lengths: npt.NDArray[Any] | None = None
    ) -> tuple[npt.NDArray[Any], State]:
        """Return the outputs (B, T, H) of inputs (B, T, I), or of rows (B, T) of the embedding, and the state after."""
        names = self.cell.states
        nested = tuple((tuple(state[f"layers.{i}.{name}"] for name in names),) for i in range(len(self.parameters)))
        ids = x.dtype.kind in "iu"
        if self._embedding is not None and ids and len(self._embedding) > kernels.TABLE_ROWS:
            x, ids = self._embedding[x], False
        if kernels.supports(self.cell, self.parameters[0][0].U.dtype):
            packed = self._packed_table() if ids else self._packed()
            if lengths is None and x.shape[1] == 1 and len(x) <= STEPPED_ROWS:
                output, final = packed.step(x[:, 0], nested)
                outputs = output[:, None]
            else:
                outputs, final = packed.run(x, nested, lengths)
        else:
            x = self._embedding[x] if self._embedding is not None and ids else x
            outputs, final = unroll.run(self.cell, self.parameters, x, nested, lengths)
        return outputs, self._flat(final)

    def _packed(self) -> kernels.Stack:
        if self._dense is None:
            self._dense = kernels.Stack(self.cell, self.parameters)
        return self._dense

    def _packed_table(self) -> kernels.Stack:
        """Pack the weights with the product of every row of the embedding in the place of the bottom W."""
        if self._gathered is None:
            assert self._embedding is not None
            (bottom,), *above = self.parameters
            products = self._embedding @ bottom.W.T
            if bottom.b_ih is not None:
                products += bottom.b_ih
            table = LayerParameters(products, bottom.U, None, bottom.b_hh)
            self._gathered = kernels.Stack(self.cell, [[table], *above], table=True)
        return self._gathered

    def _flat(self, state: unroll.StackState) -> State:
        return {
            f"layers.{index}.{name}": array
            for index, (layer,) in enumerate(state)
            for name, array in zip(self.cell.states, layer, strict=True)
        }


def state_to_bytes(state: State) -> bytes:
    """Return a state as bytes (safetensors), to be resumed in another process."""
    return tensor_bytes(state)


def state_from_bytes(content: bytes) -> State:
    """Return the state that state_to_bytes wrote; anything else is a ModelError."""
    return parse_tensors(content, Path("state"))
