"""The forecaster at work: what comes next in a series, from a model folder alone.

    o            = memory(x_1 .. x_t)                       (H, K, Q), three kinds: memories.py
    y_(t+h)      = f^-1(ref_t,h + spread_h o_h)             f: the logarithm or nothing; x and ref: data/windows.py

Row by row or a whole series at once, with the same result: what is said at row t rests on the rows up to t alone. The
forecast that counts is the median, which has the smallest absolute error; other quantiles make a band around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import ModelFolder, Tensors
from elman.data.series import Columns, MemorySeries, Series, read_series
from elman.data.windows import futures, references, standing_still, without_gaps
from elman.errors import DataError
from elman.metrics import ForecastScores

from .folder import config_of, damage_told, weight_count, write_predictor
from .forecaster_config import ForecasterConfig, Scales, modelled
from .memories import MEMORIES, Features
from .stack import State

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
        self._features = Features(config, scales)
        self._memory = MEMORIES[config.memory](config, scales, tensors, self._features.size)
        self._spread = np.array(scales.spread, np.float64)

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

    @property
    def history_rows(self) -> int:
        """The rows that a forecast needs before it: a season where that is the reference, and what is kept."""
        return max(self.config.delays, self.config.season if self.config.reference == "season" else 1)

    def save(self, path: str | Path, *, card: str | None = None, replace: bool = False) -> None:
        """Write a model folder, with a new card or the one that the model came with.

        A folder that holds anything but a model is a ConfigError, unless replace says that it is known.
        """
        parts = {"model": self.config, "series": self.scales}
        write_predictor(
            path, task=self.task, parts=parts, tensors=self.tensors, card=card or self.card, replace=replace
        )

    def series(self, history: History) -> Series:
        """Return a history as the series that the model knows; one that lacks a column is a DataError."""
        if isinstance(history, Series):
            held = history
            if (held.targets, held.inputs) != (self.scales.targets, self.scales.inputs):
                told = f"a series of {', '.join((*held.targets, *held.inputs))}"
                raise DataError(f"{told}, expected {', '.join((*self.scales.targets, *self.scales.inputs))}")
            return held
        targets, inputs = self.scales.targets, self.scales.inputs
        if hasattr(history, "columns") or hasattr(history, "keys"):
            return read_series(MemorySeries(history), Columns(targets, inputs))
        table = np.asarray(history, np.float64)  # without names, its columns are those of the model in order
        table = table.reshape(len(table), -1)
        if table.shape[1] != len(targets) + len(inputs):
            names = ", ".join((*targets, *inputs))
            raise DataError(f"an array of {table.shape[1]} columns, expected {len(targets) + len(inputs)}: {names}")
        return Series(targets, inputs, table)

    def predict(self, history: History) -> Forecast:
        """Return what comes after a history: a Series, a DataFrame, columns by name, or an array (T,) or (T, C)."""
        series = self.series(history)
        self._check(series, self.history_rows)
        quantiles = self._forecasts(series)[-1]
        H, dates = self.config.horizon, series.dates
        following = dates.following(H) if dates else [f"+{h + 1}" for h in range(H)]
        median = quantiles[..., self.config.median]
        return Forecast(series.targets, self.config.quantiles, median, quantiles, tuple(following))

    def backtest(self, history: History, begin: int) -> Array:
        """Return the forecasts (N, H, K, Q) that were to be made before each row from `begin` on, as far as they reach.

        Forecast n is made after row begin + n - 1, of the rows up to there alone, for rows begin + n and on.
        """
        series = self.series(history)
        self._check_ahead(series, begin)
        return self._forecasts(series)[begin - 1 : len(series) - self.config.horizon]

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive ones.

        begin None: as soon as the model has the history that it needs. Rows before it are history and are not scored.
        """
        series = self.series(history)
        scores, loss = self._scored(series, self.history_rows if begin is None else begin)
        each = {name: scores.of_target(k, self.scales.naive_mae[k]) for k, name in enumerate(self.scales.targets)}
        mean = {key: float(np.mean([told[key] for told in each.values()])) for key in next(iter(each.values()))}
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
        """Return the loss, the error and that error over the naive one's."""
        told = self.evaluate(series, begin)
        return {key: told[key] for key in ("loss", "mae", "relative_mae")}

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
        K = len(self.scales.targets)
        row = modelled(np.asarray(inputs, np.float64), K, logarithm=self.config.logarithm)
        newest = state[LEAD][:, -1]
        fresh = state[SEEN][:, None] == 0
        row = np.where(np.isnan(row), np.where(fresh, np.array(self.scales.mean), newest), row)
        lead = np.where(fresh[:, :, None], row[:, None], state[LEAD])
        z = np.concatenate([lead, row[:, None]], axis=1)
        kept = {name: array for name, array in state.items() if name not in (LEAD, SEEN)}
        o, after = self._memory.run(z, self._features(z), kept)
        lag = self.config.season if self.config.reference == "season" else 1
        of_horizon = z.shape[1] - lag + np.arange(self.config.horizon) % lag
        return self._values(o[:, 0], z[:, of_horizon, :K]), {LEAD: z[:, 1:], SEEN: state[SEEN] + 1, **after}

    def _forecasts(self, series: Series) -> Array:
        """Return the quantiles (T, H, K, Q) of what follows each row."""
        z, o = self._outputs(series)
        K = len(self.scales.targets)
        return self._values(o, references(z, K, self.config.horizon, self.config.season, self.config.reference))

    def _outputs(self, series: Series) -> tuple[Array, Array]:
        """Return z (T, C) without gaps and o (T, H, K, Q)."""
        filled, _ = without_gaps(series.values)
        z = modelled(filled, len(self.scales.targets), logarithm=self.config.logarithm)
        led = standing_still(z, self.config.lead)[None]
        o, _ = self._memory.run(led, self._features(led), self._memory.initial_state(1))
        return z, o[0].astype(np.float64)

    def _values(self, o: Array, reference: Array) -> Array:
        """What is said, in the units of the targets: of o (N, H, K, Q) and ref (N, H, K)."""
        z = reference[..., None] + self._spread[:, :, None] * o
        return np.exp(z) if self.config.logarithm else z

    def _scored(self, series: Series, begin: int) -> tuple[ForecastScores, float]:
        """The errors of forecasts and of naive ones, and the loss that training has."""
        self._check_ahead(series, begin)
        K, H, season = len(self.scales.targets), self.config.horizon, self.config.season
        z, o = self._outputs(series)
        made = slice(begin - 1, len(series) - H)
        reference = references(z, K, H, season, self.config.reference)
        expected_z = futures(modelled(series.values, K, logarithm=self.config.logarithm), H)[made, :, :K]
        loss = quantile_loss(o[made], (expected_z - reference[made]) / self._spread, self.config, self._spread)
        filled, _ = without_gaps(series.values)
        expected = futures(series.values, H)[made, :, :K]
        scores = ForecastScores.of(
            self._values(o[made], reference[made]),
            expected,
            last=references(filled, K, H, season, "last")[made],
            seasonal=references(filled, K, H, season, "season")[made],
            median=self.config.median,
        )
        return scores, loss

    def _check_ahead(self, series: Series, begin: int) -> None:
        """Refuse a series in which no forecast made from a row on reaches its horizon."""
        self._check(series, begin)
        if begin > len(series) - self.config.horizon:
            told = f"holds {len(series):,} rows, expected {begin:,} of history and {self.config.horizon} ahead"
            raise DataError(told, hint="give more rows, or a smaller --context")

    def _check(self, series: Series, rows: int) -> None:
        """Refuse a history that is too short, that holds nothing of a column, or that has no logarithm."""
        needed = self.history_rows
        if rows < needed or len(series) < rows:
            told = f"a history of {min(rows, len(series)):,} rows, expected at least {max(needed, rows):,}"
            raise DataError(told, hint="a forecast rests on the rows before it")
        K = len(self.scales.targets)
        for number, name in enumerate((*series.targets, *series.inputs)):
            column = series.values[:rows, number]
            if np.isnan(column).all():
                raise DataError(f"{name!r} holds no number among its first {rows:,} rows", hint="expected some")
            if self.config.logarithm and number < K and np.nanmin(series.values[:, number]) <= 0.0:
                told = f"{name!r} holds a number that is not above 0"
                raise DataError(told, hint="the model knows its logarithms alone: train with logarithm = false")


def quantile_loss(o: Array, expected: Array, config: ForecasterConfig, spread: Array) -> float:
    """Return the mean quantile loss of o (N, H, K, Q), a target's value each; gaps (NaN) do not count.

    mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean      Koenker and Bassett (1978)
    """
    levels = np.array(config.quantiles)
    error = expected[..., None] - o
    each = np.maximum(levels * error, (levels - 1.0) * error).mean(-1) * (spread / spread.mean(0))
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")
