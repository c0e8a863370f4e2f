"""The split of series into training and validation set, and the checks of both.

The validation set is the end of each series. A table of several series may have some that are too short for it, which
are only trained on, and some that are too short to be trained on, which are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from elman.data.corpora.split import AUTOMATIC_VALID_SHARE, has_split
from elman.data.readers.encodings import Notify
from elman.errors import DataError

from .series import Series

Array = npt.NDArray[np.float64]

SMALLEST = 1e-12  # of the largest magnitude of a column; the scales of smaller ones are rounded
MIN_VALID_HORIZONS = 2


@dataclass(frozen=True, slots=True)
class SplitSeries:
    """A series whose first rows are in the training set, and whose last ones are in the validation set."""

    series: Series
    train_rows: int

    @property
    def valid_rows(self) -> int:
        """The number of rows in the validation set."""
        return len(self.series) - self.train_rows

    @property
    def train_series(self) -> Series:
        """The rows of the training set."""
        return self.series.rows(0, self.train_rows)


def split_series(
    train: Sequence[Series], valid: Sequence[Series] | None, fraction: float | None, horizon: int, where: str
) -> list[SplitSeries]:
    """Return the series with their training rows."""
    if valid is None:
        return [SplitSeries(one, _train_rows(len(one), fraction, horizon)) for one in train]
    rest = {one.ids: one for one in valid}
    parts = []
    for one in train:
        continuation = rest.pop(one.ids, None)
        whole = one if continuation is None else _joined(one, continuation, where)
        parts.append(SplitSeries(whole, len(one)))
    if rest:
        label = next(iter(rest.values())).label
        hint = "The validation set continues the series of the training set"
        raise DataError(f"has the series {label!r}, which the training set has not", hint=hint, where=where)
    return parts


def usable_series(parts: Sequence[SplitSeries], horizon: int, where: str, notify: Notify) -> list[SplitSeries]:
    """Return the series that have enough rows; with several series, the others are left out, and reported.

    The only series is checked more strictly: it must change, and its validation set must have values.
    """
    if len(parts) == 1 and not parts[0].series.ids:
        _check(parts[0], horizon, where)
        return list(parts)
    usable = []
    for part in parts:
        known = ~np.isnan(part.train_series.values)
        if part.train_rows < 2 * horizon or not known.any(0).all():
            continue
        scored = ~np.isnan(part.series.values[part.train_rows :, : len(part.series.targets)])
        if part.valid_rows < horizon or not scored.any():
            part = SplitSeries(part.series, len(part.series))
        usable.append(part)
    if not usable:
        problem = f"has {len(parts):,} series, none of which has {2 * horizon} training rows with values"
        hint = "Give more rows, or a smaller --horizon. Check that --series names the right columns"
        raise DataError(f"{problem}; expected at least one for a horizon of {horizon}", hint=hint, where=where)
    if left_out := [part.series.label for part in parts if part.series.ids not in {one.series.ids for one in usable}]:
        notify(
            f"{len(left_out):,} of {len(parts):,} series are left out, because they have fewer than {2 * horizon} "
            f"training rows or a column without values; the first one is {left_out[0]}"
        )
    _check_variation(usable, where)
    return usable


def _check_variation(parts: Sequence[SplitSeries], where: str) -> None:
    """Raise a DataError if a column never changes in any series, or if its numbers are too small for its scales."""
    first = parts[0].series
    for number, name in enumerate((*first.targets, *first.inputs)):
        columns = [part.train_series.values[:, number] for part in parts]
        is_constant = all(np.nanmin(column) == np.nanmax(column) for column in columns)
        if is_constant and (number < len(first.targets) or len({np.nanmin(column) for column in columns}) == 1):
            hint = "Name other columns with --target and --inputs"
            problem = f"{name!r} never changes in the training set; expected series that change"
            raise DataError(problem, hint=hint, where=where)
        _check_magnitude(name, np.concatenate(columns), where)


def _check_magnitude(name: str, column: Array, where: str) -> None:
    """Raise a DataError if the numbers of a column are too small for its scales."""
    largest = float(np.nanmax(np.abs(column)))
    if largest < SMALLEST:
        hint = "Write it in a smaller unit: multiply it by a power of ten"
        problem = f"the largest number of {name!r} is {largest:g}; expected one of {SMALLEST:g} or more"
        raise DataError(problem, hint=hint, where=where)


def _train_rows(rows: int, fraction: float | None, horizon: int) -> int:
    """Return the number of training rows; all rows if there is no validation set."""
    if not has_split(rows, fraction, at_least=2 * MIN_VALID_HORIZONS * horizon):
        return rows
    if fraction is not None:
        return rows - round(fraction * rows)
    return rows - max(round(AUTOMATIC_VALID_SHARE * rows), MIN_VALID_HORIZONS * horizon)


def _joined(train: Series, valid: Series, where: str) -> Series:
    """Return the rows of the validation set after those of the training set."""
    if (train.targets, train.inputs) != (valid.targets, valid.inputs):
        columns = ", ".join((*valid.targets, *valid.inputs))
        expected = ", ".join((*train.targets, *train.inputs))
        raise DataError(f"has the columns {columns}; expected {expected}, as in the training set", where=where)
    values = np.concatenate([train.values, valid.values])
    if train.dates is None and valid.dates is None:
        return replace(train, values=values)
    if train.dates is None or valid.dates is None:
        one = (
            "has no dates, but the training set has"
            if valid.dates is None
            else "has dates, but the training set has none"
        )
        raise DataError(one, hint="Give both a column of dates, or none", where=where)
    first, last, step = valid.dates.dates[0], train.dates.dates[-1], train.dates.step
    if first <= last:
        problem = f"begins at {valid.dates.text(0)}; expected rows after {train.dates.text(-1)}"
        raise DataError(problem, hint="The validation set comes after the training set", where=where)
    if valid.dates.step not in (step, None):
        problem = f"has one row every {valid.dates.step}; expected one row every {step}, as in the training set"
        raise DataError(problem, where=where)
    if step is not None and step.after(last, 1) != first:
        problem = f"begins at {valid.dates.text(0)}; expected one {step} after {train.dates.text(-1)}"
        raise DataError(problem, hint="The validation set continues the training set", where=where)
    return replace(train, values=values, dates=replace(train.dates, dates=train.dates.dates + valid.dates.dates))


def _check(part: SplitSeries, horizon: int, where: str) -> None:
    """Raise a DataError if there is too little to learn from or to score."""
    series, train_rows, valid_rows = part.series, part.train_rows, part.valid_rows
    if not valid_rows and train_rows < 2 * horizon:
        problem = f"has {train_rows:,} rows; expected at least {2 * horizon} for a horizon of {horizon}"
        raise DataError(problem, hint="Give more rows, or a smaller --horizon", where=where)
    if train_rows < 2 * horizon or 0 < valid_rows < horizon:
        problem = f"has {train_rows:,} training rows and {valid_rows:,} validation rows"
        expected = f"expected at least {2 * horizon} and {horizon} for a horizon of {horizon}"
        hint = "Give more rows, or a smaller --horizon or --valid-fraction"
        raise DataError(f"{problem}; {expected}", hint=hint, where=where)
    for number, name in enumerate((*series.targets, *series.inputs)):
        column = series.values[:train_rows, number]
        known = column[~np.isnan(column)]
        if known.size < 2:
            problem = f"{name!r} has {known.size} numbers in {train_rows:,} training rows; expected at least 2"
            raise DataError(problem, hint="Name other columns with --target and --inputs", where=where)
        if number < len(series.targets) and valid_rows and np.isnan(series.values[train_rows:, number]).all():
            raise _empty_validation_set(name, series.values[:, number], valid_rows, where)
        if known.min() == known.max():
            hint = "Name other columns with --target and --inputs"
            problem = f"{name!r} is always {known[0]:g} in the training set; expected a series that changes"
            raise DataError(problem, hint=hint, where=where)
        _check_magnitude(name, known, where)


def _empty_validation_set(name: str, column: Array, valid_rows: int, where: str) -> DataError:
    """Return the error for a validation set without a value of a target."""
    empty = int(np.isnan(column)[::-1].argmin())  # rows at the end without a value
    problem = f"no number in {name!r} in the last {valid_rows:,} rows, the validation set; expected at least one"
    hint = f"Leave out the {empty:,} empty rows at the end, or choose the validation set with --valid-fraction"
    return DataError(problem, hint=hint, where=where)
