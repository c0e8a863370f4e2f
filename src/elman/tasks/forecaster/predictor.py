"""The forecaster at work: what comes next in a series, from a model folder alone.

    o            = stretched(memory(x_1 .. x_t))            (H, K, Q), three kinds: memories.py; bands.py
    y_(t+h)      = f^-1(ref_t,h + spread_h o_h)             f: the logarithm or nothing; x and ref: data/windows.py

Row by row or a whole series at once, with the same result: what is said at row t rests on the rows up to t alone. The
forecast that counts is the median, which has the smallest absolute error; other quantiles make a band around it, as
wide as rows that were held out from training need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import ModelFolder, Tensors
from elman.errors import DataError, ModelError
from elman.metrics import FORECAST_ERRORS, ForecastScores
from elman.models.folder import config_of, damage_told, weight_count, write_predictor
from elman.models.stack import State
from elman.tasks.forecaster.batches import futures, references, standing_still, without_gaps
from elman.tasks.forecaster.calibration import stretched, stretches
from elman.tasks.forecaster.config import ForecasterConfig, Scales, modelled, not_positive
from elman.tasks.forecaster.history_encoders import MEMORIES, Features
from elman.tasks.forecaster.readers import Columns, MemorySeries, Series, read_series

Array = npt.NDArray[Any]
History = Series | Any  # or what MemorySeries takes: an array, a DataFrame, columns by name

LEAD, SEEN = "series.z", "series.seen"  # of a state: the last rows, and how many rows there were


@dataclass(frozen=True, slots=True)
class Forecast:
    """The rows that come next: the median (H, K) and all quantiles (H, K, Q) of the targets."""

    targets: tuple[str, ...]
    levels: tuple[float, ...]
    median: Array
    quantiles: Array
    dates: tuple[str, ...]


class ForecasterPredictor:
    """A trained forecaster."""

    task = "forecast"

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, card: str = "") -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.scales, self.tensors, self.card = config, scales, tensors, card
        if not scales.fits(config):
            told = f"the scales of the series are not those of its {len(scales.targets)} targets, "
            raise ModelError(f"{told}{len(scales.inputs)} inputs and {config.horizon} rows ahead", where="config.json")
        self._features = Features(config, scales)
        self._memory = MEMORIES[config.memory](config, scales, tensors, self._features.size)
        self._spread = np.array(scales.spread, np.float64)
        self._stretch = np.array(scales.stretch, np.float64)

    @classmethod
    def from_folder(cls, model: ModelFolder, *, where: Path) -> ForecasterPredictor:
        """Build the predictor from what a model folder holds."""
        config = config_of(model, "model", ForecasterConfig, where=where)
        scales = config_of(model, "series", Scales, where=where)
        with damage_told(where):
            return cls(config, scales, model.tensors, model.card)

    @property
    def num_parameters(self) -> int:
        """The number of weights."""
        return weight_count(self.tensors)

    def save(self, path: str | Path, *, card: str | None = None, replace: bool = False) -> None:
        """Write a model folder, with a new card or the one that the model came with.

        A folder that holds anything but a model is a ConfigError, unless replace says that it is known.
        """
        parts = {"model": self.config, "series": self.scales}
        write_predictor(
            path, task=self.task, parts=parts, tensors=self.tensors, card=card or self.card, replace=replace
        )

    def calibrated(self, series: Series, begin: int) -> ForecasterPredictor:
        """Return the same forecaster with a band as wide as the rows of a series from `begin` on needed it.

        So its coverage of those rows, and its loss there, say nothing of others.
        """
        made = self._made(series, begin)
        K, H = len(self.scales.targets), self.config.horizon
        z, o = self._outputs(series, made)
        expected = futures(modelled(series.values, K, logarithm=self.config.logarithm)[:, :K], H, made)
        factors = stretches(o, (expected - references(z, K, H, self.config.lag, made)) / self._spread, self.config)
        scales = self.scales.model_copy(update={"stretch": tuple(map(tuple, factors.tolist()))})
        return ForecasterPredictor(self.config, scales, self.tensors, self.card)

    def series(self, history: History) -> Series:
        """Return a history as the series that the model knows; one that lacks a column is a DataError."""
        targets, inputs = self.scales.targets, self.scales.inputs
        if isinstance(history, Series):
            if (history.targets, history.inputs) != (targets, inputs):
                told = f"a series of {', '.join((*history.targets, *history.inputs))}"
                raise DataError(f"{told}, expected {', '.join((*targets, *inputs))}")
            return history
        if hasattr(history, "columns") or hasattr(history, "keys"):
            return read_series(MemorySeries(history), self.columns)
        table = np.asarray(history, np.float64)  # without names, its columns are those of the model in order
        table = table.reshape(len(table), -1 if table.size else 1)
        if table.size and table.shape[1] != len(targets) + len(inputs):
            names = ", ".join((*targets, *inputs))
            raise DataError(f"an array of {table.shape[1]} columns, expected {len(targets) + len(inputs)}: {names}")
        if np.isinf(table).any():
            raise DataError(f"row {int(np.isinf(table).any(1).argmax())} is infinite, expected numbers or NaN")
        return Series(targets, inputs, table)

    @property
    def columns(self) -> Columns:
        """The columns to read of a table."""
        return Columns(self.scales.targets, self.scales.inputs, usual_date=self.scales.date)

    def predict(self, history: History) -> Forecast:
        """Return what comes after a history: a Series, a DataFrame, columns by name, or an array (T,) or (T, C)."""
        series = self.series(history)
        self._check(series, len(series))
        (quantiles,) = self._forecasts(series, slice(len(series) - 1, None))
        H, dates = self.config.horizon, series.dates
        following = dates.following(H) if dates else [f"+{h + 1}" for h in range(H)]
        median = quantiles[..., self.config.median]
        return Forecast(series.targets, self.config.quantiles, median, quantiles, tuple(following))

    def backtest(self, history: History, begin: int) -> Array:
        """Return the forecasts (N, H, K, Q) that were to be made before each row from `begin` on, as far as they reach.

        Forecast n is made after row begin + n - 1, of the rows up to there alone, for rows begin + n and on.
        """
        series = self.series(history)
        return self._forecasts(series, self._made(series, begin))

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive ones.

        begin None: as soon as the model has the history that it needs. Rows before it are history and are not scored.
        Means are of the targets that have a value there.
        """
        series = self.series(history)
        scores, loss = self._scored(series, self._first(series) if begin is None else begin)
        known = [k for k in range(len(series.targets)) if scores.counts[k]]
        if not known:
            raise DataError("holds no value to score: all are missing", hint="give rows with values after the history")
        each = {series.targets[k]: scores.of_target(k, self.scales.naive_mae[k]) for k in known}
        mean = {key: float(np.mean([told[key] for told in each.values()])) for key in FORECAST_ERRORS}
        return {
            "task": self.task,
            "count": scores.count,
            "forecasts": scores.forecasts,
            "loss": loss,
            **mean,
            "coverage_expected": self.config.quantiles[-1] - self.config.quantiles[0],
            "targets": each,
        }

    def measure(self, series: Series, begin: int) -> dict[str, float]:
        """Return the loss, and errors in units of the targets, of the naive forecast's, and of that in training."""
        told = self.evaluate(series, begin)
        return {key: told[key] for key in ("loss", "mae", "relative_mae", "mase")}

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any row."""
        C = len(self.scales.mean)
        return {
            LEAD: np.zeros((batch_size, self.config.lead, C)),
            SEEN: np.zeros(batch_size, np.float32),
            **self._memory.initial_state(batch_size),
        }

    def step(self, inputs: Array, state: State) -> tuple[Array, State]:
        """Return the quantiles (B, H, K, Q) of what follows a row (B, C), and the next state; NaN is a gap."""
        K, lag = len(self.scales.targets), self.config.lag
        given = np.asarray(inputs, np.float64)
        if np.isinf(given).any() or (self.config.logarithm and (given[:, :K] <= 0.0).any()):
            above = " above 0" * self.config.logarithm
            raise DataError(f"a row {given.tolist()}, expected numbers{above}, or NaN where there is a gap")
        row = modelled(given, K, logarithm=self.config.logarithm)
        fresh = state[SEEN][:, None] == 0
        row = np.where(np.isnan(row), np.where(fresh, np.array(self.scales.mean), state[LEAD][:, -1]), row)
        lead = np.where(fresh[:, :, None], row[:, None], state[LEAD])
        z = np.concatenate([lead, row[:, None]], axis=1)
        kept = {name: array for name, array in state.items() if name not in (LEAD, SEEN)}
        o, after = self._memory.run(z, self._features(z), kept)
        of_horizon = z.shape[1] - lag + np.arange(self.config.horizon) % lag
        quantiles = self._values(self._banded(o[:, 0]), z[:, of_horizon, :K])
        return quantiles, {LEAD: z[:, 1:], SEEN: state[SEEN] + 1, **after}

    def _forecasts(self, series: Series, rows: slice) -> Array:
        """Return the quantiles (N, H, K, Q) of what follows rows of the series."""
        z, o = self._outputs(series, rows)
        K, H = len(self.scales.targets), self.config.horizon
        return self._values(self._banded(o), references(z, K, H, self.config.lag, rows))

    def _outputs(self, series: Series, rows: slice) -> tuple[Array, Array]:
        """Return z (T, C) without gaps, and o (N, H, K, Q) at rows of it, its band as trained."""
        z = modelled(series.values, len(self.scales.targets), logarithm=self.config.logarithm)
        z = without_gaps(z, self.scales.mean)
        led = standing_still(z, self.config.lead)[None]
        o, _ = self._memory.run(led, self._features(led), self._memory.initial_state(1), rows)
        return z, o[0].astype(np.float64)

    def _banded(self, o: Array) -> Array:
        """The outputs (..., K, Q) of the memory, with the band that held-out rows need."""
        return stretched(o, self._stretch, self.config.median) if self._stretch.size else o

    def _values(self, o: Array, reference: Array) -> Array:
        """What is said, in the units of the targets: of o (N, H, K, Q) and ref (N, H, K)."""
        z = reference[..., None] + self._spread[:, :, None] * o
        return np.exp(z) if self.config.logarithm else z

    def _scored(self, series: Series, begin: int) -> tuple[ForecastScores, float]:
        """The errors of forecasts and of naive ones, and the loss that training has."""
        made = self._made(series, begin)
        K, H, logarithm = len(self.scales.targets), self.config.horizon, self.config.logarithm
        z, o = self._outputs(series, made)
        o, reference = self._banded(o), references(z, K, H, self.config.lag, made)
        expected_z = futures(modelled(series.values, K, logarithm=logarithm)[:, :K], H, made)
        y = np.exp(z[:, :K]) if logarithm else z[:, :K]
        scores = ForecastScores.of(
            self._values(o, reference),
            futures(series.values[:, :K], H, made),
            last=references(y, K, H, 1, made),
            seasonal=references(y, K, H, self.config.season, made),
            median=self.config.median,
        )
        return scores, quantile_loss(o, (expected_z - reference) / self._spread, self.config, self._spread)

    def _first(self, series: Series) -> int:
        """The first row that can be forecast: history enough, and a number of each column before it."""
        known = ~np.isnan(series.values)
        return max(self.config.history_rows, int(known.argmax(0).max()) + 1) if known.any(0).all() else len(series)

    def _made(self, series: Series, begin: int) -> slice:
        """The rows after which forecasts are made of rows from `begin` on, as far as they reach their horizon."""
        self._check(series, begin)
        last = len(series) - self.config.horizon
        if begin > last:
            told = f"holds {len(series):,} rows, expected {begin:,} of history and {self.config.horizon} ahead"
            raise DataError(told, hint="give more rows, or a smaller --context")
        return slice(begin - 1, last)

    def _check(self, series: Series, rows: int) -> None:
        """Refuse a history that is too short, that holds nothing of a column, or that has no logarithm."""
        needed = self.config.history_rows
        if rows < needed or len(series) < rows:
            told = f"a history of {min(rows, len(series)):,} rows, expected at least {max(needed, rows):,}"
            raise DataError(told, hint="a forecast rests on the rows before it")
        for number, name in enumerate((*series.targets, *series.inputs)):
            if np.isnan(series.values[:rows, number]).all():
                raise DataError(f"{name!r} holds no number among its first {rows:,} rows", hint="expected some")
        if self.config.logarithm and (wrong := not_positive(series)):
            hint = "the model knows its logarithms alone: train with --set model.logarithm=false"
            raise DataError(f"{wrong}, expected numbers above 0", hint=hint)


def quantile_loss(o: Array, expected: Array, config: ForecasterConfig, spread: Array) -> float:
    """Return the mean quantile loss of o (N, H, K, Q), a target's value each; gaps (NaN) do not count.

    mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean      Koenker and Bassett (1978)
    """
    levels = np.array(config.quantiles)
    error = expected[..., None] - o
    each = np.maximum(levels * error, (levels - 1.0) * error).mean(-1) * (spread / spread.mean(0))
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")
