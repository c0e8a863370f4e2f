"""Series: readers of numbers in time, what a forecaster learns from.

    csv    a header, then a row a time: comma, tab or semicolon between cells, RFC 4180's quotes. One column may hold
           dates; columns of numbers are targets, which are forecast, or inputs, which help to; others are left alone.
           Columns are told by their first rows

Rows rise in time. Where dates say that rows are missing between two others, they are put in as gaps, and told; a gap is
an empty cell or one that says NA, NaN, null or none. Rows whose dates have no common step are taken as they come.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.encodings import Notify
from elman.data.readers import IN_MEMORY, Line, Source, SourceRecord, numbered_lines
from elman.data.records import csv_rows, shown, shown_names
from elman.errors import DataError
from elman.tasks.forecaster.calendar import Step, common_step, date_format, parse_date

Array = npt.NDArray[np.float64]
Row = tuple[str, list[str]]  # where it stands, and its cells

GAPS = frozenset({"", "na", "n/a", "nan", "<na>", "null", "none", "?", "."})
FIRST_ROWS = 20  # by which columns are told
MOST_PUT_IN = 0.2  # share of the rows; with more, dates do not tell where rows are missing


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns to read; None is what the table tells: the only column of numbers, the first of dates."""

    targets: tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ()
    date: str | None = None
    usual_date: str | None = None  # taken where the table has it, and date is not given


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of rows, how they are written, and the step between them, where there is one."""

    name: str
    each: tuple[datetime, ...]
    format: str
    step: Step | None

    def following(self, count: int) -> list[str]:
        """Return the dates that follow, as text; without a step, +1, +2, ..."""
        if self.step is None:
            return [f"+{n + 1}" for n in range(count)]
        return [self.step.after(self.each[-1], n + 1).strftime(self.format) for n in range(count)]

    def text(self, row: int) -> str:
        """Return the date of a row as it is written."""
        return self.each[row].strftime(self.format)


@dataclass(frozen=True, slots=True)
class Series:
    """Rows in time: values (T, C), the targets' columns first; NaN is a gap."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    values: Array
    dates: Dates | None = None

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, begin: int, end: int) -> Series:
        """Return the rows from begin to the one before end."""
        dates = replace(self.dates, each=self.dates.each[begin:end]) if self.dates else None
        return replace(self, values=self.values[begin:end], dates=dates)


@dataclass(frozen=True, slots=True)
class MemorySeries:
    """A series that a Python caller holds: numbers (T,) or (T, C), or columns by name."""

    items: Any
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        names, columns = self._columns()
        content = "\t".join(names).encode() + b"".join(str(column).encode() for column in columns)
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def rows(self) -> Iterator[Row]:
        """Yield a header and the rows as a table of text has them."""
        names, columns = self._columns()
        yield self.name, names
        for number, row in enumerate(zip(*columns, strict=True)):
            yield f"row {number}", list(row)

    def _columns(self) -> tuple[list[str], list[list[str]]]:
        held = self.items.to_frame() if hasattr(self.items, "to_frame") else self.items
        if hasattr(held, "columns") and hasattr(held, "itertuples"):  # a DataFrame
            columns = {str(name): [_cell(value) for value in held[name]] for name in held.columns}
            index = list(held.index)
            if index and hasattr(index[0], "isoformat"):
                columns = {str(held.index.name or "date"): [_cell(value) for value in index], **columns}
            return list(columns), list(columns.values())
        if isinstance(held, Mapping):
            columns = {str(name): [_cell(value) for value in column] for name, column in held.items()}
            if len({len(column) for column in columns.values()}) > 1:
                told = ", ".join(f"{name}: {len(column):,}" for name, column in columns.items())
                raise DataError(f"columns of different lengths ({told}), expected a value a row of each")
            return list(columns), list(columns.values())
        values = np.asarray(held, np.float64)
        if values.ndim not in (1, 2):
            raise DataError(f"an array of {values.ndim} dimensions, expected (T,) or (T, C)")
        table = values.reshape(len(values), -1)
        names = ["value"] if table.shape[1] == 1 else [f"value{i}" for i in range(table.shape[1])]
        return names, [[_cell(value) for value in column] for column in table.T]


def read_series(
    source: Source | MemorySeries, columns: Columns | None = None, notify: Notify = lambda message: None
) -> Series:
    """Return the series of a file; a row that is wrong is a DataError with its place."""
    rows = list(source.rows()) if isinstance(source, MemorySeries) else _rows(numbered_lines(source))
    return _read(rows, columns or Columns(), source.name, notify)


def _rows(lines: Iterator[Line]) -> list[Row]:
    """The rows of a table; a blank line is a gap where there is one column, and nothing at the end or in wider ones."""
    first = next((line for line in lines if line[1].strip()), None)
    if first is None:
        return []
    delimiter = next((each for each in "\t;" if each in first[1]), ",")
    rows = list(csv_rows(chain([first], lines), delimiter))
    while not "".join(rows[-1][1]).strip() and len(rows[-1][1]) < 2:
        rows.pop()
    wide = len(rows[0][1]) > 1
    return [(place, row or [""]) for place, row in rows if row or not wide]


def _read(table: list[Row], columns: Columns, name: str, notify: Notify) -> Series:
    if not table:
        raise DataError("is empty, expected a header and rows", where=name)
    (where, cells), *rows = table
    header = [cell.strip() for cell in cells]
    if not rows:
        raise DataError("holds no rows under its header", hint="a row a time, oldest first", where=where)
    if all(_number(cell) is not None for cell in header):
        raise DataError("has numbers in the place of a header", hint="name the columns in the first line", where=where)
    for place, row in rows:
        if len(row) != len(header):
            counted = "one cell" if len(row) == 1 else f"{len(row)} cells"
            raise DataError(f"has {counted}, expected {len(header)} as in the header", where=place)
    date = _date_column(header, rows[:FIRST_ROWS], columns, where)
    targets = columns.targets or _only_target(header, rows, date, columns.inputs, where)
    for flag, names in (("--target", targets), ("--inputs", columns.inputs)):
        for each in names:
            if each not in header:
                told = f"has no column {each!r} in its header"
                raise DataError(told, hint=f"{flag}: choose of {shown_names(header)}", where=where)
    for each in (*targets, *columns.inputs):
        if (*targets, *columns.inputs).count(each) > 1:
            raise DataError(f"the column {each!r} is named twice among targets and inputs", where=where)
        if header.count(each) > 1:
            raise DataError(f"has two columns {each!r} in its header", hint="rename one", where=where)
    chosen = [header.index(each) for each in (*targets, *columns.inputs)]
    values = np.array([[_value(row[i], header[i], place) for i in chosen] for place, row in rows], np.float64)
    series = Series(tuple(targets), tuple(columns.inputs), values)
    if date is None:
        return series
    return _dated(series, header[date], [(place, row[date]) for place, row in rows], name, notify)


def _date_column(header: Sequence[str], rows: Sequence[Row], columns: Columns, where: str) -> int | None:
    name = columns.date
    if name is None and columns.usual_date in header:
        return header.index(columns.usual_date)
    if name is None:
        return next((i for i in range(len(header)) if _holds_dates([row[i] for _, row in rows])), None)
    if name not in header:
        raise DataError(
            f"has no column {name!r} in its header", hint=f"--date: choose of {shown_names(header)}", where=where
        )
    return header.index(name)


def _only_target(
    header: Sequence[str], rows: list[Row], date: int | None, inputs: Sequence[str], where: str
) -> tuple[str, ...]:
    """The column that is neither date nor input, where there is one."""
    others = [i for i, each in enumerate(header) if i != date and each not in inputs]
    if len(others) > 1:
        others = [i for i in others if _holds_numbers([row[i] for _, row in rows[:FIRST_ROWS]])]
    if len(others) != 1:
        told = "has no column of numbers" if not others else f"has {len(others)} columns of numbers"
        hint = f"--target names what to forecast, of {shown_names([header[i] for i in others] or list(header))}"
        raise DataError(told, hint=hint, where=where)
    return (header[others[0]],)


def _holds_dates(cells: Sequence[str]) -> bool:
    """Whether most cells are dates, the first one too, and none a number such as 1949.1; some may be empty."""
    filled = [cell for cell in cells if cell.strip()]
    dates = [parse_date(cell) is not None for cell in filled if _number(cell) is None]
    return len(dates) == len(filled) > 0 and dates[0] and 2 * sum(dates) >= len(dates)


def _holds_numbers(cells: Sequence[str]) -> bool:
    """Whether cells are numbers, or gaps between numbers."""
    values = [_number(cell) for cell in cells]
    return None not in values and any(not math.isnan(value) for value in values if value is not None)


def _dated(series: Series, name: str, cells: list[tuple[str, str]], file: str, notify: Notify) -> Series:
    """Give the rows their dates, and put in those that are missing."""
    dates: list[datetime] = []
    for place, cell in cells:
        date = parse_date(cell)
        if date is None:
            hint = "expected 1949-01, 1949-01-31 or 1949-01-31 14:30; --date names another column"
            raise DataError(f"{name!r} is {shown(cell)!r}, expected a date", hint=hint, where=place)
        if dates and date <= dates[-1]:
            what = "comes a second time" if date == dates[-1] else f"comes after {cells[len(dates) - 1][1].strip()}"
            raise DataError(f"the date {cell.strip()} {what}", hint="rows rise in time, each date once", where=place)
        dates.append(date)
    step, written = common_step(dates), date_format(cells[0][1])
    places = _places(dates, step)
    if places is None:
        if step is not None:
            notify(f"{file}: dates have no common step: rows are taken as they come")
        return replace(series, dates=Dates(name, tuple(dates), written, None))
    assert step is not None
    put_in = places[-1] + 1 - len(places)
    if not put_in:
        return replace(series, dates=Dates(name, tuple(dates), written, step))
    values = np.full((places[-1] + 1, series.values.shape[1]), np.nan)
    values[places] = series.values
    every = tuple(step.after(dates[0], n) for n in range(len(values)))
    gap = next(n for n, place in enumerate(places) if place != n)
    told = f"{put_in:,} row{'s are' if put_in > 1 else ' is'} missing by the dates, the first at {every[gap]:{written}}"
    notify(f"{file}: {told}: put in as gaps")
    return replace(series, values=values, dates=Dates(name, every, written, step))


def _places(dates: Sequence[datetime], step: Step | None) -> list[int] | None:
    """The place of each row on the grid of steps; None where they are on none, or too few are."""
    if step is None:
        return None
    places = [step.between(dates[0], date) for date in dates]
    found = [place for place in places if place is not None]
    if len(found) < len(places) or (found[-1] + 1 - len(found)) > MOST_PUT_IN * (found[-1] + 1):
        return None
    return found


def _value(cell: str, name: str, where: str) -> float:
    value = _number(cell)
    if value is None:
        hint = "a gap is an empty cell; --target and --inputs name other columns"
        raise DataError(f"{name!r} is {shown(cell.strip())!r}, expected a number", hint=hint, where=where)
    return value


def _number(cell: str) -> float | None:
    """The number of a cell, NaN of a gap; None of text."""
    text = cell.strip()
    if text.lower() in GAPS:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _cell(value: Any) -> str:
    """A value of Python's as a cell of text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if hasattr(value, "isoformat"):  # a date, pandas's too
        text: str = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        return "" if text == "NaT" else text
    return str(value)
