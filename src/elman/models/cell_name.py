"""The name of a cell in a config, checked against the cells that there are now: elman's and the registered ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from elman.cells import CELLS, require_cell
from elman.checkpoint.serialization import shown
from elman.errors import ModelError

CellName = Annotated[str, AfterValidator(require_cell)]
CELL_HELP = f"Recurrent cell: {', '.join(CELLS)}, or a registered one"

OPTIONS = ("cell", "decoder_cell")  # of the models' configs


def cell_names(values: Mapping[str, Any]) -> list[str]:
    """Return the names of cells in the values of a model's config."""
    return [values[option] for option in OPTIONS if isinstance(values.get(option), str)]


def require_registered(values: Mapping[str, Any], *, where: Path) -> None:
    """Raise a ModelError if a stored model has a cell that is not among the cells of this process."""
    for name in cell_names(values):
        if name not in CELLS:
            name = shown(name)
            call = f"elman.cells.register({name!r}, ...)"
            hint = f"Call {call} before loading the model; on the command line, import a file that does so"
            raise ModelError(
                f"has cell {name!r}, which is not registered; expected one of {', '.join(CELLS)}",
                hint=hint,
                where=str(where),
            )
