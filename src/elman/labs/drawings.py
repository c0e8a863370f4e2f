"""Drawings that several labs share: an unrolled network whose nodes show their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .figures import COLOURS
from .lab import Draw, Language, format_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RADIUS = 0.46
LAYER_COLOURS = {"x": COLOURS[5], "h": COLOURS[4], "y": COLOURS[2]}
LAYER_NAMES = {"x": ("input", "输入"), "h": ("hidden state", "隐状态"), "y": ("output", "输出")}
DIGITS = 6
SHRINK = 13.0  # points between an arrow and the centre of its node


def unrolled_network(x: Sequence[Sequence[float]], h: Sequence[Sequence[float]], y: Sequence[Sequence[float]]) -> Draw:
    """Return the drawing of a recurrent network over T steps; x, h and y hold the numbers of each step.

    Arrows are the weights W (from the inputs), U (from the states of the step before) and V (to the outputs).
    """

    def draw(figure: Figure, language: Language) -> None:
        from matplotlib.patches import Circle, FancyArrowPatch

        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_aspect("equal")
        layers = {"x": x, "h": h, "y": y}
        height = {"x": 0.0, "h": 2.0, "y": 4.0}
        width = max(len(values[0]) for values in layers.values())
        period = 1.2 + 1.05 * width

        def place(layer: str, t: int, unit: int) -> tuple[float, float]:
            return t * period + 1.05 * (unit - (len(layers[layer][t]) - 1) / 2), height[layer]

        def connect(start: tuple[str, int], end: tuple[str, int]) -> None:
            for i in range(len(layers[start[0]][start[1]])):
                for j in range(len(layers[end[0]][end[1]])):
                    ends = place(*start, i), place(*end, j)
                    colour = COLOURS[1] if start[0] == end[0] else "0.6"
                    arrow = FancyArrowPatch(
                        *ends, arrowstyle="->", mutation_scale=8, shrinkA=SHRINK, shrinkB=SHRINK, color=colour, zorder=1,
                        connectionstyle="arc3,rad=-0.3" if start[0] == end[0] else "arc3",
                    )  # fmt: skip
                    axes.add_patch(arrow)

        for t in range(len(x)):
            connect(("x", t), ("h", t))
            connect(("h", t), ("y", t))
            if t:
                connect(("h", t - 1), ("h", t))
            axes.text(t * period, -0.85, f"t = {t + 1}", ha="center")
            for layer, values in layers.items():
                for unit, value in enumerate(values[t]):
                    centre = place(layer, t, unit)
                    axes.add_patch(Circle(centre, RADIUS, facecolor=LAYER_COLOURS[layer], edgecolor="black", zorder=2))
                    axes.text(
                        *centre, format_value(float(value), DIGITS), ha="center", va="center", fontsize=6, zorder=3
                    )
        for layer in layers:
            name = LAYER_NAMES[layer][language == "zh"]
            axes.text(-0.55 * period, height[layer], f"{name} {layer}", ha="right", va="center")
        for name, level in (("W", 1.0), ("V", 3.0)):
            axes.text(-0.55 * period, level, name, ha="right", va="center", color="0.4")
        axes.text(0.5 * period, 3.0, "U", ha="center", va="center", color=COLOURS[1])
        axes.set_xlim(-1.35 * period, (len(x) - 0.45) * period)
        axes.set_ylim(-1.1, 4.5)

    return draw
