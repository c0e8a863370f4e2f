"""The forecaster as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.runtime import Forecast, ForecasterPredictor
from elman.tasks.estimator import Learner
from elman.tasks.estimator_parameters import Parameters, budget_of, sequence_tags

if TYPE_CHECKING:
    from elman.tasks.forecaster.readers import MemorySeries, Series

History = Any  # a path, an array (T,) or (T, C), a DataFrame or a Series of pandas, columns by name


class Forecaster(Parameters):
    """A model that says what comes next in a series of numbers.

    >>> passengers = Forecaster(horizon=12, season=12, minutes=1)
    >>> passengers.fit([112, 118, 132, 129, ...])
    >>> passengers.predict([..., 508, 461, 390, 432]).median

    What is left None is chosen from the series and the budget, as `elman train forecast` does. Parameters are those of
    the constructor, as scikit-learn has them.
    """

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
        dropout: float | None = None,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        verbose: bool = True,
    ) -> None:
        """Take sizes by their config names and the budget; `config` holds any other key, nested as in a TOML file."""
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
        self.dropout = dropout
        self.minutes = minutes
        self.epochs = epochs
        self.steps = steps
        self.config = config
        self.seed = seed
        self.verbose = verbose
        self._learner = Learner("forecast", None, {})

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
        overwrite: bool = False,
        verbose: bool | None = None,
    ) -> dict[str, Any]:
        """Train, and return what training came to: steps, seconds, best_step, valid (metrics of the held-out rows).

        The history is a path, an array (T,) or (T, C), a DataFrame, or columns by name, oldest row first; y is there
        for scikit-learn, and left alone. A budget given here counts instead of the constructor's. With run, everything
        is kept in that folder, and `elman resume` can go on from it.
        """
        names = ("memory", "cell", "hidden_size", "num_layers", "horizon", "season", "delays", "quantiles", "dropout")
        model = {name: getattr(self, name) for name in names}
        data = {"targets": self.targets, "inputs": self.inputs, "date": self.date}
        learner = Learner("forecast", self.config, {"model": model, "data": data, "seed": self.seed})
        try:
            return learner.fit(
                [_source(history)],
                budget=budget_of(self, minutes=minutes, epochs=epochs, steps=steps),
                valid=[] if valid is None else [_source(valid)],
                run=run,
                overwrite=overwrite,
                verbose=self.verbose if verbose is None else verbose,
            )
        finally:
            if learner.trained:  # after Ctrl-C, the best so far
                self._learner = learner

    @property
    def predictor(self) -> ForecasterPredictor:
        """The trained model."""
        predictor: ForecasterPredictor = self._learner.predictor
        return predictor

    def predict(self, history: History) -> Forecast:
        """Return what comes after a history: medians (H, K) and quantiles (H, K, Q) of the targets."""
        return self.predictor.predict(self._read(history))

    def evaluate(self, history: History, begin: int | None = None) -> dict[str, Any]:
        """Return the errors of the forecasts for the rows from `begin` on, beside those of the naive ones."""
        return self.predictor.evaluate(self._read(history), begin)

    def score(self, history: History, y: None = None) -> float:
        """Return one minus the error over that of the better naive forecast: 0 is no better than it, 1 is perfect."""
        return 1.0 - float(self.evaluate(history)["relative_mae"])

    def save(self, path: str | Path) -> None:
        """Write the model folder, which elman.load reads without torch."""
        self.predictor.save(path)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there is a trained model."""
        return self._learner.trained

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this learns of sequences."""
        return sequence_tags(required=False)

    def _read(self, history: History) -> Series:
        from elman.data.readers import TextSource
        from elman.tasks.forecaster.readers import read_series

        predictor = self.predictor
        if not isinstance(history, str | Path):
            return predictor.series(history)
        return read_series(TextSource(history), predictor.columns)


def _source(history: Any) -> str | Path | MemorySeries:
    """What fit was given as what experiment takes: a path, or a series in memory."""
    from elman.tasks.forecaster.readers import MemorySeries

    return history if isinstance(history, str | Path) else MemorySeries(history)
