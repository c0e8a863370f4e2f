"""The equations: NumPy only, and nothing else of elman's. One file a cell.

A cell is its pointwise step, forward and backward (cell.py says exactly what it has); `unroll` holds both matrix
products and the loop over time, once for all cells; `readout` turns outputs into losses; `adam` updates parameters;
`gradcheck` checks the derivatives by finite differences.

A new cell is one file with `states`, `gates`, `forward` and `backward`, and one line in CELLS. A cell from outside of
the package is registered:

    elman.cells.register("my_cell", MyCell)        before training, and before loading a model that has it

A model folder holds the name of its cell, never its code.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from .cell import Cell, LayerParameters
from .checks import check_cell, check_name
from .elman import Elman
from .gru import GRU
from .layer_norm_lstm import LayerNormLSTM
from .lstm import LSTM
from .min_gru import MinGRU
from .reset_before_gru import ResetBeforeGRU

CELLS: dict[str, Callable[..., Cell]] = {
    "elman": Elman,
    "gru": GRU,
    "lstm": LSTM,
    "layer_norm_lstm": LayerNormLSTM,
    "min_gru": MinGRU,
    "reset_before_gru": ResetBeforeGRU,
}
BUILT_IN = tuple(CELLS)
SYNONYMS = {"rnn": "elman", "srn": "elman"}  # other names that are accepted, and the name that is stored


def register(name: str, cell: Callable[[], Cell]) -> None:
    """Add a cell from outside of the package to CELLS.

    cell() returns the cell: a class whose constructor needs no arguments, for example. A registered cell may be
    replaced; a built-in one may not. A ValueError says what a cell lacks.
    """
    check_name(name)
    if name in BUILT_IN or name in SYNONYMS:
        raise ValueError(f"cell name {name!r} is the name of a built-in cell; expected another name")
    check_cell(name, cell())
    CELLS[name] = cell


def create(name: str, activation: str = "tanh") -> Cell:
    """Return a new cell by name; the activation is that of the elman cell, and others have none."""
    name = require_cell(name)
    return CELLS[name](activation) if name == "elman" else CELLS[name]()


def require_cell(name: str) -> str:
    """Return the name in CELLS of a name or a synonym; for another name, a ValueError lists the cells."""
    name = SYNONYMS.get(name, name)
    if name in CELLS:
        return name
    near = difflib.get_close_matches(name, CELLS, n=1)
    suggestion = f" (did you mean {near[0]!r}?)" if near else ""
    *others, last = CELLS
    own = (
        ""
        if near
        else f", or call elman.cells.register({name!r}, ...) first (on the command line, import a file that does so)"
    )
    raise ValueError(f"unknown cell {name!r}; choose {', '.join(others)} or {last}{suggestion}{own}")


__all__ = [
    "BUILT_IN",
    "CELLS",
    "GRU",
    "LSTM",
    "SYNONYMS",
    "Cell",
    "Elman",
    "LayerParameters",
    "create",
    "register",
    "require_cell",
]
