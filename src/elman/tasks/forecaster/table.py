"""A table as it was read, before it is known what its columns hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.readers.excerpts import list_names
from elman.data.readers.numbers import Cell
from elman.errors import DataError

LARGEST_EXACT = 2.0**53  # of whole numbers as floats


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of cells with their names, and the places of the rows for messages."""

    name: str  # of the source
    header: Sequence[str]
    columns: Sequence[Sequence[Cell]]
    places: Sequence[str]
    where: str  # the place of the header
    delimiter: str | None = None
    id_columns: tuple[str, ...] = ()  # that are known to name the series of a row
    date: str | None = None  # the column that is known to hold the dates

    @property
    def rows(self) -> range:
        """The numbers of the rows."""
        return range(len(self.places))

    def position(self, name: str) -> int:
        """Return the position of a column; a name that is not there, or that two columns have, is a DataError."""
        if name not in self.header:
            hint = f"Its columns are {list_names(self.header)}"
            raise DataError(f"has no column {name!r} in its header", hint=hint, where=self.where)
        if list(self.header).count(name) > 1:
            raise DataError(f"has two columns {name!r} in its header", hint="Rename one of them", where=self.where)
        return list(self.header).index(name)

    def texts(self, position: int) -> list[str]:
        """Return the cells of a column as text."""
        return [text_of(cell) for cell in self.columns[position]]


def text_of(cell: Cell) -> str:
    """Return the text of a cell; a missing number is empty."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, int):
        return str(cell)
    if math.isnan(cell):
        return ""
    return str(int(cell)) if cell.is_integer() and abs(cell) < LARGEST_EXACT else str(cell)
