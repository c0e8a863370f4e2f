"""Predictions of a forecaster from its model folder, without torch.

    o            = calibrate(encoder(x_1 .. x_t))           (H, K, Q): history_encoders.py, calibration.py
    y_(t+h)      = f^-1(ref_t,h + spread_h o_h)             f: the logarithm or nothing; x and ref: batches.py

Row by row or for a whole series at once, with the same result: the forecast at row t depends only on the rows up to t.
The point forecast is the median, which minimizes the absolute error; the outermost quantiles are the prediction
interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config, Values
from elman.data.readers.excerpts import list_names
from elman.errors import DataError, ModelError
from elman.figures.style import save_drawings
from elman.metrics import ForecastScores
from elman.models.folder import damage_errors, read_config
from elman.models.stack import State
from elman.models.stream_state import StateLayout
from elman.models.streaming import StreamingPredictor, run_by_length
from elman.models.trace import Trace
from elman.options import determined_values
from elman.translations import Language

from . import evaluation, pictures, row_streams
from .batches import futures, references, with_lead, without_missing
from .calibration import calibrate, calibration_factors
from .config import MAX_SEASON_NUMBERS, ForecasterConfig
from .forecast import Forecast
from .histories import History, reader_values, series_of
from .history_encoders import HISTORY_ENCODERS, Features
from .scales import Scales, Unit, first_not_positive, modelled, restored
from .series import Series
from .trace import trace_series

Array = npt.NDArray[Any]
Scored = Sequence[tuple[Series, int | None]]  # series, each with its first row that is scored; None: the first possible


class ForecasterPredictor(StreamingPredictor):
    """A trained forecaster."""

    task = "forecast"
    float32_inputs = ("layers.0.weight_ih_l0", "hidden.0.weight")

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, card: str = "") -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.scales, self.tensors, self.card = config, scales, tensors, card
        if not scales.fits(config):
            sizes = f"{len(scales.targets)} targets, {len(scales.inputs)} inputs and a horizon of {config.horizon}"
            raise ModelError(f"has scales that do not fit {sizes}", where="config.json")
        if config.season * len(scales.mean) > MAX_SEASON_NUMBERS:
            problem = (
                f"has a season of {config.season:,} rows; expected at most {MAX_SEASON_NUMBERS:,} numbers in a season"
            )
            raise ModelError(problem, where="config.json")
        self._features = Features(config, scales)
        self._encoder = HISTORY_ENCODERS[config.memory](config, scales, tensors, self._features.size)
        self._spread = np.array(scales.spread, np.float64)
        self._factors = np.array(scales.calibration, np.float64)

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> ForecasterPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", ForecasterConfig, where)
        scales = read_config(model, "series", Scales, where)
        with damage_errors(where):
            return cls(config, scales, model.tensors, model.card)

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        return {"model": self.config, "series": self.scales}

    def determined_values(self) -> Values:
        """Return the config values of the model that training on other data cannot change."""
        columns = {"targets": self.scales.targets, "inputs": self.scales.inputs}
        return {"data": columns, "model": determined_values(self.config)}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return no vocabularies: a series has none."""
        return {}

    def calibrated(self, scored: Scored) -> ForecasterPredictor:
        """Return the same forecaster with prediction intervals calibrated on the rows of series that are scored.

        The coverage and the loss on these rows are no evidence for other rows.
        """
        K, H, config = len(self.scales.targets), self.config.horizon, self.config
        outputs, expected = [], []
        for series, begin in self._scorable(scored):
            rows = self._forecast_rows(series, begin)
            unit = self._unit(series, rows)
            z, o = self._outputs(series, rows, unit)
            actual = futures(modelled(series.values, K, logarithm=config.logarithm, unit=unit)[:, :K], H, rows)
            outputs.append(o)
            expected.append((actual - references(z, K, H, config.lag, rows)) / self._spread)
        factors = calibration_factors(np.concatenate(outputs), np.concatenate(expected), config)
        scales = self.scales.model_copy(update={"calibration": tuple(map(tuple, factors.tolist()))})
        return ForecasterPredictor(config, scales, self.tensors, self.card)

    def series(self, history: History) -> list[Series]:
        """Return a history as series with the columns of the model; a missing column is a DataError.

        A str is a path, or the name of a data set.
        """
        return series_of(history, self.scales)

    def reader_values(self) -> Values:
        """Return the reader options with which a table is read: the columns of the model, and its usual notation."""
        return reader_values(self.scales)

    def predict(self, history: History) -> Any:
        """Return the rows after a history: a Series, a DataFrame, columns by name, or an array (T,) or (T, C).

        A model of several series returns the forecast of each series in the history, by its name.
        """
        forecasts = {one.label: self.forecast(one) for one in self.series(history)}
        return forecasts if self.scales.series else next(iter(forecasts.values()))

    def forecast(self, series: Series) -> Forecast:
        """Return the rows after one series."""
        self._check(series, len(series))
        (quantiles,) = self._forecasts(series, slice(len(series) - 1, None))
        H, dates = self.config.horizon, series.dates
        following = dates.following(H) if dates else [f"+{h + 1}" for h in range(H)]
        median = quantiles[..., self.config.median]
        return Forecast(series.targets, self.config.quantiles, median, quantiles, tuple(following))

    def trace(self, history: History, *, gradients: bool = False) -> Trace:
        """Return what happens inside the model as it forecasts the rows after the history of one series.

        With gradients, derivatives of the mean of the medians, in units of their spread, too.
        """
        series = self._only_series(history)
        return trace_series(lambda: self.forecast(series), self._encoder, series, gradients=gradients)

    def plot(self, folder: str | Path, history: History, *, language: Language | None = None) -> list[Path]:
        """Draw the forecast of the last rows of a history, beside what came, as PNG and SVG in a folder.

        The forecast is made from the rows before. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, [history]), language)

    def backtest(self, history: History, begin: int | None) -> Array:
        """Return the forecasts (N, H, K, Q) before each row from `begin` on whose horizon is inside the history.

        Forecast n is made after row begin + n - 1, from the rows up to there, for the rows from begin + n on. The
        history is that of one series.
        """
        series = self._only_series(history)
        return self._forecasts(series, self._forecast_rows(series, begin))

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive forecasts.

        begin None is the first row for which the model has enough history. Rows before it are history and not scored.
        The means are over the targets that have a value there. Of several series, each is scored from `begin` on.
        """
        return self.score([(one, begin) for one in self.series(history)])

    def score(self, scored: Scored) -> dict[str, Any]:
        """Return the errors of the forecasts of series, each from its own row on."""
        parts = [evaluation.Part(one.label, *self._scores(one, begin)) for one, begin in self._scorable(scored)]
        return evaluation.summarize(parts, self.config, self.scales)

    def measure(self, scored: Scored) -> dict[str, float]:
        """Return the loss, MAE, MAE relative to the better naive forecast, and MASE."""
        metrics = self.score(scored)
        return {key: metrics[key] for key in ("loss", "mae", "relative_mae", "mase")}

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(H, K, Q) of the quantiles after a row."""
        return self.config.horizon, len(self.scales.targets), len(self.config.quantiles)

    def initial_state(self, batch_size: int = 1, *, series: Sequence[str] = ()) -> State:
        """Return the state before the first row. A model of several series needs the name of that of each batch row."""
        of_rows = row_streams.initial_state(self.scales, self.config.lead, batch_size, series)
        return {**of_rows, **self._encoder.initial_state(batch_size)}

    def state_layout(self) -> StateLayout:
        """Return the entries of the state of one stream, which are the same for every series."""
        return StateLayout(self.initial_state(1, series=list(self.scales.units)[:1]), self.fingerprint)

    def step(self, inputs: Array, state: State) -> tuple[Array, State]:
        """Return the quantiles (B, H, K, Q) after a row (B, C), and the next state; NaN is a missing value."""
        quantiles, state = self.run(np.asarray(inputs)[:, None], state)
        return quantiles[:, 0], state

    def run_checked(self, chunks: Sequence[Array], state: State) -> tuple[Array, State]:
        """Return the quantiles (B, T, H, K, Q) after each row of chunks of rows (T, C), and the next state."""
        return run_by_length(self._run, chunks, state, self.output_shape)

    def checked_chunk(self, inputs: Any) -> Array:
        """Return the rows (T, C) of one stream; another shape is an ArgumentError, an impossible number a DataError."""
        return row_streams.checked_rows(inputs, self.config, self.scales)

    def _run(self, values: Array, state: State) -> tuple[Array, State]:
        """Return the quantiles (B, T, H, K, Q) after rows (B, T, C), and the next state."""
        rows, of_rows = row_streams.read(values, state, self.config, self.scales)
        o, of_encoder = self._encoder.run(rows.z, self._features(rows.z), state)
        reference = rows.references(len(self.scales.targets), self.config.horizon, self.config.lead, self.config.lag)
        future = rows.restored(self._future(self._calibrate(o), reference))
        return restored(future, logarithm=self.config.logarithm), {**of_rows, **of_encoder}

    def _scorable(self, scored: Scored) -> Scored:
        """Return the series of which some rows can be scored, each from the first one on that can.

        The only series is returned as it is: what is wrong with it is reported where it is scored.
        """
        if len(scored) < 2:
            return scored
        firsts = [(one, max(self._first(one), begin or 0)) for one, begin in scored]
        usable = [(one, first) for one, first in firsts if first <= len(one) - self.config.horizon]
        if not usable:
            needed = self.config.history_rows + self.config.horizon
            problem = f"has {len(scored):,} series, none of which can be scored; expected {needed:,} rows with values"
            raise DataError(problem, hint="Give more rows, or score from an earlier row on")
        return usable

    def _unit(self, series: Series, rows: slice) -> Unit | None:
        """Return the unit of a series, as it is known before the first forecast that is made after one of the rows."""
        return self.scales.unit_of(series.rows(0, rows.start + 1), self.config) if self.scales.series else None

    def _only_series(self, history: History) -> Series:
        """Return the only series of a history; several are a DataError."""
        series = self.series(history)
        if len(series) > 1:
            names = list_names([one.label for one in series])
            raise DataError(f"given {len(series):,} series ({names}); expected one", hint="Give the rows of one series")
        return series[0]

    def _forecasts(self, series: Series, rows: slice) -> Array:
        """Return the quantiles (N, H, K, Q) after each of the rows."""
        unit = self._unit(series, rows)
        z, o = self._outputs(series, rows, unit)
        K, H = len(self.scales.targets), self.config.horizon
        return self._values(self._calibrate(o), references(z, K, H, self.config.lag, rows), unit)

    def _outputs(self, series: Series, rows: slice, unit: Unit | None = None) -> tuple[Array, Array]:
        """Return z (T, C) without missing values, and the outputs o (N, H, K, Q) at the rows, not calibrated."""
        z = modelled(series.values, len(self.scales.targets), logarithm=self.config.logarithm, unit=unit)
        z = without_missing(z, self.scales.mean)
        led = with_lead(z, self.config.lead)[None]
        o, _ = self._encoder.run(led, self._features(led), self._encoder.initial_state(1), rows)
        return z, o[0].astype(np.float64)

    def _calibrate(self, o: Array) -> Array:
        return calibrate(o, self._factors, self.config.median) if self._factors.size else o

    def _future(self, o: Array, reference: Array) -> Array:
        """Return the quantiles of z from o (N, H, K, Q) and ref (N, H, K)."""
        future: Array = reference[..., None] + self._spread[:, :, None] * o
        return future

    def _values(self, o: Array, reference: Array, unit: Unit | None = None) -> Array:
        """Return quantiles in the units of the targets from o (N, H, K, Q) and ref (N, H, K)."""
        return restored(self._future(o, reference), logarithm=self.config.logarithm, unit=unit)

    def _scores(self, series: Series, begin: int | None) -> tuple[ForecastScores, Array, Sequence[float]]:
        """Return the errors of the forecasts and of the naive forecasts, the losses, and the error in training."""
        rows = self._forecast_rows(series, begin)
        K, H, config = len(self.scales.targets), self.config.horizon, self.config
        unit = self._unit(series, rows)
        z, o = self._outputs(series, rows, unit)
        o, reference = self._calibrate(o), references(z, K, H, config.lag, rows)
        expected_z = futures(modelled(series.values, K, logarithm=config.logarithm, unit=unit)[:, :K], H, rows)
        y = restored(z[:, :K, None], logarithm=config.logarithm, unit=unit)[..., 0]
        scores = ForecastScores.of(
            self._values(o, reference, unit),
            futures(series.values[:, :K], H, rows),
            last=references(y, K, H, 1, rows),
            seasonal=references(y, K, H, config.season, rows),
            median=config.median,
        )
        losses = evaluation.quantile_losses(o, (expected_z - reference) / self._spread, config.quantiles, self._spread)
        return scores, losses, self.scales.naive_mae if unit is None else unit.naive_mae

    def _first(self, series: Series) -> int:
        """Return the first row that can be forecast: enough rows, and a number of each column, are before it."""
        known = ~np.isnan(series.values)
        return max(self.config.history_rows, int(known.argmax(0).max()) + 1) if known.any(0).all() else len(series)

    def _forecast_rows(self, series: Series, begin: int | None) -> slice:
        """Return the rows after which forecasts are made for the rows from `begin` on; None is the first possible."""
        begin = self._first(series) if begin is None else begin
        self._check(series, begin)
        last = len(series) - self.config.horizon
        if begin > last:
            problem = f"has {len(series):,} rows; expected {begin:,} of history and {self.config.horizon} to forecast"
            raise DataError(problem, hint="Give more rows, or score from an earlier row on", where=series.label or None)
        return slice(begin - 1, last)

    def _check(self, series: Series, rows: int) -> None:
        """Raise a DataError for a history that is too short, that lacks a column, or that has no logarithm."""
        needed, where = self.config.history_rows, series.label or None
        if rows < needed or len(series) < rows:
            problem = f"a history of {min(rows, len(series)):,} rows; expected at least {max(needed, rows):,}"
            raise DataError(problem, hint="Give more rows before the forecast", where=where)
        for number, name in enumerate((*series.targets, *series.inputs)):
            if np.isnan(series.values[:rows, number]).all():
                problem = f"{name!r} has no number among its first {rows:,} rows; expected at least one"
                raise DataError(problem, where=where)
        if self.config.logarithm and (wrong := first_not_positive(series)):
            hint = "The model uses logarithms; train one without them, by model.logarithm = false"
            raise DataError(f"{wrong}; expected numbers above 0", hint=hint, where=where)
