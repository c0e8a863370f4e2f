"""Rows in order of time: newest rows first are reversed, missing ones inserted, and clocks that were set back undone.

A row is missing if the dates have a common step and no row has the date in between. Days of the week on which no row
is (weekends) are not missing. Rows whose dates have no common step are used in their order.

Local time without a zone has an hour twice in autumn and none in spring. Where dates show that, all rows get the time
of the clock of the last row, so that neighbours are one step apart. A missing hour alone shows it if it is on the night
of a Sunday in spring, and no autumn is among the dates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .calendar import Step, common_step

Array = npt.NDArray[np.float64]

MAX_INSERTED_SHARE = 0.2  # of the rows; with more, the dates are no regular grid
MOST = 0.8  # of the rows that are missing are in one gap, which is then named
ONE_HOUR = timedelta(hours=1)
_CLOCK_MONTHS = frozenset({3, 4, 9, 10, 11})  # in which clocks are changed, in both hemispheres
_SET_FORWARD_MONTHS = frozenset({3, 9, 10})
_LAST_NIGHT_HOUR = 4
_SUNDAY = 6
_MAX_BEFORE_SPRING = timedelta(days=125)  # from the clock change in autumn
_MAX_AFTER_SPRING = timedelta(days=210)  # to the next one


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows of a series in order of time, and what was changed."""

    values: Array  # (T, C)
    dates: tuple[datetime, ...]
    step: Step | None
    inserted: tuple[datetime, ...] = ()  # the dates of rows that were missing
    was_reversed: bool = False
    clock_changes: int = 0  # times that the clock was set back
    clock_advances: int = 0  # times that it was set forward, if it was never set back
    gap: tuple[datetime, datetime] | None = None  # the dates around rows that are too many to be inserted


class OrderError(Exception):
    """A row whose date is not after that of the row before. `is_second`: the date was there before."""

    def __init__(self, row: int, *, is_second: bool) -> None:
        super().__init__(row)
        self.row, self.is_second = row, is_second


def order_rows(values: Array, dates: Sequence[datetime]) -> Timeline:
    """Return the rows in order of time; dates in no order, or twice, are an OrderError."""
    falling = len(dates) > 1 and all(a > b for a, b in pairwise(dates))
    if falling:
        values, dates = values[::-1], dates[::-1]
    changes, advances = 0, 0
    if any(b <= a for a, b in pairwise(dates)):
        corrected = _without_clock_changes(dates)
        if corrected is None:
            row = next(row for row in range(1, len(dates)) if dates[row] <= dates[row - 1])
            raise OrderError(row, is_second=dates[row] in dates[:row])
        dates, changes = corrected
    elif (spring := _spring_row(dates)) is not None:
        dates, advances = [*(date + ONE_HOUR for date in dates[:spring]), *dates[spring:]], 1
    line = Timeline(values, tuple(dates), common_step(dates), (), falling, changes, advances)
    return _insert_missing(line)


def _without_clock_changes(dates: Sequence[datetime]) -> tuple[list[datetime], int] | None:
    """Return dates with the clock of the last row, and how often it was set back; None if the order is just wrong."""
    gaps = [b - a for a, b in pairwise(dates)]
    step = Counter(gaps).most_common(1)[0][0]
    if not timedelta(0) < step <= ONE_HOUR:
        return None
    shift, count, corrected = timedelta(0), 0, [dates[-1]]
    for row in range(len(dates) - 1, 0, -1):
        date, gap = dates[row - 1], gaps[row - 1]
        if gap == step - ONE_HOUR and _is_clock_night(date):
            shift -= ONE_HOUR
            count += 1
        elif gap <= timedelta(0):
            return None
        elif gap == step + ONE_HOUR and _is_clock_night(date):
            shift += ONE_HOUR
        corrected.append(date + shift)
    corrected.reverse()
    days = max(1, (dates[-1] - dates[0]).days)
    if any(b <= a for a, b in pairwise(corrected)) or count > 1 + days // 300:
        return None
    return corrected, count


def _spring_row(dates: Sequence[datetime]) -> int | None:
    """Return the row before which the clock was set forward; None if no hour is missing, or for another reason."""
    gaps = [b - a for a, b in pairwise(dates)]
    step = Counter(gaps).most_common(1)[0][0] if gaps else ONE_HOUR
    rows = [
        row
        for row, (date, gap) in enumerate(zip(dates[1:], gaps, strict=True), start=1)
        if gap == step + ONE_HOUR and step <= ONE_HOUR and date.weekday() == _SUNDAY and _is_clock_night(date)
    ]
    if len(rows) != 1 or dates[rows[0]].month not in _SET_FORWARD_MONTHS:
        return None
    change = dates[rows[0]]
    return rows[0] if change - dates[0] < _MAX_BEFORE_SPRING and dates[-1] - change < _MAX_AFTER_SPRING else None


def _is_clock_night(date: datetime) -> bool:
    return date.month in _CLOCK_MONTHS and date.hour <= _LAST_NIGHT_HOUR


def _insert_missing(line: Timeline) -> Timeline:
    """Return the rows with rows inserted where dates are missing; without a step if there is no common one."""
    if line.step is None:
        return line
    places = _places(line.dates, line.step)
    if places is None:
        return replace(line, step=None)
    if places[-1] + 1 - len(places) > MAX_INSERTED_SHARE * (places[-1] + 1):
        before, after = max(pairwise(line.dates), key=lambda pair: pair[1] - pair[0])
        is_one_gap = (places[-1] + 1 - len(places)) * MOST < (line.step.between(before, after) or 0)
        return replace(line, step=None, gap=(before, after) if is_one_gap else None)
    total = places[-1] + 1
    if total == len(places):
        return line
    values = np.full((total, line.values.shape[1]), np.nan)
    values[places] = line.values
    dates = tuple(line.step.after(line.dates[0], n) for n in range(total))
    there = set(places)
    inserted = tuple(date for n, date in enumerate(dates) if n not in there)
    return replace(line, values=values, dates=dates, inserted=inserted)


def _places(dates: Sequence[datetime], step: Step) -> list[int] | None:
    """Return the place of each row on the grid of steps; None if a row is between two places."""
    places = [step.between(dates[0], date) for date in dates]
    on_grid = [place for place in places if place is not None]
    return on_grid if len(on_grid) == len(places) else None
