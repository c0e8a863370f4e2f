"""The scales of a series: what a forecaster knows of the training set beside its weights.

K targets, C columns, H rows ahead, Q quantiles. z are the values as they are modelled: the logarithms of the targets,
or the targets; the inputs unchanged.

Several series of one table may be of any size. Each has a unit of its own, the mean and the standard deviation of its
targets in the training set, and z are the targets in it: (z - mean) / scale. The other scales are those of all series
in their units. A series that the training set did not have gets its unit from the history that it comes with. The only
series of a table has no unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat

from elman.config import Config

from .batches import futures, references, without_missing
from .config import ForecasterConfig
from .series import Series

Array = npt.NDArray[np.float64]

MIN_SCALE = 1e-9  # of a column that hardly changes, relative to its largest number


class Unit(Config):
    """The unit of one series among several, for each of K targets."""

    mean: tuple[float, ...]
    scale: tuple[PositiveFloat, ...]
    naive_mae: tuple[PositiveFloat, ...]  # of the seasonal naive forecast, in the units of the targets, for MASE


class Scales(Config):
    """The columns of a series, and their scales in the training set.

    Only the calibration factors are those of the validation set (calibration.py).
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    date: str | None = None  # the column of dates
    step: str | None = None  # between two rows, for people
    date_format: str | None = None  # of the dates in the training set
    decimal: str | None = None  # the decimal mark of the numbers in the training set
    series: tuple[str, ...] = ()  # the columns that name the series of a row; (): one series
    units: dict[str, Unit] = Field(default_factory=dict)  # by the name of a series
    mean: tuple[float, ...]  # (C,) of z
    scale: tuple[PositiveFloat, ...]  # (C,) of z
    differences: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-1)
    seasonal: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-s)
    spread: tuple[tuple[PositiveFloat, ...], ...]  # (H, K) of z_(t+h) - ref_t,h
    naive_mae: tuple[PositiveFloat, ...]  # (K,) of the seasonal naive forecast in the training set, for MASE
    calibration: tuple[tuple[PositiveFloat, ...], ...] = ()  # (K, Q) factors; (): not calibrated

    @classmethod
    def measure(cls, series: Sequence[Series], config: ForecasterConfig) -> Scales:
        """Measure the scales of a training set; a column that never changes has the smallest scale."""
        first, season = series[0], config.season
        K = len(first.targets)
        units = _units(series, config)
        tables = [modelled(one.values, K, logarithm=config.logarithm, unit=units.get(one.label)) for one in series]
        z = np.concatenate(tables)
        mean = np.nanmean(z, axis=0)
        floor = MIN_SCALE * np.maximum(np.nanmax(np.abs(z), axis=0), MIN_SCALE)
        ahead = np.concatenate([_ahead(table, mean, K, config) for table in tables])
        y = [one.values[:, :K] for one in series]
        return cls(
            targets=first.targets,
            inputs=first.inputs,
            date=first.dates.name if first.dates else None,
            step=str(first.step) if first.step else None,
            date_format=first.dates.format if first.dates else None,
            decimal=first.decimal or None,
            series=first.id_columns,
            units=units,
            mean=_as_tuple(mean),
            scale=_as_tuple(np.maximum(np.nanstd(z, axis=0), floor)),
            differences=_as_tuple(np.maximum(_root_mean_square(_differences(tables, 1, K)), floor[:K])),
            seasonal=_as_tuple(np.maximum(_root_mean_square(_differences(tables, season, K)), floor[:K])),
            spread=tuple(_as_tuple(row) for row in np.maximum(_root_mean_square(ahead), floor[:K])),
            naive_mae=_as_tuple(np.maximum(_mean(np.abs(_differences(y, season, K))), MIN_SCALE * floor[:K])),
        )

    def unit_of(self, series: Series, config: ForecasterConfig) -> Unit | None:
        """Return the unit of a series: that of the training set, or of its own values; None if the model has none."""
        if not self.series:
            return None
        known = self.units.get(series.label)
        return known if known is not None else _units([series], config, self)[series.label]

    def fits(self, config: ForecasterConfig) -> bool:
        """Return whether there is a number for each column, target and row ahead."""
        K, C = len(self.targets), len(self.targets) + len(self.inputs)
        by_column, by_target = (self.mean, self.scale), (self.differences, self.seasonal, self.naive_mae)
        return (
            K > 0
            and all(len(numbers) == C for numbers in by_column)
            and all(len(numbers) == K for numbers in (*by_target, *self.spread))
            and len(self.spread) == config.horizon
            and len(self.calibration) in (0, K)
            and all(len(factors) == len(config.quantiles) for factors in self.calibration)
            and all(len(numbers) == K for unit in self.units.values() for numbers in unit.model_dump().values())
        )


def modelled(values: Array, targets: int, *, logarithm: bool, unit: Unit | None = None) -> Array:
    """Return z of values (T, C), whose first columns are the targets."""
    if not logarithm and unit is None:
        return values
    z = np.log(values[:, :targets]) if logarithm else values[:, :targets]
    if unit is not None:
        z = (z - np.array(unit.mean)) / np.array(unit.scale)
    return np.concatenate([z, values[:, targets:]], axis=1)


def restored(z: Array, *, logarithm: bool, unit: Unit | None = None) -> Array:
    """Return the values of the targets of z (..., K, Q)."""
    if unit is not None:
        z = z * np.array(unit.scale)[:, None] + np.array(unit.mean)[:, None]
    return np.exp(z) if logarithm else z


def _units(series: Sequence[Series], config: ForecasterConfig, known: Scales | None = None) -> dict[str, Unit]:
    """Return the unit of each series by its name; none for the only series of a table.

    A series that never changes has the scale, and the error of the naive forecast, of a middle one.
    """
    if known is None and not series[0].id_columns:
        return {}
    K = len(series[0].targets)
    tables = [modelled(one.values, K, logarithm=config.logarithm)[:, :K] for one in series]
    means = np.stack([_mean(table) for table in tables])
    scales = np.stack([np.sqrt(_mean((table - mean) ** 2)) for table, mean in zip(tables, means, strict=True)])
    naive = np.stack([_mean(np.abs(_differences([one.values[:, :K]], config.season, K))) for one in series])
    floor = MIN_SCALE * np.maximum(np.abs(means), MIN_SCALE)
    others = list(known.units.values()) if known is not None else []
    scales = _with_middle(scales, floor, [unit.scale for unit in others])
    naive = _with_middle(naive, np.full_like(naive, MIN_SCALE**2), [unit.naive_mae for unit in others])
    return {
        one.label: Unit(mean=_as_tuple(means[n]), scale=_as_tuple(scales[n]), naive_mae=_as_tuple(naive[n]))
        for n, one in enumerate(series)
    }


def _with_middle(values: Array, floor: Array, others: Sequence[tuple[float, ...]]) -> Array:
    """Return values (N, K), those below the floor replaced by the median of the other ones, of a target; or by 1."""
    result = values.copy()
    for k in range(values.shape[1]):
        large = values[:, k] > floor[:, k]
        usable = [other[k] for other in others] or values[large, k].tolist()
        result[~large, k] = np.median(usable) if usable else 1.0
    return result


def _ahead(z: Array, mean: Array, targets: int, config: ForecasterConfig) -> Array:
    """Return z_(t+h) - ref_t,h of a series (T, C)."""
    reference = references(without_missing(z, mean), targets, config.horizon, config.lag)
    ahead: Array = futures(z, config.horizon)[:, :, :targets] - reference
    return ahead


def _differences(tables: Sequence[Array], lag: int, targets: int) -> Array:
    """Return the differences of the targets from the row `lag` rows before, of all series."""
    return np.concatenate([table[lag:, :targets] - table[:-lag, :targets] for table in tables])


def first_not_positive(series: Series) -> str | None:
    """Return a description of the first target value that has no logarithm; None if there is none."""
    targets = series.values[:, : len(series.targets)]
    if not (targets <= 0.0).any():
        return None
    row, k = (int(index) for index in np.argwhere(targets <= 0.0)[0])
    when = f" at {series.dates.text(row)}" if series.dates else f" in row {row}"
    return f"{series.targets[k]!r} is {targets[row, k]:g}{when}"


def _as_tuple(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _mean(values: Array) -> Array:
    """Return the mean over the rows that are not missing; 0 if all are."""
    counts = (~np.isnan(values)).sum(0)
    means: Array = np.nansum(values, axis=0) / np.maximum(counts, 1)
    return means


def _root_mean_square(values: Array) -> Array:
    roots: Array = np.sqrt(_mean(values**2))
    return roots
