"""Tables that a Python caller holds: lists, arrays, masked arrays, columns by name, and the objects of pandas.

pandas is not imported: what it needs is asked of the object itself. A masked element, None, NaN, NaT and NA are missing
values. An index of dates, of periods or of text becomes a column of its own; the levels of a MultiIndex that are no
dates name the series of a row. Columns without a name, which pandas numbers, have the names that an array's have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from elman.data.readers.date_numbers import YEARS
from elman.data.readers.dateutil_dates import look_like_dates
from elman.data.readers.numbers import Cell
from elman.errors import DataError

from .date_parts import join_parts
from .table import Table

DATE, VALUE = "date", "value"
ID = "series"  # a level of an index without a name
MIDNIGHT = " 00:00:00"


def memory_table(items: Any, name: str, names: Sequence[str] = ()) -> Table:
    """Return what a caller holds as a table; names are those of columns that have none."""
    if hasattr(items, "to_frame") and not hasattr(items, "columns"):  # a Series of pandas
        items = items.to_frame() if items.name is not None else items.to_frame(0)
    if hasattr(items, "columns") and hasattr(items, "itertuples"):  # a DataFrame
        return _frame_table(items, name, names)
    if isinstance(items, Mapping) or hasattr(items, "keys"):
        columns = {str(key): _cells(items[key]) for key in items.keys()}  # noqa: SIM118 - what has keys only
        return _table(name, columns)
    return _table(name, _array_columns(items, names))


def _table(
    name: str, columns: Mapping[str, list[Cell]], id_columns: tuple[str, ...] = (), date: str | None = None
) -> Table:
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{key}: {len(column):,}" for key, column in columns.items())
        raise DataError(f"columns of different lengths ({lengths}); expected one value of each for each row")
    rows = len(next(iter(columns.values()), []))
    if not rows:
        raise DataError("has no rows", hint="Give one row for each time, oldest first", where=name)
    places = [f"row {row}" for row in range(rows)]
    return Table(name, list(columns), list(columns.values()), places, name, None, id_columns, date)


def _array_columns(items: Any, names: Sequence[str]) -> dict[str, list[Cell]]:
    """Return the columns of numbers (T,) or (T, C)."""
    check_real(items)
    if isinstance(items, np.ma.MaskedArray):
        items = np.ma.filled(items.astype(np.float64), np.nan)
    try:
        values = np.asarray(items, np.float64)
    except (TypeError, ValueError) as error:
        hint = "Give columns by name, or a DataFrame, for dates and names of series"
        raise DataError(f"a list or an array of other things ({error}); expected numbers", hint=hint) from None
    if values.ndim not in (1, 2):
        raise DataError(f"an array of {values.ndim} dimensions; expected (T,) or (T, C)")
    table = values.reshape(len(values), -1 if values.size else 1)
    return dict(zip(_column_names(table.shape[1], names), map(list, table.T.tolist()), strict=True))


def check_real(items: Any) -> None:
    """Raise a DataError for complex numbers, of which NumPy would use the real parts."""
    try:
        is_complex = np.iscomplexobj(items)
    except ValueError:  # lists of different lengths, which are reported where the numbers are read
        return
    if is_complex:
        raise DataError("complex numbers; expected real numbers", hint="Give real and imaginary parts as two columns")


def _column_names(count: int, names: Sequence[str]) -> list[str]:
    """Return the names of columns that have none."""
    if names:
        if len(names) != count:
            raise DataError(f"an array of {count} columns; expected {len(names)}: {', '.join(names)}")
        return list(names)
    return [VALUE] if count == 1 else [f"{VALUE}{i}" for i in range(count)]


def _frame_table(frame: Any, name: str, names: Sequence[str]) -> Table:
    keys = list(frame.columns)
    index, id_columns, date = _index_columns(frame.index)
    labels = _frame_names(keys, names)
    columns = {label: _cells(frame[key]) for label, key in zip(labels, keys, strict=True)}
    if len(columns) < len(keys):
        double = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"has two columns {double!r} in its header", hint="Rename one of them", where=name)
    index = {label: cells for label, cells in index.items() if label not in columns}
    return _table(name, {**index, **columns}, id_columns, date if date in index else None)


def _frame_names(keys: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Return the names of a frame's columns; pandas numbers those without a name from 0."""
    is_numbered = list(keys) == list(range(len(keys)))
    if is_numbered and (len(keys) == 1 or len(names) == len(keys)):
        return _column_names(len(keys), names)
    return [" ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys]


def _index_columns(index: Any) -> tuple[dict[str, list[Cell]], tuple[str, ...], str | None]:
    """Return the columns that an index stands for, those that name series, and the one of dates."""
    levels = getattr(index, "nlevels", 1)
    if levels == 1:
        cells = _cells(index)
        if not _has_information(cells, index):
            return {}, (), None
        label = str(getattr(index, "name", None) or DATE)
        return {label: cells}, (), label if _are_dates(index, cells) else None
    columns, ids, date = {}, [], None
    for level in range(levels):
        values = index.get_level_values(level)
        cells = _cells(values)
        if date is None and _are_dates(values, cells):
            date = str(index.names[level] or DATE)
            columns[date] = cells
        else:
            label = str(index.names[level] or f"{ID}{level or ''}")
            columns[label] = cells
            ids.append(label)
    if date is None:
        parts = _date_parts(columns)
        ids = [label for label in ids if label not in parts]
        if not parts:  # the last level counts the rows of a series
            columns.pop(ids.pop())
    return columns, tuple(ids), date


def _date_parts(columns: Mapping[str, list[Cell]]) -> set[str]:
    """Return the levels that are dates together, such as year and month."""
    labels = list(columns)
    dates = join_parts(Table("", labels, list(columns.values()), [], ""), ())
    if dates is None or dates.column.unreadable:
        return set()
    return {labels[position] for position in dates.positions}


def _has_information(cells: Sequence[Cell], index: Any) -> bool:
    """Return whether an index is more than a count of the rows."""
    has_text = any(isinstance(cell, str) and cell for cell in cells)
    has_years = bool(getattr(index, "name", None)) and all(isinstance(cell, int) and cell in YEARS for cell in cells)
    return has_text or has_years


def _are_dates(values: Any, cells: Sequence[Cell]) -> bool:
    first = next(iter(values), None)
    if hasattr(first, "isoformat") or hasattr(first, "start_time"):
        return True
    texts = [cell for cell in cells if isinstance(cell, str)]
    return bool(texts) and look_like_dates(texts)


def _cells(column: Iterable[Any]) -> list[Cell]:
    """Return the values of a column as cells: numbers as they are, everything else as text; days without a time."""
    check_real(column)
    cells = [_cell(value) for value in column]
    if all(isinstance(cell, str) and (not cell or cell.endswith(MIDNIGHT)) for cell in cells):
        return [cell.removesuffix(MIDNIGHT) for cell in cells if isinstance(cell, str)]
    return cells


def _cell(value: Any) -> Cell:
    if value is None or value is np.ma.masked:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value).replace("T", " ")
    if hasattr(value, "start_time"):  # a period of pandas
        text = str(value)
        return "" if text == "NaT" else str(value.start_time) if "/" in text else text
    if hasattr(value, "isoformat"):  # a date, pandas's too
        text = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        return "" if text == "NaT" else text
    if isinstance(value, bool | int | np.integer | np.bool_):
        return int(value)
    if hasattr(value, "__float__"):
        return float(value)
    return str(value)
