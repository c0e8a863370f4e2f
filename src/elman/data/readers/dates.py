"""Dates as people and programs write them, read with one pattern for each column of a table.

    1949-01   1949/1/31 14:30   2016-07-01T00:00:00.250+02:00   31.01.1949   1/31/49 2:30 PM   31 Jan 1949   Jan-49
    1949Q1   Q1 1949   1949-W05   19490131   1949年1月31日   Mon, 31 Jan 1949

The cells of the beginning suggest patterns; the one that reads most cells of the column is used. A column such as
01/02/2020, 02/02/2020, whose numbers fit the order day, month and the order month, day, is read in the order in which
the dates rise and follow each other in equal steps. If both do, the caller's choice decides; without one, the day is
first between points and hyphens, and the month between slashes. A column without one pattern for all of its cells is
read by dateutil, cell by cell, in the same order of day and month.

Clocks. Dates have the time that is written, without a zone, if all have one offset from UTC, or if all have one time of
day (days of a calendar). With several offsets, as in a zone with daylight saving time, they are in UTC.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from .date_patterns import MONTH_NAMES, DatePattern, Reading
from .date_templates import patterns_of

Clock = Literal["written", "calendar", "utc"]

FIRST_CELLS = 20  # that suggest patterns
OTHER_CELLS = 200  # of the whole column, that decide between them
UTC_ZONE = "+00:00"

_LOOKS_LIKE_A_DATE = re.compile(
    rf"\d{{1,4}} ?[-/.年] ?\d{{1,2}} ?[-/.月] ?\d{{1,4}}(?!\d).*"
    rf"|.*\b(?:{MONTH_NAMES})\b.*\d.*|.*\d.*\b(?:{MONTH_NAMES})\b.*"
    r"|\d{1,2}[-. ]+[^\W\d_]{3,10}\.?[-. ,]+\d{2,4}(?!\d).*"
    r"|\d{4} ?[-/:]? ?Q ?[1-4]|Q ?[1-4] ?[-/:]? ?\d{4}|\d{4}[-/]\d{1,2}",
    re.IGNORECASE,
)
_HAS_YEAR = re.compile(rf"\d{{4}}|{MONTH_NAMES}", re.IGNORECASE)
_DIGITS = re.compile(r"\d{4}|\d{6}|\d{8}|\d{12}|\d{14}")
_OF_DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
YEARS = range(1500, 2201)  # of dates that are written in digits alone
_WORDS = re.compile(r"[A-Z]?[a-zéñ]+|[A-Z]+|[\u4e00-\u9fff]")
_DATE_WORDS = frozenset(
    {
        *("year", "yr", "jahr", "année", "annee", "año", "ano", "anno"),
        *("date", "datum", "fecha", "data", "time", "period", "month", "年", "月", "日"),
    }
)


@dataclass(frozen=True, slots=True)
class DateColumn:
    """The dates of a column; None for a cell that could not be read."""

    dates: tuple[datetime | None, ...]
    pattern: str  # in which dates are written (date_patterns.py)
    clock: Clock = "written"
    other: str | None = None  # the pattern with the other order of day and month, which reads the cells as well

    @property
    def unreadable(self) -> tuple[int, ...]:
        """The rows whose cells are no dates."""
        return tuple(row for row, date in enumerate(self.dates) if date is None)

    @property
    def day_first(self) -> bool:
        """Whether the day is before the month."""
        return _day_first(self.pattern) is True


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
    if date_format is not None:
        return _column(cells, DatePattern(date_format))
    patterns = _candidates(cells, day_first)
    columns = [column for pattern in patterns if (column := _column(cells, pattern)) is not None]
    if not columns and usual is not None:
        columns = [column for column in (_column(cells, DatePattern(usual)),) if column is not None]
    if not columns:
        return _read_by_dateutil(cells, day_first)
    fewest = min(len(column.unreadable) for column in columns)
    if fewest and (mixed := _read_by_dateutil(cells, _day_first(columns[0].pattern))) and not mixed.unreadable:
        return mixed
    different = {column.dates: column for column in sorted(columns, key=lambda column: -_preference(column.pattern))}
    best = [column for column in different.values() if len(column.unreadable) == fewest]
    if len(best) == 1:
        return best[0]
    scores = [_regularity(column.dates) for column in best]
    regular = [column for column, score in zip(best, scores, strict=True) if score == max(scores)]
    if usual is not None and any(_order(column.pattern) == _order(usual) for column in regular):
        return next(column for column in regular if _order(column.pattern) == _order(usual))
    chosen = min(regular, key=lambda column: _preference(column.pattern))
    rising = [column for column, (rises, _) in zip(best, scores, strict=True) if rises and column is not chosen]
    if not rising and max(scores)[0]:
        return chosen
    other = next(column for column in rising or best if column is not chosen)
    return DateColumn(chosen.dates, chosen.pattern, chosen.clock, other.pattern)


def read_dates_of_digits(cells: Sequence[str], name: str) -> DateColumn | None:
    """Return the dates of a column of whole numbers: years, 194901 or 19490131; None if they may be other numbers.

    Years and months are dates if the column is called so, or if each is one step after another one.
    """
    filled = {cell.strip() for cell in cells}
    sizes = {len(cell) for cell in filled}
    if len(sizes) != 1 or len(filled) < 2 or not all(_DIGITS.fullmatch(cell) for cell in filled):
        return None
    size = sizes.pop()
    if not all(int(cell[:4]) in YEARS for cell in filled):
        return None
    column = _column(cells, DatePattern(_OF_DIGITS[size]))
    if column is None or column.unreadable:
        return None
    if size > len("194901") or not _DATE_WORDS.isdisjoint(word.lower() for word in _WORDS.findall(name)):
        return column
    dates = sorted(date for date in set(column.dates) if date is not None)
    unit = 1 if size > len("1949") else 12
    months = [date.year * 12 + date.month for date in dates]
    return column if all(b - a == unit for a, b in itertools.pairwise(months)) else None


def look_like_dates(cells: Sequence[str]) -> bool:
    """Return whether most of the first cells that are filled look like dates to a person."""
    filled = list(itertools.islice((cell.strip() for cell in cells if cell.strip()), FIRST_CELLS))
    return 2 * sum(_LOOKS_LIKE_A_DATE.fullmatch(cell) is not None for cell in filled) > len(filled)


def read_date(text: str, pattern: str | None = None) -> datetime | None:
    """Return the date of one text, in a pattern or in the order year, month, day; None of anything else."""
    for candidate in (*([pattern] if pattern else []), "%Y", None):
        column = read_dates([text], date_format=candidate)
        if column is not None and column.dates[0] is not None:
            return column.dates[0]
    return None


def _column(cells: Sequence[str], pattern: DatePattern) -> DateColumn | None:
    """Return the cells read with one pattern; None if none of them fits."""
    readings = [pattern.read(cell) for cell in cells]
    return _on_one_clock(cells, readings, pattern)


def _on_one_clock(
    cells: Sequence[str], readings: Sequence[Reading | None], pattern: DatePattern | str
) -> DateColumn | None:
    """Return the dates on one clock, as the docstring of the module says."""
    found = [reading for reading in readings if reading is not None]
    if not found:
        return None
    offsets = {offset for _, offset in found}
    clock: Clock = "written"
    zone: str | None = None
    if len(offsets) > 1:
        clock = "calendar" if len({date.time() for date, _ in found}) == 1 and None not in offsets else "utc"
        zone = UTC_ZONE if clock == "utc" else None
    elif None not in offsets:
        zone = _zone_text(next(cell for cell, reading in zip(cells, readings, strict=True) if reading is not None))
    dates = [None if reading is None else _utc(reading) if clock == "utc" else reading[0] for reading in readings]
    return DateColumn(tuple(dates), pattern if isinstance(pattern, str) else pattern.written(zone), clock)


def _utc(reading: Reading) -> datetime:
    date, offset = reading
    return date - timedelta(seconds=offset or 0)


def _zone_text(cell: str) -> str:
    match = re.search(r"(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2}){0,2})$", cell.strip(), re.IGNORECASE)
    return match[0] if match else ""


def _candidates(cells: Sequence[str], day_first: bool | None) -> list[DatePattern]:
    """Return the patterns that most of the first cells fit, and as many others as any pattern."""
    filled = list(itertools.islice((cell.strip() for cell in cells if cell.strip()), FIRST_CELLS))
    texts = dict.fromkeys(text for cell in filled for text in patterns_of(cell))
    if day_first is not None:
        texts = {text: None for text in texts if _day_first(text) in (None, day_first)}
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


def _read_by_dateutil(cells: Sequence[str], day_first: bool | None) -> DateColumn | None:
    """Return the dates as dateutil reads them one by one; None if most of the first cells are no dates."""
    if not look_like_dates(cells):
        return None
    from dateutil.parser import UnknownTimezoneWarning  # takes 20 milliseconds, and most columns do not need it

    readings: list[Reading | None] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownTimezoneWarning)
        readings = [_reading_by_dateutil(cell.strip(), bool(day_first)) for cell in cells]
    has_time = any(reading is not None and reading[0].time() != datetime.min.time() for reading in readings)
    return _on_one_clock(cells, readings, "%Y-%m-%d %H:%M:%S" if has_time else "%Y-%m-%d")


def _reading_by_dateutil(cell: str, day_first: bool) -> Reading | None:
    from dateutil import parser

    if not _HAS_YEAR.search(cell):
        return None
    try:
        date = parser.parse(cell, dayfirst=day_first, default=datetime(1, 1, 1))
        complete = parser.parse(cell, dayfirst=day_first, default=datetime(2, 2, 1)).replace(tzinfo=None)
    except (ValueError, OverflowError, parser.UnknownTimezoneWarning):
        return None
    offset = date.utcoffset()
    date = date.replace(tzinfo=None)
    if date != complete:  # the year or the month is not in the cell
        return None
    return date, None if offset is None else int(offset.total_seconds())


def _order(pattern: str) -> tuple[str, ...]:
    """Return the order of year, month and day in a pattern."""
    return tuple(letter.lower() for letter in re.findall(r"%-?([YymdbB])", pattern))


def _day_first(pattern: str) -> bool | None:
    """Return whether the day is before the month, both in digits; None for a pattern of another kind."""
    orders: dict[tuple[str, ...], bool] = {("d", "m", "y"): True, ("m", "d", "y"): False}
    return orders.get(_order(pattern))


def _preference(pattern: str) -> int:
    """Return the place of a pattern among those that fit equally well."""
    day_first = _day_first(pattern)
    return 2 if day_first is None else int(day_first == ("/" in pattern))


def _regularity(dates: Sequence[datetime | None]) -> tuple[bool, float]:
    """Return whether the dates rise or fall, and the share of the most frequent step: more is more likely.

    Dates that come again, as those of several series do, count once.
    """
    different = list(dict.fromkeys(date for date in dates if date is not None))
    if len(different) < 3:
        return True, 0.0
    pairs = list(itertools.pairwise(different))
    rising = all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
    different.sort()
    pairs = list(itertools.pairwise(different))
    seconds = Counter(b - a for a, b in pairs).most_common(1)[0][1]
    same_day = len({date.day for date in different}) == 1
    months = Counter((b.year - a.year) * 12 + b.month - a.month for a, b in pairs).most_common(1)[0][1] * same_day
    return rising, round(max(seconds, months) / len(pairs), 3)
