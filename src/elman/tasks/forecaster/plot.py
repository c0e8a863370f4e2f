"""The plot of a forecast: the end of the series, the medians and the prediction interval (extra plot)."""

from __future__ import annotations

from pathlib import Path

from elman.checkpoint import translate_disk_errors
from elman.errors import ConfigError

from .forecast import Forecast
from .series import Series

HISTORY_HORIZONS = 6  # horizons of history that are drawn
FORMATS = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Raise an error before the work if the plot cannot be written."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--plot: given {path.name!r}; expected a name that ends in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise ConfigError("--plot: the folder does not exist", hint="Make it first", where=str(path))
    import matplotlib as mpl

    mpl.use("agg")


def draw_forecast(path: Path, series: Series, forecast: Forecast) -> None:
    """Draw the end of a series and its forecast, one panel for each target."""
    import matplotlib.pyplot as plt

    H = len(forecast.dates)
    history = series.rows(max(0, len(series) - HISTORY_HORIZONS * H), len(series))
    before, ahead = range(1 - len(history), 1), range(1, H + 1)
    figure, panels = plt.subplots(len(forecast.targets), squeeze=False, figsize=(9, 3 * len(forecast.targets)))
    for k, name in enumerate(forecast.targets):
        panel = panels[k, 0]
        panel.plot(before, history.values[:, k], color="black", label="series")
        panel.plot(ahead, forecast.median[:, k], color="tab:blue", label="forecast")
        interval = f"{forecast.levels[0]:g} to {forecast.levels[-1]:g}"
        low, high = forecast.quantiles[:, k, 0], forecast.quantiles[:, k, -1]
        panel.fill_between(ahead, low, high, color="tab:blue", alpha=0.25, label=interval)
        panel.set_title(name)
        panel.legend(loc="upper left")
        if history.dates is not None:
            ticks = [before[0], 0, H]
            panel.set_xticks(ticks, [history.dates.text(0), history.dates.text(-1), forecast.dates[-1]])
    figure.tight_layout()
    with translate_disk_errors(path):
        figure.savefig(path)
    plt.close(figure)
