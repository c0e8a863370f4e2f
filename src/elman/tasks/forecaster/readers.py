"""Readers of series: tables and Python objects to rows in time.

    csv    a header, then one row for each time: comma, tab or semicolon between cells, quotes as in RFC 4180. One
           column may hold dates. Columns of numbers are targets, which are forecast, or inputs, which help to
           forecast; other columns are ignored. The first rows decide what a column holds.

Rows are in order of time. Rows that are missing according to the dates are inserted with missing values, and reported.
A missing value is an empty cell, or one with NA, NaN, null or none. Dates without a common step are kept, but no rows
are inserted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names, shorten
from elman.data.readers.tables import read_table
from elman.data.readers.text import IN_MEMORY, Line, Source, SourceRecord, numbered_lines
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError

from .calendar import Step, common_step, date_format, parse_date
from .config import ForecasterReaderConfig as ReaderConfig
from .series import Dates, Series

Row = tuple[str, list[str]]  # its place, and its cells

MISSING = frozenset({"", "na", "n/a", "nan", "<na>", "null", "none", "?", "."})
FIRST_ROWS = 20  # which decide what a column holds
MAX_INSERTED_SHARE = 0.2  # of the rows; with more, the dates are no regular grid


@dataclass(frozen=True, slots=True)
class MemorySeries:
    """A series that a Python caller holds: numbers (T,) or (T, C), or columns by name."""

    items: Any
    name: str = IN_MEMORY

    reader: ReaderConfig = field(default_factory=ReaderConfig)
    notify: Notify = lambda message: None

    @property
    def record(self) -> SourceRecord:
        names, columns = self._columns()
        content = "\t".join(names).encode() + b"".join(str(column).encode() for column in columns)
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def check(self) -> None:
        """Leave the check to `examples`."""

    def examples(self) -> Iterator[Series]:
        """Yield the series; a wrong row is a DataError."""
        yield _read(list(self.rows()), self.reader, self.name, self.notify)

    def rows(self) -> Iterator[Row]:
        """Yield a header and the rows, as a text table has them."""
        names, columns = self._columns()
        yield self.name, names
        for number, row in enumerate(zip(*columns, strict=True)):
            yield f"row {number}", list(row)

    def _columns(self) -> tuple[list[str], list[list[str]]]:
        items = self.items.to_frame() if hasattr(self.items, "to_frame") else self.items
        if hasattr(items, "columns") and hasattr(items, "itertuples"):  # a DataFrame
            columns = {str(name): [_cell(value) for value in items[name]] for name in items.columns}
            index = list(items.index)
            if index and hasattr(index[0], "isoformat"):
                columns = {str(items.index.name or "date"): [_cell(value) for value in index], **columns}
            return list(columns), list(columns.values())
        if isinstance(items, Mapping):
            columns = {str(name): [_cell(value) for value in column] for name, column in items.items()}
            if len({len(column) for column in columns.values()}) > 1:
                lengths = ", ".join(f"{name}: {len(column):,}" for name, column in columns.items())
                raise DataError(f"columns of different lengths ({lengths}); expected one value of each for each row")
            return list(columns), list(columns.values())
        values = np.asarray(items, np.float64)
        if values.ndim not in (1, 2):
            raise DataError(f"an array of {values.ndim} dimensions; expected (T,) or (T, C)")
        table = values.reshape(len(values), -1)
        names = ["value"] if table.shape[1] == 1 else [f"value{i}" for i in range(table.shape[1])]
        return names, [[_cell(value) for value in column] for column in table.T]


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[Series]:
    """Return the series of a file, or of numbers in memory."""
    if isinstance(source, MemorySeries):
        return replace(source, reader=reader, notify=notify)
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file with one series, or numbers")
    parse = partial(_file_series, reader=reader, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), parse)


def _file_series(source: Source, reader: ReaderConfig, notify: Notify) -> Iterator[Series]:
    yield _read(_rows(numbered_lines(source)), reader, source.name, notify)


def _rows(lines: Iterator[Line]) -> list[Row]:
    """Return the rows of a table. In a table of one column, a blank line is a missing value, except at the end."""
    rows = [(row.where, row.cells) for row in read_table(lines).rows()]
    while rows and len(rows[-1][1]) < 2 and not rows[-1][1][0].strip():
        rows.pop()
    is_wide = bool(rows) and len(rows[0][1]) > 1
    return [(place, cells) for place, cells in rows if not is_wide or cells != [""]]


def _read(table: list[Row], reader: ReaderConfig, name: str, notify: Notify) -> Series:
    if not table:
        raise DataError("is empty; expected a header and rows", where=name)
    (where, cells), *rows = table
    header = [cell.strip() for cell in cells]
    if not rows:
        raise DataError("has no rows under its header", hint="Write one row for each time, oldest first", where=where)
    if all(_number(cell) is not None for cell in header):
        raise DataError("has numbers instead of a header", hint="Name the columns in the first line", where=where)
    for place, row in rows:
        if len(row) != len(header):
            counted = "one cell" if len(row) == 1 else f"{len(row)} cells"
            raise DataError(f"has {counted}; expected {len(header)} as in the header", where=place)
    date = _date_column(header, rows[:FIRST_ROWS], reader, where)
    targets = reader.targets or _only_target(header, rows, date, reader.inputs, where)
    _check_columns(header, targets, reader.inputs, where)
    chosen = [header.index(name) for name in (*targets, *reader.inputs)]
    values = np.array([[_value(row[i], header[i], place) for i in chosen] for place, row in rows], np.float64)
    series = Series(tuple(targets), tuple(reader.inputs), values)
    if date is None:
        return series
    return _dated(series, header[date], [(place, row[date]) for place, row in rows], name, notify)


def _check_columns(header: Sequence[str], targets: Sequence[str], inputs: Sequence[str], where: str) -> None:
    """Raise a DataError if a column is not in the header, is there twice, or is named twice."""
    names = [*targets, *inputs]
    for name in names:
        if name not in header:
            raise _missing_column(name, header, where)
        if names.count(name) > 1:
            raise DataError(f"the column {name!r} is named twice among targets and inputs", where=where)
        if header.count(name) > 1:
            raise DataError(f"has two columns {name!r} in its header", hint="Rename one of them", where=where)


def _date_column(header: Sequence[str], rows: Sequence[Row], reader: ReaderConfig, where: str) -> int | None:
    name = reader.date
    if name is None or (name not in header and not reader.date_required):
        return next((i for i in range(len(header)) if _holds_dates([row[i] for _, row in rows])), None)
    if name not in header:
        raise _missing_column(name, header, where)
    return header.index(name)


def _missing_column(name: str, header: Sequence[str], where: str) -> DataError:
    return DataError(f"has no column {name!r} in its header", hint=f"Its columns are {list_names(header)}", where=where)


def _only_target(
    header: Sequence[str], rows: list[Row], date: int | None, inputs: Sequence[str], where: str
) -> tuple[str, ...]:
    """Return the column that is neither date nor input nor a count of the rows; several, or none, are a DataError."""
    others = [i for i, name in enumerate(header) if i != date and name not in inputs]
    if len(others) > 1:
        others = [i for i in others if _holds_numbers([row[i] for _, row in rows[:FIRST_ROWS]])]
        others = [i for i in others if not _counts_rows([row[i] for _, row in rows])] or others
    if len(others) != 1:
        problem = "has no column of numbers" if not others else f"has {len(others)} columns of numbers"
        hint = f"Name what to forecast with --target, from {list_names([header[i] for i in others] or list(header))}"
        raise DataError(problem, hint=hint, where=where)
    return (header[others[0]],)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Return whether the cells are whole numbers, each one more than the cell before: an index such as 0, 1, 2."""
    numbers = [_number(cell) for cell in cells]
    return len(numbers) > 1 and all(
        a is not None and b is not None and a.is_integer() and b == a + 1.0 for a, b in pairwise(numbers)
    )


def _holds_dates(cells: Sequence[str]) -> bool:
    """Return whether most cells that are not empty are dates, the first one too, and none is a number like 1949.1."""
    filled = [cell for cell in cells if cell.strip()]
    dates = [parse_date(cell) is not None for cell in filled if _number(cell) is None]
    return len(dates) == len(filled) > 0 and dates[0] and 2 * sum(dates) >= len(dates)


def _holds_numbers(cells: Sequence[str]) -> bool:
    """Return whether cells are numbers or missing, and some are numbers."""
    values = [_number(cell) for cell in cells]
    return None not in values and any(not math.isnan(value) for value in values if value is not None)


def _dated(series: Series, name: str, cells: list[tuple[str, str]], file: str, notify: Notify) -> Series:
    """Return the series with its dates, and with rows inserted where dates are missing."""
    dates: list[datetime] = []
    for place, cell in cells:
        date = parse_date(cell)
        if date is None:
            hint = "Write dates as 1949-01, 1949-01-31 or 1949-01-31 14:30, or name another column with --date"
            raise DataError(f"{name!r} is {shorten(cell)!r}; expected a date", hint=hint, where=place)
        if dates and date <= dates[-1]:
            order = "comes a second time" if date == dates[-1] else f"comes after {cells[len(dates) - 1][1].strip()}"
            raise DataError(
                f"the date {cell.strip()} {order}", hint="Sort the rows by time, each date once", where=place
            )
        dates.append(date)
    step, written = common_step(dates), date_format(cells[0][1])
    places = _places(dates, step)
    if places is None:
        if step is not None:
            notify(f"{file}: the dates have no common step; the rows are used in their order")
        return replace(series, dates=Dates(name, tuple(dates), written, None))
    assert step is not None
    inserted = places[-1] + 1 - len(places)
    if not inserted:
        return replace(series, dates=Dates(name, tuple(dates), written, step))
    values = np.full((places[-1] + 1, series.values.shape[1]), np.nan)
    values[places] = series.values
    all_dates = tuple(step.after(dates[0], n) for n in range(len(values)))
    first = next(n for n, place in enumerate(places) if place != n)
    rows = f"{inserted:,} row{'s are' if inserted > 1 else ' is'}"
    notify(f"{file}: {rows} missing according to the dates, the first at {all_dates[first]:{written}}; inserted")
    return replace(series, values=values, dates=Dates(name, all_dates, written, step))


def _places(dates: Sequence[datetime], step: Step | None) -> list[int] | None:
    """Return the place of each row on the grid of steps; None without a grid, or if too many rows are missing."""
    if step is None:
        return None
    places = [step.between(dates[0], date) for date in dates]
    on_grid = [place for place in places if place is not None]
    total = on_grid[-1] + 1 if on_grid else 0
    if len(on_grid) < len(places) or total - len(on_grid) > MAX_INSERTED_SHARE * total:
        return None
    return on_grid


def _value(cell: str, name: str, where: str) -> float:
    value = _number(cell)
    if value is None:
        hint = "A missing value is an empty cell; --target and --inputs name other columns"
        raise DataError(f"{name!r} is {shorten(cell.strip())!r}; expected a number", hint=hint, where=where)
    return value


def _number(cell: str) -> float | None:
    """Return the number of a cell, NaN for a missing value, None for text."""
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _cell(value: Any) -> str:
    """Return a Python value as the text of a cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if hasattr(value, "isoformat"):  # a date, pandas's too
        text: str = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        return "" if text == "NaT" else text
    return str(value)
