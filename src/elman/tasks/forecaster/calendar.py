"""The step between the rows of a series, by which missing rows are recognized and dates continued.

Steps are whole months where all dates are on the same day of a month, or on the last one; days of the week where no row
is on the others (Monday to Friday: working days); and seconds, or parts of them, otherwise.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from elman.errors import DataError

MICROSECOND = timedelta(microseconds=1)
MINUTE, HOUR, DAY = 60, 3600, 86400
_NAMES = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_SEASONS = {7 * DAY: 52, DAY: 7}  # steps in a year, in a week; of shorter ones, in a day
_MIN_WEEKDAYS = 5  # days of the week on which rows are; with fewer of them, the days have no common step
_MIN_WEEKS = 3  # in each of which the other days are absent
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Step:
    """What lies between two rows."""

    unit: Literal["months", "weekdays", "seconds", "microseconds"]
    count: int
    month_end: bool = False  # dates are the last days of months
    weekdays: tuple[int, ...] = ()  # on which rows are; Monday is 0

    @property
    def season(self) -> int:
        """The rows after which a series is likely to repeat itself; 1 where nothing is known."""
        if self.unit == "months":
            return 12 // self.count if 12 % self.count == 0 else 1
        if self.unit == "weekdays":
            return len(self.weekdays)
        if self.unit == "microseconds":
            return 1
        if self.count < DAY:
            return DAY // self.count if DAY % self.count == 0 else 1
        return _SEASONS.get(self.count, 1)

    def __str__(self) -> str:
        if self.unit == "weekdays":
            return "working day"
        if self.unit == "months":
            count, name = (self.count // 12, "year") if self.count % 12 == 0 else (self.count, "month")
        elif self.unit == "microseconds":
            size, name = (1000, "millisecond") if self.count % 1000 == 0 else (1, "microsecond")
            count = self.count // size
        else:
            size, name = next((size, name) for size, name in _NAMES if self.count % size == 0)
            count = self.count // size
        return name if count == 1 else f"{count} {name}s"

    def after(self, date: datetime, count: int) -> datetime:
        """Return the date that is `count` steps later; after the year 9999, a DataError."""
        try:
            return self._after(date, count)
        except (ValueError, OverflowError):
            hint = "Forecast fewer rows, or leave out the dates"
            raise DataError(f"dates after {date.year:04d} leave the years 1 to 9999", hint=hint) from None

    def _after(self, date: datetime, count: int) -> datetime:
        if self.unit == "weekdays":
            weeks, place = divmod(self._weekday_number(date) + count, len(self.weekdays))
            day = datetime.fromordinal(7 * weeks + self.weekdays[place] + 1)
            return datetime.combine(day.date(), date.time())
        if self.unit == "seconds":
            return date + timedelta(seconds=self.count * count)
        if self.unit == "microseconds":
            return date + timedelta(microseconds=self.count * count)
        months = date.year * 12 + date.month - 1 + self.count * count
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date.replace(year=year, month=month + 1, day=last if self.month_end else min(date.day, last))

    def between(self, first: datetime, second: datetime) -> int | None:
        """Return how many steps lie between two dates; None where it is no whole number."""
        if self.unit == "weekdays":
            if second.weekday() not in self.weekdays or first.time() != second.time():
                return None
            return self._weekday_number(second) - self._weekday_number(first)
        if self.unit == "months":
            months = (second.year - first.year) * 12 + second.month - first.month
            steps = months // self.count
            return steps if self.after(first, steps) == second else None
        size = self.count * (1 if self.unit == "microseconds" else 1_000_000)
        steps, rest = divmod((second - first) // MICROSECOND, size)
        return steps if rest == 0 else None

    def _weekday_number(self, date: datetime) -> int:
        """Return the number of a date among the weekdays of the step since the Monday of the year 1."""
        weeks, weekday = divmod(date.toordinal() - 1, 7)
        return weeks * len(self.weekdays) + self.weekdays.index(weekday)


def describe_weekdays(step: Step) -> str:
    """Return the names of the weekdays on which rows are."""
    first, last = step.weekdays[0], step.weekdays[-1]
    if last - first == len(step.weekdays) - 1:
        return f"{_WEEKDAYS[first]} to {_WEEKDAYS[last]}"
    return ", ".join(_WEEKDAYS[day] for day in step.weekdays)


def common_step(dates: Sequence[datetime]) -> Step | None:
    """Return the step that is most often between neighbours, of dates that rise; None of fewer than two."""
    if len(dates) < 2:
        return None
    months = [(b.year - a.year) * 12 + b.month - a.month for a, b in pairwise(dates)]
    ends = all(date.day == calendar.monthrange(date.year, date.month)[1] for date in dates)
    one_time = len({date.time() for date in dates}) == 1
    if min(months) >= 1 and one_time and (ends or len({date.day for date in dates}) == 1):
        return Step("months", Counter(months).most_common(1)[0][0], month_end=ends)
    step = Counter((b - a) // MICROSECOND for a, b in pairwise(dates)).most_common(1)[0][0]
    seconds, rest = divmod(step, 1_000_000)
    if rest:
        return Step("microseconds", step)
    weekdays = tuple(sorted({date.weekday() for date in dates}))
    if (
        seconds == DAY
        and one_time
        and _MIN_WEEKDAYS <= len(weekdays) < len(_WEEKDAYS)
        and (dates[-1] - dates[0]).days >= _MIN_WEEKS * len(_WEEKDAYS)
    ):
        return Step("weekdays", 1, weekdays=weekdays)
    return Step("seconds", seconds)
