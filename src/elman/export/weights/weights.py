"""Recurrent layers of one cell, with an embedding and a readout where there are any: what is imported, and its file.

    x_t      = embedding[token_t], or the inputs themselves
    h_t      = layers(x_t, h_(t-1))
    y_t      = V h_t + b, or h_t itself

The file is a safetensors file in the names of torch.nn, one module a layer, as in the model folder of a language model:

    embedding.weight                         (V, I)
    layers.0.weight_ih_l0 ...                torch.nn.LSTM's and the like; `_reverse` at the end: the backward direction
    readout.weight, readout.bias             (O, D*H), (O,)

Its metadata names the cell: the key `elman` is a JSON object with `cell` and `activation`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS, Cell, LayerParameters, create, unroll
from elman.cells.cell import parameter_shapes, stored_name
from elman.checkpoint import Tensors, replace_file
from elman.errors import ModelError
from elman.models.matrix import take
from elman.models.stack import Stack

Array = npt.NDArray[Any]

METADATA = "elman"  # the key of the metadata; more keys would be written in a random order
ENDINGS = (False, True)  # forward, backward
_LAYER = re.compile(r"layers\.(\d+)\.weight_ih_l0(_reverse)?")


@dataclass(frozen=True, slots=True)
class Weights:
    """Layers [layer][direction] of a cell, the embedding (V, I), the readout (O, D*H) and its bias (O,)."""

    cell: str
    activation: str
    layers: Sequence[Sequence[LayerParameters]]
    embedding: Array | None = None
    readout: Array | None = None
    readout_bias: Array | None = None

    @property
    def input_size(self) -> int:
        """I of the first layer."""
        return int(self.layers[0][0].W.shape[1])

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """H of each layer."""
        return tuple(layer[0].hidden_size for layer in self.layers)

    @property
    def is_bidirectional(self) -> bool:
        """Whether the layers read in both directions."""
        return len(self.layers[0]) == 2

    @property
    def output_size(self) -> int:
        """D * H of the last layer."""
        return self.hidden_sizes[-1] * len(self.layers[-1])

    def build_cell(self) -> Cell:
        """Return the cell of all layers."""
        return create(self.cell, self.activation)

    def tensors(self) -> Tensors:
        """Return the weights by name."""
        cell, tensors = self.build_cell(), {}
        if self.embedding is not None:
            tensors["embedding.weight"] = self.embedding
        size = self.input_size
        for number, layer in enumerate(self.layers):
            for reverse, parameters in zip(ENDINGS, layer, strict=False):
                shapes = parameter_shapes(cell, size, parameters.hidden_size)
                arrays = parameters.arrays()
                for name, shape in shapes.items():  # a bias that is absent is zero
                    array = arrays[name] if name in arrays else np.zeros(shape)
                    tensors[f"layers.{number}.{stored_name(name, reverse=reverse)}"] = array
            size = layer[0].hidden_size * len(layer)
        if self.readout is not None:
            tensors["readout.weight"] = self.readout
            bias = self.readout_bias
            tensors["readout.bias"] = np.zeros(len(self.readout)) if bias is None else bias
        return {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}

    def run(self, x: Array) -> tuple[Array, Array]:
        """Return the outputs after each step (B, T, O), and those of the last outputs of each direction (B, O).

        x is (B, T, I), or (B, T) integers, the rows of the embedding.
        """
        sizes = self.input_size, self.hidden_sizes
        stack = Stack(self.build_cell(), self.tensors(), *sizes, self.embedding, bidirectional=self.is_bidirectional)
        outputs, state = stack.run(x, stack.initial_state(len(x)))
        top = f"layers.{len(self.layers) - 1}.h"
        last = np.concatenate([state[f"{top}{'_reverse' * reverse}"] for reverse in ENDINGS[: len(self.layers[0])]], 1)
        return self._read_out(outputs), self._read_out(last)

    def run_by_numpy(self, x: Array, dtype: npt.DTypeLike = np.float32) -> tuple[Array, Array]:
        """Return what `run` returns, by cells/unroll.py in float32 or float64, without the kernels."""
        layers = [[_as_type(parameters, np.dtype(dtype)) for parameters in layer] for layer in self.layers]
        inputs = x if self.embedding is None else self.embedding[x]
        outputs, state = unroll.run(self.build_cell(), layers, inputs.astype(dtype))
        last = np.concatenate([direction[0] for direction in state[-1]], axis=1)
        return self._read_out(outputs), self._read_out(last)

    def _read_out(self, h: Array) -> Array:
        if self.readout is None:
            return h
        y: Array = h @ self.readout.T.astype(h.dtype)
        return y if self.readout_bias is None else y + self.readout_bias.astype(h.dtype)


def _as_type(parameters: LayerParameters, dtype: np.dtype[Any]) -> LayerParameters:
    arrays = {name: array.astype(dtype) for name, array in parameters.arrays().items()}
    return LayerParameters.from_arrays(arrays, parameters.hidden_size)


def write_weights(path: Path, weights: Weights) -> None:
    """Write a weights file."""
    from safetensors.numpy import save

    cell = json.dumps({"activation": weights.activation, "cell": weights.cell})
    replace_file(path, save(weights.tensors(), {METADATA: cell}))


def read_weights(path: str | Path) -> Weights:
    """Return the content of a weights file. A ModelError says what is wrong with it.

    `weights.build_cell()` and `weights.layers` are what elman.cells.unroll takes.
    """
    from .tensor_files import read_safetensors

    tensors, metadata = read_safetensors(Path(path))
    if METADATA not in metadata:
        hint = "Convert it: elman import FILE -o weights.safetensors"
        raise ModelError("the file does not name its cell; expected a weights file", hint=hint, where=str(path))
    try:
        return weights_of(tensors, metadata)
    except ModelError as error:
        raise ModelError(error.message, hint=error.hint, where=str(path)) from None


def weights_of(tensors: Tensors, metadata: Mapping[str, str]) -> Weights:
    """Return the weights of a weights file from its tensors and its metadata."""
    try:
        values = json.loads(metadata[METADATA])
        cell_name, activation = str(values["cell"]), str(values["activation"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelError("the metadata of the file does not name a cell and its activation") from None
    if activation not in ("tanh", "relu"):
        raise ModelError(f"has the activation {activation!r}; expected tanh or relu")
    if cell_name not in CELLS:
        raise ModelError(f"has cell {cell_name!r}, which is not registered; expected one of {', '.join(CELLS)}")
    cell = create(cell_name, activation)
    first = [match for name in tensors if (match := _LAYER.fullmatch(name))]
    num_layers = 1 + max((int(match[1]) for match in first), default=-1)
    directions = ENDINGS[: 2 if any(match[2] for match in first) else 1]
    if not num_layers or num_layers > len(tensors):
        raise ModelError("has no recurrent layers; expected weights such as 'layers.0.weight_ih_l0'")
    layers, size = [], tensors["layers.0.weight_ih_l0"].shape[-1] if "layers.0.weight_ih_l0" in tensors else 0
    for number in range(num_layers):
        W = tensors.get(f"layers.{number}.weight_ih_l0")
        hidden_size = 0 if W is None else len(W) // cell.gates
        shapes = parameter_shapes(cell, size, hidden_size)
        layers.append(
            [
                LayerParameters.from_arrays(
                    {
                        name: take(tensors, f"layers.{number}.{stored_name(name, reverse=reverse)}", shape)
                        for name, shape in shapes.items()
                    },
                    hidden_size,
                )
                for reverse in directions
            ]
        )
        size = hidden_size * len(directions)
    weights = Weights(
        cell_name,
        activation,
        layers,
        tensors.get("embedding.weight"),
        tensors.get("readout.weight"),
        tensors.get("readout.bias"),
    )
    _check_ends(weights, size)
    return weights


def _check_ends(weights: Weights, output_size: int) -> None:
    """Raise a ModelError unless embedding and readout fit the layers."""
    if weights.embedding is not None and weights.embedding.shape[1:] != (weights.input_size,):
        shape = weights.embedding.shape
        raise ModelError(f"'embedding.weight' has shape {shape}; expected (V, {weights.input_size})")
    if weights.readout is not None:
        if weights.readout.shape[1:] != (output_size,):
            raise ModelError(f"'readout.weight' has shape {weights.readout.shape}; expected (O, {output_size})")
        take(
            {"readout.bias": np.zeros(0) if weights.readout_bias is None else weights.readout_bias},
            "readout.bias",
            (len(weights.readout),),
        )
