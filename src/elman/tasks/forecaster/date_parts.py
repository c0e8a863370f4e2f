"""Dates whose parts are in several columns: year and month, year, month and day, a date and the hour or the time.

    year,month,passengers       year,month,day,rain       year,quarter,gdp       date,hour,load       day,time,load
    1949,January,112            1949,1,31,0.5             1949,1,3.2             1949-01-31,14,7      1949-01-31,14:30,7

Columns are recognized by their names, and times of day by their cells, too. The parts are joined as text, so that the
dates are read as if they were in one column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from elman.data.readers.date_numbers import YEARS
from elman.data.readers.date_patterns import MONTH_NUMBERS
from elman.data.readers.dates import read_dates

from .config import ForecasterReaderConfig as ReaderConfig
from .date_cells import DateCells
from .table import Table

_NAMES = {
    "year": {"year", "yr", "yyyy", "jahr", "année", "annee", "año", "anno", "年", "年份"},
    "quarter": {"quarter", "qtr", "quartal", "trimestre", "季度", "季"},
    "month": {"month", "mon", "mo", "mm", "monat", "mois", "mes", "mese", "月", "月份"},
    "day": {"day", "dd", "tag", "jour", "día", "dia", "giorno", "日", "day_of_month"},
    "hour": {"hour", "hr", "hh", "stunde", "heure", "hora", "ora", "时", "小时", "hour_of_day"},
}
_ORDERS = (("year", "month", "day", "hour"), ("year", "month", "day"), ("year", "month"), ("year", "quarter"))
_RANGES = {"month": range(1, 13), "day": range(1, 32), "hour": range(25), "quarter": range(1, 5), "year": YEARS}
_TIME_OF_DAY = re.compile(r"\d{1,2}[:.h]\d{2}([:.]\d{2}(\.\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE)


def holds_times(cells: Sequence[str]) -> bool:
    """Return whether all cells are times of day."""
    return all(map(_TIME_OF_DAY.fullmatch, cells))


def join_parts(table: Table, taken: Collection[int]) -> Iterator[DateCells]:
    """Yield the dates whose parts are in columns that are not taken, if all of them can be read."""
    parts = {kind: position for kind in _NAMES if (position := _find(table, kind, taken)) is not None}
    for kinds in _ORDERS:
        if set(kinds) <= set(parts):
            columns = [_numbers(table.texts(parts[kind]), kind) for kind in kinds]
            if all(column is not None for column in columns):
                rows = zip(*(column for column in columns if column is not None), strict=True)
                cells = [_JOINERS[kinds](*row) for row in rows]
                yield from _dates(table, tuple(parts[kind] for kind in kinds), cells, ReaderConfig())
                return


def join_times(table: Table, dates: DateCells, taken: Collection[int], reader: ReaderConfig) -> Iterator[DateCells]:
    """Yield dates with the times of a second column, if the dates are days that come again."""
    days = [date for date in dates.column.dates if date is not None]
    if len(dates.positions) > 1 or len(set(days)) == len(days) or len({day.time() for day in days}) > 1:
        return
    for position in range(len(table.header)):
        if position in taken or position in dates.positions:
            continue
        cells = table.texts(position)
        hours = _numbers(cells, "hour") if _is_name(table.header[position], "hour") else None
        times = [f"{hour:02d}:00" for hour in hours] if hours is not None else cells if holds_times(cells) else None
        if times is not None:
            joined = [f"{day} {time}" for day, time in zip(dates.cells, times, strict=True)]
            yield from _dates(table, (*dates.positions, position), joined, reader)
            return


def _find(table: Table, kind: str, taken: Collection[int]) -> int | None:
    """Return the only column with a name of a kind of part."""
    found = [i for i, name in enumerate(table.header) if _is_name(name, kind) and i not in taken]
    return found[0] if len(found) == 1 else None


def _is_name(name: str, kind: str) -> bool:
    return name.lower().replace(" ", "_") in _NAMES[kind]


def _numbers(cells: Sequence[str], kind: str) -> list[int] | None:
    """Return the cells as numbers of years, months, days, hours or quarters; None if one of them is something else."""
    numbers = []
    for cell in cells:
        text = cell.lower().rstrip(".").removesuffix(".0")
        if kind == "month" and text in MONTH_NUMBERS:
            numbers.append(MONTH_NUMBERS[text])
            continue
        text = text.removeprefix("q") if kind == "quarter" else text
        if not (text.isascii() and text.isdigit() and int(text) in _RANGES[kind]):
            return None
        numbers.append(int(text))
    return numbers


_JOINERS: dict[tuple[str, ...], Callable[..., str]] = {
    ("year", "month", "day", "hour"): "{:04d}-{:02d}-{:02d} {:02d}:00".format,
    ("year", "month", "day"): "{:04d}-{:02d}-{:02d}".format,
    ("year", "month"): "{:04d}-{:02d}".format,
    ("year", "quarter"): "{:04d}Q{}".format,
}


def _dates(table: Table, positions: tuple[int, ...], cells: Sequence[str], reader: ReaderConfig) -> Iterator[DateCells]:
    column = read_dates(cells, day_first=reader.day_first, usual=reader.usual_date_format)
    if column is not None and not column.unreadable:
        yield DateCells(" ".join(table.header[position] for position in positions), cells, positions, column)
