"""The scales of a series: what a forecaster knows of the training set beside its weights.

K targets, C columns, H rows ahead, Q quantiles. z are the values as they are modelled: the logarithms of the targets,
or the targets; the inputs unchanged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import PositiveFloat

from elman.config import Config

from .batches import futures, references, without_missing
from .config import ForecasterConfig
from .series import Series

Array = npt.NDArray[np.float64]

MIN_SCALE = 1e-9  # of a column that hardly changes, relative to its largest number


class Scales(Config):
    """The columns of a series, and their scales in the training set.

    Only the calibration factors are those of the validation set (calibration.py).
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    date: str | None = None  # the column of dates
    step: str | None = None  # between two rows, for people
    mean: tuple[float, ...]  # (C,) of z
    scale: tuple[PositiveFloat, ...]  # (C,) of z
    differences: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-1)
    seasonal: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-s)
    spread: tuple[tuple[PositiveFloat, ...], ...]  # (H, K) of z_(t+h) - ref_t,h
    naive_mae: tuple[PositiveFloat, ...]  # (K,) of the seasonal naive forecast in the training set, for MASE
    calibration: tuple[tuple[PositiveFloat, ...], ...] = ()  # (K, Q) factors; (): not calibrated

    @classmethod
    def measure(cls, series: Series, config: ForecasterConfig) -> Scales:
        """Measure the scales of a training set; a column that never changes has the smallest scale."""
        K = len(series.targets)
        z = modelled(series.values, K, logarithm=config.logarithm)
        mean, y, season = np.nanmean(z, axis=0), series.values[:, :K], config.season
        floor = MIN_SCALE * np.maximum(np.nanmax(np.abs(z), axis=0), MIN_SCALE)
        reference = references(without_missing(z, mean), K, config.horizon, config.lag)
        ahead = futures(z, config.horizon)[:, :, :K] - reference
        return cls(
            targets=series.targets,
            inputs=series.inputs,
            date=series.dates.name if series.dates else None,
            step=str(series.step) if series.step else None,
            mean=_as_tuple(mean),
            scale=_as_tuple(np.maximum(np.nanstd(z, axis=0), floor)),
            differences=_as_tuple(np.maximum(_root_mean_square(z[1:, :K] - z[:-1, :K]), floor[:K])),
            seasonal=_as_tuple(np.maximum(_root_mean_square(z[season:, :K] - z[:-season, :K]), floor[:K])),
            spread=tuple(_as_tuple(row) for row in np.maximum(_root_mean_square(ahead), floor[:K])),
            naive_mae=_as_tuple(np.maximum(_mean(np.abs(y[season:] - y[:-season])), MIN_SCALE * floor[:K])),
        )

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
        )


def modelled(values: Array, targets: int, *, logarithm: bool) -> Array:
    """Return z of values (T, C), whose first columns are the targets."""
    if not logarithm:
        return values
    return np.concatenate([np.log(values[:, :targets]), values[:, targets:]], axis=1)


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
