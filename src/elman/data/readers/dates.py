"""Dates as people and programs write them, read with one pattern for each column of a table.

    1949-01   1949/1/31 14:30   2016-07-01T00:00:00.250+02:00   31.01.1949   1/31/49 2:30 PM   31 Jan 1949   Jan-49
    1949Q1   Q1 1949   1949M01   1949-H1   1949-W05   KW 5/1949   19490131   1949年1月31日   Mon, 31 Jan 1949

The cells of the beginning suggest patterns; the one that reads most cells of the column is used. A column such as
01/02/2020, 02/02/2020, whose numbers fit the order day, month and the order month, day, is read in the order in which
the dates rise and follow each other in equal steps. If both do, the caller's choice decides; without one, the day is
first between points and hyphens, and the month between slashes. A column without one pattern for all of its cells is
read by dateutil, cell by cell, in the same order of day and month.

Clocks: date_columns.py. Dates that are numbers: date_numbers.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from .date_columns import DateColumn, date_column
from .date_orders import fits_other_order, is_day_first, order_of, preference, regularity
from .date_patterns import DatePattern
from .date_templates import patterns_of
from .dateutil_dates import FIRST_CELLS, read_by_dateutil
from .wide_characters import narrow

OTHER_CELLS = 200  # of the whole column, that decide between patterns


def read_dates(
    cells: Sequence[str],
    *,
    date_format: str | None = None,
    day_first: bool | None = None,
    usual: str | None = None,
) -> DateColumn | None:
    """Return the dates of a column; None if most of its first cells are no dates.

    date_format is the pattern, if the user gives it. day_first decides about cells that fit both orders, and so does
    usual, the pattern of another table of the same kind.
    """
    cells = [narrow(cell) for cell in cells]
    if date_format is not None:
        return _column(cells, DatePattern(date_format))
    columns = _read(cells, _candidates(cells, day_first))
    if not columns and usual is not None:
        columns = _read(cells, [DatePattern(usual)])
    if not columns:
        orders = (False, True) if day_first is None else (day_first,)
        columns = [column for order in orders if (column := read_by_dateutil(cells, day_first=order)) is not None]
        return _choose(columns, usual) if columns else None
    chosen = _choose(columns, usual)
    if chosen.unreadable and not any(fits_other_order(cells[row], chosen.pattern) for row in chosen.unreadable):
        mixed = read_by_dateutil(cells, day_first=chosen.day_first)
        if mixed is not None and not mixed.unreadable:
            return mixed
    return chosen


def read_date(text: str, pattern: str | None = None) -> datetime | None:
    """Return the date of one text, in a pattern or in the order year, month, day; None of anything else."""
    for candidate in (*([pattern] if pattern else []), "%Y", None):
        column = read_dates([text], date_format=candidate)
        if column is not None and column.dates[0] is not None:
            return column.dates[0]
    return None


def _read(cells: Sequence[str], patterns: Iterable[DatePattern]) -> list[DateColumn]:
    return [column for pattern in patterns if (column := _column(cells, pattern)) is not None]


def _column(cells: Sequence[str], pattern: DatePattern) -> DateColumn | None:
    """Return the cells read with one pattern; None if none of them fits."""
    return date_column(cells, [pattern.read(cell) for cell in cells], pattern)


def _choose(columns: Sequence[DateColumn], usual: str | None) -> DateColumn:
    """Return the column with the fewest unreadable cells, and among several, with the most regular dates."""
    fewest = min(len(column.unreadable) for column in columns)
    different = {column.dates: column for column in sorted(columns, key=lambda column: -preference(column.pattern))}
    best = [column for column in different.values() if len(column.unreadable) == fewest]
    if len(best) == 1:
        return best[0]
    scores = [regularity(column.dates) for column in best]
    regular = [column for column, score in zip(best, scores, strict=True) if score == max(scores)]
    if usual is not None and any(order_of(column.pattern) == order_of(usual) for column in regular):
        return next(column for column in regular if order_of(column.pattern) == order_of(usual))
    chosen = min(regular, key=lambda column: preference(column.pattern))
    rising = [column for column, (rises, _) in zip(best, scores, strict=True) if rises and column is not chosen]
    if not rising and max(scores)[0]:
        return chosen
    other = next(column for column in rising or best if column is not chosen)
    return replace(chosen, other=other.pattern)


def _candidates(cells: Sequence[str], day_first: bool | None) -> list[DatePattern]:
    """Return the patterns that most of the first cells fit, and as many others as any pattern."""
    filled = list(itertools.islice((cell.strip() for cell in cells if cell.strip()), FIRST_CELLS))
    texts = dict.fromkeys(text for cell in filled for text in patterns_of(cell))
    if day_first is not None:
        texts = {text: None for text in texts if is_day_first(text) in (None, day_first)}
    patterns = {text: DatePattern(text, has_brackets=True) for text in texts}
    counts = {text: sum(pattern.read(cell) is not None for cell in filled) for text, pattern in patterns.items()}
    most = max(counts.values(), default=0)
    if 2 * most < len(filled) or not most:
        return []
    likely = [text for text, count in counts.items() if count == most]
    if len(likely) > 1:  # cells from the whole column rule out most orders of day and month
        others = cells[:: max(1, len(cells) // OTHER_CELLS)]
        counts = {text: sum(patterns[text].read(cell) is not None for cell in others) for text in likely}
        likely = [text for text, count in counts.items() if count == max(counts.values())]
    return [DatePattern(text, has_brackets=True) for text in likely]
