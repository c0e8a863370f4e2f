"""The pictures of a forecaster: the forecast of the last rows of a series, beside what came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from elman.figures.style import Draw

from .config import ForecasterConfig
from .corpus import ForecasterCorpus
from .forecast import Forecast
from .plot import forecast_drawing
from .series import Series


class Model(Protocol):
    """What the pictures need of a predictor."""

    config: ForecasterConfig

    def series(self, history: Any) -> Series:
        """Return a history as a series."""

    def predict(self, history: Any) -> Forecast:
        """Return the rows after a history."""


def of_validation_set(model: Model, corpus: ForecasterCorpus) -> dict[str, Draw]:
    """Return the pictures of the series of a run, whose last rows are its validation set."""
    return of_examples(model, [corpus.series])


def of_examples(model: Model, examples: Iterable[Any]) -> dict[str, Draw]:
    """Return the picture of the last horizon of a series: forecast from the rows before it, and observed."""
    (history,) = examples
    series = model.series(history)
    begin = len(series) - model.config.horizon
    before = series.rows(0, max(0, begin))
    actual = series.rows(max(0, begin), len(series))
    return {"forecast": forecast_drawing(before, model.predict(before), actual)}
