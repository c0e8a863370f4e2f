"""The cells that hold the dates of rows, and the messages about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from elman.data.readers.date_columns import DateColumn
from elman.data.readers.date_orders import fits_other_order
from elman.data.readers.date_patterns import write_date
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names, shorten
from elman.data.readers.notices import Caution
from elman.errors import DataError

from .config import ForecasterReaderConfig as ReaderConfig
from .table import Table

DATE_HINT = (
    "Write dates as 1949-01, 1949-01-31 or 1949-01-31 14:30, name their format with --date-format, "
    "or another column with --date"
)

COUNTED_UNITS = {
    "%E": "days since 1899-12-30, as in spreadsheets",
    "%s%3f": "milliseconds since 1970, in UTC",
    "%s": "seconds since 1970, in UTC",
}


@dataclass(frozen=True, slots=True)
class DateCells:
    """The cells of the dates: those of one column, or of several together, such as year and month."""

    name: str
    cells: Sequence[str]
    positions: tuple[int, ...]  # in the table
    column: DateColumn
    is_digits: bool = False  # a number, which may be something else

    @property
    def num_dates(self) -> int:
        """The number of different dates."""
        return len(set(self.column.dates))


def date_error(
    table: Table, name: str, cells: Sequence[str], row: int, reader: ReaderConfig, column: DateColumn | None
) -> DataError:
    """Return the error of a cell that is no date."""
    where, cell = table.places[row], shorten(cells[row])
    if reader.date_format is not None:
        problem = f"{name!r} is {cell!r}; expected a date in the format {reader.date_format}"
        return DataError(problem, hint=DATE_HINT, where=where)
    if column is not None and fits_other_order(cell, column.pattern):
        example = next(text for text, date in zip(cells, column.dates, strict=True) if date is not None)
        problem = f"{name!r} is {cell!r}; expected day and month in the order of the others, such as {example}"
        return DataError(problem, hint="Write all dates in one order of day and month", where=where)
    return DataError(f"{name!r} is {cell!r}; expected a date", hint=DATE_HINT, where=where)


def report_dates(table: Table, dates: DateCells, notify: Notify) -> None:
    """Report what is not certain about dates, and how numbers, several columns and several offsets were read."""
    column, cells = dates.column, dates.cells
    differing = next((row for row, date in enumerate(column.dates) if date and date.day != date.month), None)
    if column.other is not None and differing is not None:
        flag = "--month-first" if column.day_first else "--day-first"
        notify(
            Caution(
                f"{table.name}: the order of day and month in {dates.name!r} is not certain; {cells[differing]} is "
                f"read as {_written(column, differing)}. Use {flag} for the other order"
            )
        )
    first = next(row for row, date in enumerate(column.dates) if date is not None)
    if len(dates.positions) > 1:
        names = list_names([table.header[position] for position in dates.positions])
        notify(f"{table.name}: the columns {names} hold the dates; the first is {_written(column, first)}")
    if any(directive in column.pattern for directive in COUNTED_UNITS):
        unit = next(unit for directive, unit in COUNTED_UNITS.items() if directive in column.pattern)
        notify(f"{table.name}: {dates.name!r} counts {unit}; {cells[first]} is read as {_written(column, first)}")
    if column.clock == "utc":
        notify(f"{table.name}: the dates have several offsets from UTC; they are read and written in UTC")
    if column.clock == "calendar":
        notify(f"{table.name}: the dates have several offsets from UTC; they are read as days, without a zone")


def report_unused(table: Table, position: int, column: DateColumn | None, notify: Notify) -> None:
    """Report a column that looks like dates and cannot be read."""
    cells = table.texts(position)
    row = column.unreadable[0] if column is not None and column.unreadable else 0
    name = table.header[position]
    message = (
        f"{table.places[row]}: {name!r} looks like dates, but {shorten(cells[row])} cannot be read; the rows are used "
        "in their order, without dates. Use --date-format to read it"
    )
    if not cells[row]:
        message = (
            f"{table.places[row]}: {name!r} looks like dates, but the cell is empty; the rows are used in their order, "
            "without dates. Write a date in every row"
        )
    notify(Caution(message))


def _written(column: DateColumn, row: int) -> str:
    date = column.dates[row]
    assert date is not None
    return write_date(date, "%Y-%m-%d" if date.time() == datetime.min.time() else "%Y-%m-%d %H:%M:%S")
