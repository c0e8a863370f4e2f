"""The sizes of a forecaster and the scales of its series: what is known of one without its weights."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from elman.cells import Cell, create
from elman.config import Config
from elman.tasks.forecaster.batches import futures, references, without_gaps
from elman.tasks.forecaster.readers import Series

from .cell_name import CellName

Array = npt.NDArray[np.float64]

MEDIAN = 0.5
SMALLEST_SCALE = 1e-9  # of a column that hardly moves, in units of its largest number


class ForecasterConfig(Config):
    """The sizes of a forecaster; what is marked (training) changes nothing at prediction."""

    memory: Literal["recurrent", "tdnn", "narx"] = "recurrent"  # what of the past is kept
    cell: CellName = "gru"  # of the recurrent memory
    activation: Literal["tanh", "relu"] = "tanh"  # of the elman cell, and of the hidden layers of tdnn and narx
    delays: PositiveInt  # rows that tdnn and narx keep; recurrent: rows read before a forecast counts
    hidden_size: PositiveInt
    num_layers: int = Field(1, ge=1, le=100)
    horizon: PositiveInt  # rows ahead
    season: PositiveInt = 1  # rows after which the series is likely to repeat itself; 1: none
    reference: Literal["last", "season"] = "last"  # what a forecast is told as a difference from
    logarithm: bool = False  # targets are modelled by their logarithms
    levels: bool = True  # the levels of targets are read, and not their differences alone
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of activations dropped

    @model_validator(mode="after")
    def _quantiles_rise(self) -> Self:
        rising = all(0.0 < q < 1.0 for q in self.quantiles) and sorted(set(self.quantiles)) == list(self.quantiles)
        if not rising or MEDIAN not in self.quantiles:
            raise ValueError(f"quantiles: given {list(self.quantiles)}, expected rising shares of one with 0.5 in them")
        return self

    @model_validator(mode="after")
    def _reference_is_a_season_before(self) -> Self:
        if self.reference == "season" and self.season < 2:
            raise ValueError("reference: given season, expected last where season is 1")
        return self

    @property
    def median(self) -> int:
        """The place of the median among the quantiles."""
        return self.quantiles.index(MEDIAN)

    @property
    def lead(self) -> int:
        """The rows before row t that what is read at t is made of: differences reach a season back."""
        return self.season

    @property
    def lag(self) -> int:
        """The rows from a reference to what it is the reference of, one row ahead."""
        return self.season if self.reference == "season" else 1

    @property
    def history_rows(self) -> int:
        """The rows that a forecast needs before it: what is kept, and the season that is its reference."""
        return max(self.delays, self.lag)

    def build_cell(self) -> Cell:
        """The pointwise step."""
        return create(self.cell, self.activation)


class Scales(Config):
    """The columns of a series and their scales, of the training part alone. K targets, C columns, H rows ahead.

    What the band needs is of the held-out part, Q quantiles a target: bands.py.
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    date: str | None = None  # the column of dates
    step: str | None = None  # between two rows, in words
    mean: tuple[float, ...]  # (C,) of z
    scale: tuple[PositiveFloat, ...]  # (C,) of z
    differences: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-1)
    seasonal: tuple[PositiveFloat, ...]  # (K,) of z_t - z_(t-s)
    spread: tuple[tuple[PositiveFloat, ...], ...]  # (H, K) of z_(t+h) - ref_t,h
    naive_mae: tuple[PositiveFloat, ...]  # (K,) of the seasonal naive forecast inside the training part, for MASE
    stretch: tuple[
        tuple[PositiveFloat, ...], ...
    ] = ()  # (K, Q) of quantiles' distances from the median; (): as trained

    @classmethod
    def of(cls, series: Series, config: ForecasterConfig) -> Scales:
        """Measure the scales of a training part; a column that never moves has the smallest there is."""
        K = len(series.targets)
        z = modelled(series.values, K, logarithm=config.logarithm)
        mean, y, season = np.nanmean(z, axis=0), series.values[:, :K], config.season
        floor = SMALLEST_SCALE * np.maximum(np.nanmax(np.abs(z), axis=0), SMALLEST_SCALE)
        reference = references(without_gaps(z, mean), K, config.horizon, config.lag)
        ahead = futures(z, config.horizon)[:, :, :K] - reference
        return cls(
            targets=series.targets,
            inputs=series.inputs,
            date=series.dates.name if series.dates else None,
            step=str(series.dates.step) if series.dates and series.dates.step else None,
            mean=_told(mean),
            scale=_told(np.maximum(np.nanstd(z, axis=0), floor)),
            differences=_told(np.maximum(_root_mean_square(z[1:, :K] - z[:-1, :K]), floor[:K])),
            seasonal=_told(np.maximum(_root_mean_square(z[season:, :K] - z[:-season, :K]), floor[:K])),
            spread=tuple(_told(each) for each in np.maximum(_root_mean_square(ahead), floor[:K])),
            naive_mae=_told(np.maximum(_mean(np.abs(y[season:] - y[:-season])), SMALLEST_SCALE * floor[:K])),
        )

    def fits(self, config: ForecasterConfig) -> bool:
        """Whether there is a number for each column, target and row ahead."""
        K, C = len(self.targets), len(self.targets) + len(self.inputs)
        of_columns, of_targets = (self.mean, self.scale), (self.differences, self.seasonal, self.naive_mae)
        return (
            K > 0
            and all(len(each) == C for each in of_columns)
            and all(len(each) == K for each in (*of_targets, *self.spread))
            and len(self.spread) == config.horizon
            and len(self.stretch) in (0, K)
            and all(len(each) == len(config.quantiles) for each in self.stretch)
        )


def modelled(values: Array, targets: int, *, logarithm: bool) -> Array:
    """Return z of values (T, C), whose first columns are targets."""
    if not logarithm:
        return values
    return np.concatenate([np.log(values[:, :targets]), values[:, targets:]], axis=1)


def not_positive(series: Series) -> str | None:
    """Return the first value of a target that has no logarithm, in words; None where there is none."""
    targets = series.values[:, : len(series.targets)]
    if not (targets <= 0.0).any():
        return None
    row, k = (int(each) for each in np.argwhere(targets <= 0.0)[0])
    when = f" at {series.dates.text(row)}" if series.dates else f" in row {row}"
    return f"{series.targets[k]!r} is {targets[row, k]:g}{when}"


def _told(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _mean(values: Array) -> Array:
    """The mean over the rows that are no gaps; 0 where there are none."""
    counts = (~np.isnan(values)).sum(0)
    found: Array = np.nansum(values, axis=0) / np.maximum(counts, 1)
    return found


def _root_mean_square(values: Array) -> Array:
    found: Array = np.sqrt(_mean(values**2))
    return found
