"""A table to its series: rows are separated by the names of their series, and each series is put in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from elman.data.readers.date_columns import DateColumn
from elman.data.readers.date_orders import other_order
from elman.data.readers.date_patterns import DatePattern, write_date
from elman.data.readers.encodings import Notify
from elman.errors import DataError

from .calendar import describe_weekdays
from .columns import Columns, read_columns
from .config import ForecasterReaderConfig as ReaderConfig
from .id_columns import column_beside
from .series import Dates, Series
from .table import Table
from .timeline import OrderError, Timeline, order_rows

MAX_MONTH = timedelta(days=31)


def read_series(table: Table, reader: ReaderConfig, notify: Notify) -> list[Series]:
    """Return the series of a table, in the order in which they appear; one where no column names several."""
    columns = read_columns(table, reader, notify)
    series, lines = [], []
    for ids, rows in _rows_by_series(table, columns.ids).items():
        one, line = _one_series(table, columns, ids, rows, reader)
        series.append(one)
        lines.append(line)
    _report_lines(table, series, lines, notify)
    return series


def _rows_by_series(table: Table, positions: Sequence[int]) -> dict[tuple[str, ...], list[int]]:
    """Return the rows of each series by its names; a row without a name is a DataError."""
    rows: dict[tuple[str, ...], list[int]] = {}
    columns = [table.texts(position) for position in positions]
    for row in table.rows:
        ids = tuple(column[row] for column in columns)
        if "" in ids:
            name = table.header[positions[ids.index("")]]
            hint = "Name the series of every row, or leave out the row"
            raise DataError(f"{name!r} is empty; expected the name of a series", hint=hint, where=table.places[row])
        rows.setdefault(ids, []).append(row)
    return rows


def _one_series(
    table: Table, columns: Columns, ids: tuple[str, ...], rows: Sequence[int], reader: ReaderConfig
) -> tuple[Series, Timeline | None]:
    """Return the series of some rows of a table, and what its dates were like."""
    series = Series(
        columns.targets,
        columns.inputs,
        columns.values[rows] if columns.ids else columns.values,
        id_columns=tuple(table.header[position] for position in columns.ids),
        ids=ids,
        decimal=columns.decimal,
    )
    if columns.dates is None:
        return series, None
    dates = [date for row in rows if (date := columns.dates.column.dates[row]) is not None]
    try:
        line = order_rows(series.values, dates)
    except OrderError as error:
        raise _order_error(table, columns, series, rows[error.row], rows[error.row - 1], reader, error) from None
    of_rows = Dates(columns.dates.name, line.dates, columns.dates.column.pattern, line.step)
    return replace(series, values=line.values, dates=of_rows), line


def _order_error(
    table: Table, columns: Columns, series: Series, row: int, before: int, reader: ReaderConfig, error: OrderError
) -> DataError:
    """Return the error of a row whose date is not after that of the row before."""
    assert columns.dates is not None
    date, last = (columns.dates.cells[i].strip() for i in (row, before))
    of_series = f" in the series {series.label} of {', '.join(series.id_columns)}" if series.ids else ""
    problem = f"the date {date} comes after {last}{of_series}"
    if error.is_second:
        problem = f"the date {date} comes a second time{of_series}"
    hint = "Sort the rows by time, each date once"
    if _are_exchanged(columns.dates.cells[before], columns.dates.column, row):
        hint = "Day and month seem to be exchanged in some rows. Write all dates in one order"
    elif (names := column_beside(table, columns.dates, columns.ids, reader)) is not None:
        hint = f"Use --series {names} if the rows are those of several series. Otherwise, write each date once"
    elif reader.columns_required and not series.ids:
        hint = "Sort the rows by time, each date once. Name the column that tells several series apart with --series"
    return DataError(problem, hint=hint, where=table.places[row])


def _are_exchanged(cell: str, dates: DateColumn, row: int) -> bool:
    """Return whether a date, with day and month exchanged, is shortly before that of the next row."""
    pattern, date = other_order(dates.pattern), dates.dates[row]
    other = DatePattern(pattern).read(cell) if pattern is not None else None
    return other is not None and date is not None and timedelta(0) < date - other[0] <= MAX_MONTH


def _report_lines(table: Table, series: Sequence[Series], lines: Sequence[Timeline | None], notify: Notify) -> None:
    """Report what was changed in the order and the dates of rows: one line for each kind."""
    dated = [(one, line) for one, line in zip(series, lines, strict=True) if line is not None]
    if not dated:
        return
    whole = len(dated) == 1
    if count := sum(line.was_reversed for _, line in dated):
        which = "" if whole else f" of {count:,} of {len(dated):,} series"
        notify(f"{table.name}: the newest row comes first; the rows{which} are used from the oldest to the newest")
    if count := sum(line.clock_changes for _, line in dated):
        notify(
            f"{table.name}: the clock was set back {count:,} time{'s' * (count > 1)}; the dates are those of the clock "
            "of the last row"
        )
    if count := sum(line.clock_advances for _, line in dated):
        notify(
            f"{table.name}: the clock was set forward {count:,} time{'s' * (count > 1)}; the dates are those of the "
            "clock of the last row"
        )
    gaps = [(one, line.gap) for one, line in dated if line.gap is not None]
    if gaps:
        one, (before, after) = gaps[0]
        assert one.dates is not None
        first, last = (write_date(date, one.dates.format) for date in (before, after))
        of_series = "" if whole else f" of {one.label}"
        notify(
            f"{table.name}: too many rows are missing between {first} and {last}{of_series} to be inserted; the rows "
            "are used in their order"
        )
    if count := sum(line.step is None and line.gap is None and len(line.dates) > 1 for _, line in dated):
        which = "" if whole else f" in {count:,} of {len(dated):,} series"
        notify(f"{table.name}: the dates have no common step{which}; the rows are used in their order")
    steps = Counter(line.step for _, line in dated if line.step is not None)
    step = steps.most_common(1)[0][0] if steps else None
    if len(set(map(str, steps))) > 1:
        notify(f"{table.name}: the series have different steps; most have one row every {step}")
    if step is not None and step.unit == "weekdays":
        notify(f"{table.name}: the rows are those of {describe_weekdays(step)}; the days between are not missing")
    if inserted := [(one, line) for one, line in dated if line.inserted]:
        total = sum(len(line.inserted) for _, line in inserted)
        rows = f"{total:,} row{'s are' if total > 1 else ' is'}"
        one, line = inserted[0]
        assert one.dates is not None
        first = write_date(line.inserted[0], one.dates.format)
        of_series = "" if whole else f" of {one.label}"
        notify(f"{table.name}: {rows} missing according to the dates, the first at {first}{of_series}; inserted")
