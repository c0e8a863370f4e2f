"""What the columns of a table hold: the dates, the names of series, and the numbers that are read.

A column is judged by all of its cells. Nothing that looks like a date or a number is left out without a message: a cell
that cannot be read is a DataError with its place, and a choice between two readings is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from elman.data.readers.date_columns import DateColumn
from elman.data.readers.date_numbers import read_dates_of_digits
from elman.data.readers.date_patterns import write_date
from elman.data.readers.dates import read_dates
from elman.data.readers.dateutil_dates import look_like_dates
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names, shorten
from elman.data.readers.numbers import LARGEST, NumberColumn, is_number, is_too_large, read_numbers
from elman.errors import DataError

from .config import DECIMAL_MARKS
from .config import ForecasterReaderConfig as ReaderConfig
from .id_columns import find_id_columns
from .table import Table, text_of

Array = npt.NDArray[np.float64]

FIRST_CELLS = 20  # that decide whether a column is one of numbers before its dates are looked for
DATE_HINT = (
    "Write dates as 1949-01, 1949-01-31 or 1949-01-31 14:30, name their format with --date-format, "
    "or another column with --date"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are read: positions in the table, and what they hold."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    values: Array  # (T, C), targets first
    decimal: str  # the decimal mark
    date: int | None
    dates: DateColumn | None
    ids: tuple[int, ...]  # the columns that name the series of a row; none for one series


def read_columns(table: Table, reader: ReaderConfig, notify: Notify) -> Columns:
    """Return the columns that the reader options name, or those that the cells suggest."""
    _check_names(table, reader)
    ids = _named_ids(table, reader)
    named = {table.position(name) for name in (*(reader.targets or ()), *reader.inputs)} | set(ids)
    date, dates = _dates(table, reader, named, notify)
    if not ids and dates is not None and date is not None:
        ids = find_id_columns(table, dates, date, named, notify, has_targets=bool(reader.targets))
    numbers = _Numbers(table, reader)
    targets = reader.targets or _only_target(table, numbers, {date, *ids}, reader.inputs)
    positions = [table.position(name) for name in (*targets, *reader.inputs)]
    values, decimal = numbers.values(positions, notify)
    return Columns(tuple(targets), tuple(reader.inputs), values, decimal, date, dates, ids)


def _check_names(table: Table, reader: ReaderConfig) -> None:
    """Raise a DataError if a column is not in the header, is there twice, or is named twice."""
    names = [*(reader.targets or ()), *reader.inputs]
    for name in names:
        table.position(name)
        if names.count(name) > 1:
            raise DataError(f"the column {name!r} is named twice among targets and inputs", where=table.where)


def _named_ids(table: Table, reader: ReaderConfig) -> tuple[int, ...]:
    """Return the positions of the columns of the series' names, if they are known."""
    names = reader.series or table.id_columns
    if names and not reader.columns_required and not set(names) <= set(table.header):
        return ()
    return tuple(table.position(name) for name in names)


def _dates(table: Table, reader: ReaderConfig, named: set[int], notify: Notify) -> tuple[int | None, DateColumn | None]:
    """Return the position and the dates of the column that is named, or of the first column of dates."""
    name = reader.date
    if name is None or (name not in table.header and not reader.columns_required):
        name = table.date
    if name is not None:
        position = table.position(name)
        dates = _read_dates(table, position, reader)
        if dates is None:
            raise _date_error(table, position, 0, reader)
    else:
        found = _first_dates(table, reader, named, notify)
        if found is None:
            return None, None
        position, dates = found
    if dates.unreadable:
        raise _date_error(table, position, dates.unreadable[0], reader)
    _report_dates(table, position, dates, reader, notify)
    return position, dates


def _first_dates(table: Table, reader: ReaderConfig, named: set[int], notify: Notify) -> tuple[int, DateColumn] | None:
    suspicious: list[int] = []
    digits: list[tuple[int, DateColumn]] = []
    others = [position for position in range(len(table.header)) if position not in named]
    for position in others:
        cells = table.texts(position)
        if _begins_with_numbers(cells) and reader.date_format is None:
            dates = read_dates_of_digits(cells, table.header[position])
            if dates is not None:
                digits.append((position, dates))
            continue
        dates = _read_dates(table, position, reader)
        if dates is not None and 2 * len(dates.unreadable) <= sum(bool(cell) for cell in cells):
            return position, dates
        if look_like_dates(cells):
            suspicious.append(position)
    if digits and len(table.header) > 1:
        return digits[0]
    for position in suspicious:
        dates = _read_dates(table, position, reader)
        row = 0 if dates is None else dates.unreadable[0]
        name, cell = table.header[position], shorten(table.texts(position)[row])
        notify(
            f"{table.places[row]}: {name!r} looks like dates, but {cell} "
            "cannot be read; the rows are used in their order, without dates. Use --date-format to read it"
        )
    return None


def _read_dates(table: Table, position: int, reader: ReaderConfig) -> DateColumn | None:
    cells = table.texts(position)
    dates = read_dates(
        cells, date_format=reader.date_format, day_first=reader.day_first, usual=reader.usual_date_format
    )
    return dates if dates is not None or reader.date_format is not None else _named_digits(table, position)


def _named_digits(table: Table, position: int) -> DateColumn | None:
    """Return the dates of a column of digits that the user calls the column of dates."""
    return read_dates_of_digits(table.texts(position), "date")


def _begins_with_numbers(cells: Sequence[str]) -> bool:
    """Return whether the first cells that are filled are numbers, such as 1949.1."""
    first = list(islice((cell for cell in cells if cell), FIRST_CELLS))
    return bool(first) and read_numbers(first).holds_numbers


def _date_error(table: Table, position: int, row: int, reader: ReaderConfig) -> DataError:
    name, cell = table.header[position], shorten(table.texts(position)[row])
    problem = f"{name!r} is {cell!r}; expected a date"
    if reader.date_format is not None:
        problem = f"{name!r} is {cell!r}; expected a date in the format {reader.date_format}"
    return DataError(problem, hint=DATE_HINT, where=table.places[row])


def _report_dates(table: Table, position: int, dates: DateColumn, reader: ReaderConfig, notify: Notify) -> None:
    """Report a choice between two orders of day and month, and what was done about several offsets from UTC."""
    differing = next((row for row, date in enumerate(dates.dates) if date is not None and date.day != date.month), None)
    if dates.other is not None and differing is not None:
        date, cell = dates.dates[differing], table.texts(position)[differing]
        assert date is not None
        flag = "--month-first" if dates.day_first else "--day-first"
        notify(
            f"{table.name}: the order of day and month in {table.header[position]!r} is not certain; {cell} is read as "
            f"{write_date(date, '%Y-%m-%d')}. Use {flag} for the other order"
        )
    if dates.clock == "utc":
        notify(f"{table.name}: the dates have several offsets from UTC; they are read and written in UTC")
    if dates.clock == "calendar":
        notify(f"{table.name}: the dates have several offsets from UTC; they are read as days, without a zone")


class _Numbers:
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
                notify(f"{self._table.name}: {name!r} is in percent: {cell} is read as {value:.10g}")
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


def _only_target(table: Table, numbers: _Numbers, taken: set[int | None], inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the column that is neither date nor input nor a count of the rows; several, or none, are a DataError.

    A column most of whose cells are numbers counts, so that a cell that cannot be read never makes another column the
    target.
    """
    others = [i for i, name in enumerate(table.header) if i not in taken and name not in inputs]
    if len(others) > 1:
        others = [i for i in others if numbers.column(i).mostly_numbers]
        others = [i for i in others if not _counts_rows(numbers.column(i))] or others
    if len(others) != 1:
        problem = "has no column of numbers" if not others else f"has {len(others)} columns of numbers"
        names = list_names([table.header[i] for i in others] or list(table.header))
        raise DataError(problem, hint=f"Name what to forecast with --target, from {names}", where=table.where)
    return (table.header[others[0]],)


def _counts_rows(column: NumberColumn) -> bool:
    """Return whether the cells are whole numbers, each one more than the cell before: an index such as 0, 1, 2."""
    numbers = column.values
    return len(numbers) > 1 and all(a.is_integer() and b == a + 1.0 for a, b in pairwise(numbers.tolist()))
