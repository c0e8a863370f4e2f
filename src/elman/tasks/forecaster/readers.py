"""Readers of series: tables and Python objects to rows in time.

    csv    a header, then one row for each time: comma, tab or semicolon between cells, quotes as in RFC 4180. One
           column may hold dates. Columns of numbers are targets, which are forecast, or inputs, which help to
           forecast; other columns are ignored (columns.py). Columns that name the series of a row make a table of
           several series, each of which is an example (id_columns.py).

Rows are in order of time (timeline.py). Rows that are missing according to the dates are inserted with missing values,
and reported. A missing value is an empty cell, or one with NA, NaN, null or none. Dates without a common step are kept,
but no rows are inserted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from elman.data.readers.dates import read_date
from elman.data.readers.encodings import Notify
from elman.data.readers.numbers import is_number
from elman.data.readers.tables import read_table
from elman.data.readers.text import IN_MEMORY, Source, SourceRecord, numbered_lines
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError

from .config import ForecasterReaderConfig as ReaderConfig
from .memory import memory_table
from .panel import read_series
from .series import Series
from .table import Table, text_of

Row = tuple[str, list[str]]  # its place, and its cells


@dataclass(frozen=True, slots=True)
class MemorySeries:
    """The series that a Python caller holds: numbers (T,) or (T, C), columns by name, or what pandas has.

    names are those of columns without a name, in their order; without them, value, or value0, value1, ...
    """

    items: Any
    name: str = IN_MEMORY
    names: tuple[str, ...] = ()

    reader: ReaderConfig = field(default_factory=ReaderConfig)
    notify: Notify = lambda message: None

    @property
    def record(self) -> SourceRecord:
        table = memory_table(self.items, self.name, self.names)
        cells = ("\t".join(map(text_of, column)) for column in table.columns)
        content = "\n".join(["\t".join(table.header), *cells]).encode()
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def check(self) -> None:
        """Leave the check to `examples`."""

    def examples(self) -> Iterator[Series]:
        """Yield the series; a wrong row is a DataError."""
        yield from read_series(memory_table(self.items, self.name, self.names), self.reader, self.notify)


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[Series]:
    """Return the series of a file, or of numbers in memory."""
    if isinstance(source, MemorySeries):
        return replace(source, reader=reader, notify=notify)
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file with one series, or numbers")
    parse = partial(_file_series, reader=reader, notify=notify)
    return FileExamples(open_text(source, reader.encoding, notify), parse)


def _file_series(source: Source, reader: ReaderConfig, notify: Notify) -> Iterator[Series]:
    yield from read_series(_table(source), reader, notify)


def _table(source: Source) -> Table:
    """Return the table of a file. In a table of one column, a blank line is a missing value, except at the end."""
    table = read_table(numbered_lines(source))
    rows = [(row.where, row.cells) for row in table.rows()]
    while rows and len(rows[-1][1]) < 2 and not rows[-1][1][0].strip():
        rows.pop()
    is_wide = bool(rows) and len(rows[0][1]) > 1
    separator = table.dialect.separator if is_wide else None
    return _checked_table(source.name, separator, [row for row in rows if not is_wide or row[1] != [""]])


def _checked_table(name: str, delimiter: str | None, rows: Sequence[Row]) -> Table:
    """Return rows as columns; a missing header, or a row with more or fewer cells, is a DataError.

    Empty cells after those of the header, which spreadsheets write, are left out.
    """
    if not rows:
        raise DataError("is empty; expected a header and rows", where=name)
    (where, cells), *others = rows
    header = [cell.strip() for cell in cells]
    if not others:
        raise DataError("has no rows under its header", hint="Write one row for each time, oldest first", where=where)
    others = [(place, row if any(row[len(header) :]) else row[: len(header)]) for place, row in others]
    if _is_data(header, others[0][1]):
        raise DataError("has data instead of a header", hint="Name the columns in the first line", where=where)
    for place, row in others:
        if len(row) != len(header):
            counted = "one cell" if len(row) == 1 else f"{len(row)} cells"
            line = where.rpartition(":")[2]
            hint = f"Is line {line} a title above the table? Remove it" if len(header) == 1 < len(row) else None
            raise DataError(f"has {counted}; expected {len(header)} as in the header", hint=hint, where=place)
    columns = list(zip(*(row for _, row in others), strict=True))
    return Table(name, header, columns, [place for place, _ in others], where, delimiter)


def _is_data(header: Sequence[str], row: Sequence[str]) -> bool:
    """Return whether what should be the header has only numbers, or a date over a date."""
    dates = [read_date(cell) for cell in header]
    if all(is_number(cell) or date is not None for cell, date in zip(header, dates, strict=True)):
        return True
    return any(date is not None and read_date(cell) is not None for date, cell in zip(dates, row, strict=False))
