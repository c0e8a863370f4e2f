"""The pictures of a forecaster: the forecast of the last rows of a series, beside what came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from elman.figures.style import Draw

from .config import ForecasterConfig
from .corpus import ForecasterCorpus
from .forecast import Forecast
from .plot import MAX_PANELS, forecasts_drawing
from .series import Series


class Model(Protocol):
    """What the pictures need of a predictor."""

    config: ForecasterConfig

    def series(self, history: Any) -> list[Series]:
        """Return a history as series."""

    def forecast(self, series: Series) -> Forecast:
        """Return the rows after one series."""


def of_validation_set(model: Model, corpus: ForecasterCorpus) -> dict[str, Draw]:
    """Return the pictures of the series of a run, whose last rows are its validation set."""
    return of_examples(model, [series for series, _ in corpus.scored])


def of_examples(model: Model, examples: Iterable[Any]) -> dict[str, Draw]:
    """Return the picture of the last horizon of each series: forecast from the rows before it, and observed."""
    H = model.config.horizon
    series = [one for history in examples for one in model.series(history)]
    if len(series) > 1:
        long = [one for one in series if len(one) >= model.config.history_rows + H]
        series = (long or series)[:MAX_PANELS]
    before = [one.rows(0, max(0, len(one) - H)) for one in series]
    actual = [one.rows(max(0, len(one) - H), len(one)) for one in series]
    return {"forecast": forecasts_drawing([(rows, model.forecast(rows)) for rows in before], actual)}
