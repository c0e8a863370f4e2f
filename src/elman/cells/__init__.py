"""The equations: NumPy only, and nothing else of elman's. One file a cell.

A cell is its pointwise step, forward and backward; `unroll` holds both matrix products and the loop over time, once for
all cells; `readout` turns outputs into losses; `gradcheck` proves the derivatives by finite differences.

A new cell is one file with `states`, `gates`, `forward` and `backward`, and one line in CELLS.
"""

from __future__ import annotations

from collections.abc import Callable

from .elman import Elman
from .gru import GRU
from .lstm import LSTM
from .unroll import Cell, LayerParameters

CELLS: dict[str, Callable[..., Cell]] = {"elman": Elman, "gru": GRU, "lstm": LSTM}

__all__ = ["CELLS", "GRU", "LSTM", "Cell", "Elman", "LayerParameters"]
