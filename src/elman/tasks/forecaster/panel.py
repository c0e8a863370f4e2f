"""A table to its series: rows are separated by the names of their series, and each series is put in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from elman.data.readers.date_patterns import write_date
from elman.data.readers.encodings import Notify
from elman.errors import DataError

from .calendar import describe_weekdays
from .columns import Columns, read_columns
from .config import ForecasterReaderConfig as ReaderConfig
from .series import Dates, Series
from .table import Table
from .timeline import Timeline, order_rows


def read_series(table: Table, reader: ReaderConfig, notify: Notify) -> list[Series]:
    """Return the series of a table, in the order in which they appear; one where no column names several."""
    columns = read_columns(table, reader, notify)
    cells = table.texts(columns.date) if columns.date is not None else []
    series, lines = [], []
    for ids, rows in _rows_by_series(table, columns.ids).items():
        one, line = _one_series(table, columns, cells, ids, rows)
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
    table: Table, columns: Columns, cells: Sequence[str], ids: tuple[str, ...], rows: Sequence[int]
) -> tuple[Series, Timeline | None]:
    """Return the series of some rows of a table, and what its dates were like; cells are those of the dates."""
    series = Series(
        columns.targets,
        columns.inputs,
        columns.values[rows] if columns.ids else columns.values,
        id_columns=tuple(table.header[position] for position in columns.ids),
        ids=ids,
        decimal=columns.decimal,
    )
    if columns.date is None or columns.dates is None:
        return series, None
    dates = [date for row in rows if (date := columns.dates.dates[row]) is not None]
    line = order_rows(series.values, dates, [cells[row] for row in rows], [table.places[row] for row in rows])
    of_rows = Dates(table.header[columns.date], line.dates, columns.dates.pattern, line.step)
    return replace(series, values=line.values, dates=of_rows), line


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
    if count := sum(line.step is None and len(line.dates) > 1 for _, line in dated):
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
