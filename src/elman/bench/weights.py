"""The random weights that all contenders share, in torch's layout, and the order of gates that others keep them in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.cells import CELLS, Cell, LayerParameters

from .timing import Array

CELL_NAMES = {"rnn": "elman", "gru": "gru", "lstm": "lstm"}  # torch.nn's names, lower case


def cell_named(name: str) -> Cell:
    """Return the equations of a cell."""
    return CELLS[CELL_NAMES[name]]()


def num_gates(name: str) -> int:
    """Return G."""
    return cell_named(name).gates


def random_weights(cell: str, inputs: int, hidden_size: int, rng: np.random.Generator) -> LayerParameters:
    """Return float32 weights as torch.nn initialises them: uniform within 1 / sqrt(H)."""
    rows, bound = num_gates(cell) * hidden_size, hidden_size**-0.5

    def uniform(*shape: int) -> Array:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    return LayerParameters(uniform(rows, inputs), uniform(rows, hidden_size), uniform(rows), uniform(rows))


def reordered(weights: Array, order: Sequence[int]) -> Array:
    """Return weights (G*H, ...) with their gates in another order."""
    gates = weights.reshape(len(order), -1, *weights.shape[1:])
    return np.ascontiguousarray(gates[list(order)].reshape(weights.shape))
