"""The plot of a forecast: the end of the series, the medians and the prediction intervals (extra plot)."""

from __future__ import annotations

import numpy as np

from elman.figures.series import Fan, forecast_fan
from elman.figures.style import Draw

from .forecast import Forecast
from .series import Series

HISTORY_HORIZONS = 6  # horizons of history that are drawn


def forecast_drawing(series: Series, forecast: Forecast, actual: Series | None = None) -> Draw:
    """Return the drawing of the end of a series and of its forecast, one panel for each target.

    actual: the rows that were forecast, if they are known by now.
    """
    H = len(forecast.dates)
    history = series.rows(max(0, len(series) - HISTORY_HORIZONS * H), len(series))
    T = len(history)
    dates = [history.dates.text(row) if history.dates else f"{row + 1 - T:+d}" for row in range(T)]
    return forecast_fan(
        [
            Fan(
                name,
                history.values[:, k],
                np.asarray(forecast.quantiles[:, k]),
                forecast.levels,
                [*dates, *forecast.dates],
                None if actual is None else actual.values[:H, k],
            )
            for k, name in enumerate(forecast.targets)
        ]
    )
