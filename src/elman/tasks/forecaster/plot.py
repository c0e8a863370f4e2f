"""The plot of a forecast: the end of the series, the medians and the prediction intervals (extra plot)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from elman.data.readers.encodings import Notify
from elman.figures.series import Fan, forecast_fan
from elman.figures.style import Draw

from .forecast import Forecast
from .series import Series

HISTORY_HORIZONS = 6  # horizons of history that are drawn
MAX_PANELS = 12


def forecasts_drawing(
    forecasts: Sequence[tuple[Series, Forecast]],
    actual: Sequence[Series | None] | None = None,
    notify: Notify = lambda message: None,
) -> Draw:
    """Return the drawing of the ends of series and of their forecasts, one panel for each series and target.

    actual: the rows that were forecast, if they are known by now. Panels beyond MAX_PANELS are left out, and reported.
    """
    later = [None] * len(forecasts) if actual is None else actual
    fans = [fan for (one, forecast), rows in zip(forecasts, later, strict=True) for fan in _fans(one, forecast, rows)]
    if len(fans) > MAX_PANELS:
        notify(f"the figure has {MAX_PANELS} of {len(fans):,} panels, those of the first series")
    return forecast_fan(fans[:MAX_PANELS])


def _fans(series: Series, forecast: Forecast, actual: Series | None) -> Iterator[Fan]:
    """Yield the panel of each target."""
    H = len(forecast.dates)
    history = series.rows(max(0, len(series) - HISTORY_HORIZONS * H), len(series))
    T = len(history)
    dates = [history.dates.text(row) if history.dates else f"{row + 1 - T:+d}" for row in range(T)]
    for k, name in enumerate(forecast.targets):
        yield Fan(
            f"{series.label}: {name}" if series.label else name,
            history.values[:, k],
            np.asarray(forecast.quantiles[:, k]),
            forecast.levels,
            [*dates, *forecast.dates],
            None if actual is None else actual.values[:H, k],
        )
