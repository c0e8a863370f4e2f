"""The dates of a column, on one clock.

Dates have the time that is written, without a zone, if all have one offset from UTC, or if all have one time of day
(days of a calendar). With several offsets, as in a zone with daylight saving time, they are in UTC. With more offsets
than a zone ever has, what follows the time is no offset: 10:00-11:00 is an hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from .date_orders import is_day_first
from .date_patterns import DatePattern, Reading

Clock = Literal["written", "calendar", "utc"]

UTC_ZONE = "+00:00"
MAX_OFFSETS = 4  # of one column: standard time and daylight saving time, before and after a law changed them


@dataclass(frozen=True, slots=True)
class DateColumn:
    """The dates of a column; None for a cell that could not be read."""

    dates: tuple[datetime | None, ...]
    pattern: str  # in which dates are written (date_patterns.py)
    clock: Clock = "written"
    day_first: bool = False  # both in digits
    other: str | None = None  # the pattern with the other order of day and month, which reads the cells as well

    @property
    def unreadable(self) -> tuple[int, ...]:
        """The rows whose cells are no dates."""
        return tuple(row for row, date in enumerate(self.dates) if date is None)


def date_column(
    cells: Sequence[str],
    readings: Sequence[Reading | None],
    pattern: DatePattern | str,
    *,
    day_first: bool | None = None,
) -> DateColumn | None:
    """Return the readings of a column as dates on one clock; None if none of the cells fits the pattern.

    day_first is the order in the cells, if the pattern in which dates are written has another one.
    """
    found = [reading for reading in readings if reading is not None]
    offsets = {offset for _, offset in found}
    if not found or len(offsets) > MAX_OFFSETS:
        return None
    clock: Clock = "written"
    zone: str | None = None
    if len(offsets) > 1:
        clock = "calendar" if len({date.time() for date, _ in found}) == 1 and None not in offsets else "utc"
        zone = UTC_ZONE if clock == "utc" else None
    elif None not in offsets:
        zone = _zone_text(next(cell for cell, reading in zip(cells, readings, strict=True) if reading is not None))
    dates = [None if reading is None else _utc(reading) if clock == "utc" else reading[0] for reading in readings]
    text = pattern if isinstance(pattern, str) else pattern.written(zone)
    return DateColumn(tuple(dates), text, clock, bool(is_day_first(text) if day_first is None else day_first))


def _utc(reading: Reading) -> datetime | None:
    """Return a date in UTC; None before the year 1 and after 9999."""
    date, offset = reading
    try:
        return date - timedelta(seconds=offset or 0)
    except OverflowError:
        return None


def _zone_text(cell: str) -> str:
    match = re.search(r"(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2}){0,2})$", cell.strip(), re.IGNORECASE)
    return match[0] if match else ""
