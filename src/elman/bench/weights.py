"""The random weights that all implementations share, in torch's layout, and a change of the order of their gates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.cells import CELLS, Cell, LayerParameters

from .timing import Array

CELL_NAMES = {"rnn": "elman", "gru": "gru", "lstm": "lstm"}  # torch.nn's names in lower case -> elman's names


def make_cell(name: str) -> Cell:
    """Return the equations of a cell by its torch name."""
    return CELLS[CELL_NAMES[name]]()


def num_gates(name: str) -> int:
    """Return the number of gates G of a cell."""
    return make_cell(name).gates


def random_weights(cell: str, input_size: int, hidden_size: int, rng: np.random.Generator) -> LayerParameters:
    """Return float32 weights initialized as torch.nn does: uniform between -1 / sqrt(H) and 1 / sqrt(H)."""
    num_rows, bound = num_gates(cell) * hidden_size, hidden_size**-0.5

    def uniform(*shape: int) -> Array:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    return LayerParameters(
        uniform(num_rows, input_size), uniform(num_rows, hidden_size), uniform(num_rows), uniform(num_rows)
    )


def reorder_gates(weights: Array, order: Sequence[int]) -> Array:
    """Return weights (G*H, ...) with their gates in another order."""
    gates = weights.reshape(len(order), -1, *weights.shape[1:])
    return np.ascontiguousarray(gates[list(order)].reshape(weights.shape))
