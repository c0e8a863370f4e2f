"""The search for the dates of a table: in the column that is named, or in the columns that look like dates.

Nothing that looks like a date is left out without a message. Of several columns of dates, the one is used that is named
so; dates that are the same in most rows, such as the month in which a customer came, are those of no row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import islice, pairwise

from elman.data.readers.date_columns import DateColumn
from elman.data.readers.date_numbers import is_date_name, read_dates_of_digits
from elman.data.readers.dates import read_dates
from elman.data.readers.dateutil_dates import look_like_dates
from elman.data.readers.encodings import Notify
from elman.data.readers.numbers import read_numbers

from .config import ForecasterReaderConfig as ReaderConfig
from .date_cells import DateCells, date_error, report_dates, report_unused
from .date_parts import join_parts, join_times
from .id_columns import text_names_series
from .number_columns import counts_rows
from .table import Table

FIRST_CELLS = 20  # that decide whether a column is one of numbers before its dates are looked for
_NUMBER = re.compile(r"\d+")


def find_dates(
    table: Table, reader: ReaderConfig, taken: Collection[int], inputs: Collection[int], notify: Notify
) -> DateCells | None:
    """Return the dates of the rows; None if there are none.

    taken are the columns of targets and of series. Inputs, such as the hour, may be a part of dates.
    """
    name = reader.date
    if name is None or (name not in table.header and not reader.columns_required):
        name = table.date
    if name is not None:
        dates = _named_dates(table, table.position(name), reader)
    elif reader.date_format is not None:
        dates = _dates_in_format(table, reader, {*taken, *inputs})
    else:
        found = _search(table, reader, taken, inputs, notify)
        if found is None:
            return None
        dates = found
    if dates.column.unreadable:
        raise date_error(table, dates.name, dates.cells, dates.column.unreadable[0], reader, dates.column)
    dates = _with_times(table, dates, reader, taken)
    report_dates(table, dates, notify)
    return dates


def _named_dates(table: Table, position: int, reader: ReaderConfig) -> DateCells:
    cells = table.texts(position)
    column = _read(cells, reader)
    if column is None and reader.date_format is None:
        column = read_dates_of_digits(cells, "date")
    if column is None:
        raise date_error(table, table.header[position], cells, 0, reader, None)
    return DateCells(table.header[position], cells, (position,), column)


def _dates_in_format(table: Table, reader: ReaderConfig, taken: Collection[int]) -> DateCells:
    """Return the column with most cells in the format of the user; without one, a DataError names the likely column."""
    others = [position for position in range(len(table.header)) if position not in taken]
    columns = [(position, _read(table.texts(position), reader)) for position in others]
    found = [(position, column) for position, column in columns if column is not None]
    if found:
        position, column = min(found, key=lambda pair: len(pair[1].unreadable))
        return DateCells(table.header[position], table.texts(position), (position,), column)
    look_so = [i for i in others if look_like_dates(table.texts(i))]
    are_named_so = [i for i in others if is_date_name(table.header[i])]
    position = (*look_so, *are_named_so, *others, 0)[0]
    raise date_error(table, table.header[position], table.texts(position), 0, reader, None)


def _search(
    table: Table, reader: ReaderConfig, taken: Collection[int], inputs: Collection[int], notify: Notify
) -> DateCells | None:
    """Return the dates of the column, or of the columns together, that most likely hold them."""
    found: list[DateCells] = []
    unread: list[tuple[int, DateColumn | None]] = []
    for position in range(len(table.header)):
        if position in taken or position in inputs:
            continue
        dates, column = _read_column(table, position, reader)
        if dates is not None:
            found.append(dates)
        elif column is not None or _looks_like_dates(table, position):
            unread.append((position, column))
    if (joined := join_parts(table, taken)) is not None:
        found.append(joined)
    if len(table.header) == 1:
        found = [dates for dates in found if not dates.is_digits]
    if found:
        return _choose(table, found, notify)
    for position, column in unread:
        report_unused(table, position, column, notify)
    return None


def _read_column(table: Table, position: int, reader: ReaderConfig) -> tuple[DateCells | None, DateColumn | None]:
    """Return the dates of a column if most of its cells are dates; else what could be read."""
    cells, name = table.texts(position), table.header[position]
    if _begins_with_numbers(cells):
        column = read_dates_of_digits(cells, name)
        if column is None and is_date_name(name):
            column = read_dates(cells, day_first=reader.day_first, usual=reader.usual_date_format)
        if column is None or column.unreadable:
            return None, None
        return DateCells(name, cells, (position,), column, is_digits=True), None
    column = _read(cells, reader)
    if column is not None and 2 * len(column.unreadable) <= sum(map(bool, cells)):
        return DateCells(name, cells, (position,), column), None
    return None, column if look_like_dates(cells) else None


def _read(cells: Sequence[str], reader: ReaderConfig) -> DateColumn | None:
    return read_dates(cells, date_format=reader.date_format, day_first=reader.day_first, usual=reader.usual_date_format)


def _begins_with_numbers(cells: Sequence[str]) -> bool:
    """Return whether the first cells that are filled are numbers, such as 1949.1."""
    first = list(islice((cell for cell in cells if cell), FIRST_CELLS))
    return bool(first) and read_numbers(first).holds_numbers


def _looks_like_dates(table: Table, position: int) -> bool:
    """Return whether a column whose dates cannot be read looks like one of dates to a person.

    So does a column that is named so, unless it counts the rows from 0 or 1, and one of texts whose numbers rise in
    every row.
    """
    cells = table.texts(position)
    if not any(cells):
        return False
    if is_date_name(table.header[position]):
        return cells[0] not in ("0", "1") or not counts_rows(read_numbers(cells))
    return not _begins_with_numbers(cells) and (look_like_dates(cells) or _rise(cells))


def _rise(cells: Sequence[str]) -> bool:
    """Return whether the numbers in the cells are larger in every row: 2005T1, 2005T2 and so on."""
    numbers = [[int(digits) for digits in _NUMBER.findall(cell)] for cell in cells]
    return len(numbers) > 1 and all(a and len(a) == len(b) and a < b for a, b in pairwise(numbers))


def _choose(table: Table, found: Sequence[DateCells], notify: Notify) -> DateCells:
    """Return the dates that are those of the rows, and report other columns of dates."""
    most = max(dates.num_dates for dates in found)
    likely = [dates for dates in found if 2 * dates.num_dates > most]
    chosen = min(likely, key=lambda dates: (len(dates.positions) > 1, dates.is_digits, not is_date_name(dates.name)))
    others = [
        dates.name for dates in found if not dates.is_digits and len(dates.positions) == 1 and dates is not chosen
    ]
    if others:
        notify(
            f"{table.name}: the dates are those of {chosen.name!r}, and not those of {others[0]!r}. Use --date for "
            "another column"
        )
    return chosen


def _with_times(table: Table, dates: DateCells, reader: ReaderConfig, taken: Collection[int]) -> DateCells:
    """Return dates with the times of a second column, unless a column of text tells several series apart."""
    if reader.date_format is not None or text_names_series(table, dates, taken):
        return dates
    joined = join_times(table, dates, taken, reader)
    return dates if joined is None or joined.num_dates <= dates.num_dates or joined.column.unreadable else joined
