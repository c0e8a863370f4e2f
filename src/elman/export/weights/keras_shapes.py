"""The layers of a Keras file that has arrays alone, .weights.h5, from the names and shapes of the arrays.

A group with two matrices (I, G*H) and (H, G*H) is a recurrent layer, the number of gates G says which one, and the bias
of a GRU shows its reset_after. The layers are put in an order in which each reads the outputs of the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from elman.errors import ConfigError, ModelError

from .keras_arrays import KerasFile
from .keras_layers import KINDS, checked_cell, split_path
from .keras_model import Dense, Direction, KerasCell, KerasModel
from .state_dicts import natural_order

Array = npt.NDArray[Any]

OF_CELL = {"elman": "SimpleRNN", "gru": "GRU", "reset_before_gru": "GRU", "lstm": "LSTM"}


def layers_from_arrays(file: KerasFile, cell: str | None, where: str) -> KerasModel:
    """Return the layers of a file that has arrays alone. Which layer a group of arrays is follows from their shapes."""
    groups: dict[str, dict[str, Array]] = {}
    for path, array in file.arrays.items():
        group, _, name = split_path(path)
        groups.setdefault(group, {})[name] = array
    order = {name: number for number, name in enumerate(file.layer_order)}
    names = sorted(groups, key=lambda name: (order.get(_layer_name(name), len(order)), natural_order(name)))
    layers: dict[str, list[Direction]] = {}
    others = []
    for name in names:
        arrays = groups[name]
        kernel, recurrent = _named(arrays, "kernel", "0"), _named(arrays, "recurrent_kernel", "1")
        is_recurrent = recurrent is not None and recurrent.ndim == 2 and kernel is not None and kernel.ndim == 2
        if not is_recurrent or kernel is None or recurrent is None:
            others.append(name)
            continue
        base = re.sub(r"/?(forward|backward)_[^/]*", "", name)
        kind, reset_after = _kind_by_shape(name, kernel, recurrent, _named(arrays, "bias", "2"), cell, where)
        keras_cell = KerasCell(kind, "tanh", kernel, recurrent, _named(arrays, "bias", "2"), reset_after)
        layers.setdefault(base, []).append(Direction(name, checked_cell(keras_cell, name, where)))
    if not layers:
        raise ModelError("the file has no recurrent layers; expected a kernel and a recurrent_kernel", where=where)
    for directions in layers.values():
        directions.sort(key=lambda direction: "backward" in direction.name)
    stack = _in_order(layers)
    sizes = len(stack[0][0].cell.kernel), sum(len(d.cell.recurrent_kernel) for d in stack[-1])
    embeddings = [name for name in others if _is(groups[name], sizes[0], axis=1, only=True)]
    readouts = [name for name in others if name not in embeddings and _is(groups[name], sizes[1], axis=0)]
    if len(embeddings) > 1 or len(readouts) > 1:
        named = ", ".join(embeddings + readouts)
        raise ModelError(
            f"{named}: expected one embedding and one readout", hint="Save the model as .keras", where=where
        )
    dense = _dense_of(groups[readouts[0]], readouts[0]) if readouts else None
    notes = ["the file has no config: its layers are taken to use Keras's usual activations"]
    return KerasModel(
        stack,
        _matrix(groups[embeddings[0]]) if embeddings else None,
        embeddings[0] if embeddings else "",
        dense,
        notes=tuple(notes),
        ignored=tuple(name for name in others if name not in (*embeddings, *readouts)),
    )


def _layer_name(group: str) -> str:
    return group.split("/")[0]


def _named(arrays: Mapping[str, Array], name: str, number: str) -> Array | None:
    return arrays.get(name, arrays.get(number))


def _kind_by_shape(
    name: str, kernel: Array, recurrent: Array, bias: Array | None, cell: str | None, where: str
) -> tuple[str, bool]:
    """Return the kind of a layer by its number of gates, and whether the reset gate is applied after the product."""
    G = recurrent.shape[1] / max(1, len(recurrent))
    kinds = [kind for kind, gates in KINDS.items() if gates == G]
    if not kinds:
        raise ModelError(f"the layer {name!r} has {G:g} gates; expected 1, 3 or 4", where=where)
    if kinds[0] != "GRU":
        return kinds[0], True
    if bias is None:
        if cell is None or OF_CELL.get(cell) != "GRU":
            hint = "Say which one it is: --cell gru for reset_after=True, --cell reset_before_gru for False"
            raise ConfigError(
                f"the layer {name!r} has no bias, which would show its reset_after", hint=hint, where=where
            )
        return "GRU", cell == "gru"
    return "GRU", bias.ndim == 2


def _in_order(layers: Mapping[str, list[Direction]]) -> list[list[Direction]]:
    """Return the layers so that each reads the outputs of the one before it, if there is such an order."""
    left, stack = list(layers.values()), []
    outputs = {sum(len(d.cell.recurrent_kernel) for d in layer) for layer in left}
    starts = [layer for layer in left if len(layer[0].cell.kernel) not in outputs] or left[:1]
    size = len(starts[0][0].cell.kernel)
    while left:
        layer = next((layer for layer in left if len(layer[0].cell.kernel) == size), left[0])
        left.remove(layer)
        stack.append(layer)
        size = sum(len(d.cell.recurrent_kernel) for d in layer)
    return stack


def _is(arrays: Mapping[str, Array], size: int, *, axis: int, only: bool = False) -> bool:
    matrices = [array for array in arrays.values() if array.ndim == 2]
    fits = len(matrices) == 1 and matrices[0].shape[axis] == size
    return fits and (len(arrays) == 1 if only else True)


def _matrix(arrays: Mapping[str, Array]) -> Array:
    return next(array for array in arrays.values() if array.ndim == 2)


def _dense_of(arrays: Mapping[str, Array], name: str) -> Dense:
    biases = [array for array in arrays.values() if array.ndim == 1]
    return Dense(name, _matrix(arrays), biases[0] if biases else None)
