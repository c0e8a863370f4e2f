"""What the columns of a table hold: the dates, the names of series, and the numbers that are read.

A column is judged by all of its cells. Nothing that looks like a date or a number is left out without a message: a cell
that cannot be read is a DataError with its place, and a choice between two readings is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from elman.data.readers.encodings import Notify
from elman.errors import DataError

from .config import ForecasterReaderConfig as ReaderConfig
from .date_cells import DateCells
from .date_search import find_dates
from .id_columns import find_id_columns
from .number_columns import NumberColumns, only_target
from .table import Table
from .undated_series import check_one_series

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are read: positions in the table, and what they hold."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    values: Array  # (T, C), targets first
    decimal: str  # the decimal mark
    dates: DateCells | None
    ids: tuple[int, ...]  # the columns that name the series of a row; none for one series


def read_columns(table: Table, reader: ReaderConfig, notify: Notify) -> Columns:
    """Return the columns that the reader options name, or those that the cells suggest."""
    _check_names(table, reader)
    ids = _named_ids(table, reader)
    inputs = {table.position(name) for name in reader.inputs}
    taken = {table.position(name) for name in reader.targets or ()} | set(ids)
    dates = find_dates(table, reader, taken, inputs, notify)
    taken |= inputs | set(dates.positions if dates is not None else ())
    if not ids and dates is not None:
        ids = find_id_columns(table, dates, taken, reader, notify)
    elif not ids:
        check_one_series(table, taken, reader)
    numbers = NumberColumns(table, reader)
    targets = reader.targets or only_target(table, numbers, taken | set(ids), reader)
    positions = [table.position(name) for name in (*targets, *reader.inputs)]
    values, decimal = numbers.values(positions, notify)
    return Columns(tuple(targets), tuple(reader.inputs), values, decimal, dates, ids)


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
