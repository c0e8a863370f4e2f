"""Columns that name the series of a row, found from dates that come again.

A table of several series has each date once in each of them. A column of text that tells them apart, alone or with a
second one, is read as the names of the series. A column of whole numbers may count something else: it is not used
without being asked for, but named in the error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from elman.data.readers.date_columns import DateColumn
from elman.data.readers.encodings import Notify
from elman.data.readers.numbers import read_numbers
from elman.errors import DataError

from .table import Table

MIN_SHARE = 0.5  # of the dates that a series named by numbers has, on average
MIN_ROWS = 2  # of a series, on average
MIN_REPETITION = 1.2  # rows for each date; with fewer, a date comes again by mistake, or because a clock was set back
_TIME_OF_DAY = re.compile(r"\d{1,2}[:.]\d{2}([:.]\d{2})?( ?[ap]m)?", re.IGNORECASE)


def find_id_columns(
    table: Table, dates: DateColumn, date: int, named: set[int], notify: Notify, *, has_targets: bool
) -> tuple[int, ...]:
    """Return the columns that tell the series of a table apart; none for one series.

    named are the columns that hold something else. Series that only a column of numbers tells apart are a DataError.
    """
    if len(dates.dates) < MIN_REPETITION * len(set(dates.dates)):
        return ()
    texts, numbers = _candidates(table, named | {date}, has_targets=has_targets)
    for positions in (*((i,) for i in texts), *combinations(texts, 2)):
        if count := _count_series(table, positions, dates, min_share=0.0):
            names = [table.header[position] for position in positions]
            columns = f"the column {names[0]!r}" if len(names) == 1 else f"the columns {names[0]!r} and {names[1]!r}"
            notify(f"{table.name}: the dates come again; the rows are those of {count:,} series, named by {columns}")
            return positions
    for position in set(range(len(table.header))) - named:
        if _holds_times(table.texts(position)):
            problem = f"has dates in {table.header[date]!r} and times of day in {table.header[position]!r}"
            hint = "Write 2020-01-31 14:30 in one column"
            raise DataError(f"{problem}; expected both in one column", hint=hint, where=table.where)
    pairs = (tuple(sorted((i, j))) for i in texts for j in numbers)
    several: list[tuple[int, ...]] = [*((i,) for i in numbers), *pairs, *combinations(numbers, 2)]
    for positions in several:
        if count := _count_series(table, positions, dates, min_share=MIN_SHARE):
            options = ",".join(table.header[position] for position in positions)
            problem = f"has dates that come again; the rows may be those of {count:,} series, named by {options}"
            raise DataError(problem, hint=f"Use --series {options} if they are", where=table.where)
    return ()


def _holds_times(cells: Sequence[str]) -> bool:
    return all(map(_TIME_OF_DAY.fullmatch, cells))


def _candidates(table: Table, taken: set[int], *, has_targets: bool) -> tuple[list[int], list[int]]:
    """Return the columns of text, and those of whole numbers, that may name series.

    The only column of numbers is the target, if none is named.
    """
    texts, whole, num_numbers = [], [], 0
    for position in range(len(table.header)):
        cells = table.texts(position)
        if position in taken or not all(cells) or _holds_times(cells):
            continue
        column = read_numbers(cells)
        if not column.mostly_numbers:
            texts.append(position)
            continue
        num_numbers += 1
        if column.holds_numbers and all(value.is_integer() for value in column.values.tolist()):
            whole.append(position)
    return texts, whole if has_targets or num_numbers > 1 else []


def _count_series(table: Table, positions: Sequence[int], dates: DateColumn, *, min_share: float) -> int:
    """Return the number of series that columns name; 0 if a series has a date twice, or too few rows."""
    ids = list(zip(*(table.texts(position) for position in positions), strict=True))
    count = len(Counter(ids))
    if count < 2 or MIN_ROWS * count > len(ids) or len(set(zip(ids, dates.dates, strict=True))) < len(ids):
        return 0
    return count if len(ids) >= min_share * count * len(set(dates.dates)) else 0
