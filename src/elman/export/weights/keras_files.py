"""Keras files: SimpleRNN, GRU and LSTM, alone or in Bidirectional, with an Embedding and a Dense layer around them.

    .keras          a zip archive: config.json, and model.weights.h5 with the arrays layers/lstm/cell/vars/0 ...
    .h5             a model of Keras 2 or 3: model_config in an attribute, and arrays by layer name
    .weights.h5     arrays alone: the layers are those of the names and shapes, and must fit together

kernel is (I, G*H), recurrent_kernel (H, G*H); gates are z r h for the GRU and i f c o for the LSTM. A GRU with
reset_after=True has the bias (2, 3H) and is gru; with reset_after=False the bias is (3H,) and it is reset_before_gru.
The file is read by h5py. Layers with code of their own, such as Lambda, are refused; nothing of a file is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import LayerParameters
from elman.cells.cell import stored_name
from elman.errors import ConfigError, ModelError

from .keras_arrays import DAMAGED, open_keras_file
from .keras_equations import keras_runs
from .keras_layers import layers_from_config
from .keras_model import Direction, KerasCell, KerasModel
from .keras_shapes import layers_from_arrays
from .source import Mapped, Reference, Source, require_one_shape_of_layers
from .weights import ENDINGS, Weights

Array = npt.NDArray[Any]

GATE_ORDER = {"SimpleRNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3)}  # of elman's gates in the file
CHANGES = {"SimpleRNN": (), "GRU": ("z r h -> r z n",), "LSTM": ()}


def read_keras(path: Path, *, cell: str | None = None) -> Source:
    """Return the weights of a Keras file; what elman has no cell for is a ModelError. cell is the expected one."""
    where, file = str(path), open_keras_file(path)
    try:
        model = layers_from_arrays(file, cell, where) if file.config is None else layers_from_config(file, where)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        raise ModelError("the config of the model is not that of Keras", hint=DAMAGED, where=where) from None
    kinds = {_cell_of(direction) for layer in model.recurrent for direction in layer}
    if len(kinds) != 1:
        raise ModelError(f"the file has layers of the cells {', '.join(sorted(kinds))}; expected one cell", where=where)
    (name,) = kinds
    if cell not in (None, name):
        raise ConfigError(f"--cell {cell}: the layers of the file are those of {name}", where=where)
    activations = {direction.cell.activation for layer in model.recurrent for direction in layer}
    if len(activations) != 1:
        raise ModelError(f"layers with the activations {', '.join(sorted(activations))}; expected one", where=where)
    layers = [[parameters_of(direction.cell) for direction in layer] for layer in model.recurrent]
    sizes = [
        (layer[0].name, len(layer[0].cell.kernel), len(layer[0].cell.recurrent_kernel), len(layer))
        for layer in model.recurrent
    ]
    require_one_shape_of_layers(sizes, where)
    weights = Weights(
        name,
        activations.pop(),
        layers,
        model.embedding,
        None if model.dense is None else np.ascontiguousarray(model.dense.kernel.T),
        None if model.dense is None else model.dense.bias,
    )
    _require_fitting_ends(weights, where)
    return Source(
        kind=file.kind,
        weights=weights,
        reference=Reference("the equations of Keras by NumPy", keras_runs(model), model.activation),
        mapping=tuple(_mapping(model, layers)),
        notes=model.notes,
        ignored=model.ignored,
    )


def parameters_of(cell: KerasCell) -> LayerParameters:
    """Return the weights of a cell of Keras in elman's convention."""
    H, order = len(cell.recurrent_kernel), list(GATE_ORDER[cell.kind])

    def reorder(array: Array) -> Array:
        """Return (G*H, ...) with the gates in elman's order, from (..., G*H)."""
        blocks = array.T.reshape(len(order), H, -1)[order]
        return np.ascontiguousarray(blocks.reshape(len(order) * H, -1))

    W, U = reorder(cell.kernel), reorder(cell.recurrent_kernel)
    zeros = np.zeros((1, len(W)), np.float32)
    biases = zeros if cell.bias is None else np.atleast_2d(cell.bias)
    b_ih, b_hh = (reorder(bias[None]).reshape(-1) for bias in (*biases, *zeros)[:2])
    if cell.kind == "GRU" and not cell.reset_after:
        own = {"W": W, "b_ih": b_ih, "U_rz": U[: 2 * H], "U_n": U[2 * H :]}
        return LayerParameters.from_arrays(own, H)
    return LayerParameters(W, U, b_ih, b_hh)


def _cell_of(direction: Direction) -> str:
    cell = direction.cell
    if cell.kind == "GRU":
        return "gru" if cell.reset_after else "reset_before_gru"
    return {"SimpleRNN": "elman", "LSTM": "lstm"}[cell.kind]


def _mapping(model: KerasModel, layers: list[list[LayerParameters]]) -> list[Mapped]:
    theirs = {"W": "kernel", "U": "recurrent_kernel", "U_rz": "recurrent_kernel", "U_n": "recurrent_kernel"}
    mapping = []
    for number, (layer, parameters) in enumerate(zip(model.recurrent, layers, strict=True)):
        for reverse, direction, p in zip(ENDINGS, layer, parameters, strict=False):
            for symbol in p.arrays():
                name = f"{direction.name}/{theirs.get(symbol, 'bias')}"
                if direction.cell.bias is None or (symbol == "b_hh" and direction.cell.bias.ndim == 1):
                    name = name if symbol in theirs else "(zeros)"
                change = ", ".join([*CHANGES[direction.cell.kind], *(() if symbol.startswith("b") else ("T",))])
                mapping.append(Mapped(f"layers.{number}.{stored_name(symbol, reverse=reverse)}", name, change))
    if model.embedding is not None:
        mapping.append(Mapped("embedding.weight", f"{model.embedding_name}/embeddings"))
    if model.dense is not None:
        mapping.append(Mapped("readout.weight", f"{model.dense.name}/kernel", "T"))
        mapping.append(
            Mapped("readout.bias", f"{model.dense.name}/bias" if model.dense.bias is not None else "(zeros)")
        )
    return mapping


def _require_fitting_ends(weights: Weights, where: str) -> None:
    if weights.embedding is not None and weights.embedding.shape[1] != weights.input_size:
        shape = weights.embedding.shape
        raise ModelError(f"the embedding is {shape}; expected (V, {weights.input_size})", where=where)
    if weights.readout is not None and weights.readout.shape[1] != weights.output_size:
        shape = weights.readout.T.shape
        raise ModelError(f"the kernel of the Dense layer is {shape}; expected ({weights.output_size}, O)", where=where)
