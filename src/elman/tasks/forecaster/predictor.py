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
from elman.data.sources import located
from elman.errors import DataError, ModelError
from elman.figures.style import save_drawings
from elman.metrics import ForecastScores
from elman.models.folder import FolderPredictor, damage_errors, read_config
from elman.models.stack import State
from elman.models.trace import Trace
from elman.options import determined_values
from elman.translations import Language

from . import evaluation, pictures
from .batches import futures, references, with_lead, without_missing
from .calibration import calibrate, calibration_factors
from .config import ForecasterConfig, ForecasterReaderConfig
from .forecast import Forecast
from .history_encoders import HISTORY_ENCODERS, Features
from .readers import MemorySeries, open_source
from .scales import Scales, first_not_positive, modelled
from .series import Series
from .trace import trace_series

Array = npt.NDArray[Any]
History = Series | Any  # Any: a path, an array, a DataFrame, or columns by name, as MemorySeries takes them

LEAD, SEEN = "series.z", "series.seen"  # entries of a state: the last rows, and the number of rows so far


class ForecasterPredictor(FolderPredictor):
    """A trained forecaster."""

    task = "forecast"

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, card: str = "") -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.scales, self.tensors, self.card = config, scales, tensors, card
        if not scales.fits(config):
            sizes = f"{len(scales.targets)} targets, {len(scales.inputs)} inputs and a horizon of {config.horizon}"
            raise ModelError(f"has scales that do not fit {sizes}", where="config.json")
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

    def calibrated(self, series: Series, begin: int | None) -> ForecasterPredictor:
        """Return the same forecaster with prediction intervals calibrated on the rows of a series from `begin` on.

        begin None is the first row for which the model has enough history. The coverage and the loss on these rows are
        no evidence for other rows.
        """
        rows = self._forecast_rows(series, begin)
        K, H = len(self.scales.targets), self.config.horizon
        z, o = self._outputs(series, rows)
        expected = futures(modelled(series.values, K, logarithm=self.config.logarithm)[:, :K], H, rows)
        factors = calibration_factors(
            o, (expected - references(z, K, H, self.config.lag, rows)) / self._spread, self.config
        )
        scales = self.scales.model_copy(update={"calibration": tuple(map(tuple, factors.tolist()))})
        return ForecasterPredictor(self.config, scales, self.tensors, self.card)

    def series(self, history: History) -> Series:
        """Return a history as a series with the columns of the model; a missing column is a DataError.

        A str is a path, or the name of a data set.
        """
        targets, inputs = self.scales.targets, self.scales.inputs
        if isinstance(history, Series):
            if (history.targets, history.inputs) != (targets, inputs):
                columns = ", ".join((*history.targets, *history.inputs))
                raise DataError(f"a series of {columns}; expected {', '.join((*targets, *inputs))}")
            return history
        if isinstance(history, str | Path):
            reader = ForecasterReaderConfig(**self.reader_values())
            (series,) = open_source(located(history), reader, lambda message: None).examples()
            return series
        if hasattr(history, "columns") or hasattr(history, "keys"):
            (series,) = MemorySeries(history, reader=ForecasterReaderConfig(**self.reader_values())).examples()
            return series
        table = np.asarray(history, np.float64)  # without names, the columns are those of the model in their order
        table = table.reshape(len(table), -1 if table.size else 1)
        if table.size and table.shape[1] != len(targets) + len(inputs):
            names = ", ".join((*targets, *inputs))
            raise DataError(f"an array of {table.shape[1]} columns; expected {len(targets) + len(inputs)}: {names}")
        if np.isinf(table).any():
            raise DataError(f"row {int(np.isinf(table).any(1).argmax())} is infinite; expected numbers or NaN")
        return Series(targets, inputs, table)

    def reader_values(self) -> Values:
        """Return the reader options with which a table is read: the columns of the model."""
        scales = self.scales
        return {"targets": scales.targets, "inputs": scales.inputs, "date": scales.date, "date_required": False}

    def predict(self, history: History) -> Forecast:
        """Return the rows after a history: a Series, a DataFrame, columns by name, or an array (T,) or (T, C)."""
        series = self.series(history)
        self._check(series, len(series))
        (quantiles,) = self._forecasts(series, slice(len(series) - 1, None))
        H, dates = self.config.horizon, series.dates
        following = dates.following(H) if dates else [f"+{h + 1}" for h in range(H)]
        median = quantiles[..., self.config.median]
        return Forecast(series.targets, self.config.quantiles, median, quantiles, tuple(following))

    def trace(self, history: History, *, gradients: bool = False) -> Trace:
        """Return what happens inside the model as it forecasts the rows after a history.

        With gradients, derivatives of the mean of the medians, in units of their spread, too.
        """
        series = self.series(history)
        return trace_series(lambda: self.predict(series), self._encoder, series, gradients=gradients)

    def plot(self, folder: str | Path, history: History, *, language: Language | None = None) -> list[Path]:
        """Draw the forecast of the last rows of a history, beside what came, as PNG and SVG in a folder.

        The forecast is made from the rows before. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, [history]), language)

    def backtest(self, history: History, begin: int | None) -> Array:
        """Return the forecasts (N, H, K, Q) before each row from `begin` on whose horizon is inside the history.

        Forecast n is made after row begin + n - 1, from the rows up to there, for the rows from begin + n on.
        """
        series = self.series(history)
        return self._forecasts(series, self._forecast_rows(series, begin))

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive forecasts.

        begin None is the first row for which the model has enough history. Rows before it are history and not scored.
        The means are over the targets that have a value there.
        """
        series = self.series(history)
        scores, loss = self._scores(series, begin)
        return evaluation.summarize(scores, loss, self.config, self.scales)

    def measure(self, series: Series, begin: int | None) -> dict[str, float]:
        """Return the loss, MAE, MAE relative to the better naive forecast, and MASE."""
        metrics = self.evaluate(series, begin)
        return {key: metrics[key] for key in ("loss", "mae", "relative_mae", "mase")}

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before the first row."""
        C = len(self.scales.mean)
        return {
            LEAD: np.zeros((batch_size, self.config.lead, C)),
            SEEN: np.zeros(batch_size, np.float32),
            **self._encoder.initial_state(batch_size),
        }

    def step(self, inputs: Array, state: State) -> tuple[Array, State]:
        """Return the quantiles (B, H, K, Q) after a row (B, C), and the next state; NaN is a missing value."""
        K, lag = len(self.scales.targets), self.config.lag
        values = np.asarray(inputs, np.float64)
        if np.isinf(values).any() or (self.config.logarithm and (values[:, :K] <= 0.0).any()):
            above = " above 0" * self.config.logarithm
            raise DataError(f"a row {values.tolist()}; expected numbers{above}, or NaN for a missing value")
        row = modelled(values, K, logarithm=self.config.logarithm)
        fresh = state[SEEN][:, None] == 0
        row = np.where(np.isnan(row), np.where(fresh, np.array(self.scales.mean), state[LEAD][:, -1]), row)
        lead = np.where(fresh[:, :, None], row[:, None], state[LEAD])
        z = np.concatenate([lead, row[:, None]], axis=1)
        encoder_state = {name: array for name, array in state.items() if name not in (LEAD, SEEN)}
        o, after = self._encoder.run(z, self._features(z), encoder_state)
        reference_rows = z.shape[1] - lag + np.arange(self.config.horizon) % lag
        quantiles = self._values(self._calibrate(o[:, 0]), z[:, reference_rows, :K])
        return quantiles, {LEAD: z[:, 1:], SEEN: state[SEEN] + 1, **after}

    def _forecasts(self, series: Series, rows: slice) -> Array:
        """Return the quantiles (N, H, K, Q) after each of the rows."""
        z, o = self._outputs(series, rows)
        K, H = len(self.scales.targets), self.config.horizon
        return self._values(self._calibrate(o), references(z, K, H, self.config.lag, rows))

    def _outputs(self, series: Series, rows: slice) -> tuple[Array, Array]:
        """Return z (T, C) without missing values, and the outputs o (N, H, K, Q) at the rows, not calibrated."""
        z = modelled(series.values, len(self.scales.targets), logarithm=self.config.logarithm)
        z = without_missing(z, self.scales.mean)
        led = with_lead(z, self.config.lead)[None]
        o, _ = self._encoder.run(led, self._features(led), self._encoder.initial_state(1), rows)
        return z, o[0].astype(np.float64)

    def _calibrate(self, o: Array) -> Array:
        return calibrate(o, self._factors, self.config.median) if self._factors.size else o

    def _values(self, o: Array, reference: Array) -> Array:
        """Return quantiles in the units of the targets from o (N, H, K, Q) and ref (N, H, K)."""
        z = reference[..., None] + self._spread[:, :, None] * o
        return np.exp(z) if self.config.logarithm else z

    def _scores(self, series: Series, begin: int | None) -> tuple[ForecastScores, float]:
        """Return the errors of the forecasts and of the naive forecasts, and the loss of training."""
        rows = self._forecast_rows(series, begin)
        K, H, logarithm = len(self.scales.targets), self.config.horizon, self.config.logarithm
        z, o = self._outputs(series, rows)
        o, reference = self._calibrate(o), references(z, K, H, self.config.lag, rows)
        expected_z = futures(modelled(series.values, K, logarithm=logarithm)[:, :K], H, rows)
        y = np.exp(z[:, :K]) if logarithm else z[:, :K]
        scores = ForecastScores.of(
            self._values(o, reference),
            futures(series.values[:, :K], H, rows),
            last=references(y, K, H, 1, rows),
            seasonal=references(y, K, H, self.config.season, rows),
            median=self.config.median,
        )
        expected = (expected_z - reference) / self._spread
        return scores, evaluation.quantile_loss(o, expected, self.config.quantiles, self._spread)

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
            raise DataError(problem, hint="Give more rows, or score from an earlier row on")
        return slice(begin - 1, last)

    def _check(self, series: Series, rows: int) -> None:
        """Raise a DataError for a history that is too short, that lacks a column, or that has no logarithm."""
        needed = self.config.history_rows
        if rows < needed or len(series) < rows:
            problem = f"a history of {min(rows, len(series)):,} rows; expected at least {max(needed, rows):,}"
            raise DataError(problem, hint="Give more rows before the forecast")
        for number, name in enumerate((*series.targets, *series.inputs)):
            if np.isnan(series.values[:rows, number]).all():
                raise DataError(f"{name!r} has no number among its first {rows:,} rows; expected at least one")
        if self.config.logarithm and (wrong := first_not_positive(series)):
            hint = "The model uses logarithms; train one without them, by model.logarithm = false"
            raise DataError(f"{wrong}; expected numbers above 0", hint=hint)
