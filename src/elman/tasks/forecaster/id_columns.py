"""Columns that name the series of a row, found from dates that come again.

A table of several series has each date once in each of them. A column of text that tells them apart, alone or with a
second one, is read as the names of the series, and so is one with few mistakes, which are reported where the rows are
separated. A column of whole numbers may count something else: it is not used without being asked for, but named in the
error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import combinations

from elman.data.readers.encodings import Notify
from elman.data.readers.numbers import read_numbers
from elman.errors import DataError

from .config import ForecasterReaderConfig as ReaderConfig
from .date_cells import DateCells
from .date_parts import holds_times
from .table import Table

MIN_SHARE = 0.5  # of the dates that a series named by numbers has, on average
MIN_ROWS = 2  # of a series, on average
MIN_REPETITION = 1.2  # rows for each date; with fewer, a date comes again by mistake, or because a clock was set back
MAX_MISTAKES = 0.05  # of the rows of several series: names that are empty, and dates that come a second time


def find_id_columns(
    table: Table, dates: DateCells, taken: Collection[int], reader: ReaderConfig, notify: Notify
) -> tuple[int, ...]:
    """Return the columns that tell the series of a table apart; none for one series.

    taken are the columns that hold something else. Series that only a column of numbers tells apart are a DataError.
    """
    if not _come_again(dates):
        return ()
    texts, numbers = id_candidates(table, taken, has_targets=bool(reader.targets))
    of_texts: list[tuple[int, ...]] = [*((i,) for i in texts), *combinations(texts, 2)]
    with_numbers = [*((i,) for i in numbers), *(tuple(sorted((i, j))) for i in texts for j in numbers)]
    with_numbers += combinations(numbers, 2)
    for positions in of_texts:
        if count := _count_series(table, positions, dates, min_share=0.0):
            _report(table, positions, count, notify)
            return positions
    for positions in with_numbers:
        if count := _count_series(table, positions, dates, min_share=MIN_SHARE):
            names = ",".join(table.header[position] for position in positions)
            problem = f"has dates that come again; the rows may be those of {count:,} series, named by {names}"
            raise DataError(problem, hint=series_hint(table, reader, names), where=table.where)
    with_gaps = id_candidates(table, taken, has_targets=True, max_empty=MAX_MISTAKES)[0]
    for positions in (*((i,) for i in with_gaps), *combinations(with_gaps, 2)):
        if count := _count_series(table, positions, dates, min_share=0.0, max_mistakes=MAX_MISTAKES):
            _report(table, positions, count, notify)
            return positions
    return ()


def text_names_series(table: Table, dates: DateCells, taken: Collection[int]) -> bool:
    """Return whether a column of text, which is not taken, tells series apart, each of which has each date once."""
    if not _come_again(dates):
        return False
    texts, _ = id_candidates(table, {*taken, *dates.positions}, has_targets=True)
    return any(_count_series(table, (position,), dates, min_share=0.0) for position in texts)


def column_beside(table: Table, dates: DateCells, ids: Sequence[int], reader: ReaderConfig) -> str | None:
    """Return the columns that name the series, and one more with which no series has a date twice, for an option."""
    if not reader.columns_required:
        return None
    taken = {*ids, *dates.positions, *(table.position(name) for name in (*(reader.targets or ()), *reader.inputs))}
    texts, numbers = id_candidates(table, taken, has_targets=bool(reader.targets))
    for position in (*texts, *numbers):
        columns = [table.texts(i) for i in (*ids, position)]
        if len(set(zip(*columns, dates.column.dates, strict=True))) == len(dates.cells):
            return ",".join(table.header[i] for i in (*ids, position))
    return None


def series_hint(table: Table, reader: ReaderConfig, names: str | None) -> str:
    """Return what to do about rows of several series, which the columns `names` tell apart, if any do."""
    if reader.columns_required:
        if names is None:
            return "Name the column that tells the series apart with --series, or leave out the counter"
        return f"Use --series {names} if the rows are those of several series, or leave out the column"
    if reader.series:
        return f"Give the columns {', '.join(reader.series)}, as in the training set"
    return "Give the rows of one series, as in the training set"


def _report(table: Table, positions: Sequence[int], count: int, notify: Notify) -> None:
    names = [table.header[position] for position in positions]
    columns = f"the column {names[0]!r}" if len(names) == 1 else f"the columns {names[0]!r} and {names[1]!r}"
    notify(f"{table.name}: the dates come again; the rows are those of {count:,} series, named by {columns}")


def _come_again(dates: DateCells) -> bool:
    return len(dates.cells) >= MIN_REPETITION * dates.num_dates


def id_candidates(
    table: Table, taken: Collection[int], *, has_targets: bool, max_empty: float = 0.0
) -> tuple[list[int], list[int]]:
    """Return the columns of text, and those of whole numbers, that may name series.

    The only column of numbers is the target, if none is named. max_empty is the share of cells that may be empty.
    """
    texts, whole, num_numbers = [], [], 0
    for position in range(len(table.header)):
        cells = table.texts(position)
        if position in taken or cells.count("") > max_empty * len(cells) or holds_times(cells):
            continue
        column = read_numbers(cells)
        if not column.mostly_numbers:
            texts.append(position)
            continue
        num_numbers += 1
        if column.holds_numbers and all(value.is_integer() for value in column.values.tolist()):
            whole.append(position)
    return texts, whole if has_targets or num_numbers > 1 else []


def _count_series(
    table: Table, positions: Sequence[int], dates: DateCells, *, min_share: float, max_mistakes: float = 0.0
) -> int:
    """Return the number of series that columns name; 0 if a series has a date twice, or too few rows."""
    ids = list(zip(*(table.texts(position) for position in positions), strict=True))
    count = len(Counter(name for name in ids if "" not in name))
    mistakes = len(ids) - len(set(zip(ids, dates.column.dates, strict=True)))
    if count < 2 or MIN_ROWS * count > len(ids) or mistakes > max_mistakes * len(ids):
        return 0
    return count if len(ids) >= min_share * count * dates.num_dates else 0
