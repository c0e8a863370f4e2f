"""Dates of a column without one pattern for all of its cells, read cell by cell by dateutil."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Sequence
from datetime import datetime

from .date_columns import DateColumn, date_column
from .date_patterns import LARGEST_OFFSET, MONTH_NAMES, Reading

FIRST_CELLS = 20  # that suggest patterns
_HANZI_DIGITS = "〇零一二三四五六七八九十"

_LOOKS_LIKE_A_DATE = re.compile(
    rf"\d{{1,4}} ?[-/.年] ?\d{{1,2}} ?[-/.月] ?\d{{1,4}}(?!\d).*"
    rf"|.*\b(?:{MONTH_NAMES})\b.*\d.*|.*\d.*\b(?:{MONTH_NAMES})\b.*"
    r"|\d{1,2}[-. ]+[^\W\d_]{3,10}\.?[-. ,]+\d{2,4}(?!\d).*"
    rf"|[{_HANZI_DIGITS}\d]{{2,4}}年.*|[^\W\d_]{{3,10}}\.? (?:1[89]|20)\d\d"
    r"|.*\b(?:1[5-9]|20)\d\d[-/.]\d\d?[-/.]\d\d?\b.*"
    r"|\d{4} ?[-/:]? ?Q ?[1-4]|Q ?[1-4] ?[-/:]? ?\d{4}|\d{4}[-/]\d{1,2}",
    re.IGNORECASE,
)
_HAS_YEAR = re.compile(rf"\d{{4}}|{MONTH_NAMES}", re.IGNORECASE)
_HAS_ZONE = re.compile(r".*\d:\d\d.*(?:[a-z]|[+-]\d\d:?\d\d|[+-]\d\d)\)?", re.IGNORECASE)


def look_like_dates(cells: Sequence[str]) -> bool:
    """Return whether most of the first cells that are filled look like dates to a person."""
    filled = list(itertools.islice((cell.strip() for cell in cells if cell.strip()), FIRST_CELLS))
    return 2 * sum(_LOOKS_LIKE_A_DATE.fullmatch(cell) is not None for cell in filled) > len(filled)


def read_by_dateutil(cells: Sequence[str], *, day_first: bool) -> DateColumn | None:
    """Return the dates as dateutil reads them one by one; None if most of the first cells do not look like dates."""
    if not look_like_dates(cells):
        return None
    from dateutil.parser import UnknownTimezoneWarning  # takes 20 milliseconds, and most columns do not need it

    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownTimezoneWarning)
        readings = [_read(cell.strip(), day_first) for cell in cells]
    has_time = any(reading is not None and reading[0].time() != datetime.min.time() for reading in readings)
    pattern = "%Y-%m-%d %H:%M:%S" if has_time else "%Y-%m-%d"
    return date_column(cells, readings, pattern, day_first=day_first)


def _read(cell: str, day_first: bool) -> Reading | None:
    """Return the date of a cell; None without a year or a month, and for an offset that is none of a zone."""
    from dateutil import parser

    if not _HAS_YEAR.search(cell):
        return None
    try:
        date = parser.parse(cell, dayfirst=day_first, default=datetime(1, 1, 1))
        complete = parser.parse(cell, dayfirst=day_first, default=datetime(2, 2, 1)).replace(tzinfo=None)
        offset = date.utcoffset()
    except (ValueError, OverflowError, TypeError, AttributeError, parser.UnknownTimezoneWarning):
        return None
    date = date.replace(tzinfo=None)
    if date != complete:
        return None
    if offset is None:
        return date, None
    seconds = int(offset.total_seconds())
    return (date, seconds) if abs(seconds) <= LARGEST_OFFSET and _HAS_ZONE.fullmatch(cell) else None
