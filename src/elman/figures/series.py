"""Drawings of time series: the end of a series, its forecast and the prediction intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.translations import Language, Text

from .style import COLOURS, Draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
DARKEST, LIGHTEST = 0.45, 0.2  # opacity of the innermost and of the outermost interval


@dataclass(frozen=True, slots=True)
class Fan:
    """A target: the rows before the forecast, the quantiles (H, Q) at levels (Q,), and what came (H,), if it is known.

    dates label the rows of the history and of the forecast.
    """

    name: str
    history: Array
    quantiles: Array
    levels: Sequence[float]
    dates: Sequence[str]
    actual: Array | None = None


def forecast_fan(fans: Sequence[Fan]) -> Draw:
    """Return the drawing of one panel for each target."""

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(9.0, 0.4 + 2.9 * len(fans))
        for panel, fan in zip(figure.subplots(len(fans), squeeze=False)[:, 0], fans, strict=True):
            _draw_fan(panel, fan, language)

    return draw


def _draw_fan(panel: Axes, fan: Fan, language: Language) -> None:
    Q, H, T = len(fan.levels), len(fan.quantiles), len(fan.history)
    before, ahead = np.arange(1 - T, 1), np.arange(1, H + 1)
    panel.plot(before, fan.history, color="black", linestyle="-", label=Text("series", "序列").in_language(language))
    pairs = Q // 2
    for n in range(pairs):
        opacity = LIGHTEST + (DARKEST - LIGHTEST) * n / max(1, pairs - 1)
        span = Text(f"{fan.levels[n]:g} to {fan.levels[-1 - n]:g}", f"{fan.levels[n]:g} 至 {fan.levels[-1 - n]:g}")
        low, high = fan.quantiles[:, n], fan.quantiles[:, -1 - n]
        panel.fill_between(
            ahead, low, high, color=COLOURS[0], alpha=opacity, linewidth=0, label=span.in_language(language)
        )
    median = fan.quantiles[:, list(fan.levels).index(0.5)]
    label = Text("forecast (median)", "预测（中位数）").in_language(language)
    panel.plot(ahead, median, color=COLOURS[0], linestyle="--", marker=".", label=label)
    if fan.actual is not None:
        label = Text("observed", "实际值").in_language(language)
        panel.plot(ahead, fan.actual, color="black", linestyle=":", marker="x", markersize=4, label=label)
    panel.set_title(fan.name)
    panel.legend(loc="upper left", fontsize=8)
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + 0.22 * (top - bottom))  # room for the legend
    rows = sorted({0, T // 2, T - 1, T + H - 1})
    panel.set_xticks([row + 1 - T for row in rows], [fan.dates[row] for row in rows])
