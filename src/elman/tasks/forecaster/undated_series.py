"""Several series in a table without dates: they are recognized, so that they are never joined end to end.

    region,price      one column of text in blocks (A A A B B B) or in turns (A B A B A B)
    unit,cycle,y      a counter that starts again

Names in blocks may also be phases of one series. They are therefore not used without being asked for, but named in the
error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from elman.data.readers.date_numbers import is_date_name
from elman.data.readers.date_patterns import MONTH_NUMBERS, WEEKDAYS
from elman.data.readers.numbers import read_numbers
from elman.errors import DataError

from .config import ForecasterReaderConfig as ReaderConfig
from .date_parts import holds_times
from .id_columns import id_candidates, series_hint
from .table import Table

MIN_ROWS = 2  # of a series, on average
MIN_COUNT = 3  # to which a counter counts, on average
MIN_FULL = 0.9  # of the names, in every round of names in turns, on average
_CALENDAR = frozenset(MONTH_NUMBERS) | {day[:size].lower() for day in WEEKDAYS for size in (2, 3, None)}


def check_one_series(table: Table, taken: Collection[int], reader: ReaderConfig) -> None:
    """Raise a DataError if the rows seem to be those of several series.

    taken are the columns that hold something else.
    """
    texts, numbers = id_candidates(table, taken, has_targets=bool(reader.targets))
    if not reader.targets:  # one of the columns of numbers is what to forecast
        numbers = []
    numbers = [i for i in numbers if not _is_calendar(table.texts(i), table.header[i])]
    counters = {i: row for i in numbers if (row := _restart(table.texts(i))) is not None}
    names = [i for i in texts if _are_names(table, i)] or [i for i in numbers if _are_names(table, i, same_size=True)]
    if not set(names) <= set(counters):
        position = min(names, key=lambda i: len(set(table.texts(i))))
        name, count = table.header[position], len(set(table.texts(position)))
        problem = f"has no dates, but {count:,} names in {name!r}, each in several rows; expected one series"
        raise DataError(problem, hint=series_hint(table, reader, name), where=table.where)
    for position, row in counters.items():
        name, start = table.header[position], table.texts(position)[row]
        ids = _ids_of_counter(table, [i for i in (*texts, *numbers) if i != position], position)
        problem = f"{name!r} begins again at {start}, so that the rows seem to be several series; expected one"
        raise DataError(problem, hint=series_hint(table, reader, ids), where=table.places[row])


def _are_names(table: Table, position: int, *, same_size: bool = False) -> bool:
    """Return whether the cells of a column are names of series: in blocks (of one size, if same_size), or in turns."""
    cells = table.texts(position)
    if _is_calendar(cells, table.header[position]):
        return False
    return _are_in_blocks(cells, same_size=same_size) or _are_in_turns(cells)


def _is_calendar(cells: Sequence[str], name: str) -> bool:
    """Return whether cells are those of a calendar, which come again in one series: Monday, January, 10:30."""
    return is_date_name(name) or holds_times(cells) or {cell.lower().rstrip(".") for cell in cells} <= _CALENDAR


def _are_in_blocks(cells: Sequence[str], *, same_size: bool) -> bool:
    """Return whether the rows of each name follow each other."""
    starts = [0, *(row for row in range(1, len(cells)) if cells[row] != cells[row - 1]), len(cells)]
    sizes = [end - start for start, end in pairwise(starts)]
    count = len(set(cells))
    if count < 2 or len(sizes) != count or MIN_ROWS * count > len(cells):
        return False
    return not same_size or (len(set(sizes)) == 1 and sizes[0] >= MIN_ROWS)


def _are_in_turns(cells: Sequence[str]) -> bool:
    """Return whether the names come in rounds, in each of which (nearly) every name comes once."""
    count, rounds, names = len(set(cells)), 1, set[str]()
    for cell in cells:
        if cell in names:
            rounds, names = rounds + 1, set()
        names.add(cell)
    return count > 1 and rounds > 1 and len(cells) >= MIN_FULL * rounds * count


def _restart(cells: Sequence[str]) -> int | None:
    """Return the first row in which a counter begins again; None for other numbers."""
    values: list[float] = read_numbers(cells).values.tolist()
    falls = [row for row in range(1, len(values)) if values[row] < values[row - 1]]
    steps = {b - a for a, b in pairwise(values) if b >= a}
    if not falls or len(steps) != 1 or min(steps) <= 0 or len(values) < MIN_COUNT * (len(falls) + 1):
        return None
    return falls[0] if all(values[row] == values[0] for row in falls) else None


def _ids_of_counter(table: Table, positions: Sequence[int], counter: int) -> str | None:
    """Return the name of the column in which no name has the same count twice."""
    counts = table.texts(counter)
    for position in positions:
        pairs = list(zip(table.texts(position), counts, strict=True))
        if 1 < len(set(table.texts(position))) <= len(pairs) // MIN_ROWS and len(set(pairs)) == len(pairs):
            return table.header[position]
    return None
