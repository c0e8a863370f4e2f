"""Rows in order of time: newest rows first are reversed, missing ones inserted, and clocks that were set back undone.

A row is missing if the dates have a common step and no row has the date in between. Days of the week on which no row
is (weekends) are not missing. Rows whose dates have no common step are used in their order.

Local time without a zone has an hour twice in autumn and none in spring. Where dates show that, all rows get the time
of the clock of the last row, so that neighbours are one step apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

from .calendar import Step, common_step

Array = npt.NDArray[np.float64]

MAX_INSERTED_SHARE = 0.2  # of the rows; with more, the dates are no regular grid
ONE_HOUR = timedelta(hours=1)
_SET_BACK_MONTHS = frozenset({3, 4, 9, 10, 11})  # of both hemispheres
_LAST_NIGHT_HOUR = 4


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows of a series in order of time, and what was changed."""

    values: Array  # (T, C)
    dates: tuple[datetime, ...]
    step: Step | None
    inserted: tuple[datetime, ...] = ()  # the dates of rows that were missing
    was_reversed: bool = False
    clock_changes: int = 0


def order_rows(values: Array, dates: Sequence[datetime], cells: Sequence[str], places: Sequence[str]) -> Timeline:
    """Return the rows in order of time; dates in no order, or twice, are a DataError with the place of the row."""
    falling = len(dates) > 1 and all(a > b for a, b in pairwise(dates))
    if falling:
        values, dates = values[::-1], dates[::-1]
    changes = 0
    if any(b <= a for a, b in pairwise(dates)):
        corrected = _without_clock_changes(dates)
        if corrected is None:
            raise _order_error(dates, cells, places)
        dates, changes = corrected
    return _insert_missing(Timeline(values, tuple(dates), common_step(dates), (), falling, changes))


def _order_error(dates: Sequence[datetime], cells: Sequence[str], places: Sequence[str]) -> DataError:
    row = next(row for row in range(1, len(dates)) if dates[row] <= dates[row - 1])
    cell, before = cells[row].strip(), cells[row - 1].strip()
    if dates[row] in dates[:row]:
        problem = f"the date {cell} comes a second time"
    else:
        problem = f"the date {cell} comes after {before}"
    hint = "Sort the rows by time, each date once. Name the column that tells several series apart with --series"
    return DataError(problem, hint=hint, where=places[row])


def _without_clock_changes(dates: Sequence[datetime]) -> tuple[list[datetime], int] | None:
    """Return dates with the clock of the last row, and how often it was set back; None if the order is just wrong."""
    gaps = [b - a for a, b in pairwise(dates)]
    step = Counter(gaps).most_common(1)[0][0]
    if not timedelta(0) < step <= ONE_HOUR:
        return None
    shift, count, corrected = timedelta(0), 0, [dates[-1]]
    for row in range(len(dates) - 1, 0, -1):
        date, gap = dates[row - 1], gaps[row - 1]
        if gap == step - ONE_HOUR and date.month in _SET_BACK_MONTHS and date.hour <= _LAST_NIGHT_HOUR:
            shift -= ONE_HOUR
            count += 1
        elif gap <= timedelta(0):
            return None
        elif gap == step + ONE_HOUR and date.month in _SET_BACK_MONTHS and date.hour <= _LAST_NIGHT_HOUR:
            shift += ONE_HOUR
        corrected.append(date + shift)
    corrected.reverse()
    days = max(1, (dates[-1] - dates[0]).days)
    if any(b <= a for a, b in pairwise(corrected)) or count > 1 + days // 300:
        return None
    return corrected, count


def _insert_missing(line: Timeline) -> Timeline:
    """Return the rows with rows inserted where dates are missing; without a step if there is no common one."""
    if line.step is None:
        return line
    places = _places(line.dates, line.step)
    if places is None:
        return Timeline(line.values, line.dates, None, (), line.was_reversed, line.clock_changes)
    total = places[-1] + 1
    if total == len(places):
        return line
    values = np.full((total, line.values.shape[1]), np.nan)
    values[places] = line.values
    dates = tuple(line.step.after(line.dates[0], n) for n in range(total))
    there = set(places)
    inserted = tuple(date for n, date in enumerate(dates) if n not in there)
    return Timeline(values, dates, line.step, inserted, line.was_reversed, line.clock_changes)


def _places(dates: Sequence[datetime], step: Step) -> list[int] | None:
    """Return the place of each row on the grid of steps; None without a grid, or if too many rows are missing."""
    places = [step.between(dates[0], date) for date in dates]
    on_grid = [place for place in places if place is not None]
    total = on_grid[-1] + 1 if on_grid else 0
    if len(on_grid) < len(places) or total - len(on_grid) > MAX_INSERTED_SHARE * total:
        return None
    return on_grid
