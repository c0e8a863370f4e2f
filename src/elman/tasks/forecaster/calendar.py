"""Dates of rows in time: read from cells, told apart by their steps, and continued.

A date is ISO 8601 or nearly: 1949-01, 1949-01-31, 1949/1/31 14:30, 2016-07-01T00:00:00. Steps are whole months where
all dates stand at the same day of a month, or at the end of one, and seconds otherwise.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

_DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2})(?:([T ])(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0*)?)?)?)?(Z|[+-]00:?00)?"
)
MINUTE, HOUR, DAY = 60, 3600, 86400
_NAMES = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_SEASONS = {7 * DAY: 52, DAY: 7}  # steps in a year, in a week; of shorter ones, in a day


@dataclass(frozen=True, slots=True)
class Step:
    """What lies between two rows."""

    unit: Literal["months", "seconds"]
    count: int
    month_end: bool = False  # dates are the last days of months

    @property
    def season(self) -> int:
        """The rows after which a series is likely to repeat itself; 1 where nothing is known to."""
        if self.unit == "months":
            return 12 // self.count if 12 % self.count == 0 else 1
        if self.count < DAY:
            return DAY // self.count if DAY % self.count == 0 else 1
        return _SEASONS.get(self.count, 1)

    def __str__(self) -> str:
        if self.unit == "months":
            count, name = (self.count // 12, "year") if self.count % 12 == 0 else (self.count, "month")
        else:
            size, name = next((size, name) for size, name in _NAMES if self.count % size == 0)
            count = self.count // size
        return name if count == 1 else f"{count} {name}s"

    def after(self, date: datetime, count: int) -> datetime:
        """Return the date that is `count` steps later."""
        if self.unit == "seconds":
            return date + timedelta(seconds=self.count * count)
        months = date.year * 12 + date.month - 1 + self.count * count
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date.replace(year=year, month=month + 1, day=last if self.month_end else min(date.day, last))

    def between(self, first: datetime, second: datetime) -> int | None:
        """Return how many steps lie between two dates; None where it is no whole number."""
        if self.unit == "seconds":
            seconds = (second - first).total_seconds()
            return int(seconds) // self.count if seconds % self.count == 0 else None
        months = (second.year - first.year) * 12 + second.month - first.month
        steps = months // self.count
        return steps if self.after(first, steps) == second else None


def parse_date(text: str) -> datetime | None:
    """Return the date of a cell; None of anything else."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, _, month, day, _, hour, minute, second, _ = match.groups()
    try:
        return datetime(int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None


def date_format(text: str) -> str:
    """Return the pattern (strftime's) that dates like this one are written in."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"no date: {text!r}")
    _, separator, _, day, between, hour, _, second, zone = match.groups()
    date = separator.join(["%Y", "%m", *["%d"] * (day is not None)])
    time = ":".join(["%H", "%M", *["%S"] * (second is not None)]) if hour is not None else ""
    return f"{date}{between or ''}{time}{zone or ''}"


def common_step(dates: list[datetime]) -> Step | None:
    """Return the step that is most often between neighbours, of dates that rise; None of fewer than two."""
    if len(dates) < 2:
        return None
    months = [(b.year - a.year) * 12 + b.month - a.month for a, b in pairwise(dates)]
    ends = all((date + timedelta(days=1)).day == 1 for date in dates)
    one_time = len({(date.hour, date.minute, date.second) for date in dates}) == 1
    if min(months) >= 1 and one_time and (ends or len({date.day for date in dates}) == 1):
        return Step("months", Counter(months).most_common(1)[0][0], month_end=ends)
    seconds = [int((b - a).total_seconds()) for a, b in pairwise(dates)]
    return Step("seconds", Counter(seconds).most_common(1)[0][0])
