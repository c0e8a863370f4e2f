"""Dates whose parts are in several columns: year and month, year, month and day, a date and the hour or the time.

    year,month,passengers       year,month,day,rain       year,quarter,gdp       date,hour,load       day,time,load
    1949,January,112            1949,1,31,0.5             1949,1,3.2             1949-01-31,14,7      1949-01-31,14:30,7

Columns are recognized by their names, and times of day by their cells, too. The parts are joined as text, so that the
dates are read as if they were in one column. A row with a part that cannot be read has no date.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

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
_JOINED = {  # how parts are joined, and the pattern of dates that this makes
    ("year", "month", "day", "hour"): ("{:04d}-{:02d}-{:02d} {:02d}:00", "%Y-%m-%d %H:%M"),
    ("year", "month", "day"): ("{:04d}-{:02d}-{:02d}", "%Y-%m-%d"),
    ("year", "month"): ("{:04d}-{:02d}", "%Y-%m"),
    ("year", "quarter"): ("{:04d}Q{}", "%YQ%q"),
}
_RANGES = {"month": range(1, 13), "day": range(1, 32), "hour": range(25), "quarter": range(1, 5), "year": YEARS}
MAX_DIGITS = 4
_TIME_OF_DAY = re.compile(r"\d{1,2}[:.h]\d{2}([:.]\d{2}(\.\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE)


def holds_times(cells: Sequence[str]) -> bool:
    """Return whether all cells are times of day."""
    return all(map(_TIME_OF_DAY.fullmatch, cells))


def join_parts(table: Table, taken: Collection[int]) -> DateCells | None:
    """Return the dates whose parts are in columns that are not taken, if most of each can be read."""
    parts = {kind: position for kind in _NAMES if (position := _find(table, kind, taken)) is not None}
    for kinds, (joined, pattern) in _JOINED.items():
        if set(kinds) <= set(parts):
            positions = tuple(parts[kind] for kind in kinds)
            texts = [table.texts(position) for position in positions]
            columns = [_numbers(cells, kind) for cells, kind in zip(texts, kinds, strict=True)]
            if all(2 * column.count(None) < len(column) for column in columns):
                rows = zip(zip(*texts, strict=True), zip(*columns, strict=True), strict=True)
                cells = [" ".join(row) if None in numbers else joined.format(*numbers) for row, numbers in rows]
                return _dates(table, positions, cells, ReaderConfig(date_format=pattern))
    return None


def join_times(table: Table, dates: DateCells, taken: Collection[int], reader: ReaderConfig) -> DateCells | None:
    """Return dates with the times of a second column, if the dates are days that come again."""
    days = [date for date in dates.column.dates if date is not None]
    if len(dates.positions) > 1 or len(set(days)) == len(days) or len({day.time() for day in days}) > 1:
        return None
    for position in range(len(table.header)):
        if position in taken or position in dates.positions:
            continue
        cells = table.texts(position)
        hours = _numbers(cells, "hour") if _is_name(table.header[position], "hour") else [None]
        if None not in hours:
            cells = [f"{hour:02d}:00" for hour in hours]
        if None not in hours or holds_times(cells):
            joined = [f"{day} {time}" for day, time in zip(dates.cells, cells, strict=True)]
            return _dates(table, (*dates.positions, position), joined, reader)
    return None


def _find(table: Table, kind: str, taken: Collection[int]) -> int | None:
    """Return the only column with a name of a kind of part."""
    found = [i for i, name in enumerate(table.header) if _is_name(name, kind) and i not in taken]
    return found[0] if len(found) == 1 else None


def _is_name(name: str, kind: str) -> bool:
    return name.lower().replace(" ", "_") in _NAMES[kind]


def _numbers(cells: Sequence[str], kind: str) -> list[int | None]:
    """Return the cells as numbers of years, months, days, hours or quarters; None for something else."""
    return [_number(cell.lower(), kind) for cell in cells]


def _number(cell: str, kind: str) -> int | None:
    if kind == "month" and cell.rstrip(".") in MONTH_NUMBERS:
        return MONTH_NUMBERS[cell.rstrip(".")]
    digits = cell.removesuffix(".0").removeprefix("q" if kind == "quarter" else "")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
    return int(digits) if is_number and int(digits) in _RANGES[kind] else None


def _dates(table: Table, positions: tuple[int, ...], cells: Sequence[str], reader: ReaderConfig) -> DateCells | None:
    column = read_dates(
        cells, date_format=reader.date_format, day_first=reader.day_first, usual=reader.usual_date_format
    )
    if column is None or 2 * len(column.unreadable) >= len(cells):
        return None
    return DateCells(" ".join(table.header[position] for position in positions), cells, positions, column)
