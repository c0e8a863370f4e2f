"""A forecast as a picture: what came, what is said to come, and the band around it (extra plot)."""

from __future__ import annotations

from pathlib import Path

from elman.checkpoint import disk_errors_told
from elman.errors import ConfigError
from elman.tasks.forecaster.predictor import Forecast
from elman.tasks.forecaster.readers import Series

SHOWN_HORIZONS = 6  # of history, before the forecast
KINDS = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """Refuse, before the work and not after it, a picture that cannot be drawn."""
    if path.suffix.lower() not in KINDS:
        raise ConfigError(f"--plot: given {path.name!r}, expected a name that ends in {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise ConfigError("--plot: lies in no folder that is there", hint="make it first", where=str(path))
    import matplotlib as mpl

    mpl.use("agg")


def draw(path: Path, series: Series, found: Forecast) -> None:
    """Draw the end of a series and what follows it, a panel a target."""
    import matplotlib.pyplot as plt

    H = len(found.dates)
    shown = series.rows(max(0, len(series) - SHOWN_HORIZONS * H), len(series))
    before, ahead = range(1 - len(shown), 1), range(1, H + 1)
    figure, panels = plt.subplots(len(found.targets), squeeze=False, figsize=(9, 3 * len(found.targets)))
    for k, name in enumerate(found.targets):
        panel = panels[k, 0]
        panel.plot(before, shown.values[:, k], color="black", label="series")
        panel.plot(ahead, found.median[:, k], color="tab:blue", label="forecast")
        band = f"{found.levels[0]:g} to {found.levels[-1]:g}"
        low, high = found.quantiles[:, k, 0], found.quantiles[:, k, -1]
        panel.fill_between(ahead, low, high, color="tab:blue", alpha=0.25, label=band)
        panel.set_title(name)
        panel.legend(loc="upper left")
        if shown.dates is not None:
            ticks = [before[0], 0, H]
            panel.set_xticks(ticks, [shown.dates.text(0), shown.dates.text(-1), found.dates[-1]])
    figure.tight_layout()
    with disk_errors_told(path):
        figure.savefig(path)
    plt.close(figure)
