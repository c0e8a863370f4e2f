"""The columns of a table as numbers: which one is the target, in which notation, and which cells are no numbers.

A cell that cannot be read never makes another column the target: a column most of whose cells are numbers counts, and
one whose cells only look like numbers, such as 4.5 °C, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names, shorten
from elman.data.readers.numbers import LARGEST, MISSING, NumberColumn, is_number, is_too_large, read_numbers
from elman.errors import DataError

from .config import DECIMAL_MARKS
from .config import ForecasterReaderConfig as ReaderConfig
from .table import Table, text_of

Array = npt.NDArray[np.float64]

_LOOKS_LIKE_A_NUMBER = re.compile(r"[^\w\s]{0,4} ?[-+]?\d[\d.,' ]*(?: ?[^\d\s]{1,12}){0,2}")


class NumberColumns:
    """The columns of a table as numbers, each read once, with the decimal mark of the table if in doubt."""

    def __init__(self, table: Table, reader: ReaderConfig) -> None:
        self._table, self._reader = table, reader
        self._mark = DECIMAL_MARKS[reader.decimal] if reader.decimal else None
        self._columns: dict[int, NumberColumn] = {}

    def column(self, position: int) -> NumberColumn:
        """Return a column, read on its own."""
        if position not in self._columns:
            self._columns[position] = read_numbers(self._table.columns[position], self._mark)
        return self._columns[position]

    def values(self, positions: Sequence[int], notify: Notify) -> tuple[Array, str]:
        """Return the values (T, C) of columns and their decimal mark; a cell that is no number is a DataError."""
        columns = [self.column(position) for position in positions]
        certain = self._certain_mark(columns)
        for number, position in enumerate(positions):
            if columns[number].ambiguous is not None:
                columns[number] = self._decide(position, certain, notify)
            self._check(position, columns[number])
            if columns[number].unit in ("%", "\u2030"):
                row = int(np.flatnonzero(~np.isnan(columns[number].values))[0])
                name, cell = self._table.header[position], text_of(self._table.columns[position][row])
                value = columns[number].values[row]
                if columns[number].unit == "%":
                    notify(f"{self._table.name}: {name!r} is in percent: {cell} is read as {value:.10g}")
                else:
                    notify(f"{self._table.name}: {name!r} is in permille: {cell} is read as {value:.10g}")
        marks = [column.notation.decimal for column in columns if column.has_marks or column.ambiguous is not None]
        return np.stack([column.values for column in columns], axis=1), marks[0] if marks else ""

    def _certain_mark(self, columns: Sequence[NumberColumn]) -> str | None:
        """Return the decimal mark of the columns whose cells show it, if there is one."""
        if all(column.ambiguous is None for column in columns):
            return None
        others = [self.column(position) for position in range(len(self._table.header))]
        marks = {column.notation.decimal for column in others if column.has_marks and column.holds_numbers}
        return marks.pop() if len(marks) == 1 else None

    def _decide(self, position: int, certain: str | None, notify: Notify) -> NumberColumn:
        """Read a column that is one of numbers with both decimal marks, and report how."""
        usual = self._reader.usual_decimal
        by_delimiter = "," if self._table.delimiter == ";" else "."
        mark = certain or usual or by_delimiter
        column = read_numbers(self._table.columns[position], mark)
        row = self.column(position).ambiguous
        assert row is not None
        if certain is None and usual is None:
            cell, name = text_of(self._table.columns[position][row]), self._table.header[position]
            other = next(word for word, other in DECIMAL_MARKS.items() if other != mark)
            notify(
                f"{self._table.name}: {cell} in {name!r} is a number in two notations; it is read as "
                f"{column.values[row]:.10g}. Use --decimal {other} for the other one"
            )
        return column

    def _check(self, position: int, column: NumberColumn) -> None:
        """Raise a DataError for the first cell that is no number."""
        if not column.unreadable:
            return
        row = column.unreadable[0]
        cell = self._table.columns[position][row]
        text, name, where = shorten(text_of(cell)), self._table.header[position], self._table.places[row]
        if is_too_large(cell):
            problem = f"{name!r} is {text!r}; expected a number between -{LARGEST:g} and {LARGEST:g}"
            raise DataError(problem, hint="A missing value is an empty cell, or NaN in Python", where=where)
        if is_number(cell) and column.known:
            example = text_of(self._table.columns[position][int(np.flatnonzero(~np.isnan(column.values))[0])])
            problem = f"{name!r} is {text!r}; expected a number in the notation of the others, such as {example}"
            hint = "Write a column in one notation and one unit, or choose the decimal mark with --decimal"
            raise DataError(problem, hint=hint, where=where)
        hint = "A missing value is an empty cell; --target and --inputs name other columns"
        raise DataError(f"{name!r} is {text!r}; expected a number", hint=hint, where=where)


def only_target(table: Table, numbers: NumberColumns, taken: Collection[int], reader: ReaderConfig) -> tuple[str, ...]:
    """Return the column of numbers that is not taken and no count of the rows; several, or none, are a DataError."""
    others = [position for position in range(len(table.header)) if position not in taken]
    if len(others) > 1 or reader.series:
        for position in others:
            _check_looks(table, position, numbers.column(position))
        others = [i for i in others if numbers.column(i).mostly_numbers]
        others = [i for i in others if not counts_rows(numbers.column(i))] or others
    if len(others) != 1:
        problem = f"has {len(others)} columns of numbers" if others else "has no column of numbers"
        if not others and reader.series:
            problem = f"has no column of numbers beside the names of series ({list_names(reader.series)})"
        names = list_names([table.header[i] for i in others] or list(table.header))
        raise DataError(problem, hint=f"Name what to forecast with --target, from {names}", where=table.where)
    return (table.header[others[0]],)


def _check_looks(table: Table, position: int, column: NumberColumn) -> None:
    """Raise a DataError if most cells of a column look like numbers, but are none that can be read."""
    if column.mostly_numbers:
        return
    cells = table.texts(position)
    filled = [row for row in column.unreadable if cells[row].lower() not in MISSING]
    likely = [row for row in filled if _LOOKS_LIKE_A_NUMBER.fullmatch(cells[row])]
    if 2 * (len(likely) + column.known) > len(filled) + column.known and likely:
        row, name = likely[0], table.header[position]
        problem = f"{name!r} looks like numbers, but {shorten(cells[row])!r} cannot be read"
        hint = "Write numbers without a unit, or name the column to forecast with --target"
        raise DataError(problem, hint=hint, where=table.places[row])


def counts_rows(column: NumberColumn) -> bool:
    """Return whether the cells are whole numbers, each one more than the cell before: an index such as 0, 1, 2."""
    numbers = column.values
    return len(numbers) > 1 and all(a.is_integer() and b == a + 1.0 for a, b in pairwise(numbers.tolist()))
