"""The forecaster as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from elman.tasks.estimator import Estimator, sequence_tags
from elman.translations import Language

from .predictor import ForecasterPredictor
from .readers import MemorySeries
from .series import Series

History = Any  # a path, an array (T,) or (T, C), a Series or a DataFrame of pandas, columns by name


class Forecaster(Estimator):
    """A model that forecasts the next rows of a series of numbers.

    >>> passengers = Forecaster(horizon=12, season=12, minutes=1)
    >>> passengers.fit([112, 118, 132, 129, ...])
    >>> passengers.predict([..., 508, 461, 390, 432]).median

    Parameters that are None are chosen from the series and the budget, as `elman train forecast` does.
    """

    task = "forecast"

    def __init__(
        self,
        *,
        memory: str | None = None,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        horizon: int | None = None,
        season: int | None = None,
        delays: int | None = None,
        quantiles: Sequence[float] | None = None,
        targets: Sequence[str] | None = None,
        inputs: Sequence[str] | None = None,
        date: str | None = None,
        series: str | Sequence[str] | None = None,
        dropout: float | None = None,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        run: str | Path | None = None,
        overwrite: bool = False,
        warm_start: bool | str | Path = False,
        verbose: bool = True,
    ) -> None:
        """Take sizes and budget by their config names; `config` holds any other key, nested as in a TOML file.

        With `run`, everything is kept in that folder, which `overwrite` allows to replace, and `elman resume` can
        continue from it. With warm_start, `fit` continues from the model of the last `fit` or, with a path, from the
        model in that folder: its sizes, its tokens and its labels remain.
        """
        self.memory = memory
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.horizon = horizon
        self.season = season
        self.delays = delays
        self.quantiles = quantiles
        self.targets = targets
        self.inputs = inputs
        self.date = date
        self.series = series
        self.dropout = dropout
        self.minutes = minutes
        self.epochs = epochs
        self.steps = steps
        self.threads = threads
        self.config = config
        self.seed = seed
        self.run = run
        self.overwrite = overwrite
        self.warm_start = warm_start
        self.verbose = verbose

    def fit(
        self,
        history: History,
        y: None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: History = None,
        run: str | Path | None = None,
        overwrite: bool | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Train, and return the estimator; `history_` and `result_` have what was recorded and reported.

        The history is a path, an array (T,) or (T, C), a Series or DataFrame of pandas, or columns by name, oldest row
        first; y is ignored (scikit-learn passes it). A DataFrame with a MultiIndex, or a table with columns that
        `series` names, has several series: one model is trained for all.

        What is given beside the data replaces the parameter of the constructor for this `fit`.
        """
        return self._fit(
            [source_of(history)],
            valid=[] if valid is None else [source_of(valid)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> ForecasterPredictor:
        """The trained model."""
        predictor: ForecasterPredictor = self._trained
        return predictor

    def predict(self, history: History) -> Any:
        """Return the rows after a history: medians (H, K) and quantiles (H, K, Q) of the targets.

        A model that was trained on several series returns the forecast of each series in the history, by its name.
        """
        return self.predictor.predict(self._read(history))

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive forecasts."""
        return self.predictor.evaluate(self._read(history), begin)

    def score(self, history: History, y: None = None) -> float:
        """Return 1 minus the relative MAE: 0 is as good as the better naive forecast, 1 is perfect."""
        return 1.0 - float(self.evaluate(history)["relative_mae"])

    def plot(self, folder: str | Path, history: History = None, *, language: Language | None = None) -> list[Path]:
        """Draw the training of the last `fit` as PNG and SVG in a folder, and return the PNG files;
        of a history, the forecast of its last rows beside what came, too.

        The language is that of the environment, if none is given.
        """
        return self._plot(folder, source_of(history) if history is not None else None, language)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None, targets_required=False)

    def _read(self, history: History) -> list[Series]:
        """Return a history as series with the columns of the model; a path is read with the encoding of `fit`."""
        if not isinstance(history, str | Path):
            return self.predictor.series(history)
        return self.predictor.series(list(self._examples(history)))


def source_of(history: Any) -> str | Path | MemorySeries:
    """Return the argument of `fit` as a source: a path, or a series in memory."""
    return history if isinstance(history, str | Path) else MemorySeries(history)
